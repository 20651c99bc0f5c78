#ifndef AOT_STARTUP_H
#define AOT_STARTUP_H

#include <features.h>
#include <stdbool.h>
#include <stdint.h>

/* start.c knows this C library. */
#if defined __x86_64__ && __GLIBC__ == 2 && __GLIBC_MINOR__ == 36
#define AOT_OWN_START 1
#endif

/* Makes the pages present, and writable without a fault; where the kernel can't, the faults come as ever. */
void populate(uintptr_t from, uintptr_t to);

/* Where the arguments of the role begin whose program lives for milliseconds, which is runc; 0 for any other role. */
int short_lived_arguments(int argc, char **argv);

/* Whether this is a role that lives for days, and moves what others send. */
bool is_daemon(int argc, char **argv);

/* Whether this process is to enter a container (aot_join). */
bool is_joiner(int argc, char **argv);

/* Set before the runtime starts: this is the role that lives for milliseconds. */
extern bool short_lived;

/* In libaotlauncher.a: begins what the arguments of the role runc will surely ask for. */
void aot_early(int argc, char **argv);

/* In libaotlauncher.a: what a process does that is called AOT_JOINER_NAME. */
_Noreturn void aot_join(const char *number);

#endif
