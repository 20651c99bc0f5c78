#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"

/* EAGAIN means a rename raced with ".."; the kernel asks to try again. */
static int resolve_in_root(const char *path, int flags, uint64_t also)
{
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC),
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | also,
    };
    long fd;
    int tries = 0;
    do
        fd = syscall(SYS_openat2, self.root, path, &how, sizeof how);
    while (fd < 0 && (errno == EINTR || (errno == EAGAIN && ++tries < 128)));
    return (int)fd;
}

int root_open(const char *path, int flags)
{
    return resolve_in_root(path, flags, 0);
}

int root_open_plain(const char *path, int flags)
{
    return resolve_in_root(path, flags, RESOLVE_NO_SYMLINKS);
}

bool path_is_clean(const char *path)
{
    if (*path != '/')
        return false;
    while (*path) {
        const char *name = path + 1;
        size_t n = strcspn(name, "/");
        if (n == 0 || (name[0] == '.' && (n == 1 || (n == 2 && name[1] == '.'))))
            return false;
        path = name + n;
    }
    return true;
}

/* The next component of a path, or 0 at its end; ".." is refused, since what it would leave was just made. */
static int component(const char **path, char name[NAME_MAX + 1])
{
    for (;;) {
        while (**path == '/')
            (*path)++;
        if (!**path)
            return 0;
        size_t n = strcspn(*path, "/");
        if (n > NAME_MAX) {
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(name, *path, n);
        name[n] = 0;
        *path += n;
        if (strcmp(name, ".") != 0)
            return 1;
    }
}

/*
 * Opens the directory (O_PATH), making what is missing. The existing part is resolved in the root, links and all;
 * below the first missing component only fresh, ordinary directories are entered.
 */
int root_mkdirs(const char *path, mode_t mode)
{
    int fd = root_open(path, O_PATH | O_DIRECTORY);
    return fd >= 0 || errno != ENOENT ? fd : root_make(path, mode, root_open);
}

int root_make(const char *path, mode_t mode, root_opener *opener)
{
    int fd = -1;
    /* The longest prefix that exists. */
    char prefix[PATH_MAX];
    size_t length = strlen(path);
    if (length >= sizeof prefix) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(prefix, path, length + 1);
    while (fd < 0) {
        while (length > 0 && prefix[length - 1] == '/')
            length--;
        while (length > 0 && prefix[length - 1] != '/')
            length--;
        prefix[length] = 0;
        fd = opener(length ? prefix : "/", O_PATH | O_DIRECTORY);
        if (fd < 0 && (errno != ENOENT || !length))
            return -1;
    }

    const char *rest = path + length;
    char name[NAME_MAX + 1];
    int more;
    while ((more = component(&rest, name)) > 0) {
        if (strcmp(name, "..") == 0) {
            close(fd);
            errno = ENOENT;
            return -1;
        }
        if (mkdirat(fd, name, mode) < 0 && errno != EEXIST) {
            int error = errno;
            close(fd);
            errno = error;
            return -1;
        }
        int next = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int error = errno;
        close(fd);
        if (next < 0) {
            errno = error;
            return -1;
        }
        fd = next;
    }
    if (more < 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* Opens the parent directory, making it if need be, and gives the last component. */
int root_parent(const char *path, mode_t mode, char name[NAME_MAX + 1])
{
    char parent[PATH_MAX];
    size_t length = strlen(path);
    while (length > 0 && path[length - 1] == '/')
        length--;
    size_t end = length;
    while (length > 0 && path[length - 1] != '/')
        length--;
    if (end - length > NAME_MAX || length >= sizeof parent) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(name, path + length, end - length);
    name[end - length] = 0;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        errno = EINVAL;
        return -1;
    }
    memcpy(parent, path, length);
    parent[length] = 0;
    return root_mkdirs(length ? parent : "/", mode);
}

/* Only used before the root is changed, while /proc is the host's and can be trusted. */
const char *fd_path(int fd, char buffer[static 32])
{
    snprintf(buffer, 32, "/proc/self/fd/%d", fd);
    return buffer;
}
