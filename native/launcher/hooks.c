/* Hooks: a program with the container's state on its standard input. Used in the child and by the managed side. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "aot.h"
#include "child.h"
#include "trace.h"

/* Before the words of a hook that could not be executed: no program's own. */
#define NOT_STARTED 1

static long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* The first part of what a hook says on one of its streams. */
struct said {
    int    fd;
    int    open;
    size_t used;
    char   text[REPORT_TEXT / 3];
};

static void listen_to(struct said *s)
{
    char scrap[512];
    size_t left = sizeof s->text - 1 - s->used;
    ssize_t n = read(s->fd, left ? s->text + s->used : scrap, left ? left : sizeof scrap);
    if (n > 0 && left)
        s->used += (size_t)n;
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        s->open = 0;
    s->text[s->used] = 0;
}

/* Writes the state and collects what the hook says, until it ends or the time is over. */
static int converse(const struct hook *hook, int in, struct said *out, struct said *err, int pidfd, long long deadline)
{
    size_t sent = 0;
    for (;;) {
        struct pollfd fds[4] = {
            { .fd = in, .events = POLLOUT },
            { .fd = err->open ? err->fd : -1, .events = POLLIN },
            { .fd = out->open ? out->fd : -1, .events = POLLIN },
            { .fd = pidfd, .events = POLLIN },
        };
        long long wait = deadline ? deadline - now_ms() : -1;
        if (deadline && wait <= 0)
            return ETIMEDOUT;
        if (poll(fds, 4, (int)(wait > 1000000 ? 1000000 : wait)) < 0) {
            if (errno == EINTR)
                continue;
            return errno;
        }
        if (in >= 0 && fds[0].revents) {
            ssize_t n = write(in, hook->state + sent, hook->state_length - sent);
            if (n > 0)
                sent += (size_t)n;
            /* A hook may well exit without reading: EPIPE is its own business. */
            if (sent == hook->state_length || (n < 0 && errno != EINTR && errno != EAGAIN)) {
                close(in);
                in = -1;
            }
        }
        if (fds[1].revents)
            listen_to(err);
        if (fds[2].revents)
            listen_to(out);
        if (fds[3].revents && !fds[1].revents && !fds[2].revents) {
            if (in >= 0)
                close(in);
            return 0;
        }
    }
}

int hook_run(const struct hook *hook, char *text, size_t text_size)
{
    int in[2], out[2], err[2];
    text[0] = 0;
    if (pipe2(in, O_CLOEXEC) < 0)
        return errno;
    if (pipe2(out, O_CLOEXEC) < 0) {
        int error = errno;
        close(in[0]);
        close(in[1]);
        return error;
    }
    if (pipe2(err, O_CLOEXEC) < 0) {
        int error = errno;
        close(in[0]);
        close(in[1]);
        close(out[0]);
        close(out[1]);
        return error;
    }
    /* A raw clone: fork() would run the C library's at-fork handlers of a process that may be half a copy. */
    sigset_t all, old;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);
    int pidfd = -1;
    struct {
        uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
    } args = { .flags = 0x1000ULL | 0x100000000ULL /* CLONE_PIDFD | CLONE_CLEAR_SIGHAND */,
               .pidfd = (uint64_t)(uintptr_t)&pidfd, .exit_signal = SIGCHLD };
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) {
        signal(SIGPIPE, SIG_DFL);
        sigprocmask(SIG_SETMASK, &old, NULL);
        /* Above the three places first: one of ours may be closed, and a pipe's end be where another belongs. */
        int from = fcntl(in[0], F_DUPFD_CLOEXEC, 3), to = fcntl(out[1], F_DUPFD_CLOEXEC, 3), bad = fcntl(err[1], F_DUPFD_CLOEXEC, 3);
        if (from >= 0 && to >= 0 && bad >= 0 && dup2(bad, 2) >= 0 && dup2(from, 0) >= 0 && dup2(to, 1) >= 0 &&
            syscall(SYS_close_range, 3, ~0u, 0) == 0)
            execve(hook->path, (char *const *)hook->argv, (char *const *)hook->envp);
        const char *why = strerrordesc_np(errno);
        char line[PATH_MAX + 128];
        int n = snprintf(line, sizeof line, "%cfork/exec %s: %c%s", NOT_STARTED, hook->path, why ? *why | 0x20 : 'e', why ? why + 1 : "rror");
        if (n > 0 && write(2, line, (size_t)n) < 0)
            _exit(126);
        _exit(127);
    }
    int error = errno;
    sigprocmask(SIG_SETMASK, &old, NULL);
    close(in[0]);
    close(out[1]);
    close(err[1]);
    if (pid < 0) {
        close(in[1]);
        close(out[0]);
        close(err[0]);
        return error;
    }
    /* A hook that stops reading must not stop us from seeing it exit. */
    fcntl(in[1], F_SETFL, O_NONBLOCK);
    /* EPIPE, not a signal, where the hook has closed its input. */
    signal(SIGPIPE, SIG_IGN);
    long long deadline = hook->timeout ? now_ms() + hook->timeout * 1000LL : 0;
    struct said said = { .fd = out[0], .open = 1 }, complained = { .fd = err[0], .open = 1 };
    error = converse(hook, in[1], &said, &complained, pidfd, deadline);
    if (error)
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    int status = 0, reaped;
    while ((reaped = waitpid((pid_t)pid, &status, 0)) < 0 && errno == EINTR)
        ;
    if (reaped < 0 && !error)
        error = errno;
    close(out[0]);
    close(err[0]);
    close(pidfd);
    if (error == ETIMEDOUT) {
        snprintf(text, text_size, "hook ran past specified timeout of %u.0s", hook->timeout);
        return error;
    }
    if (error)
        return error;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (complained.text[0] == NOT_STARTED)
        snprintf(text, text_size, "%s", complained.text + 1);
    else if (WIFSIGNALED(status))
        snprintf(text, text_size, "signal: %d, stdout: %s, stderr: %s", WTERMSIG(status), said.text, complained.text);
    else
        snprintf(text, text_size, "exit status %d, stdout: %s, stderr: %s", WEXITSTATUS(status), said.text, complained.text);
    return -1;
}

void stage_hook(struct plan_reader *r)
{
    const char *kind = plan_string(r);
    const char *path = plan_string(r);
    struct plan_list args = plan_strings(r);
    struct plan_list env = plan_strings(r);
    uint32_t timeout = plan_u32(r);
    const char *before = plan_string(r);
    const char *after = plan_string(r);

    struct hook hook = { .path = path, .timeout = timeout };
    hook.argv = child_alloc((args.count + 2) * sizeof *hook.argv);
    hook.envp = child_alloc((env.count + 1) * sizeof *hook.envp);
    plan_string_array(args, hook.argv);
    if (!args.count)
        hook.argv[0] = path;
    plan_string_array(env, hook.envp);
    size_t room = strlen(before) + strlen(after) + 16;
    char *state = child_alloc(room);
    int n = snprintf(state, room, "%s%d%s", before, getpid(), after);
    hook.state = state;
    hook.state_length = (size_t)n;
    char text[REPORT_TEXT - 128];
    int error = hook_run(&hook, text, sizeof text);
    if (error)
        fail(*text ? 0 : error, "error running %s: %s", kind, text);
}

/* For the hooks of the runtime's own namespaces. 0, or an errno or -1 with a sentence in text. */
AOT_EXPORT int aot_run_hook(const char *path, const char **argv, const char **envp, unsigned timeout, const char *state,
                            size_t state_length, char *text, size_t text_size)
{
    TRACE("hook %s", path);
    struct hook hook = { path, argv, envp, timeout, state, state_length };
    return hook_run(&hook, text, text_size);
}
