/*
 * The container's first process, cloned before the managed runtime starts: the kernel makes the namespaces on one processor while the
 * runtime starts and config.json is read on another, and a process of a hundred pages is cloned instead of one of a thousand. It
 * waits for its plan, and shares the table of descriptors until it has it (CLONE_FILES), so that a plan means the same as for a process
 * that is cloned with the plan in hand (launch.c). Where the plan asks for another kind of process, or never comes, it ends unused.
 *
 * A process of cgroup2 is cloned into its cgroup, since moving it later stops every fork of the machine for a while; but that cgroup is not
 * there yet. So on a machine with cgroup2 the early process makes all namespaces but the pid namespace, and clones the first process
 * when the plan comes: it is our child (CLONE_PARENT), as if the early one had never been.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aot.h"
#include "child.h"
#include "early.h"
#include "joiner.h"
#include "trace.h"

enum { MAX_CONFIG = 1 << 20 };

int aot_protect_own_file(void);

/* What the early process answers once its parent may close what it has opened for the plan. */
struct early_answer {
    int32_t pid; /* of the first process, and its pidfd; 0 where the early process is that itself */
    int32_t pidfd;
};

static struct {
    pid_t pid; /* 0: there is none */
    int pidfd;
    int ours, its; /* the ends of a socket */
    int parent;    /* our own pidfd, for the early process to wait on */
    uint64_t flags;
    bool into_cgroup;
    bool handed; /* has a plan; what it does with it is not known yet */
} early;

static bool is_cgroup2(const char *path)
{
    struct statfs st;
    return statfs(path, &st) == 0 && st.f_type == CGROUP2_SUPER_MAGIC;
}

/*
 * Waits until the socket can be read or written. Both processes hold both of its ends, so neither sees the other's end in it: a pidfd tells.
 * False where that process has gone.
 */
static bool ready(int socket, short events, int pidfd)
{
    struct pollfd fds[2] = { { .fd = socket, .events = events }, { .fd = pidfd, .events = POLLIN } };
    while (poll(fds, 2, -1) < 0)
        if (errno != EINTR)
            return false;
    return (fds[0].revents & events) != 0;
}

static bool receive(int socket, int pidfd, void *to, size_t size)
{
    for (uint8_t *at = to; size > 0;) {
        ssize_t n = ready(socket, POLLIN, pidfd) ? recv(socket, at, size, 0) : -1;
        if (n <= 0)
            return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

static bool deliver(int socket, int pidfd, const void *from, size_t size)
{
    for (const uint8_t *at = from; size > 0;) {
        ssize_t n = ready(socket, POLLOUT, pidfd) ? send(socket, at, size, MSG_NOSIGNAL | MSG_DONTWAIT) : -1;
        if (n <= 0)
            return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

static void close_all(void)
{
    close(early.ours);
    close(early.its);
    close(early.parent);
}

/* The first process where it is born into a cgroup; its pidfd lands in the table that we still share with the parent. */
static void clone_into_cgroup(const struct plan_header *h)
{
    int fd = -1;
    struct clone_args args = {
        .flags = (h->clone_flags & ~early.flags) | CLONE_PARENT | CLONE_PIDFD | CLONE_INTO_CGROUP,
        .pidfd = (uint64_t)(uintptr_t)&fd,
        .cgroup = (uint64_t)h->cgroup_fd,
    };
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        return;
    struct early_answer answer = { pid > 0 ? (int32_t)pid : -errno, fd };
    if (!deliver(early.its, early.parent, &answer, sizeof answer) && pid > 0)
        syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
    _exit(0);
}

_Noreturn static void wait_for_plan(const sigset_t *mask)
{
    struct plan_header h;
    struct early_answer answer = { 0, -1 };
    trace_as(TRACE_INIT);
    TRACE("namespaces 0x%llx", (unsigned long long)(early.flags & ~(uint64_t)CLONE_NEWPID));
    if (unshare((int)(early.flags & ~(uint64_t)CLONE_NEWPID)) < 0)
        _exit(255);
    if (early.flags & CLONE_NEWNET) {
        TRACE("loopback up");
        loopback_up();
    }
    TRACE("wait for the plan");
    if (!receive(early.its, early.parent, &h, sizeof h) || h.size < sizeof h)
        _exit(255);
    uint8_t *blob = mmap(NULL, h.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (blob == MAP_FAILED)
        _exit(255);
    memcpy(blob, &h, sizeof h);
    if (!receive(early.its, early.parent, blob + sizeof h, h.size - sizeof h))
        _exit(255);
    trace_follow();
    TRACE("own table of descriptors");
    /* After either, the table of descriptors is the process's own copy, as after any clone. */
    if (early.into_cgroup)
        clone_into_cgroup(&h);
    else if (unshare(CLONE_FILES) < 0 || !deliver(early.its, early.parent, &answer, sizeof answer))
        _exit(255);
    close_all();
    run_plan(blob, &h, mask);
}

/*
 * The kernel often leaves a new process on the processor of its parent, which keeps that busy for a millisecond: for an idle virtual processor
 * looks taken to it (available_idle_cpu). So it gets all processors but this one; every plan gives it its own (OP_AFFINITY).
 */
void move_elsewhere(pid_t pid)
{
    cpu_set_t set;
    int here = sched_getcpu();
    if (here < 0 || sched_getaffinity(0, sizeof set, &set) < 0 || CPU_COUNT(&set) < 2)
        return;
    CPU_CLR(here, &set);
    sched_setaffinity(pid, sizeof set, &set);
}

static void clone_early(uint64_t flags, bool no_cgroup)
{
    int pair[2], fd = -1;
    sigset_t mask;

    early.into_cgroup = !no_cgroup && (is_cgroup2("/sys/fs/cgroup") || is_cgroup2("/sys/fs/cgroup/unified"));
    early.flags = early.into_cgroup ? flags & ~(uint64_t)CLONE_NEWPID : flags;
    early.parent = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (early.parent < 0)
        return;
    /* A caller that closed its standard streams must not get these in their place. */
    if (early.parent <= STDERR_FILENO || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        close(early.parent);
        return;
    }
    early.ours = pair[0];
    early.its = pair[1];
    /* The other namespaces it makes itself, while we go on: they are most of what a clone takes. */
    struct clone_args args = {
        .flags = (early.flags & CLONE_NEWPID) | CLONE_PIDFD | CLONE_CLEAR_SIGHAND | CLONE_FILES,
        .pidfd = (uint64_t)(uintptr_t)&fd,
        .exit_signal = SIGCHLD,
    };
    sigprocmask(SIG_SETMASK, NULL, &mask);
    remember_own_file();
    TRACE("clone");
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        wait_for_plan(&mask);
    if (pid < 0) {
        close_all();
        return;
    }
    early.pid = (pid_t)pid;
    early.pidfd = fd;
    move_elsewhere(early.pid);
}

/* Ends the early process, or sees that it has ended: by a plan without size, since one that is killed may leave a descriptor in our table. */
static void forget(void)
{
    const struct plan_header none = { .size = 0 };
    siginfo_t info;
    if (early.handed || !deliver(early.ours, early.pidfd, &none, sizeof none))
        syscall(SYS_pidfd_send_signal, early.pidfd, SIGKILL, NULL, 0);
    while (syscall(SYS_waitid, P_PID, early.pid, &info, WEXITED, NULL) < 0 && errno == EINTR)
        ;
    close(early.pidfd);
    close_all();
    early.pid = 0;
    early.handed = false;
}

/* A start that comes to nothing before it has a plan leaves no process that is still ending. */
__attribute__((destructor)) static void forget_unused(void)
{
    if (early.pid != 0)
        forget();
}

bool early_hand(const uint8_t *blob, const struct plan_header *h)
{
    if (early.pid == 0)
        return false;
    TRACE("hand over the plan");
    bool fits = early.into_cgroup == (h->cgroup_fd >= 0) &&
                h->clone_flags == (early.into_cgroup ? early.flags | CLONE_NEWPID : early.flags);
    if (!fits || !deliver(early.ours, early.pidfd, blob, h->size)) {
        forget();
        return false;
    }
    early.handed = true;
    return true;
}

int early_launch(const uint8_t *blob, const struct plan_header *h, int *pid, int *pidfd)
{
    struct early_answer answer;
    if (!early.handed && !early_hand(blob, h))
        return 0;
    TRACE("plan taken");
    if (!receive(early.ours, early.pidfd, &answer, sizeof answer)) {
        forget();
        return 0;
    }
    if (early.into_cgroup) {
        early.handed = false;
        forget();
        if (answer.pid < 0)
            return answer.pid;
        TRACE("launched");
        *pid = answer.pid;
        *pidfd = answer.pidfd;
        return 1;
    }
    close_all();
    TRACE("launched");
    *pid = early.pid;
    *pidfd = early.pidfd;
    early.pid = 0;
    return 1;
}

static uint64_t namespaces_of(const char *bundle)
{
    uint64_t flags = 0;
    int directory = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = directory < 0 ? -1 : openat(directory, "config.json", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= MAX_CONFIG) {
        char *json = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (json != MAP_FAILED) {
            if (read(fd, json, (size_t)st.st_size) == st.st_size)
                flags = early_namespaces(json, (size_t)st.st_size);
            munmap(json, (size_t)st.st_size);
        }
    }
    if (fd >= 0)
        close(fd);
    if (directory >= 0)
        close(directory);
    return flags;
}

/* Called with the arguments of the role runc, without its name, before anything of the managed runtime runs. */
AOT_EXPORT void aot_early(int argc, char **argv)
{
    struct early_guess guess = early_guess(argc, argv);
    if (guess.trace)
        trace_on();
    if (guess.kind == EARLY_PROTECT) {
        if (!joiner_start())
            aot_protect_own_file();
    } else if (guess.kind == EARLY_CLONE && geteuid() == 0) {
        TRACE("namespaces of config.json");
        uint64_t flags = namespaces_of(guess.bundle);
        if (flags)
            clone_early(flags, guess.no_cgroup);
    }
    TRACE("managed runtime");
}
