/* The program itself: which file it is, when it starts, and what it must not inherit. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"

static const char *get_env(const char *const *env, const char *name)
{
    size_t n = strlen(name);
    for (; *env; env++)
        if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
            return *env + n + 1;
    return NULL;
}

/* 0 where the program may be executed by this user, else the errno that Go's exec.LookPath gives. */
static int executable(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return errno;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    /* The effective ids and capabilities count, which only faccessat2 asks the kernel for. */
    if (syscall(SYS_faccessat2, AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
        return 0;
    if (errno == ENOSYS || errno == EPERM)
        return st.st_mode & 0111 ? 0 : EACCES;
    return errno;
}

static const char *find_program(const char *name, const char *path)
{
    if (strchr(name, '/')) {
        int error = executable(name);
        if (error == ENOENT || error == ENOTDIR || error == ELOOP)
            fail(error, "exec: \"%s\": stat %s", name, name);
        if (error)
            fail(error, "exec: \"%s\"", name);
        return name;
    }
    char *candidate = child_alloc(PATH_MAX);
    int refused = 0;
    for (const char *at = path ? path : ""; *at;) {
        size_t n = strcspn(at, ":");
        /* An empty entry is the working directory in a shell; Go refuses to run what it finds there. */
        if (n > 0 && at[0] == '/' && snprintf(candidate, PATH_MAX, "%.*s/%s", (int)n, at, name) < PATH_MAX) {
            int error = executable(candidate);
            if (!error)
                return candidate;
            if (error == EACCES)
                refused = 1;
        }
        at += n;
        if (*at == ':')
            at++;
    }
    (void)refused; /* Go forgets it too: "not found" is what engines map to 127 */
    fail(0, "exec: \"%s\": executable file not found in $PATH", name);
}

/* The home directory of a uid in the container's /etc/passwd; "/" where it has none. */
static const char *home_of(uint32_t uid)
{
    /* A filter may deny openat2. The root is entered by now, so a plain open stays inside of it too. */
    int fd = self.filtered ? open("/etc/passwd", O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
                           : root_open("/etc/passwd", O_RDONLY | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return "/";
    size_t room = 256 * 1024;
    char *text = child_alloc(room);
    size_t used = 0;
    ssize_t n;
    while (used < room - 1 && (n = read(fd, text + used, room - 1 - used)) > 0)
        used += (size_t)n;
    close(fd);
    text[used] = 0;
    for (char *line = text, *end; *line; line = end) {
        end = strchrnul(line, '\n');
        if (*end)
            *end++ = 0;
        /* name:password:UID:gid:comment:HOME:shell */
        char *field[6];
        char *at = line;
        int count = 0;
        while (at && count < 6) {
            field[count++] = at;
            at = strchr(at, ':');
            if (at)
                *at++ = 0;
        }
        /* What a short line leaves out is empty, as runc reads it. */
        while (count < 6)
            field[count++] = end - (*end ? 1 : 0);
        char *rest;
        unsigned long id = strtoul(field[2], &rest, 10);
        if (*field[2] && !*rest && id == uid)
            return field[5];
    }
    return "/";
}

void stage_resolve(struct plan_reader *r)
{
    struct plan_list args = plan_strings(r);
    struct plan_list env = plan_strings(r);
    uint32_t uid = plan_u32(r);
    self.argv = child_alloc((args.count + 1) * sizeof *self.argv);
    self.envp = child_alloc((env.count + 2) * sizeof *self.envp);
    plan_string_array(args, self.argv);
    plan_string_array(env, self.envp);
    if (!args.count)
        fail(0, "args must not be empty");

    const char *home = get_env(self.envp, "HOME");
    if (!home || !*home) {
        const char *found = home_of(uid);
        size_t room = strlen(found) + sizeof "HOME=";
        char *entry = child_alloc(room);
        snprintf(entry, room, "HOME=%s", found);
        uint32_t at = 0;
        while (at < env.count && strncmp(self.envp[at], "HOME=", 5) != 0)
            at++;
        self.envp[at] = entry;
        if (at == env.count)
            self.envp[at + 1] = NULL;
    }
    self.program = find_program(self.argv[0], get_env(self.envp, "PATH"));
}

/*
 * `start` reads, as runc's does, and takes what it reads for a sign that nobody has started the container yet. The fifo is full, so that the
 * write waits for that, and open for reading too, so that it waits where nobody reads; no path has to be opened here: the container's root
 * holds nothing of ours. Of a dead init the fifo holds nothing any more.
 */
void stage_wait_fifo(struct plan_reader *r)
{
    int fd = (int)plan_u32(r);
    ssize_t n;
    while ((n = write(fd, "0", 1)) < 0 && errno == EINTR)
        ;
    if (n != 1)
        fail(n < 0 ? errno : EPIPE, "write exec fifo");
    close(fd);
}

/*
 * Two things must not leak into the container (CVE-2024-21626, CVE-2019-5736):
 *
 *  - Descriptors. They are closed, not only marked: during execve the path, or a script's interpreter, is looked up
 *    while close-on-exec descriptors are still open, and /proc/self/fd/N would be one. Only the report socket stays
 *    (close-on-exec), which can be neither executed nor entered.
 *  - The runtime's own file. /proc/self/exe is the runtime until execve has replaced it, so a program or interpreter
 *    named "/proc/self/exe" would run the runtime inside, from where it can be opened for writing. The file that is
 *    executed, and a script's interpreter, may therefore not be reached through a magic link.
 *    The process is not dumpable until then, so that others in the container can't read its /proc entries.
 */
/*
 * 1 where the file may not be executed. Under a seccomp filter openat2 can't be counted on: then it is the file itself
 * that tells. The runtime's own is the only one that a magic link could still lead to, since no descriptors are left.
 */
static int is_own_binary(const char *path)
{
    int fd = self.filtered ? open(path, O_PATH | O_CLOEXEC) : root_open(path, O_PATH);
    if (fd < 0)
        return self.filtered ? errno != ENOENT && errno != ENOTDIR : errno == ELOOP;
    struct stat st;
    int own = self.filtered && (fstat(fd, &st) < 0 || (st.st_dev == self.exe_dev && st.st_ino == self.exe_ino));
    close(fd);
    return own;
}

static void refuse_own_binary(void)
{
    if (is_own_binary(self.program))
        fail(EACCES, "exec %s: reached through a magic link", self.program);

    char head[256 + 1] = { 0 };
    int fd = open(self.program, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return; /* executable, not readable: then it is no script that the kernel would run either */
    ssize_t n = read(fd, head, sizeof head - 1);
    close(fd);
    if (n < 2 || head[0] != '#' || head[1] != '!')
        return;
    char *at = head + 2;
    at += strspn(at, " \t");
    at[strcspn(at, " \t\n")] = 0;
    if (!*at)
        return;
    if (is_own_binary(at))
        fail(EACCES, "exec %s: interpreter %s", self.program, at);
}

void stage_exec(struct plan_reader *r)
{
    uint32_t extra = plan_u32(r);
    refuse_own_binary();
    unsigned first = 3 + extra;
    if (self.filtered) {
        /* The rest went before the filter came. */
        if (self.root >= 0)
            close(self.root);
    } else if (self.sync >= 0 && (unsigned)self.sync >= first) {
        unsigned sync = (unsigned)self.sync;
        if ((sync > first && syscall(SYS_close_range, first, sync - 1, 0) < 0) ||
            syscall(SYS_close_range, sync + 1, ~0u, 0) < 0)
            fail(errno, "close descriptors");
    } else if (syscall(SYS_close_range, first, ~0u, 0) < 0) {
        fail(errno, "close descriptors");
    }
    for (unsigned fd = 3; fd < first; fd++)
        fcntl((int)fd, F_SETFD, 0);
    /* hook_run ignores it, and an ignored signal stays so over execve. */
    signal(SIGPIPE, SIG_DFL);
    execve(self.program, (char *const *)self.argv, (char *const *)self.envp);
    fail(errno, "exec %s", self.program);
}
