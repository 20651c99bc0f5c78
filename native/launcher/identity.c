/* Who the program is: groups, ids, capabilities, and where it starts. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "child.h"

/* The streams must belong to the program's user, or it could not open /dev/stdout again. */
static void own_stdio(uid_t uid)
{
    for (int fd = 0; fd <= 2; fd++) {
        struct stat st;
        if (fstat(fd, &st) < 0) {
            if (errno == EBADF)
                continue;
            fail(errno, "unable to setup user: fstat %d", fd);
        }
        if (st.st_uid == uid || (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)))
            continue;
        /* An owner that is not mapped here, or a read-only file system: the streams stay as they are. */
        if (fchown(fd, uid, (gid_t)-1) < 0 && errno != EPERM && errno != EROFS && errno != EINVAL)
            fail(errno, "unable to setup user: fchown %d", fd);
    }
}

static int setgroups_denied(void)
{
    char text[8] = { 0 };
    int fd = open("/proc/self/setgroups", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    return n >= 4 && strncmp(text, "deny", 4) == 0;
}

static void set_ids(uid_t uid, gid_t gid, struct plan_list groups, int chown_stdio)
{
    /* To setresuid -1 means "as it is": the program would stay root (compare CVE-2024-40635). */
    if (uid == (uid_t)-1 || gid == (gid_t)-1)
        fail(EINVAL, "unable to setup user: id %u", uid == (uid_t)-1 ? uid : gid);
    if (chown_stdio)
        own_stdio(uid);

    gid_t *list = NULL;
    if (groups.count) {
        list = child_alloc(groups.count * sizeof *list);
        struct plan_reader r = { groups.at, groups.end };
        for (uint32_t i = 0; i < groups.count; i++)
            list[i] = (gid_t)plan_u32(&r);
    }
    /* Directly: the C library would signal threads that exist only in the parent. */
    if (syscall(SYS_setgroups, (size_t)groups.count, list) < 0 && !(errno == EPERM && setgroups_denied()))
        fail(errno, "unable to setup user: setgroups");
    /* As root these set all three ids; and they are what seccomp profiles made for runc let through. */
    if (syscall(SYS_setgid, gid) < 0) {
        if (errno == EINVAL)
            fail(0, "unable to setup user: cannot setgid to unmapped gid %u in user namespace", gid);
        fail(errno, "unable to setup user: setgid");
    }
    if (syscall(SYS_setuid, uid) < 0) {
        if (errno == EINVAL)
            fail(0, "unable to setup user: cannot setuid to unmapped uid %u in user namespace", uid);
        fail(errno, "unable to setup user: setuid");
    }
}

static void drop_bounding(uint64_t keep)
{
    for (int cap = 0; cap < 64; cap++) {
        if (keep >> cap & 1)
            continue;
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
            if (errno == EINVAL)
                return; /* past the last capability that this kernel knows */
            fail(errno, "unable to apply bounding set");
        }
    }
}

static void set_caps(uint64_t effective, uint64_t permitted, uint64_t inheritable, uint64_t ambient)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = {
        { (uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable },
        { (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32) },
    };
    if (syscall(SYS_capset, &header, data) < 0)
        fail(errno, "unable to apply caps: can't apply capabilities");
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
        fail(errno, "unable to apply caps: ambient");
    /* One that is not both permitted and inheritable can't be raised; runc warns and goes on, so does this without a word. */
    for (int cap = 0; cap < 64; cap++)
        if (ambient >> cap & 1)
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
}

/*
 * A working directory outside of the root (by a leaked descriptor, say) would be a way out. The raw call tells it:
 * "(unreachable)" in place of the leading slash, or ENOENT for a deleted one.
 */
static void verify_cwd(void)
{
    char path[PATH_MAX];
    if (syscall(SYS_getcwd, path, sizeof path) < 0) {
        if (errno == ENOENT)
            fail(0, "current working directory is outside of container mount namespace root -- possible container "
                    "breakout detected");
        fail(errno, "failed to verify if current working directory is safe");
    }
    if (path[0] != '/')
        fail(0, "current working directory is not absolute -- possible container breakout detected: cwd is \"%s\"", path);
}

void stage_identity(struct plan_reader *r)
{
    const char *cwd = plan_string(r);
    uid_t uid = (uid_t)plan_u32(r);
    gid_t gid = (gid_t)plan_u32(r);
    struct plan_list groups = plan_u32s(r);
    uint32_t flags = plan_u32(r);
    uint64_t bounding = plan_u64(r);
    uint64_t effective = plan_u64(r);
    uint64_t permitted = plan_u64(r);
    uint64_t inheritable = plan_u64(r);
    uint64_t ambient = plan_u64(r);

    /* As root first, as the user if root may not (a squashed network mount): either may have the access. */
    int later = 0;
    if (*cwd && chdir(cwd) < 0) {
        if (errno != EPERM && errno != EACCES)
            fail(errno, "chdir to cwd (\"%s\") set in config.json failed", cwd);
        later = 1;
    }
    int all = (flags & IDENTITY_ALL_CAPS) != 0;
    if (!all) {
        drop_bounding(bounding);
        if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
            fail(errno, "unable to set keep caps");
    }
    set_ids(uid, gid, groups, (flags & IDENTITY_OWN_STDIO) != 0);
    if (later && chdir(cwd) < 0)
        fail(errno, "chdir to cwd (\"%s\") set in config.json failed", cwd);
    verify_cwd();
    if (all)
        return;
    if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
        fail(errno, "unable to clear keep caps");
    set_caps(effective, permitted, inheritable, ambient);
}

void stage_personality(struct plan_reader *r)
{
    uint32_t persona = plan_u32(r);
    if (personality(persona) < 0)
        fail(errno, "failed to set personality: 0x%x", persona);
}

void stage_io_priority(struct plan_reader *r)
{
    uint32_t priority = plan_u32(r);
    if (syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, priority) < 0)
        fail(errno, "failed to set io priority");
}

/* man 2 sched_setattr; the C library has no name for it. */
struct sched_attributes {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t  nice;
    uint32_t priority;
    uint64_t runtime;
    uint64_t deadline;
    uint64_t period;
    uint32_t util_min;
    uint32_t util_max;
};

void stage_scheduler(struct plan_reader *r)
{
    struct sched_attributes attr = { .size = sizeof attr };
    attr.policy = plan_u32(r);
    attr.flags = plan_u64(r);
    attr.nice = (int32_t)plan_u32(r);
    attr.priority = plan_u32(r);
    attr.runtime = plan_u64(r);
    attr.deadline = plan_u64(r);
    attr.period = plan_u64(r);
    if (syscall(SYS_sched_setattr, 0, &attr, 0) < 0)
        fail(errno, "error setting scheduler");
}
