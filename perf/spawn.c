/*
 * spawn ROUNDS [-j JOBS] -- CMD ARG ... [++ CMD ARG ...]... [-- CMD ...]...
 * Runs the commands in turn, ROUNDS times, and prints for each run: command's index, wall ns, user us, system us, exit code,
 * maximum resident KiB, page faults. Alternating keeps a noisy neighbour's minutes from falling on one command alone. posix_spawn (vfork
 * inside) keeps this program's own size out of the figures. What ++ joins are processes one after the other, measured as one run. With -j
 * that many run at once, '@' in their arguments being the number of each, and the run lasts until the last one's end.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

enum { MAX_COMMANDS = 64, MAX_JOBS = 1000 };

static posix_spawn_file_actions_t quiet;

/* One command, its '@' replaced by the job's number; 0 where it can't be started. */
static pid_t start(char **command, int job)
{
    static char room[64 * 1024];
    char *argv[256], *at = room;
    int n = 0;
    pid_t pid;
    for (; command[n] && strcmp(command[n], "++") != 0 && n < 255; n++) {
        argv[n] = at;
        for (const char *c = command[n]; *c; c++) {
            if (*c == '@' && job >= 0)
                at += sprintf(at, "%d", job);
            else
                *at++ = *c;
        }
        *at++ = 0;
    }
    argv[n] = NULL;
    return posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ) == 0 ? pid : 0;
}

/* What comes after the next ++, or NULL. */
static char **following(char **command)
{
    while (*command)
        if (strcmp(*command++, "++") == 0)
            return command;
    return NULL;
}

struct figures {
    long user, system, resident, faults;
    int code;
};

static void reap(struct figures *f)
{
    struct rusage use;
    int status;
    if (wait4(-1, &status, 0, &use) < 0)
        exit(1);
    f->user += use.ru_utime.tv_sec * 1000000 + use.ru_utime.tv_usec;
    f->system += use.ru_stime.tv_sec * 1000000 + use.ru_stime.tv_usec;
    f->faults += use.ru_minflt;
    if (use.ru_maxrss > f->resident)
        f->resident = use.ru_maxrss;
    if (f->code == 0)
        f->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
    char **commands[MAX_COMMANDS];
    int count = 0, jobs = 0;
    if (argc < 4)
        return 2;
    int rounds = atoi(argv[1]);
    if (strcmp(argv[2], "-j") == 0)
        jobs = atoi(argv[3]);
    if (jobs > MAX_JOBS)
        return 2;
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            argv[i] = NULL;
            if (count == MAX_COMMANDS)
                return 2;
            commands[count++] = &argv[i + 1];
        }
    }
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
    for (int round = 0; round < rounds; round++) {
        for (int c = 0; c < count; c++) {
            struct figures f = { 0 };
            long long begin = now();
            if (jobs) {
                for (int job = 0; job < jobs; job++)
                    if (!start(commands[c], job))
                        return 1;
                for (int job = 0; job < jobs; job++)
                    reap(&f);
            } else {
                for (char **command = commands[c]; command; command = following(command)) {
                    if (!start(command, -1))
                        return 1;
                    reap(&f);
                }
            }
            printf("%d %lld %ld %ld %d %ld %ld\n", c, now() - begin, f.user, f.system, f.code, f.resident, f.faults);
        }
    }
    return 0;
}
