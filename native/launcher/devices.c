/* /dev: nodes, the usual links, and sysctl, which is the other thing that is written before the root changes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "child.h"

extern int mount(const char *, const char *, const char *, unsigned long, const void *);
#define BIND 4096 /* MS_BIND */

/* The directory of the device before, which most often is that of the next one too. Its path lies in the plan. */
static struct {
    int fd;
    const char *path;
    size_t length;
} last = { .fd = -1 };

void devices_forget(void)
{
    if (last.fd >= 0)
        close(last.fd);
    last.fd = -1;
}

/* As root_parent, but the descriptor stays ours. */
static int parent_of(const char *path, char name[NAME_MAX + 1])
{
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    if (last.fd >= 0 && length == last.length && memcmp(path, last.path, length) == 0 && path_is_clean(slash) && strlen(slash + 1) <= NAME_MAX) {
        strcpy(name, slash + 1);
        return last.fd;
    }
    devices_forget();
    last.fd = root_parent(path, 0755, name);
    last.path = path;
    last.length = slash ? length : SIZE_MAX;
    return last.fd;
}

/* Binds the host's node on an empty file, where mknod is not allowed (a user namespace, a nodev file system). */
static void bind_device(const char *path, int parent, const char *name)
{
    int made = openat(parent, name, O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_RDONLY | O_NONBLOCK, 0600);
    if (made >= 0)
        close(made);
    int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    char target[32];
    if (fd < 0 || mount(path, fd_path(fd, target), NULL, BIND, NULL) < 0)
        fail(errno, "configuring container /dev: error creating device nodes: bind-mount device %s", path);
    close(fd);
}

void stage_mknod(struct plan_reader *r)
{
    const char *path = plan_string(r);
    mode_t mode = (mode_t)plan_u32(r);
    uint32_t major = plan_u32(r);
    uint32_t minor = plan_u32(r);
    uid_t uid = (uid_t)plan_u32(r);
    gid_t gid = (gid_t)plan_u32(r);

    char name[NAME_MAX + 1];
    int parent = parent_of(path, name);
    if (parent < 0)
        fail(errno, "configuring container /dev: error creating device nodes: mkdir parent of device inode \"%s\"", path);
    mode_t old = umask(0);
    if (mknodat(parent, name, mode, makedev(major, minor)) < 0) {
        if (errno == EPERM)
            bind_device(path, parent, name);
        else if (errno != EEXIST)
            fail(errno, "configuring container /dev: error creating device nodes: mknod %s", path);
    } else {
        /* Open what was just made, and only if it still is that: the chown must not follow a link put in its place. */
        if ((uid || gid) && fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
            fail(errno, "configuring container /dev: error creating device nodes: chown %s", path);
    }
    umask(old);
}

void stage_bind_device(struct plan_reader *r)
{
    const char *path = plan_string(r);
    char name[NAME_MAX + 1];
    int parent = parent_of(path, name);
    if (parent < 0)
        fail(errno, "configuring container /dev: error creating device nodes: mkdir parent of device inode \"%s\"", path);
    bind_device(path, parent, name);
}

void stage_symlink(struct plan_reader *r)
{
    const char *target = plan_string(r);
    const char *path = plan_string(r);
    char name[NAME_MAX + 1];
    int parent = parent_of(path, name);
    if (parent < 0 || (symlinkat(target, parent, name) < 0 && errno != EEXIST))
        fail(errno, "configuring container /dev: error setting up /dev symlinks: symlink %s", path);
}

/* /dev/ptmx of the image, if any, is not the container's own devpts. */
void stage_ptmx(void)
{
    char name[NAME_MAX + 1];
    int parent = parent_of("/dev/ptmx", name);
    if (parent < 0)
        fail(errno, "configuring container /dev: error setting up ptmx");
    if (unlinkat(parent, name, 0) < 0 && errno != ENOENT)
        fail(errno, "configuring container /dev: error setting up ptmx: unlink");
    if (symlinkat("pts/ptmx", parent, name) < 0)
        fail(errno, "configuring container /dev: error setting up ptmx: symlink");
}

static int is_null(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

/* Standard streams on the host's /dev/null would hold its mount; the container's own device serves as well. */
void stage_devnull_reopen(void)
{
    int null = -1;
    for (int fd = 0; fd <= 2; fd++) {
        if (!is_null(fd))
            continue;
        if (null < 0) {
            null = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
            if (null < 0)
                fail(errno, "error reopening /dev/null inside container: open /dev/null");
            if (!is_null(null))
                fail(0, "error reopening /dev/null inside container: can't reopen /dev/null: not the null device");
        }
        if (dup3(null, fd, 0) < 0)
            fail(errno, "error reopening /dev/null inside container: dup3");
    }
    if (null >= 0)
        close(null);
}

void stage_mkdir(struct plan_reader *r)
{
    const char *path = plan_string(r);
    mode_t mode = (mode_t)plan_u32(r);
    int fd = root_mkdirs(path, mode);
    if (fd < 0)
        fail(errno, "mkdir %s", path);
    close(fd);
}

/*
 * Through the host's /proc, before the root changes: which namespace a sysctl belongs to is decided by who writes, not
 * by which /proc is written to, and the container's may be covered or faked.
 */
void stage_sysctl(struct plan_reader *r)
{
    const char *name = plan_string(r);
    const char *value = plan_string(r);
    int sys = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = sys < 0 ? -1 : openat(sys, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        fail(errno, "open sysctl %s file: open /proc/sys/%s", name, name);
    if (write(fd, value, strlen(value)) < 0)
        fail(errno, "failed to write sysctl %s = %s: write /proc/sys/%s", name, value, name);
    close(fd);
    close(sys);
}
