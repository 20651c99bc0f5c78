/*
 * Every system call between clone and exec fails once, each in a run of its own: the child names the step it was in, and
 * nothing stays behind. ptrace is what makes a call fail: it is entered as call -1 and left with EIO.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/ptrace.h>

#include "../../launcher/child.h"
#include "../builder.h"
#include "../harness.h"

int aot_launch(const uint8_t *blob, size_t size, int *pid, int *pidfd, const char **why);
int aot_report_answer(int socket);
int aot_report_receive(int socket, void *report, size_t size);
int aot_socketpair(int type, int pair[2]);
int aot_receive_fd(int socket);

int tests_passed, tests_failed;
const char *test_name = "";

static struct builder b;
static char dir[] = "/tmp/aot-fault-XXXXXX";

/* What a run came to. */
struct outcome {
    struct report report; /* the last one; kind 0: the program was executed */
    int status;           /* of the launched process */
    int done;             /* it had told that nothing more would be reported */
    char words[256];      /* what it said on its terminal */
};

/* What `start` reads before the process can write: a page. */
enum { FIFO_SIZE = 4096 };

/* Our ends of what a plan gets from its runtime. */
static int console = -1, pidfd_socket = -1, fifo = -1;

static void mount_op(const char *source, const char *target, const char *type, uint64_t flags, const char *data)
{
    op(&b, OP_MOUNT);
    text(&b, source);
    text(&b, target);
    text(&b, type);
    u64(&b, flags);
    u64(&b, 0);
    text(&b, data);
    u32(&b, 0);
    u64(&b, 0);
    u64(&b, 0);
    u32(&b, 0);
    u32(&b, 0xffffffff);
}

static void path_op(uint32_t number, const char *path)
{
    op(&b, number);
    text(&b, path);
}

static void exec_op(const char *program)
{
    op(&b, OP_RESOLVE);
    u32(&b, 1);
    text(&b, program);
    u32(&b, 1);
    text(&b, "PATH=/bin");
    u32(&b, 1);
}

/* A container as an engine asks for it: every stage that needs no other process. */
static void plan_own(int sync)
{
    begin(&b);
    op(&b, OP_AFFINITY);
    text(&b, "final");
    u32(&b, 1);
    u32(&b, 1);
    u64(&b, ~0ULL);
    op(&b, OP_UNSHARE);
    u64(&b, CLONE_NEWCGROUP);
    op(&b, OP_FORK);
    u64(&b, CLONE_NEWPID);
    /* The kernel here may know no label; a file of procfs that takes any text serves as well. */
    op(&b, OP_LABEL_OPEN);
    u32(&b, 0);
    text(&b, "/proc/thread-self/comm");
    op(&b, OP_SETSID);
    op(&b, OP_KEYRING);
    text(&b, "_ses.fault");
    u32(&b, 0xffffffff);
    u32(&b, 0x80000);
    op(&b, OP_LOOPBACK_UP);
    op(&b, OP_ROOT_PREPARE);
    text(&b, dir);
    u64(&b, MS_SLAVE | MS_REC);
    u64(&b, MS_PRIVATE);
    mount_op("proc", "/proc", "proc", MS_NOSUID, "");
    mount_op("tmpfs", "/dev", "tmpfs", MS_NOSUID, "mode=755");
    mount_op("devpts", "/dev/pts", "devpts", MS_NOSUID, "newinstance,ptmxmode=0666");
    mount_op("/etc/passwd", "/etc/passwd", "bind", MS_BIND | MS_RDONLY, "");
    op(&b, OP_MKNOD);
    text(&b, "/dev/null");
    u32(&b, S_IFCHR | 0666);
    u32(&b, 1);
    u32(&b, 3);
    u32(&b, 0);
    u32(&b, 0);
    path_op(OP_BIND_DEVICE, "/dev/zero");
    op(&b, OP_SYMLINK);
    text(&b, "/proc/self/fd");
    text(&b, "/dev/fd");
    op(&b, OP_PTMX);
    op(&b, OP_SYSCTL);
    text(&b, "kernel/shmmni");
    text(&b, "4095");
    op(&b, OP_HOOK);
    text(&b, "createContainer");
    text(&b, "/bin/true");
    u32(&b, 1);
    text(&b, "true");
    u32(&b, 0);
    u32(&b, 5);
    text(&b, "{\"pid\":");
    text(&b, "}");
    op(&b, OP_ROOT_ENTER);
    u32(&b, ROOT_PIVOT);
    op(&b, OP_DEVNULL_REOPEN);
    op(&b, OP_MKDIR);
    text(&b, "/work");
    u32(&b, 0755);
    path_op(OP_REMOUNT_RO, "/dev");
    op(&b, OP_ROOT_RO);
    op(&b, OP_UMASK);
    u32(&b, 022);
    path_op(OP_HOSTNAME, "fault");
    path_op(OP_DOMAINNAME, "fault");
    path_op(OP_READONLY_PATH, "/proc/sys");
    path_op(OP_MASK_PATH, "/proc/kcore");
    path_op(OP_MASK_PATH, "/proc/tty");
    op(&b, OP_NO_NEW_PRIVS);
    op(&b, OP_PERSONALITY);
    u32(&b, 0);
    op(&b, OP_IO_PRIORITY);
    u32(&b, 2 << 13 | 4);
    op(&b, OP_SCHEDULER);
    u32(&b, 0);
    u64(&b, 0);
    u32(&b, 1);
    u32(&b, 0);
    for (int i = 0; i < 3; i++)
        u64(&b, 0);
    op(&b, OP_MEMORY_POLICY);
    u32(&b, 2);
    u32(&b, 1);
    u64(&b, 1);
    op(&b, OP_LABEL_WRITE);
    u32(&b, 0);
    text(&b, "label");
    text(&b, "can't set process label");
    op(&b, OP_UNDUMPABLE);
    op(&b, OP_SYNC);
    u32(&b, SYNC_READY);
    u32(&b, 1);
    op(&b, OP_RLIMITS);
    u32(&b, 3);
    u64(&b, RLIMIT_CORE);
    u64(&b, 0);
    u64(&b, 0);
    op(&b, OP_IDENTITY);
    text(&b, "/work");
    u32(&b, 1);
    u32(&b, 2);
    u32(&b, 1);
    u32(&b, 3);
    u32(&b, 0);
    for (int i = 0; i < 5; i++)
        u64(&b, 1);
    exec_op("true");
    op(&b, OP_SECCOMP);
    u32(&b, 0);
    u32(&b, 0xffffffff);
    u32(&b, 0);
    u32(&b, 1);
    u64(&b, 0x06 | (uint64_t)SECCOMP_RET_ALLOW << 32); /* BPF_RET | BPF_K */
    op(&b, OP_EXEC);
    u32(&b, 0);
    finish(&b, sync);
    struct plan_header *h = (struct plan_header *)b.bytes;
    h->clone_flags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET;
}

static int in_dir(const char *name, int flags)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        abort();
    return fd;
}

static void socket_op(uint32_t number, int *ours)
{
    int pair[2];
    if (aot_socketpair(SOCK_STREAM, pair) < 0)
        abort();
    *ours = pair[0];
    op(&b, number);
    u32(&b, (uint32_t)pair[1]);
}

/* A container in cgroups and namespaces of others, as root of a user namespace, with a terminal, that waits for its start: the other stages. */
static void plan_joined(int sync)
{
    char path[64];
    begin(&b);
    op(&b, OP_CLOSE);
    u32(&b, (uint32_t)in_dir(".", O_PATH));
    /* Any file takes what joins a cgroup. */
    op(&b, OP_CGROUP_JOIN);
    u32(&b, (uint32_t)in_dir("tasks", O_WRONLY));
    text(&b, "/tasks");
    op(&b, OP_CGROUP_JOIN);
    u32(&b, 0xffffffff);
    snprintf(path, sizeof path, "%s/tasks", dir);
    text(&b, path);
    op(&b, OP_SETNS);
    u32(&b, (uint32_t)open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC));
    u64(&b, CLONE_NEWUTS);
    text(&b, "/proc/self/ns/uts");
    if (access("/proc/self/ns/time", F_OK) == 0) {
        op(&b, OP_UNSHARE);
        u64(&b, 0x80 /* CLONE_NEWTIME */);
        path_op(OP_TIME_OFFSETS, "monotonic 5 0\n");
    }
    /* Root of a user namespace or of the machine: the calls are the same. */
    op(&b, OP_ROOT_IDS);
    op(&b, OP_FORK);
    u64(&b, 0);
    op(&b, OP_SETSID);
    op(&b, OP_ROOT_PREPARE);
    text(&b, dir);
    u64(&b, MS_SLAVE | MS_REC);
    u64(&b, MS_PRIVATE);
    mount_op("tmpfs", "/dev", "tmpfs", MS_NOSUID, "mode=755");
    mount_op("devpts", "/dev/pts", "devpts", MS_NOSUID, "newinstance,ptmxmode=0666");
    socket_op(OP_CONSOLE, &console);
    u32(&b, 80);
    u32(&b, 25);
    u32(&b, 1);
    socket_op(OP_PIDFD_SEND, &pidfd_socket);
    text(&b, "standard");
    op(&b, OP_ROOT_ENTER);
    u32(&b, ROOT_PIVOT);
    op(&b, OP_ROOT_PROPAGATION);
    u64(&b, MS_SHARED);
    op(&b, OP_CHROOT_FD);
    u32(&b, (uint32_t)in_dir(".", O_PATH | O_DIRECTORY));
    op(&b, OP_ROOT_ENTER);
    u32(&b, ROOT_HERE);
    exec_op("true");
    op(&b, OP_SYNC);
    u32(&b, SYNC_DONE);
    u32(&b, 0);
    op(&b, OP_WAIT_FIFO);
    fifo = in_dir("fifo", O_RDWR);
    static const char all[FIFO_SIZE];
    if (fcntl(fifo, F_SETPIPE_SZ, FIFO_SIZE) != FIFO_SIZE || write(fifo, all, sizeof all) != sizeof all)
        _exit(2);
    u32(&b, (uint32_t)fifo);
    op(&b, OP_EXEC);
    u32(&b, 0);
    finish(&b, sync);
    ((struct plan_header *)b.bytes)->clone_flags = CLONE_NEWNS;
}

static void (*plan)(int sync);

/* The runtime's part, in a process of its own, with the tracer as its parent. */
_Noreturn static void runner(int to)
{
    static struct outcome outcome;
    int pair[2], pid = -1, pidfd = -1, last;
    const char *why;
    /* A hook without its own standard error complains here. */
    dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    if (aot_socketpair(SOCK_SEQPACKET, pair) < 0)
        _exit(2);
    plan(pair[1]);
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    if (aot_launch(b.bytes, b.used, &pid, &pidfd, &why) != 0)
        _exit(3);
    close(pair[1]);
    /* Each socket's other end is the next descriptor. */
    if (console >= 0)
        close(console + 1);
    if (pidfd_socket >= 0)
        close(pidfd_socket + 1);
    last = pid;
    while (aot_report_receive(pair[0], &outcome.report, sizeof outcome.report) > 0) {
        if (outcome.report.kind == SYNC_ERROR)
            break;
        if (outcome.report.kind == SYNC_PID)
            last = (int)outcome.report.value;
        if (outcome.report.kind == SYNC_READY)
            aot_report_answer(pair[0]);
        if (outcome.report.kind == SYNC_DONE) {
            outcome.done = 1;
            char all[FIFO_SIZE];
            if (read(fifo, all, sizeof all) != sizeof all)
                _exit(5);
        }
        memset(&outcome.report, 0, sizeof outcome.report);
    }
    /* All of them, so that none outlives the run. */
    int status, one;
    while ((one = waitpid(-1, &status, 0)) > 0)
        /* The one that goes on after a fork tells its own number; where it could not, it must not end well either. */
        if (last == pid)
            outcome.status |= status;
        else if (one == last)
            outcome.status = status;
    /* The terminal ends with its last user. */
    int master = console >= 0 ? aot_receive_fd(console) : -1;
    size_t used = 0;
    ssize_t n;
    while (master >= 0 && used < sizeof outcome.words - 1 && (n = read(master, outcome.words + used, sizeof outcome.words - 1 - used)) > 0)
        used += (size_t)n;
    /* What a pidfd socket has sent is a pidfd, of a process that is gone. */
    int sent = pidfd_socket >= 0 ? aot_receive_fd(pidfd_socket) : -1;
    if (outcome.status == 0 && console >= 0 && (master < 0 || sent < 0 || syscall(SYS_pidfd_send_signal, sent, 0, NULL, 0) == 0))
        _exit(6);
    if (write(to, &outcome, sizeof outcome) != sizeof outcome)
        _exit(4);
    _exit(0);
}

static struct traced { int pid, failing, executed; } traced[64];
static int traced_count;

static struct traced *state_of(int pid)
{
    for (int i = 0; i < traced_count; i++)
        if (traced[i].pid == pid)
            return &traced[i];
    traced[traced_count] = (struct traced){ .pid = pid };
    return &traced[traced_count++];
}

static void on_alarm(int sig)
{
    (void)sig;
}

/* One run with call number `which` failing (-1: none). The number of calls; the one that failed, and in which step. */
static int run(int which, struct outcome *outcome, long *number, uint32_t *step)
{
    int pipes[2], calls = 0, status;
    traced_count = 0;
    *number = -1;
    memset(outcome, 0, sizeof *outcome);
    if (pipe2(pipes, O_CLOEXEC) < 0)
        abort();
    int root = fork();
    if (root == 0)
        runner(pipes[1]);
    close(pipes[1]);
    waitpid(root, &status, 0);
    ptrace(PTRACE_SETOPTIONS, root, NULL,
           PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    ptrace(PTRACE_CONT, root, NULL, NULL);
    /* One that hangs is killed, tracees included. */
    struct sigaction stop = { .sa_handler = on_alarm }, before;
    sigaction(SIGALRM, &stop, &before);
    alarm(10);
    int pid;
    while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
        if (pid < 0) {
            for (int i = 0; i < traced_count; i++)
                kill(traced[i].pid, SIGKILL);
            kill(root, SIGKILL);
            continue;
        }
        if (!WIFSTOPPED(status)) {
            if (pid == root)
                break;
            continue;
        }
        int sig = WSTOPSIG(status), event = status >> 16;
        struct traced *t = state_of(pid);
        if (event == PTRACE_EVENT_EXEC)
            t->executed = 1;
        if (sig == (SIGTRAP | 0x80)) {
            struct __ptrace_syscall_info info;
            ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info);
            struct user_regs_struct regs;
            if (info.op == PTRACE_SYSCALL_INFO_ENTRY && calls++ == which) {
                *number = (long)info.entry.nr;
                /* It is a clone of this program: what it works at is where ours would be. */
                *step = (uint32_t)ptrace(PTRACE_PEEKDATA, pid, &self.op, NULL);
                t->failing = 1;
                ptrace(PTRACE_GETREGS, pid, NULL, &regs);
                regs.orig_rax = ~0ULL;
                ptrace(PTRACE_SETREGS, pid, NULL, &regs);
            } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->failing) {
                t->failing = 0;
                ptrace(PTRACE_GETREGS, pid, NULL, &regs);
                regs.rax = (unsigned long long)-EIO;
                ptrace(PTRACE_SETREGS, pid, NULL, &regs);
            }
            sig = 0;
        }
        if (event || sig == SIGTRAP || sig == SIGSTOP)
            sig = 0;
        /* A program's own calls are its own business. */
        ptrace(pid == root || t->executed ? PTRACE_CONT : PTRACE_SYSCALL, pid, NULL, (void *)(intptr_t)sig);
    }
    alarm(0);
    sigaction(SIGALRM, &before, NULL);
    if (read(pipes[0], outcome, sizeof *outcome) != sizeof *outcome)
        outcome->status = -1; /* it hung */
    close(pipes[0]);
    return calls;
}

/* Where a call may fail and the step goes on, and why that is right. OP_NONE: anywhere. */
static const struct { uint32_t step; long number; } may_fail[] = {
    /* These can't fail the way they are called. */
    { OP_NONE, SYS_rt_sigaction }, { OP_NONE, SYS_rt_sigprocmask }, { OP_NONE, SYS_umask }, { OP_NONE, SYS_getpid },
    /* "the file descriptor is always released" (man 2 close). */
    { OP_NONE, SYS_close },
    /* The C library goes on to another way to end. */
    { OP_NONE, SYS_exit_group },
    /* A tmpfs then has the usual mode; a mount is opened by its name; a remount is tried with the flags the kernel has locked. */
    { OP_MOUNT, SYS_newfstatat }, { OP_MOUNT, SYS_openat2 }, { OP_MOUNT, SYS_mount },
    /* A stream that is closed is none to reopen. */
    { OP_DEVNULL_REOPEN, SYS_newfstatat },
    /* What the hook says to the end, or takes, is its own business; its descriptors and its exit code are not. */
    { OP_HOOK, SYS_fcntl }, { OP_HOOK, SYS_write }, { OP_HOOK, SYS_read }, { OP_HOOK, SYS_openat },
    /* runc too goes on without an ambient capability. */
    { OP_IDENTITY, SYS_prctl },
    /* A plain open takes its place; a file that can't be read is no script, or has no line for HOME. */
    /* A bind mount is made by its path then. */
    { OP_MOUNT, SYS_open_tree }, { OP_MOUNT, SYS_mount_setattr }, { OP_MOUNT, SYS_move_mount },
    { OP_RESOLVE, SYS_openat2 }, { OP_RESOLVE, SYS_read }, { OP_EXEC, SYS_openat }, { OP_EXEC, SYS_openat2 }, { OP_EXEC, SYS_read },
};

static int tolerated(uint32_t step, long number)
{
    for (size_t i = 0; i < sizeof may_fail / sizeof *may_fail; i++)
        if (may_fail[i].number == number && (may_fail[i].step == step || may_fail[i].step == OP_NONE))
            return 1;
    return 0;
}

static int lines(const char *file)
{
    int count = 0, c;
    FILE *f = fopen(file, "r");
    while ((c = getc(f)) != EOF)
        count += c == '\n';
    fclose(f);
    return count;
}

/* The number of failures that were told. */
static int each_call(int calls)
{
    static struct outcome outcome;
    int told = 0;
    test_name = "a call that fails";
    for (int i = 0; i < calls; i++) {
        long number;
        uint32_t step = OP_NONE;
        run(i, &outcome, &number, &step);
        const char *where = plan_name(step);
        /* Not every run waits as often; this one had done before. */
        if (number < 0)
            continue;
        if (getenv("AOT_FAULTS"))
            printf("%d: call %ld in %s: %s\n", i, number, where,
                   outcome.report.kind == SYNC_ERROR ? outcome.report.text : outcome.status ? "ends without a word" : "goes on");
        if (outcome.report.kind == SYNC_ERROR) {
            told++;
            CHECK(outcome.report.op == step && outcome.report.text[0], "call %d (%ld) of %s is told as of %s: \"%s\"", i, number, where,
                  plan_name(outcome.report.op), outcome.report.text);
            CHECK(WIFEXITED(outcome.status) && WEXITSTATUS(outcome.status) == 255, "call %d (%ld) of %s: status %x", i, number, where, outcome.status);
        } else if (outcome.done && !tolerated(step, number)) {
            /* Nobody listens to reports any more: it is said to the user. */
            told++;
            CHECK(outcome.words[0], "call %d (%ld) of %s: no word of it", i, number, where);
            CHECK(WIFEXITED(outcome.status) && WEXITSTATUS(outcome.status) == 255, "call %d (%ld) of %s: status %x", i, number, where, outcome.status);
        } else if (number == SYS_write || (number == SYS_read && (step == OP_SYNC || step == OP_FORK))) {
            /* The wire to the parent itself: nothing can be told, and the parent sees it closed. Nothing may go on, though. */
            CHECK(outcome.status != -1 && (step == OP_HOOK || outcome.status != 0), "call %d (%ld) of %s: status %x", i, number, where, outcome.status);
        } else {
            CHECK(tolerated(step, number) && outcome.status == 0, "call %d (%ld) of %s failed unseen: status %x", i, number, where, outcome.status);
        }
    }
    return told;
}

static void whole(const char *name, void (*of)(int sync), int least)
{
    static struct outcome outcome;
    long number;
    uint32_t step;
    plan = of;
    test_name = name;
    int calls = run(-1, &outcome, &number, &step);
    CHECK(outcome.report.kind == 0, "kind %u: %s", outcome.report.kind, outcome.report.text);
    CHECK(outcome.status == 0, "status %x", outcome.status);
    CHECK(calls > least, "%d calls", calls);
    int told = each_call(calls);
    CHECK(told > least, "%d failures told", told);
}

int main(void)
{
    char command[256];
    if (!mkdtemp(dir))
        abort();
    snprintf(command, sizeof command, "cd %s && chmod 755 . && mkdir bin proc dev etc && cp /bin/busybox bin && ln -s busybox bin/true && touch etc/passwd tasks && mkfifo fifo", dir);
    if (system(command) != 0)
        abort();
    int mounts = lines("/proc/self/mountinfo");

    whole("a plan of a container with all of its own runs under a tracer", plan_own, 100);
    whole("a plan of one that shares with others runs under a tracer", plan_joined, 60);

    test_name = "nothing is left of calls that fail";
    CHECK(lines("/proc/self/mountinfo") == mounts, "%d mounts, %d before", lines("/proc/self/mountinfo"), mounts);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "children");
    snprintf(command, sizeof command, "rm -rf --one-file-system %s", dir);
    CHECK(system(command) == 0, "rm");
    printf("%d passed, %d failed\n", tests_passed, tests_failed);
    return tests_failed != 0;
}
