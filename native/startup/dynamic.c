/*
 * A static program has its own C library; a shared library would bring the machine's, of whatever version, into the same process. So nothing is
 * loaded: the name service (man 5 nsswitch.conf) has files and dns built in and passes over the rest, as if its modules were not installed.
 */
#include <stddef.h>

void *__wrap_dlopen(const char *file, int flags);
void *__wrap_dlsym(void *library, const char *name);
char *__wrap_dlerror(void);
void *__wrap___libc_dlopen_mode(const char *file, int flags);

void *__wrap_dlopen(const char *file, int flags)
{
    (void)file;
    (void)flags;
    return NULL;
}

void *__wrap_dlsym(void *library, const char *name)
{
    (void)library;
    (void)name;
    return NULL;
}

char *__wrap_dlerror(void)
{
    return "this program is static, and loads no shared libraries";
}

void *__wrap___libc_dlopen_mode(const char *file, int flags)
{
    return __wrap_dlopen(file, flags);
}
