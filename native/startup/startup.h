#ifndef AOT_STARTUP_H
#define AOT_STARTUP_H

#include <stdint.h>

/* Makes the pages present, and writable without a fault; where the kernel can't, the faults come as ever. */
void populate(uintptr_t from, uintptr_t to);

/* Where the arguments of the role begin whose program lives for milliseconds; 0 for any other role. Before the runtime starts. */
int short_lived_arguments(int argc, char **argv);

/* In libaotlauncher.a: begins what the arguments of the role runc will surely ask for. */
void aot_early(int argc, char **argv);

/* In libaotlauncher.a: what a process does that is called AOT_JOINER_NAME. */
_Noreturn void aot_join(const char *number);

#endif
