/*
 * The runtime's own file, out of the reach of containers (CVE-2019-5736). A process that is about to become a
 * container's, but has not yet executed its program, still runs the runtime's file. Whoever may inspect it
 * (CAP_SYS_PTRACE in the same pid namespace) can keep its /proc/PID/exe open, and open that again for writing once
 * nobody executes it. A descriptor remembers the mount that it came through: executed through a read-only one, the file
 * can't be opened for writing, whatever its permissions. That mount is attached nowhere, so nobody can remount it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "aot.h"
#include "joiner.h"

/* The kernel takes no more than 6 MiB of arguments (man 2 execve); what is not used of the buffer costs nothing. */
enum { ST_READ_ONLY = 1, MAX_ARGUMENTS = 6 << 20 };

extern char **environ;

/* A read-only view of a file, to be executed as /proc/self/fd/N; or a negative errno. */
AOT_EXPORT int aot_read_only_file(const char *path)
{
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0)
        return -errno;
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
    if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0) {
        int error = errno;
        close(tree);
        return -error;
    }
    return tree;
}

bool own_file_is_read_only(void)
{
    struct statfs st;
    return statfs("/proc/self/exe", &st) == 0 && (st.f_flags & ST_READ_ONLY);
}

/*
 * Begins this program anew through a read-only mount, unless it already runs from one (its caller did that, or it is
 * installed so). Returns 0 where there was nothing to do, or a negative errno where it can't be done: without
 * CAP_SYS_ADMIN on the host, where the caller may not write to the file of another user anyway.
 */
AOT_EXPORT int aot_protect_own_file(void)
{
    if (own_file_is_read_only())
        return 0;

    char *text = malloc(MAX_ARGUMENTS);
    if (!text)
        return -ENOMEM;
    int cmdline = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    if (cmdline < 0) {
        int error = errno;
        free(text);
        return -error;
    }
    size_t used = 0;
    ssize_t n;
    while (used < MAX_ARGUMENTS && (n = read(cmdline, text + used, MAX_ARGUMENTS - used)) != 0) {
        if (n < 0 && errno != EINTR)
            break;
        if (n > 0)
            used += (size_t)n;
    }
    close(cmdline);
    size_t count = 0;
    for (size_t at = 0; at < used; at++)
        count += text[at] == 0;
    char **argv = calloc(count + 1, sizeof *argv);
    if (!argv || count == 0 || used == MAX_ARGUMENTS || text[used - 1] != 0) {
        free(argv);
        free(text);
        return -E2BIG;
    }
    char *next = text;
    for (size_t i = 0; i < count; i++, next += strlen(next) + 1)
        argv[i] = next;

    int file = aot_read_only_file("/proc/self/exe");
    int error = -file;
    if (file >= 0) {
        joiner_forget();
        syscall(SYS_execveat, file, "", argv, environ, AT_EMPTY_PATH);
        error = errno;
        close(file);
    }
    free(argv);
    free(text);
    return -error;
}
