/*
 * Mounts into the rootfs, before it becomes the root. Targets are opened inside the rootfs and mounted on through
 * /proc/self/fd, so that what was checked is what is mounted on; /proc is still the host's.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"

/* sys/mount.h and linux/mount.h can't both be had from this C library. */
extern int mount(const char *, const char *, const char *, unsigned long, const void *);
extern int umount2(const char *, int);

struct mount_plan {
    const char *source;
    const char *target;
    const char *type;
    uint64_t flags;    /* MS_* */
    uint64_t cleared;  /* MS_* asked to be off */
    const char *data;
    uint32_t extra;    /* EXTRA_* */
    uint64_t rec_set;  /* MOUNT_ATTR_*, the whole subtree */
    uint64_t rec_clear;
    struct plan_list propagation;
    int source_fd;     /* a detached mount made by the parent (open_tree), or -1 */
    int tree;          /* a detached copy of what is to be bound, or -1; closed once it is attached */
    bool plain;        /* the mountpoint was reached without a symbolic link: it is where the target says */
};

enum { EXTRA_COPYUP = 1, EXTRA_CGROUP2_FALLBACK = 2 };

#define ATIME_ENUM  (MS_NOATIME | MS_RELATIME | MS_STRICTATIME)
#define ATIME_FLAGS (ATIME_ENUM | MS_NODIRATIME)
#define LOCKABLE    (MS_RDONLY | MS_NODEV | MS_NOSUID | MS_NOEXEC | ATIME_FLAGS)

_Noreturn static void mount_fail(const struct mount_plan *m, int error, const char *what)
{
    fail(error, "error mounting \"%s\" to rootfs at \"%s\": %s", m->source, m->target, what);
}

/* Where an opened target really is, as a path from the rootfs ("/proc/sys"); a target outside is an attack. */
static const char *inside_rootfs(const struct mount_plan *m, int fd, char real[PATH_MAX])
{
    char link[32];
    if (m->plain)
        return m->target;
    ssize_t n = readlink(fd_path(fd, link), real, PATH_MAX - 1);
    if (n < 0)
        mount_fail(m, errno, "readlink of the mountpoint");
    real[n] = 0;
    if (strncmp(real, self.rootfs, self.rootfs_length) != 0 ||
        (real[self.rootfs_length] != '/' && real[self.rootfs_length] != 0))
        mount_fail(m, 0, "mountpoint is outside of rootfs");
    const char *relative = real + self.rootfs_length;
    if (!*relative)
        fail(0, "error mounting \"%s\" to rootfs at \"%s\": create mountpoint for %s mount: mountpoint \"%s\" is on the top of rootfs \"%s\"",
             m->source, m->target, m->target, real, self.rootfs);
    return relative;
}

/*
 * Over /proc only a procfs may go: anything else would let the container fake what the runtime, and every program
 * that trusts /proc, reads there. Below it only a few files that lxcfs emulates.
 */
static void check_proc(const struct mount_plan *m, const char *where)
{
    static const char *const allowed[] = {
        "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime",
        "/proc/loadavg", "/proc/slabinfo", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled",
    };
    if (strncmp(where, "/proc", 5) != 0 || (where[5] != '/' && where[5] != 0))
        return;
    if (!where[5]) {
        struct statfs st;
        if (m->flags & MS_BIND) {
            int result = m->source_fd >= 0 ? fstatfs(m->source_fd, &st) : statfs(m->source, &st);
            if (result < 0)
                mount_fail(m, errno, "statfs");
            if (st.f_type == PROC_SUPER_MAGIC)
                return;
        } else if (strcmp(m->type, "proc") == 0) {
            return;
        }
        fail(0, "error mounting \"%s\" to rootfs at \"%s\": create mountpoint for %s mount: "
                "check proc-safety of %s mount: \"%s%s\" cannot be mounted because it is not of type proc",
             m->source, m->target, m->target, m->target, self.rootfs, where);
    }
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (strcmp(where, allowed[i]) == 0)
            return;
    fail(0, "error mounting \"%s\" to rootfs at \"%s\": create mountpoint for %s mount: check proc-safety of %s mount: "
            "\"%s%s\" cannot be mounted because it is inside /proc",
         m->source, m->target, m->target, m->target, self.rootfs, where);
}

static bool source_is_directory(const struct mount_plan *m)
{
    struct stat st;
    int fd = m->source_fd >= 0 ? m->source_fd : m->tree;
    int result = fd >= 0 ? fstat(fd, &st) : stat(m->source, &st);
    if (result < 0) {
        fail(errno, "failed to fulfil mount request: open %s", m->source);
    }
    return S_ISDIR(st.st_mode);
}

static void check_directory(const struct mount_plan *m, int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        mount_fail(m, errno, "stat");
    if (!S_ISDIR(st.st_mode))
        fail(0, "error mounting \"%s\" to rootfs at \"%s\": filesystem \"%s\" must be mounted on ordinary directory",
             m->source, m->target, m->type);
}

/* Makes the mountpoint that is missing: a directory, or a file. */
static int make_target(const struct mount_plan *m, bool directory)
{
    char name[NAME_MAX + 1];
    int fd = -1;
    if (directory) {
        fd = root_make(m->target, 0755, m->plain ? root_open_plain : root_open);
    } else {
        int parent = root_parent(m->target, 0755, name);
        int made = parent < 0 ? -1 : openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_RDONLY, 0644);
        if (made >= 0) {
            close(made);
            fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
            if (fd < 0)
                mount_fail(m, errno, "open mountpoint");
            close(parent);
        }
    }
    if (fd < 0)
        fail(errno, "error mounting \"%s\" to rootfs at \"%s\": create mountpoint for %s mount: make mountpoint \"%s\"",
             m->source, m->target, m->target, m->target);
    return fd;
}

/* Opens the mountpoint, making it where it is missing; for a tmpfs, tells the mode of what it will cover. */
static int open_target(struct mount_plan *m, bool directory, mode_t *mode)
{
    /* proc and sysfs must land on an ordinary directory: a symbolic link there is a way to redirect them. */
    bool ordinary = strcmp(m->type, "proc") == 0 || strcmp(m->type, "sysfs") == 0;
    int flags = O_PATH | (ordinary ? O_NOFOLLOW : 0);
    int fd = -1;
    m->plain = path_is_clean(m->target);
    if (m->plain) {
        fd = root_open_plain(m->target, flags);
        m->plain = fd >= 0 || errno == ENOENT;
    }
    if (!m->plain)
        fd = root_open(m->target, flags);
    if (fd >= 0) {
        struct stat st;
        if (ordinary)
            check_directory(m, fd);
        if (mode && fstat(fd, &st) == 0)
            *mode = st.st_mode & 07777;
        return fd;
    }
    if (errno != ENOENT)
        mount_fail(m, errno, "open mountpoint");
    m->plain &= directory;
    return make_target(m, directory);
}

static uint64_t flags_of(const struct statfs *st)
{
    /* ST_* of statfs equal MS_* for these, but for ST_RELATIME. */
    uint64_t flags = (uint64_t)st->f_flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME);
    if (st->f_flags & 0x1000)
        flags |= MS_RELATIME;
    if (!(flags & ATIME_ENUM))
        flags |= MS_STRICTATIME;
    return flags;
}

/* A bind mount takes its options in a second call; where the kernel has locked some, they are kept and tried again. */
static void set_bind_flags(const struct mount_plan *m, const char *target)
{
    uint64_t flags = (m->flags & ~(uint64_t)MS_REC) | MS_BIND | MS_REMOUNT;
    if (mount("", target, NULL, flags, NULL) == 0)
        return;
    int error = errno;
    struct statfs st;
    if (statfs(target, &st) < 0)
        mount_fail(m, errno, "statfs");
    uint64_t source = flags_of(&st);
    if (source & m->cleared & LOCKABLE)
        mount_fail(m, error, "failed to set user-requested vfs flags on bind-mount: cannot clear locked flags");
    if ((m->flags & ATIME_FLAGS) && (m->flags & ATIME_FLAGS) != (source & ATIME_FLAGS))
        mount_fail(m, error, "failed to set user-requested vfs flags on bind-mount: cannot change locked atime flags");
    if (mount("", target, NULL, flags | (source & LOCKABLE), NULL) < 0)
        mount_fail(m, errno, "failed to set user-requested vfs flags on bind-mount: remount with locked flags re-applied");
}

/*
 * What set_bind_flags() asks for, set on a tree that nobody sees yet: by a descriptor, where a mount's path is looked up again in /proc. True
 * where it is done; not where some are locked, which is told apart there.
 */
static bool set_tree_flags(const struct mount_plan *m)
{
    struct mount_attr attr = {
        .attr_set = (m->flags & MS_RDONLY ? MOUNT_ATTR_RDONLY : 0) | (m->flags & MS_NOSUID ? MOUNT_ATTR_NOSUID : 0) |
                    (m->flags & MS_NODEV ? MOUNT_ATTR_NODEV : 0) | (m->flags & MS_NOEXEC ? MOUNT_ATTR_NOEXEC : 0) |
                    (m->flags & MS_NOSYMFOLLOW ? MOUNT_ATTR_NOSYMFOLLOW : 0),
        .attr_clr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW,
    };
    /* "The default atime for remount is preservation" (path_mount of the kernel). */
    if (m->flags & ATIME_FLAGS) {
        attr.attr_clr |= MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME;
        attr.attr_set |= (m->flags & MS_STRICTATIME ? MOUNT_ATTR_STRICTATIME : m->flags & MS_NOATIME ? MOUNT_ATTR_NOATIME : 0) |
                         (m->flags & MS_NODIRATIME ? MOUNT_ATTR_NODIRATIME : 0);
    }
    return syscall(SYS_mount_setattr, m->tree, "", AT_EMPTY_PATH, &attr, sizeof attr) == 0;
}

/* True where a bind stands in for what was asked. */
static bool attach(struct mount_plan *m, int target, const char *data)
{
    char path[32];
    uint64_t flags = m->flags & ~(uint64_t)(MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE);
    fd_path(target, path);
    if (m->source_fd >= 0) {
        if (syscall(SYS_move_mount, m->source_fd, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
            fail(errno, "error mounting \"%s\" to rootfs at \"%s\": move_mount", m->source, m->target);
        close(m->source_fd);
        return false;
    }
    if (m->tree >= 0) {
        int result = (int)syscall(SYS_move_mount, m->tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
        close(m->tree);
        if (result == 0)
            return false;
        m->tree = -1;
    }
    if (m->flags & MS_BIND)
        flags &= MS_BIND | MS_REC;
    else if (strcmp(m->type, "tmpfs") == 0 || strcmp(m->target, "/dev") == 0)
        flags &= ~(uint64_t)MS_RDONLY; /* files are still to be made in it; OP_REMOUNT_RO follows */
    bool cgroup2 = m->extra & EXTRA_CGROUP2_FALLBACK;
    if (mount(cgroup2 ? "cgroup" : m->source, path, m->type, flags, *data ? data : NULL) == 0)
        return false;
    int error = errno;
    /* Only the owner of the cgroup namespace may mount it. */
    if (cgroup2 && (error == EPERM || error == EBUSY) && mount(m->source, path, NULL, MS_BIND | MS_REC, NULL) == 0)
        return true;
    fail(error, "error mounting \"%s\" to rootfs at \"%s\": mount src=%s, dst=%s, dstFd=%s, flags=0x%llx%s%s", m->source,
         m->target, m->source, m->target, path, (unsigned long long)flags, *data ? ", data=" : "", data);
}

void stage_mount(struct plan_reader *r)
{
    struct mount_plan m;
    devices_forget();
    m.source = plan_string(r);
    m.target = plan_string(r);
    m.type = plan_string(r);
    m.flags = plan_u64(r);
    m.cleared = plan_u64(r);
    m.data = plan_string(r);
    m.extra = plan_u32(r);
    m.rec_set = plan_u64(r);
    m.rec_clear = plan_u64(r);
    m.propagation = plan_u64s(r);
    m.source_fd = (int)plan_u32(r);

    bool bind = (m.flags & MS_BIND) != 0;
    /* A kernel or a security module that does not have it makes the bind mount by its path, and says what is wrong with that. */
    m.tree = !bind || m.source_fd >= 0 ? -1 : (int)syscall(SYS_open_tree, AT_FDCWD, m.source,
                                                          OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (m.flags & MS_REC ? AT_RECURSIVE : 0));
    /* A source that is missing is told before anything is made for it. */
    bool directory = !bind || source_is_directory(&m);
    bool tmpfs = strcmp(m.type, "tmpfs") == 0;
    mode_t mode = 0;
    int target = open_target(&m, directory, tmpfs ? &mode : NULL);
    char real[PATH_MAX];
    const char *where = inside_rootfs(&m, target, real);
    check_proc(&m, where);

    const char *data = m.data;
    char *with_mode = NULL;
    if (tmpfs && mode) {
        /* A tmpfs looks like the directory that it covers, unless told otherwise by a later mode=. */
        size_t room = strlen(m.data) + 16;
        with_mode = child_alloc(room);
        snprintf(with_mode, room, "mode=%04o%s%s", mode, *m.data ? "," : "", m.data);
        data = with_mode;
    }

    int below = -1;
    if (m.extra & EXTRA_COPYUP) {
        char path[32];
        below = open(fd_path(target, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (below < 0)
            mount_fail(&m, errno, "tmpcopyup: open");
    }

    bool flags_wanted = (m.flags & ~(uint64_t)(MS_BIND | MS_REC | MS_REMOUNT)) || m.cleared;
    bool flags_set = m.tree >= 0 && flags_wanted && set_tree_flags(&m);
    bind |= attach(&m, target, data);
    bool bind_flags = bind && flags_wanted && !(flags_set && m.tree >= 0);
    bool recursive = m.rec_set || m.rec_clear;
    if (bind_flags || recursive || m.propagation.count || below >= 0) {
        /* The descriptor still names what is below the new mount; open its root. */
        int mounted = m.source_fd >= 0 ? -1 : root_open(where, O_PATH | O_NOFOLLOW);
        if (mounted < 0)
            mounted = root_open(m.target, O_PATH);
        if (mounted < 0)
            mount_fail(&m, errno, "reopen after mount");
        char path[32];
        fd_path(mounted, path);
        if (bind_flags)
            set_bind_flags(&m, path);
        struct plan_reader list = { m.propagation.at, m.propagation.end };
        for (uint32_t i = 0; i < m.propagation.count; i++) {
            uint64_t flags = plan_u64(&list);
            if (mount("", path, NULL, flags, NULL) < 0)
                fail(errno, "error mounting \"%s\" to rootfs at \"%s\": mount dst=%s, flags=0x%llx", m.source, m.target,
                     m.target, (unsigned long long)flags);
        }
        if (recursive) {
            struct mount_attr attr = { .attr_set = m.rec_set, .attr_clr = m.rec_clear };
            if (syscall(SYS_mount_setattr, mounted, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0)
                mount_fail(&m, errno, "mount_setattr");
        }
        if (below >= 0) {
            int to = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            char at[PATH_MAX];
            int error = to < 0 ? errno : copy_tree(below, to, at);
            if (error)
                fail(error, "error mounting \"%s\" to rootfs at \"%s\": tmpcopyup: failed to copy %s", m.source, m.target,
                     to < 0 ? m.target : at);
            close(to);
            close(below);
        }
        close(mounted);
    }
    close(target);
}

void stage_remount_ro(struct plan_reader *r)
{
    const char *path = plan_string(r);
    int fd = root_open(path, O_PATH);
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
    if (fd < 0 || syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
        fail(errno, "unable to remount %s read-only", path);
    close(fd);
}
