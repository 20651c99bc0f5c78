/*
 * Who enters a container still runs the runtime's file there, until it executes its program, and that file must be out of reach: it has to be
 * executed through a read-only mount (own_file.c). To begin the whole runtime anew for that costs a start. So it is another process that is
 * begun through that mount, and from it the one that enters is cloned: early, while the managed runtime starts in this one. It is the
 * launcher alone, waits for the plan, and gets the plan's descriptors with it, since it shares no table with us.
 * We ourselves are not to be seen by the container, so this is for one whose pid namespace is not ours.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aot.h"
#include "child.h"
#include "early.h"
#include "joiner.h"

enum { MAX_FDS = 250 }; /* SCM_MAX_FD is 253 */

int aot_read_only_file(const char *path);

extern char **environ;

static pid_t joiner; /* 0: there is none */
static int joiner_socket = -1;

struct fds {
    int count;
    int fd[MAX_FDS];
};

union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(MAX_FDS * sizeof(int))];
};

static struct {
    int file;
    char number[12];
    char *argv[3];
    char stack[4096] __attribute__((aligned(16)));
} start;

/* It shares the memory with the thread that goes on: no more than these two calls, and of errno, which is shared too, only where it fails. */
static int execute(void *unused)
{
    (void)unused;
    syscall(SYS_execveat, start.file, "", start.argv, environ, AT_EMPTY_PATH);
    syscall(SYS_exit, 127);
    return 127;
}

bool joiner_start(void)
{
    int pair[2];
    if (own_file_is_read_only())
        return false;
    start.file = aot_read_only_file("/proc/self/exe");
    if (start.file < 0)
        return false;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        close(start.file);
        return false;
    }
    /* A caller that closed its standard streams must not get these in their place. */
    pid_t pid = -1;
    if (start.file > STDERR_FILENO && pair[0] > STDERR_FILENO && fcntl(pair[1], F_SETFD, 0) == 0) {
        snprintf(start.number, sizeof start.number, "%d", pair[1]);
        start.argv[0] = AOT_JOINER_NAME;
        start.argv[1] = start.number;
        /*
         * In our own memory, of which nothing is copied, and beside us: to wait until it has executed the file would take longer. First what
         * the managed runtime begins with: in memory that two processes share, the kernel takes milliseconds for it (sync_runqueues_membarrier_state
         * waits for an RCU grace period), and nothing where it is done already.
         */
        syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
        pid = clone(execute, start.stack + sizeof start.stack, CLONE_VM | SIGCHLD, NULL);
        if (pid > 0)
            move_elsewhere(pid);
    }
    close(start.file);
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return false;
    }
    joiner = pid;
    joiner_socket = pair[0];
    return true;
}

/* It ends by itself once nobody is left to give it a plan. */
__attribute__((destructor)) void joiner_forget(void)
{
    siginfo_t info;
    if (joiner == 0)
        return;
    close(joiner_socket);
    while (syscall(SYS_waitid, P_PID, joiner, &info, WEXITED, NULL) < 0 && errno == EINTR)
        ;
    joiner = 0;
}

static void list_fd(int32_t *fd, void *context)
{
    struct fds *fds = context;
    if (*fd < 0)
        return;
    if (fds->count < MAX_FDS)
        fds->fd[fds->count] = *fd;
    fds->count++;
}

static void take_fd(int32_t *fd, void *context)
{
    struct fds *fds = context;
    if (*fd >= 0)
        *fd = fds->count < MAX_FDS ? fds->fd[fds->count++] : -1;
}

static bool transfer(int socket, uint8_t *at, size_t size, bool out)
{
    while (size > 0) {
        ssize_t n = out ? send(socket, at, size, MSG_NOSIGNAL) : recv(socket, at, size, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

/* The plan's header, and with it the descriptors. */
static bool send_header(const struct plan_header *h, const struct fds *fds)
{
    static union control control;
    struct iovec data = { (void *)h, sizeof *h };
    size_t size = (size_t)fds->count * sizeof(int);
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(size) };
    control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(size), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
    memcpy(CMSG_DATA(&control.header), fds->fd, size);
    ssize_t n;
    while ((n = sendmsg(joiner_socket, &message, MSG_NOSIGNAL)) < 0 && errno == EINTR)
        ;
    return n == sizeof *h;
}

/* 0, or a negative errno. */
static int send_plan(const uint8_t *blob, const struct plan_header *h)
{
    static struct fds fds;
    fds.count = 0;
    /* Only looked at: they are not changed. */
    plan_each_fd((uint8_t *)blob, list_fd, &fds);
    if (fds.count > MAX_FDS)
        return -EMFILE;
    return send_header(h, &fds) && transfer(joiner_socket, (uint8_t *)blob + sizeof *h, h->size - sizeof *h, true) ? 0 : -ECHILD;
}

/* Where it fails, the launch will, or does it all by itself. */
AOT_EXPORT void aot_joiner_beforehand(const uint8_t *blob, size_t size)
{
    struct plan_header h;
    if (joiner == 0 || plan_check(blob, size))
        return;
    memcpy(&h, blob, sizeof h);
    send_plan(blob, &h);
}

int joiner_launch(const uint8_t *blob, const struct plan_header *h, int *pid, int *pidfd)
{
    int32_t answer;
    if (joiner == 0)
        return 0;
    int error = send_plan(blob, h);
    if (error)
        return error;
    if (!transfer(joiner_socket, (uint8_t *)&answer, sizeof answer, false))
        return -ECHILD;
    /* It waits for another plan. */
    if (answer < 0)
        return answer;
    joiner_forget();
    *pid = answer;
    *pidfd = (int)syscall(SYS_pidfd_open, answer, 0);
    return *pidfd < 0 ? -errno : 1;
}

AOT_EXPORT int aot_joiner_waits(void)
{
    return joiner != 0;
}

static uint8_t *receive_plan(int socket, struct fds *fds)
{
    static union control control;
    struct plan_header h;
    struct iovec data = { &h, sizeof h };
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
    ssize_t n;
    while ((n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL)) < 0 && errno == EINTR)
        ;
    if (n != sizeof h || h.size < sizeof h)
        return NULL;
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    fds->count = 0;
    if (c && c->cmsg_type == SCM_RIGHTS)
        memcpy(fds->fd, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
    uint8_t *blob = mmap(NULL, h.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (blob == MAP_FAILED)
        return NULL;
    memcpy(blob, &h, sizeof h);
    if (!transfer(socket, blob + sizeof h, h.size - sizeof h, false) || plan_check(blob, h.size))
        return NULL;
    plan_each_fd(blob, take_fd, fds);
    return blob;
}

/* What AOT_JOINER_NAME runs: argv[1] is the number of its socket. */
AOT_EXPORT _Noreturn void aot_join(const char *number)
{
    static struct fds fds;
    int socket = atoi(number);
    sigset_t mask;
    /* A copy of this process is what the container sees first. */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    fcntl(socket, F_SETFD, FD_CLOEXEC);
    sigprocmask(SIG_SETMASK, NULL, &mask);
    remember_own_file();
    uint8_t *blob;
    while ((blob = receive_plan(socket, &fds))) {
        struct plan_header h;
        memcpy(&h, blob, sizeof h);
        if (h.when == PLAN_BEFOREHAND) {
            join_beforehand(blob);
            continue;
        }
        int32_t answer = launch_clone(&h, h.clone_flags | CLONE_PARENT, 0, NULL);
        if (answer == 0)
            run_plan(blob, &h, &mask);
        if (!transfer(socket, (uint8_t *)&answer, sizeof answer, true) && answer > 0)
            kill(answer, SIGKILL);
        if (answer > 0)
            break;
        for (int i = 0; i < fds.count; i++)
            close(fds.fd[i]);
        munmap(blob, h.size);
    }
    _exit(0);
}
