#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"
#include "trace.h"

enum { MAX_BEFOREHAND = 16 }; /* more than there are hierarchies of cgroup v1 */

/* The `tasks` files that the process which we were cloned from has joined by; their names lie in its plan, of which we have a copy. */
static struct {
    int count;
    const char *path[MAX_BEFOREHAND];
} joined;

static bool is_joined(const char *path)
{
    for (int i = 0; i < joined.count; i++)
        if (strcmp(joined.path[i], path) == 0)
            return true;
    return false;
}

void join_beforehand(const uint8_t *blob)
{
    struct plan_header h;
    memcpy(&h, blob, sizeof h);
    struct plan_reader r = { blob + sizeof h, blob + h.size };
    for (uint32_t i = 0; i < h.records; i++) {
        const uint8_t *start = r.at;
        uint32_t op = plan_u32(&r);
        uint32_t length = plan_u32(&r);
        struct plan_reader payload = { r.at, start + length };
        r.at = start + length;
        if (op != OP_CGROUP_JOIN)
            continue;
        int fd = (int)plan_u32(&payload);
        if (fd >= 0 && joined.count < MAX_BEFOREHAND && write(fd, "0", 1) == 1)
            joined.path[joined.count++] = plan_string(&payload);
        if (fd >= 0)
            close(fd);
    }
}

/*
 * Moving *itself* through a v1 `tasks` file lets the kernel skip the lock that stops every fork and exec of the machine
 * (cgroup_procs_write_start: "if the thread is current ... we can skip the global lock"); writing a pid to
 * cgroup.procs waits for an RCU grace period in each hierarchy.
 */
void stage_cgroup_join(struct plan_reader *r)
{
    int fd = (int)plan_u32(r);
    const char *path = plan_string(r);
    if (is_joined(path)) {
        if (fd >= 0)
            close(fd);
        return;
    }
    if (fd < 0)
        fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || write(fd, "0", 1) < 0)
        fail(errno, "error adding the container's process to cgroup: write %s", path);
    close(fd);
}

void stage_setns(struct plan_reader *r)
{
    int fd = (int)plan_u32(r);
    int type = (int)plan_u64(r);
    const char *path = plan_string(r);
    if (setns(fd, type) < 0)
        fail(errno, "failed to setns into %s", path);
    trace_clock_changed();
    close(fd);
}

void stage_unshare(struct plan_reader *r)
{
    uint64_t flags = plan_u64(r);
    if (unshare((int)flags) < 0)
        fail(errno, "failed to unshare namespaces (flags 0x%llx)", (unsigned long long)flags);
}

/*
 * A pid namespace takes in only children, and one made after setns into a user namespace belongs to it: both need a
 * second process. CLONE_PARENT makes it our parent's child, as if the first had never been.
 */
void stage_fork(struct plan_reader *r)
{
    struct clone_args args = {
        .flags = plan_u64(r) | CLONE_PARENT,
    };
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0)
        fail(errno, "clone");
    if (pid > 0)
        _exit(0);
    trace_clock_changed();
    /* In a pid namespace of the container's neither of us knows its number on the host: the parent takes it from the message. */
    sync_parent(SYNC_PID, 0, SYNC_TELL);
}

void stage_root_ids(void)
{
    /* setgroups may be denied by the namespace's owner; then there is nothing to drop. */
    if (syscall(SYS_setgroups, 0, NULL) < 0 && errno != EPERM)
        fail(errno, "setgroups");
    if (syscall(SYS_setresgid, 0, 0, 0) < 0)
        fail(errno, "failed to setgid to the user namespace's root");
    if (syscall(SYS_setresuid, 0, 0, 0) < 0)
        fail(errno, "failed to setuid to the user namespace's root");
}

#define KEYCTL_JOIN_SESSION 1
#define KEYCTL_SETPERM_OP   5
#define KEYCTL_DESCRIBE_OP  6

void stage_keyring(struct plan_reader *r)
{
    const char *name = plan_string(r);
    uint32_t keep = plan_u32(r);
    uint32_t add = plan_u32(r);
    long id = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION, name, 0, 0, 0);
    if (id < 0) {
        /* The session keyring is a weak extra; a kernel built without keys is no reason to fail. */
        if (errno == ENOSYS)
            return;
        fail(errno, "unable to join session keyring");
    }
    /* "type;uid;gid;perm;description" */
    char text[512];
    long n = syscall(SYS_keyctl, KEYCTL_DESCRIBE_OP, id, text, sizeof text - 1, 0);
    if (n < 0)
        fail(errno, "unable to mod keyring permissions: describe");
    text[n < (long)sizeof text ? n : (long)sizeof text - 1] = 0;
    const char *at = text;
    for (int i = 0; i < 3 && at; i++) {
        at = strchr(at, ';');
        at = at ? at + 1 : NULL;
    }
    uint32_t perm = 0;
    for (; at && *at && *at != ';'; at++) {
        uint32_t digit = *at <= '9' ? (uint32_t)(*at - '0') : (uint32_t)((*at | 32) - 'a' + 10);
        perm = perm << 4 | (digit & 15);
    }
    if (syscall(SYS_keyctl, KEYCTL_SETPERM_OP, id, (perm & keep) | add, 0, 0) < 0)
        fail(errno, "unable to mod keyring permissions");
}

void stage_time_offsets(struct plan_reader *r)
{
    const char *text = plan_string(r);
    int fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        fail(errno, "failed to update /proc/self/timens_offsets");
    close(fd);
}

/* A new network namespace has a loopback interface that is down; programs expect it up. */
int loopback_up(void)
{
    int error = 0, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    struct ifreq request = { .ifr_name = "lo" };
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        error = errno;
    close(fd);
    self.loopback = error == 0;
    return error;
}

void stage_loopback_up(void)
{
    int error = self.loopback ? 0 : loopback_up();
    if (error)
        fail(error, "loopback: set up");
}
