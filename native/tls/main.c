/* Takes commands from the program that started it, until that ends; a thread for each. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "tls.h"

enum { MAX_FDS = 2, MALLOC_ARENAS = 2, NOBODY = 65534 };

/* A command and what came with it; the thread's own. */
struct job {
    struct command command;
    int fds[MAX_FDS];
    int fd_count;
    uint8_t message[];
};

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended;
static int running;

/*
 * Without capabilities root still owns the system's files. Whoever may read the keys by the capability need not be root for it. Where the kernel
 * does not let us (a user namespace without that id), we stay who we are.
 */
static void leave_root(void)
{
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
        errno = 0;
}

/* What comes from strangers is parsed with as little power as reading the files of keys takes. */
static bool drop_privileges(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];
    const struct rlimit none = { 0, 0 };
    const uint32_t read = 1u << CAP_DAC_READ_SEARCH;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
        return false;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    /* EINVAL ends the list that this kernel knows; without CAP_SETPCAP there is nothing to be gained from the set anyway. */
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        if (cap != CAP_DAC_READ_SEARCH)
            prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    if (syscall(SYS_capget, &header, caps) < 0)
        return false;
    if (geteuid() == 0 && (caps[0].permitted & read))
        leave_root();
    caps[0] = (struct __user_cap_data_struct){ .effective = caps[0].permitted & read, .permitted = caps[0].permitted & read };
    caps[1] = (struct __user_cap_data_struct){ 0 };
    /* Last: no other process of this user may look into the keys (man 2 PR_SET_DUMPABLE). */
    return syscall(SYS_capset, &header, caps) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

static void nothing(int signal)
{
    (void)signal; /* it interrupts the wait, which is all */
}

static void prepare_signals(sigset_t *while_waiting)
{
    struct sigaction ignore = { .sa_handler = SIG_IGN }, wake = { .sa_handler = nothing };
    /* Those of a terminal and of a stopping service are for the program, which may still need its connections. */
    const int ignored[] = { SIGPIPE, SIGINT, SIGQUIT, SIGHUP, SIGTERM };
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        sigaction(ignored[i], &ignore, NULL);
    sigaction(SIGUSR1, &wake, NULL);
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, while_waiting);
    prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0);
}

static void close_all(const int *fds, int count)
{
    for (int i = 0; i < count; i++)
        close(fds[i]);
}

/* The next command; NULL where there is none and will be none. */
static struct job *receive_job(void)
{
    static uint8_t message[MAX_COMMAND];
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(MAX_FDS * sizeof(int))];
    } control;
    struct iovec vector = { .iov_base = message, .iov_len = sizeof message };
    struct msghdr header = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room };
    ssize_t n = recvmsg(CONTROL_FD, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n <= 0)
        return NULL;
    struct job *job = malloc(sizeof *job + (size_t)n);
    int fds[MAX_FDS], count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= c->cmsg_len && count < MAX_FDS; at += sizeof(int))
            memcpy(&fds[count++], CMSG_DATA(c) + at, sizeof(int));
    }
    if (!job) {
        close_all(fds, count);
        return NULL;
    }
    memcpy(job->message, message, (size_t)n);
    memcpy(job->fds, fds, sizeof fds);
    /* Cut off, by its length or by a table of descriptors that is full: as one that says nothing. */
    bool whole = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 && parse_command(job->message, (size_t)n, &job->command);
    job->fd_count = count;
    if (!whole)
        job->command.what = 0;
    return job;
}

/* The first descriptor is the pair: where the table was full, it is the other that is missing. */
static void refuse(struct job *job, const char *why)
{
    if (job->fd_count > 0)
        send_result(job->fds[0], RESULT_ERROR, why);
    close_all(job->fds, job->fd_count);
    free(job);
}

static void check(struct job *job)
{
    char error[MAX_ERROR] = "";
    SSL_CTX *context = context_for(&job->command, error);
    send_result(job->fds[0], context ? RESULT_OK : RESULT_ERROR, error);
    SSL_CTX_free(context);
    close(job->fds[0]);
}

static void *run(void *argument)
{
    struct job *job = argument;
    if (job->command.what == CONNECT || job->command.what == ACCEPT)
        run_connection(&job->command, job->fds[1], job->fds[0]);
    else
        check(job);
    free(job);
    OPENSSL_thread_stop();
    pthread_mutex_lock(&gate);
    running--;
    pthread_cond_signal(&ended);
    pthread_mutex_unlock(&gate);
    return NULL;
}

static void begin(struct job *job, const pthread_attr_t *attributes)
{
    int expected = job->command.what == CONNECT || job->command.what == ACCEPT ? 2 : 1;
    if (job->command.what == 0 || job->fd_count != expected) {
        refuse(job, "tls: malformed command");
        return;
    }
    pthread_mutex_lock(&gate);
    bool full = running >= MAX_CONNECTIONS;
    running += !full;
    pthread_mutex_unlock(&gate);
    if (full) {
        refuse(job, "tls: too many connections");
        return;
    }
    pthread_t thread;
    if (pthread_create(&thread, attributes, run, job) != 0) {
        pthread_mutex_lock(&gate);
        running--;
        pthread_mutex_unlock(&gate);
        refuse(job, "tls: no thread for the connection");
    }
}

/* What our parent had said before its end is still sent. */
static void wait_for_the_last(void)
{
    struct timespec limit;
    clock_gettime(CLOCK_MONOTONIC, &limit);
    limit.tv_sec += END_MS / 1000;
    pthread_mutex_lock(&gate);
    while (running > 0 && pthread_cond_clockwait(&ended, &gate, CLOCK_MONOTONIC, &limit) == 0)
        ;
    pthread_mutex_unlock(&gate);
}

int main(void)
{
    sigset_t while_waiting;
    pthread_attr_t attributes;
    struct rlimit files;
    pid_t parent = getppid();

    close(OWN_FILE_FD);
    prctl(PR_SET_NAME, "tls-helper", 0, 0, 0); /* else it is the number of that descriptor */
    fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (!drop_privileges())
        return 1;
    prepare_signals(&while_waiting);
    mallopt(M_ARENA_MAX, MALLOC_ARENAS); /* each arena keeps what many threads have freed */
    pthread_cond_init(&ended, NULL);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, THREAD_STACK);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);

    while (getppid() == parent) {
        struct pollfd p = { .fd = CONTROL_FD, .events = POLLIN };
        if (ppoll(&p, 1, NULL, &while_waiting) < 0)
            continue;
        struct job *job = receive_job();
        if (job)
            begin(job, &attributes);
        else if (p.revents & (POLLHUP | POLLERR))
            break;
    }
    wait_for_the_last();
    /* Not exit(3): it would take OpenSSL from under threads that still run. */
    _exit(0);
}
