/* The helper's program, carried within the one that starts it, which needs no other file. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "aot.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10 /* since Linux 6.3, which else warns */
#endif

__asm__(".section .rodata\n"
        ".balign 16\n"
        "tls_helper_begin: .incbin \"" TLS_HELPER "\"\n"
        "tls_helper_end: .byte 0\n"
        ".previous\n");

extern const char tls_helper_begin[] __attribute__((visibility("hidden"))), tls_helper_end[] __attribute__((visibility("hidden")));

/* A file with the program in it that nobody can change, to be executed as /proc/self/fd/N; or a negative errno. */
AOT_EXPORT int aot_tls_helper(void)
{
    unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = memfd_create("tls-helper", flags | MFD_EXEC);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create("tls-helper", flags);
    if (fd < 0)
        return -errno;
    const char *at = tls_helper_begin;
    while (at < tls_helper_end) {
        ssize_t n = write(fd, at, (size_t)(tls_helper_end - at));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        at += n;
    }
    if (at < tls_helper_end || fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}
