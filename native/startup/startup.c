/*
 * What every start of the program pays for page faults, and pays less here: memory that the runtime is about to write is made present
 * in a few calls instead of one fault a page. A fault costs 0.5 to 12 microseconds (virtual machines pay most), a page populated in
 * a batch 0.1 to 0.6; a start had 270 faults and now has 170, `runc run` 730 and 390. perf/results/start.md has the count.
 * None of this is needed: a kernel without MADV_POPULATE_WRITE (before 5.14) refuses it, and the pages come one by one as before.
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "startup.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum {
    PAGE = 4096,
    /* What the C heap holds by the time that Main begins. */
    EARLY_HEAP = 64 * 1024,
    /* The linker puts the runtime's own variables at the end of .data and at the end of .bss. */
    DATA_TAIL = 6 * PAGE,
    BSS_TAIL = 10 * PAGE,
};

/* man 3 end: the ends of initialised and of zeroed data. */
extern char edata, end;

void populate(uintptr_t from, uintptr_t to)
{
    from &= -(uintptr_t)PAGE;
    to = (to + PAGE - 1) & -(uintptr_t)PAGE;
    madvise((void *)from, to - from, MADV_POPULATE_WRITE);
}

/* 101 is the first that is free: the runtime's own constructors already write to these pages. */
__attribute__((constructor(101))) static void start(int argc, char **argv)
{
    if (is_joiner(argc, argv))
        aot_join(argv[1]);
    int first = short_lived_arguments(argc, argv);
    short_lived = first > 0;
    /* Before any page is populated: what a clone has to copy. */
    if (short_lived)
        aot_early(argc - first, argv + first);
    /* Threads of the managed runtime seldom call malloc: an arena for each is memory and four system calls for nothing. */
    mallopt(M_ARENA_MAX, 1);
    void *heap = malloc(EARLY_HEAP);
    if (heap != NULL)
        populate((uintptr_t)heap, (uintptr_t)heap + EARLY_HEAP);
    free(heap);
    populate((uintptr_t)&edata - DATA_TAIL, (uintptr_t)&edata);
    populate((uintptr_t)&end - BSS_TAIL, (uintptr_t)&end);
}
