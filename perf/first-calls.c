/*
 * first-calls SYMBOLS CMD [ARG ...]: runs the command and prints, on descriptor 3, the functions of its program in the order in which its first
 * process calls them for the first time. SYMBOLS has a line "ADDRESS NAME" for each, as `nm` gives them for a file that is not moved.
 * Each function's first byte is a breakpoint until it is called (man 2 ptrace), so the command runs nearly as fast as ever. Processes that
 * it forks must not call these functions; its threads may.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

struct function {
    uintptr_t at;
    char *name;
    unsigned char first; /* the byte in whose place the breakpoint is */
};

static struct function *functions;
static size_t count;

static int by_address(const void *a, const void *b)
{
    const struct function *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static void read_symbols(const char *file)
{
    FILE *in = fopen(file, "r");
    char name[64 * 1024];
    uintptr_t at;
    if (!in)
        die(file);
    for (size_t room = 0; fscanf(in, "%lx %65535s", &at, name) == 2; count++) {
        if (count == room && !(functions = realloc(functions, (room = room * 2 + 1024) * sizeof *functions)))
            die("realloc");
        functions[count] = (struct function){ .at = at, .name = strdup(name) };
    }
    fclose(in);
    qsort(functions, count, sizeof *functions, by_address);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    read_symbols(argv[1]);
    pid_t pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        execv(argv[2], argv + 2);
        _exit(127);
    }
    int status;
    if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
        return 2;
    ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    int memory = open(path, O_RDWR);
    if (memory < 0)
        die(path);
    const unsigned char trap = 0xcc;
    for (size_t i = 0; i < count; i++) {
        /* Of functions with one body only the first name counts. */
        if (i > 0 && functions[i].at == functions[i - 1].at)
            continue;
        if (pread(memory, &functions[i].first, 1, (off_t)functions[i].at) != 1 || pwrite(memory, &trap, 1, (off_t)functions[i].at) != 1)
            die("write a breakpoint");
    }
    ptrace(PTRACE_CONT, pid, 0, 0);
    for (;;) {
        pid_t who = waitpid(-1, &status, __WALL);
        if (who < 0)
            break;
        if (!WIFSTOPPED(status)) {
            if (who == pid)
                return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            continue;
        }
        int signal = WSTOPSIG(status);
        uintptr_t ip = (uintptr_t)ptrace(PTRACE_PEEKUSER, who, (void *)offsetof(struct user_regs_struct, rip), 0) - 1;
        struct function key = { .at = ip }, *hit = signal == SIGTRAP ? bsearch(&key, functions, count, sizeof key, by_address) : NULL;
        while (hit && hit > functions && hit[-1].at == ip)
            hit--;
        if (hit) {
            dprintf(3, "%s\n", hit->name);
            pwrite(memory, &hit->first, 1, (off_t)ip);
            ptrace(PTRACE_POKEUSER, who, (void *)offsetof(struct user_regs_struct, rip), (void *)ip);
        }
        /* A new thread begins with SIGSTOP, and the clone itself is told by SIGTRAP. */
        ptrace(PTRACE_CONT, who, 0, signal == SIGTRAP || signal == SIGSTOP ? 0 : signal);
    }
    return 2;
}
