/* tmpcopyup: a tmpfs that starts with what it covers. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"

enum { MAX_DEPTH = 128 };

struct entry64 {
    uint64_t ino;
    int64_t off;
    uint16_t length;
    uint8_t type;
    char name[];
};

static int copy_data(int from, int to)
{
    char buffer[32 * 1024];
    ssize_t n;
    while ((n = read(from, buffer, sizeof buffer)) != 0) {
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return errno;
        }
        for (ssize_t done = 0; done < n;) {
            ssize_t w = write(to, buffer + done, (size_t)(n - done));
            if (w < 0 && errno != EINTR)
                return errno;
            if (w > 0)
                done += w;
        }
    }
    return 0;
}

static int copy_file(int from, int to, const char *name, const struct stat *st)
{
    int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (in < 0)
        return errno;
    int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int error = out < 0 ? errno : copy_data(in, out);
    close(in);
    if (out >= 0) {
        if (!error && (fchown(out, st->st_uid, st->st_gid) < 0 || fchmod(out, st->st_mode & 07777) < 0))
            error = errno;
        close(out);
    }
    return error;
}

static int copy_link(int from, int to, const char *name, const struct stat *st)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(from, name, target, sizeof target - 1);
    if (n < 0)
        return errno;
    target[n] = 0;
    if (symlinkat(target, to, name) < 0 || fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return errno;
    return 0;
}

static int copy_level(int from, int to, int depth, char path[static PATH_MAX]);

static int copy_entry(int from, int to, const char *name, int depth, char path[static PATH_MAX])
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno;
    if (S_ISREG(st.st_mode))
        return copy_file(from, to, name, &st);
    if (S_ISLNK(st.st_mode))
        return copy_link(from, to, name, &st);
    if (S_ISDIR(st.st_mode)) {
        if (depth >= MAX_DEPTH)
            return ELOOP;
        if (mkdirat(to, name, 0700) < 0)
            return errno;
        int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int error = in < 0 || out < 0 ? errno : copy_level(in, out, depth + 1, path);
        if (!error && (fchown(out, st.st_uid, st.st_gid) < 0 || fchmod(out, st.st_mode & 07777) < 0))
            error = errno;
        if (in >= 0)
            close(in);
        if (out >= 0)
            close(out);
        return error;
    }
    if (mknodat(to, name, st.st_mode, st.st_rdev) < 0 ||
        fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return errno;
    return 0;
}

static int copy_level(int from, int to, int depth, char path[static PATH_MAX])
{
    _Alignas(struct entry64) char buffer[8 * 1024];
    for (;;) {
        long n = syscall(SYS_getdents64, from, buffer, sizeof buffer);
        if (n < 0)
            return errno;
        if (n == 0)
            return 0;
        for (long at = 0; at < n;) {
            struct entry64 *e = (struct entry64 *)(buffer + at);
            at += e->length;
            if (strcmp(e->name, ".") == 0 || strcmp(e->name, "..") == 0)
                continue;
            int error = copy_entry(from, to, e->name, depth, path);
            if (error) {
                if (!path[0])
                    snprintf(path, PATH_MAX, "%s", e->name);
                return error;
            }
        }
    }
}

int copy_tree(int from, int to, char path[static PATH_MAX])
{
    path[0] = 0;
    return copy_level(from, to, 0, path);
}
