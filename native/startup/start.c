/*
 * All roles but the daemons begin without the C library's look at the processor. A static program asks the `cpuid` instruction some forty times
 * before main, for the sake of faster string functions in a long life; a virtual machine's host answers each, in 1 to 4 microseconds, and that
 * was a third of the time of an empty program. Here the steps of glibc's __libc_start_main follow one another without it: its string functions
 * then are those that every x86-64 can execute. The daemons begin as the C library has it.
 *
 * The steps and their names are glibc's own, of its 2.36 (csu/libc-start.c): hidden, thus known to no other program, but bound by a static link.
 * With another version's headers (startup.h) all roles begin alike; a function that is gone does not link.
 */
#include "startup.h"

int __real___libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void *init, void *fini, void *rtld_fini, void *stack_end);

#ifdef AOT_OWN_START
#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define HIDDEN __attribute__((visibility("hidden")))

typedef void initializer(int, char **, char **);
typedef void finalizer(void);

enum {
    /* Of memory functions: from which size on they go past the cache. glibc has three quarters of a processor's share of the last one. */
    NON_TEMPORAL = 768 * 1024,
};

extern char **environ;
extern void *__libc_stack_end;
extern long __x86_shared_non_temporal_threshold HIDDEN;
extern long __x86_rep_movsb_stop_threshold HIDDEN;
extern uintptr_t *_dl_random HIDDEN;
/* What the linker makes: the addresses that the program itself chooses at its start, and the initialisers. */
extern const Elf64_Rela __rela_iplt_start[] HIDDEN, __rela_iplt_end[] HIDDEN;
extern initializer *__preinit_array_start[] HIDDEN, *__preinit_array_end[] HIDDEN, *__init_array_start[] HIDDEN, *__init_array_end[] HIDDEN;
extern finalizer *__fini_array_start[] HIDDEN, *__fini_array_end[] HIDDEN;

void _dl_aux_init(Elf64_auxv_t *) HIDDEN;
void __libc_setup_tls(void);
void __libc_early_init(_Bool);
void __libc_init_first(int, char **, char **) HIDDEN;
int __cxa_atexit(void (*)(void *), void *, void *);
void _init(void);
void _fini(void);

static void call(initializer **first, initializer **end, int argc, char **argv)
{
    for (initializer **function = first; function < end; function++)
        (*function)(argc, argv, environ);
}

static void finish(void *unused)
{
    (void)unused;
    for (finalizer **function = __fini_array_end; function > __fini_array_start;)
        (*--function)();
    _fini();
}

/* Until the loop over the choices has run, no function of the C library may be called: the calls go through what it fills. */
int __wrap___libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void *init, void *fini, void *rtld_fini, void *stack_end)
{
    if (is_daemon(argc, argv))
        return __real___libc_start_main(main, argc, argv, init, fini, rtld_fini, stack_end);
    environ = argv + argc + 1;
    __libc_stack_end = stack_end;
    char **after = environ;
    while (*after++ != NULL)
        ;
    _dl_aux_init((Elf64_auxv_t *)after);
    __x86_shared_non_temporal_threshold = NON_TEMPORAL;
    __x86_rep_movsb_stop_threshold = NON_TEMPORAL;
    for (const Elf64_Rela *choice = __rela_iplt_start; choice < __rela_iplt_end; choice++)
        *(uintptr_t *)choice->r_offset = ((uintptr_t(*)(void))choice->r_addend)();
    __libc_setup_tls();
    /* The guards of stack and of stored pointers (tcbhead_t of glibc's sysdeps/x86_64/nptl/tls.h); a zero byte first stops a string's overrun. */
    __asm__ volatile("mov %0, %%fs:0x28" : : "r"(_dl_random[0] & ~(uintptr_t)0xff));
    __asm__ volatile("mov %0, %%fs:0x30" : : "r"(_dl_random[1]));
    __libc_early_init(1);
    __libc_init_first(argc, argv, environ);
    __cxa_atexit(finish, NULL, NULL);
    call(__preinit_array_start, __preinit_array_end, argc, argv);
    _init();
    call(__init_array_start, __init_array_end, argc, argv);
    exit(main(argc, argv, environ));
}
#else
int __wrap___libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void *init, void *fini, void *rtld_fini, void *stack_end)
{
    return __real___libc_start_main(main, argc, argv, init, fini, rtld_fini, stack_end);
}
#endif
