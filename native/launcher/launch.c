/*
 * aot_launch: clone, then the plan's records one after the other. The parent gets its answers through the
 * report socket, whose other end the managed side reads.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "aot.h"
#include "child.h"
#include "early.h"
#include "joiner.h"
#include "trace.h"

struct child self = { .sync = -1, .root = -1, .mask_dir = -1, .label = { -1, -1 } };

/*
 * write and read rather than send and recv: a seccomp filter may be in force, and profiles that deny the network's
 * calls are common. Who writes to a parent that died is ended by SIGPIPE, which is as good as going on to find out.
 */
static int send_report(const struct report *report)
{
    ssize_t n = 0;
    if (self.sync < 0)
        return 0;
    while ((n = write(self.sync, report, sizeof *report)) < 0 && errno == EINTR)
        ;
    return n < 0 ? -1 : 0;
}

/* vsnprintf of plain integers and strings neither allocates nor locks. */
_Noreturn void fail(int error, const char *format, ...)
{
    struct report report = { .kind = SYNC_ERROR, .error = error, .op = self.op };
    va_list list;
    va_start(list, format);
    vsnprintf(report.text, sizeof report.text, format, list);
    va_end(list);
    if (self.sync >= 0) {
        send_report(&report);
    } else {
        /* After SYNC_DONE nobody listens; standard error is the last place where a user may look. */
        char line[REPORT_TEXT + 128];
        const char *why = error ? strerrordesc_np(error) : NULL;
        int n = snprintf(line, sizeof line, "%s%s%s\n", report.text, why ? ": " : "", why ? why : "");
        if (n > 0 && write(STDERR_FILENO, line, (size_t)n) < 0)
            _exit(255);
    }
    _exit(255);
}

void sync_parent(uint32_t kind, uint32_t value, enum sync_wait wait)
{
    struct report report = { .kind = kind, .op = self.op, .value = value };
    /* What the parent does not know of must not go on, and one that waits for its answer would wait for ever. */
    if (wait != SYNC_WAIT_UNASKED && send_report(&report) < 0)
        _exit(255);
    if (wait == SYNC_TELL)
        return;
    char go;
    ssize_t n;
    while ((n = read(self.sync, &go, 1)) < 0 && errno == EINTR)
        ;
    /* A parent that died, or that refused, has nothing to say. */
    if (n <= 0)
        _exit(255);
}

void *child_alloc(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        fail(errno, "allocate %zu bytes", size);
    return p;
}

static void stage_sync(struct plan_reader *r)
{
    uint32_t kind = plan_u32(r);
    uint32_t wait = plan_u32(r);
    sync_parent(kind, 0, wait);
    if (kind == SYNC_DONE) {
        close(self.sync);
        self.sync = -1;
    }
}

static void run_record(uint32_t op, struct plan_reader *r)
{
    switch (op) {
    case OP_CGROUP_JOIN: stage_cgroup_join(r); break;
    case OP_SETNS: stage_setns(r); break;
    case OP_UNSHARE: stage_unshare(r); break;
    case OP_FORK: stage_fork(r); break;
    case OP_SYNC: stage_sync(r); break;
    case OP_ROOT_IDS: stage_root_ids(); break;
    case OP_SETSID:
        if (setsid() < 0)
            fail(errno, "setsid");
        break;
    case OP_KEYRING: stage_keyring(r); break;
    case OP_LOOPBACK_UP: stage_loopback_up(); break;
    case OP_ROOT_PREPARE: stage_root_prepare(r); break;
    case OP_MOUNT: stage_mount(r); break;
    case OP_MKNOD: stage_mknod(r); break;
    case OP_BIND_DEVICE: stage_bind_device(r); break;
    case OP_SYMLINK: stage_symlink(r); break;
    case OP_PTMX: stage_ptmx(); break;
    case OP_SYSCTL: stage_sysctl(r); break;
    case OP_HOOK: stage_hook(r); break;
    case OP_ROOT_ENTER: stage_root_enter(r); break;
    case OP_ROOT_PROPAGATION: stage_root_propagation(r); break;
    case OP_DEVNULL_REOPEN: stage_devnull_reopen(); break;
    case OP_MKDIR: stage_mkdir(r); break;
    case OP_CONSOLE: stage_console(r); break;
    case OP_REMOUNT_RO: stage_remount_ro(r); break;
    case OP_ROOT_RO: stage_root_ro(); break;
    case OP_UMASK: umask((mode_t)plan_u32(r)); break;
    case OP_HOSTNAME: {
        const char *name = plan_string(r);
        if (sethostname(name, strlen(name)) < 0)
            fail(errno, "sethostname");
        break;
    }
    case OP_DOMAINNAME: {
        const char *name = plan_string(r);
        if (setdomainname(name, strlen(name)) < 0)
            fail(errno, "setdomainname");
        break;
    }
    case OP_READONLY_PATH: stage_readonly_path(r); break;
    case OP_MASK_PATH: stage_mask_path(r); break;
    case OP_NO_NEW_PRIVS:
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
            fail(errno, "prctl(SET_NO_NEW_PRIVS)");
        break;
    case OP_PERSONALITY: stage_personality(r); break;
    case OP_IO_PRIORITY: stage_io_priority(r); break;
    case OP_SCHEDULER: stage_scheduler(r); break;
    case OP_IDENTITY: stage_identity(r); break;
    case OP_RESOLVE: stage_resolve(r); break;
    case OP_PIDFD_SEND: stage_pidfd_send(r); break;
    case OP_WAIT_FIFO: stage_wait_fifo(r); break;
    case OP_EXEC: stage_exec(r);
    case OP_CHROOT_FD: stage_chroot_fd(r); break;
    case OP_UNDUMPABLE:
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
            fail(errno, "prctl(SET_DUMPABLE)");
        break;
    case OP_TIME_OFFSETS: stage_time_offsets(r); break;
    case OP_CLOSE: close((int)plan_u32(r)); break;
    case OP_SECCOMP: stage_seccomp(r); break;
    case OP_AFFINITY: stage_affinity(r); break;
    case OP_MEMORY_POLICY: stage_memory_policy(r); break;
    case OP_LABEL_OPEN: stage_label_open(r); break;
    case OP_LABEL_WRITE: stage_label_write(r); break;
    case OP_RLIMITS: stage_rlimits(r); break;
    default: fail(EINVAL, "launch plan: op %u", op);
    }
}

_Noreturn void run_plan(const uint8_t *blob, const struct plan_header *h, const sigset_t *mask)
{
    /* Handlers went with CLONE_CLEAR_SIGHAND; what the managed runtime ignores must not stay ignored. */
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    trace_as(TRACE_INIT);

    self.sync = h->sync_fd;
    struct plan_reader r = { blob + sizeof *h, blob + h->size };
    for (uint32_t i = 0; i < h->records; i++) {
        const uint8_t *start = r.at;
        self.op = plan_u32(&r);
        uint32_t length = plan_u32(&r);
        struct plan_reader payload = { r.at, start + length };
        if (trace)
            trace_record(self.op, payload);
        run_record(self.op, &payload);
        r.at = start + length;
    }
    fail(EINVAL, "launch plan: ends without exec");
}

/* Known before anything is cloned: in the container /proc is not to be trusted. */
void remember_own_file(void)
{
    struct stat exe;
    if (stat("/proc/self/exe", &exe) == 0) {
        self.exe_dev = exe.st_dev;
        self.exe_ino = exe.st_ino;
    }
}

int launch_clone(const struct plan_header *h, uint64_t flags, int exit_signal, int *pidfd)
{
    struct clone_args args = {
        .flags = flags | (pidfd ? CLONE_PIDFD : 0),
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        .exit_signal = (uint64_t)exit_signal,
    };
    if (h->cgroup_fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)h->cgroup_fd;
    }
    /* It counts for children only, and the next ones are not the container's. */
    int own = -1;
    if (h->pid_ns_fd >= 0 && ((own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC)) < 0 || setns(h->pid_ns_fd, CLONE_NEWPID) < 0)) {
        int error = errno;
        if (own >= 0)
            close(own);
        return -error;
    }
    long child = syscall(SYS_clone3, &args, sizeof args);
    int error = errno;
    if (own >= 0) {
        if (child != 0 && setns(own, CLONE_NEWPID) < 0) {
            error = errno;
            child = -1;
        }
        close(own);
    }
    return child < 0 ? -error : (int)child;
}

/*
 * Begins a launch, where a process waits for its plan already: it goes on meanwhile, and aot_launch() with the same plan then only sees that it
 * does. Until then no descriptor that the plan names may be closed.
 */
AOT_EXPORT void aot_launch_hand(const uint8_t *blob, size_t size)
{
    struct plan_header h;
    if (plan_check(blob, size))
        return;
    memcpy(&h, blob, sizeof h);
    early_hand(blob, &h);
}

/*
 * Clones the first process of the plan. 0 with its pid and pidfd, or a negative errno (EBADMSG: the plan is bad and
 * *why says how). The caller holds the other end of h.sync_fd and closes its own copy of it afterwards.
 */
AOT_EXPORT int aot_launch(const uint8_t *blob, size_t size, int *pid, int *pidfd, const char **why)
{
    *why = plan_check(blob, size);
    if (*why)
        return -EBADMSG;
    struct plan_header h;
    memcpy(&h, blob, sizeof h);
    int result = early_launch(blob, &h, pid, pidfd);
    if (result != 0)
        return result < 0 ? result : 0;

    result = joiner_launch(blob, &h, pid, pidfd);
    if (result != 0)
        return result < 0 ? result : 0;

    int fd = -1;
    TRACE("clone");
    remember_own_file();
    /* Without this a signal could run a handler of the managed runtime in the child before they are cleared. */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int child = launch_clone(&h, h.clone_flags | CLONE_CLEAR_SIGHAND, SIGCHLD, &fd);
    if (child == 0)
        run_plan(blob, &h, &old);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (child < 0)
        return child;
    *pid = child;
    *pidfd = fd;
    TRACE("launched");
    return 0;
}

/*
 * The next message of the child: its length, 0 once it has closed its end, or a negative errno. A SYNC_PID gets the sender's
 * number as its value, translated into our pid namespace by the kernel (man 7 unix, SO_PASSCRED; see aot_socketpair).
 */
AOT_EXPORT int aot_report_receive(int socket, void *report, size_t size)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec data = { report, size };
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room };
    ssize_t n;
    TRACE("wait for init");
    bool reset = false;
    /*
     * A child that ends with an answer of ours unread resets the connection, which is told once, before what it has said: that is still there.
     */
    while ((n = recvmsg(socket, &message, 0)) < 0 && (errno == EINTR || (errno == ECONNRESET && !reset)))
        reset |= errno == ECONNRESET;
    struct report *known = report;
    TRACE("init: %s", n >= (ssize_t)sizeof *known ? trace_sync(known->kind) : "executes its program");
    struct cmsghdr *c = n >= (ssize_t)sizeof *known ? CMSG_FIRSTHDR(&message) : NULL;
    if (c && known->kind == SYNC_PID && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS) {
        struct ucred sender;
        memcpy(&sender, CMSG_DATA(c), sizeof sender);
        known->value = (uint32_t)sender.pid;
    }
    return n >= 0 ? (int)n : errno == ECONNRESET ? 0 : -errno;
}

/* Lets a child go on that waits in sync_parent. */
AOT_EXPORT int aot_report_answer(int socket)
{
    char go = 1;
    ssize_t n;
    while ((n = send(socket, &go, 1, MSG_NOSIGNAL)) < 0 && errno == EINTR)
        ;
    /* One that died meanwhile is found by the next receive. */
    return n >= 0 || errno == EPIPE || errno == ECONNRESET ? 0 : -errno;
}
