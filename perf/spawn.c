/*
 * spawn ROUNDS -- CMD ARG ... [-- CMD ARG ...]...
 * Runs the commands in turn, ROUNDS times, and prints for each run: command's index, wall ns, user us, system us, exit code,
 * maximum resident KiB, page faults. Alternating keeps a noisy neighbour's minutes from falling on one command alone. posix_spawn (vfork
 * inside) keeps this program's own size out of the figures.
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

int main(int argc, char **argv)
{
    char **commands[64];
    int count = 0;
    if (argc < 4)
        return 2;
    int rounds = atoi(argv[1]);
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            argv[i] = NULL;
            if (count == 64)
                return 2;
            commands[count++] = &argv[i + 1];
        }
    }
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
    for (int round = 0; round < rounds; round++) {
        for (int c = 0; c < count; c++) {
            pid_t pid;
            struct rusage use;
            int status;
            long long start = now();
            if (posix_spawnp(&pid, commands[c][0], &quiet, NULL, commands[c], environ) != 0)
                return 1;
            if (wait4(pid, &status, 0, &use) < 0)
                return 1;
            long long wall = now() - start;
            printf("%d %lld %ld %ld %d %ld %ld\n", c, wall, use.ru_utime.tv_sec * 1000000 + use.ru_utime.tv_usec,
                   use.ru_stime.tv_sec * 1000000 + use.ru_stime.tv_usec, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), use.ru_maxrss, use.ru_minflt);
        }
    }
    return 0;
}
