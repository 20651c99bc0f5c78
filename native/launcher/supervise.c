/*
 * What `run` and `exec` do in the foreground: pass signals on, relay the terminal, reap, and learn the exit status.
 * In C because signal handlers of the managed runtime are slow to set up, and none is needed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "aot.h"

static int signal_pipe[2] = { -1, -1 };

static void on_signal(int number)
{
    int error = errno;
    unsigned char byte = (unsigned char)number;
    /* Full means that 64 KiB of signals wait; one more would change nothing. */
    ssize_t ignored = write(signal_pipe[1], &byte, 1);
    (void)ignored;
    errno = error;
}

static const int caught[] = {
    SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU, SIGWINCH, SIGCHLD,
};

/* From here on signals wait in a pipe; called before the clone, so that none is lost. 0 or a negative errno. */
AOT_EXPORT int aot_signals_catch(void)
{
    if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    sigfillset(&action.sa_mask);
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++)
        if (sigaction(caught[i], &action, NULL) < 0)
            return -errno;
    return 0;
}

struct relay {
    int from, to;
    char buffer[16 * 1024];
    size_t start, end;
    int open;
};

static void pump_in(struct relay *r)
{
    ssize_t n = read(r->from, r->buffer, sizeof r->buffer);
    if (n > 0) {
        r->start = 0;
        r->end = (size_t)n;
    } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
        r->open = 0; /* EIO of a terminal: its last user has gone */
    }
}

static void pump_out(struct relay *r)
{
    ssize_t n = write(r->to, r->buffer + r->start, r->end - r->start);
    if (n > 0)
        r->start += (size_t)n;
    else if (n < 0 && errno != EINTR && errno != EAGAIN) {
        r->start = r->end;
        r->open = 0;
    }
}

static struct pollfd wish(const struct relay *r, int *writes)
{
    *writes = r->start < r->end;
    if (*writes)
        return (struct pollfd){ .fd = r->to, .events = POLLOUT };
    return (struct pollfd){ .fd = r->open ? r->from : -1, .events = POLLIN };
}

static void copy_size(int master)
{
    struct winsize size;
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
        ioctl(master, TIOCSWINSZ, &size);
}

/* Reaps what has died; 1 and the wait status once the container's process is among them. */
static int reap(int pid, int *status)
{
    int one, found = 0;
    for (;;) {
        int who = waitpid(-1, &one, WNOHANG);
        if (who <= 0)
            return found;
        if (who == pid) {
            *status = one;
            found = 1;
        }
    }
}

static int supervise(int pid, int pidfd, int master)
{
    static struct relay in, out;
    /* Member by member: a whole struct would clear, and so touch, both buffers. */
    in.from = STDIN_FILENO;
    in.to = out.from = master;
    out.to = STDOUT_FILENO;
    in.start = in.end = out.start = out.end = 0;
    in.open = out.open = master >= 0;
    int status = 0, dead = 0;
    if (master >= 0)
        copy_size(master);
    while (!dead || out.open || out.start < out.end) {
        int in_writes = 0, out_writes = 0;
        struct pollfd fds[3] = { { .fd = signal_pipe[0], .events = POLLIN }, wish(&in, &in_writes), wish(&out, &out_writes) };
        if (dead)
            fds[0].fd = fds[1].fd = -1;
        if (master < 0)
            fds[1].fd = fds[2].fd = -1;
        /* After its end only what the terminal still holds is of interest; someone else may keep it open for ever. */
        int n = poll(fds, 3, dead ? 100 : -1);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (dead && n == 0)
            break;
        if (n > 0 && fds[1].revents)
            in_writes ? pump_out(&in) : pump_in(&in);
        if (n > 0 && fds[2].revents)
            out_writes ? pump_out(&out) : pump_in(&out);
        if (dead || n <= 0 || !fds[0].revents)
            continue;
        unsigned char number;
        while (read(signal_pipe[0], &number, 1) == 1) {
            if (number == SIGCHLD)
                dead |= reap(pid, &status);
            else if (number == SIGWINCH && master >= 0)
                copy_size(master);
            else if (!dead)
                syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0);
        }
    }
    return status;
}

/*
 * Waits for the process in the foreground; master is its terminal or -1. Gives the exit code as a shell has it
 * (128 + signal), or a negative errno. aot_signals_catch() comes first.
 */
AOT_EXPORT int aot_supervise(int pid, int pidfd, int master)
{
    struct termios before;
    int raw = master >= 0 && tcgetattr(STDIN_FILENO, &before) == 0;
    if (raw) {
        struct termios mode = before;
        cfmakeraw(&mode);
        mode.c_oflag |= OPOST;
        tcsetattr(STDIN_FILENO, TCSANOW, &mode);
    }
    if (master >= 0)
        fcntl(master, F_SETFL, O_NONBLOCK);
    int status = supervise(pid, pidfd, master);
    if (raw)
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
    if (status < 0)
        return status;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
