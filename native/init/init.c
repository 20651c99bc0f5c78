/*
 * docker-init: process 1 of a container that asked for one. Starts the container's program, passes signals on to it,
 * reaps whatever is orphaned, and ends as the program did. Static, since it runs inside foreign root file systems.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef INIT_VERSION
#define INIT_VERSION "0.1.0"
#endif

enum {
    EXIT_FAILED = 1,
    EXIT_NOT_EXECUTABLE = 126,
    EXIT_NOT_FOUND = 127,
};

struct options {
    int group;         /* -g: signal the program's whole process group */
    int subreaper;     /* -s: adopt orphans where this is not process 1 */
    int pdeathsig;     /* -p: die with the parent */
    int verbose;       /* -v */
    unsigned char remap[256]; /* -e: exit codes that count as success */
};

static const char usage[] =
    "docker-init [OPTIONS] PROGRAM -- [ARGS] | --version\n"
    "\n"
    "  --version: show version and exit\n"
    "  -h: show this help message and exit\n"
    "  -s: register as a process subreaper\n"
    "  -p SIGNAL: trigger SIGNAL when the parent dies\n"
    "  -v: say more\n"
    "  -w: warn when processes are reaped\n"
    "  -g: send signals to the child's process group\n"
    "  -e EXIT_CODE: remap EXIT_CODE (from 0 to 255) to 0\n";

static int parse_signal(const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);

    if (*text && !*end)
        return number > 0 && number < NSIG ? (int)number : -1;
    if (strncmp(text, "SIG", 3) == 0)
        text += 3;
    for (int sig = 1; sig < NSIG; sig++) {
        const char *name = sigabbrev_np(sig);
        if (name && strcmp(name, text) == 0)
            return sig;
    }
    return -1;
}

/* The index of the program in argv; ends the process for --version, -h and errors. */
static int parse(int argc, char **argv, struct options *o)
{
    int c;

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("docker-init version " INIT_VERSION " - git.aotruntime\n");
        exit(0);
    }
    while ((c = getopt(argc, argv, "+hvwgsp:e:")) != -1) {
        switch (c) {
        case 'h':
            fputs(usage, stdout);
            exit(0);
        case 'v':
            o->verbose++;
            break;
        case 'w':
            break;
        case 'g':
            o->group = 1;
            break;
        case 's':
            o->subreaper = 1;
            break;
        case 'p':
            o->pdeathsig = parse_signal(optarg);
            if (o->pdeathsig < 0) {
                fprintf(stderr, "docker-init: not a valid option for -p: %s\n", optarg);
                exit(EXIT_FAILED);
            }
            break;
        case 'e': {
            char *end;
            long code = strtol(optarg, &end, 10);
            if (!*optarg || *end || code < 0 || code > 255) {
                fprintf(stderr, "docker-init: not a valid option for -e: %s\n", optarg);
                exit(EXIT_FAILED);
            }
            o->remap[code] = 1;
            break;
        }
        default:
            fputs(usage, stderr);
            exit(EXIT_FAILED);
        }
    }
    if (optind >= argc) {
        fputs(usage, stderr);
        exit(EXIT_FAILED);
    }
    return optind;
}

/* In the child: the terminal's foreground is the program's, and signals are as they were. */
static void run_program(char **argv, const sigset_t *mask)
{
    int error;

    if (setpgid(0, 0) == 0 && tcsetpgrp(STDIN_FILENO, getpgrp()) < 0 && errno != ENOTTY && errno != ENXIO && errno != EBADF)
        perror("docker-init: tcsetpgrp");
    signal(SIGTTIN, SIG_DFL);
    signal(SIGTTOU, SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(argv[0], argv);
    error = errno;
    fprintf(stderr, "[FATAL docker-init (%d)] exec %s failed: %s\n", getpid(), argv[0], strerror(error));
    _exit(error == ENOENT ? EXIT_NOT_FOUND : error == EACCES ? EXIT_NOT_EXECUTABLE : EXIT_FAILED);
}

/* Reaps all that has ended. The program's exit code, or -1 while it lives. */
static int reap(pid_t program)
{
    int status, code = -1;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == program)
            code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return code;
}

int main(int argc, char **argv)
{
    /* These tell of a fault in this program itself. */
    static const int faults[] = { SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS };
    struct options o = { 0 };
    sigset_t waited, before;
    int at = parse(argc, argv, &o), code = -1;
    pid_t program;

    if (o.pdeathsig && prctl(PR_SET_PDEATHSIG, o.pdeathsig) < 0)
        perror("docker-init: PR_SET_PDEATHSIG");
    if (o.subreaper && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        perror("docker-init: PR_SET_CHILD_SUBREAPER");

    sigfillset(&waited);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(&waited, faults[i]);
    sigprocmask(SIG_SETMASK, &waited, &before);
    /* Else tcsetpgrp, from what is then the background, would stop this process. */
    signal(SIGTTIN, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);

    program = fork();
    if (program < 0) {
        perror("docker-init: fork");
        return EXIT_FAILED;
    }
    if (program == 0)
        run_program(argv + at, &before);
    if (o.verbose)
        fprintf(stderr, "[INFO  docker-init (%d)] Spawned child process '%s' with pid '%d'\n", getpid(), argv[at], program);

    while (code < 0) {
        siginfo_t info;
        int sig = sigwaitinfo(&waited, &info);
        if (sig < 0)
            continue;
        if (sig != SIGCHLD && kill(o.group ? -program : program, sig) < 0 && errno != ESRCH)
            perror("docker-init: kill");
        /* Also after another signal: a pending SIGCHLD stands for any number of children. */
        code = reap(program);
    }
    return o.remap[code] ? 0 : code;
}
