/*
 * floor PROGRAM: the least that any OCI runtime must do for a container with the default spec's namespaces. One clone into new
 * ones, one exec, one wait; no mount, no cgroup, no file is read. What is more than this in a `run` is the runtime's own.
 */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct clone_args args = {
        .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
        .exit_signal = SIGCHLD,
    };
    int status;

    if (argc < 2)
        return 2;
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) {
        execv(argv[1], argv + 1);
        _exit(127);
    }
    if (pid < 0 || waitpid((pid_t)pid, &status, 0) < 0)
        return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
