/*
 * Starts a program the way posix_spawn does, with what daemons need and posix_spawn lacks: a table of descriptors,
 * a pidfd, and nothing else inherited. Nothing managed runs between clone and exec.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "spawn.h"

struct child {
    const struct aot_spawn_plan *plan;
    volatile int step;
    volatile int error;
};

enum { CHILD_STACK = 64 * 1024, MAX_FDS = 64 };

static int fail(struct child *c, int step)
{
    c->error = errno;
    c->step = step;
    _exit(127);
}

/* Puts each descriptor at its place. Sources first move above all places, so that no move overwrites one still needed. */
static int place_fds(const int *fds, int count)
{
    int high[MAX_FDS];

    for (int i = 0; i < count; i++) {
        high[i] = -1;
        if (fds[i] >= 0) {
            high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, count > 3 ? count : 3);
            if (high[i] < 0)
                return -1;
        }
    }
    for (int i = 0; i < count; i++) {
        if (high[i] < 0)
            close(i);
        else if (dup2(high[i], i) < 0)
            return -1;
    }
    /* Kernels before 5.11 lack this flag; what the managed side opens is close-on-exec anyway. */
    syscall(SYS_close_range, count, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
    return 0;
}

/*
 * Not by sigaction(3): the C library keeps signals 32 and 33 to itself and refuses to change them, yet a parent that was no
 * C program may have left them ignored. Zeroes are SIG_DFL, no flags, no mask in the kernel's struct of every architecture.
 */
static void default_signals(void)
{
    static const unsigned long dfl[4];

    for (int sig = 1; sig < NSIG; sig++)
        syscall(SYS_rt_sigaction, sig, dfl, NULL, sizeof(uint64_t));
}

/* Runs in the parent's memory while the parent is suspended (CLONE_VFORK): touches only its own stack and *c. */
static int child_main(void *arg)
{
    struct child *c = arg;
    const struct aot_spawn_plan *p = c->plan;
    sigset_t none;

    /* Before the mask opens: a handler of the runtime's must never run here. */
    default_signals();
    if ((p->flags & SPAWN_SETSID) && setsid() < 0)
        return fail(c, STEP_SETSID);
    if ((p->flags & SPAWN_SETPGID) && setpgid(0, 0) < 0)
        return fail(c, STEP_SETSID);
    if (p->oom_score_adj) {
        /* Lowering may be refused; the program is still worth running. */
        int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
        size_t n = 0;
        while (p->oom_score_adj[n])
            n++;
        if (fd >= 0) {
            if (write(fd, p->oom_score_adj, n) < 0)
                errno = 0;
            close(fd);
        }
    }
    if (p->fd_count > 0 && place_fds(p->fds, p->fd_count) < 0)
        return fail(c, STEP_DUP);
    if (p->cwd && chdir(p->cwd) < 0)
        return fail(c, STEP_CHDIR);
    if (p->pdeathsig)
        prctl(PR_SET_PDEATHSIG, p->pdeathsig, 0, 0, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(p->path, p->argv, p->envp);
    return fail(c, STEP_EXEC);
}

/* 0 and result->pid, result->pidfd (close-on-exec); or -1 with the failed step and its errno. */
AOT_EXPORT int aot_spawn(const struct aot_spawn_plan *plan, struct aot_spawn_result *result)
{
    struct child c = { .plan = plan };
    sigset_t all, old;
    void *stack;
    int pid, pidfd = -1;

    *result = (struct aot_spawn_result){ .pid = -1, .pidfd = -1 };
    if (plan->fd_count > MAX_FDS) {
        result->step = STEP_DUP;
        result->error = EINVAL;
        return -1;
    }
    stack = mmap(NULL, CHILD_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) {
        result->step = STEP_CLONE;
        result->error = errno;
        return -1;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    pid = clone(child_main, (char *)stack + CHILD_STACK, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &c, &pidfd);
    if (pid < 0) {
        c.error = errno;
        c.step = STEP_CLONE;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    munmap(stack, CHILD_STACK);

    if (c.step != STEP_NONE) {
        result->step = c.step;
        result->error = c.error;
        if (pid > 0) {
            /* __WNOTHREAD is not needed: it is this process's child, and dead already. */
            siginfo_t info;
            while (syscall(SYS_waitid, 1 /* P_PID */, pid, &info, 4 /* WEXITED */, NULL) < 0 && errno == EINTR)
                ;
            close(pidfd);
        }
        return -1;
    }
    result->pid = pid;
    result->pidfd = pidfd;
    return 0;
}
