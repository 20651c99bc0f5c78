/* A program that the daemons start finds its signals as a shell would leave them. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../launcher/spawn.h"
#include "harness.h"

/* By the system call itself: signals 32 and 33 are the C library's own, which sigaction(3) does not touch. */
static void dispose(int sig, unsigned long handler)
{
    unsigned long action[4] = { handler };
    if (syscall(SYS_rt_sigaction, sig, action, NULL, 8) < 0)
        abort();
}

static void ignored_signals(void)
{
    static const int ignored[] = { SIGHUP, SIGPIPE, SIGCHLD, 32, 33, 64 };
    int count = sizeof ignored / sizeof *ignored, out[2];
    char text[256] = "";

    for (int i = 0; i < count; i++)
        dispose(ignored[i], 1 /* SIG_IGN */);
    if (pipe(out) < 0)
        abort();
    struct aot_spawn_result result;
    struct aot_spawn_plan plan = {
        .path = "/bin/grep",
        .argv = (char *[]){ "grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status", NULL },
        .envp = (char *[]){ NULL },
        .fds = (int[]){ -1, out[1] },
        .fd_count = 2,
    };
    int started = aot_spawn(&plan, &result);
    for (int i = 0; i < count; i++)
        dispose(ignored[i], 0 /* SIG_DFL */);
    close(out[1]);
    for (ssize_t n, at = 0; (n = read(out[0], text + at, sizeof text - 1 - at)) > 0; at += n)
        ;
    close(out[0]);

    test_name = "signals that the parent ignores are at their defaults in the child";
    CHECK(started == 0, "step %d: %s", result.step, strerror(result.error));
    CHECK(strcmp(text, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n") == 0, "%s", text);
    if (started == 0) {
        waitpid(result.pid, NULL, 0);
        close(result.pidfd);
    }
}

void test_spawn(void)
{
    ignored_signals();
}
