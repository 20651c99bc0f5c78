/* Where the process may run and where its memory comes from: CPUs and NUMA nodes. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"

/* A plan's list of u64 is the kernel's own form of a mask, on the little-endian 64-bit machines that this is built for. */
void stage_affinity(struct plan_reader *r)
{
    const char *which = plan_string(r);
    uint32_t must = plan_u32(r);
    struct plan_list mask = plan_u64s(r);
    if (syscall(SYS_sched_setaffinity, 0, mask.count * sizeof(uint64_t), mask.at) < 0 && must)
        fail(errno, "error setting %s CPU affinity", which);
}

void stage_memory_policy(struct plan_reader *r)
{
    uint32_t mode = plan_u32(r);
    struct plan_list mask = plan_u64s(r);
    /* man 2 set_mempolicy: of maxnode bits the kernel reads one less. */
    if (syscall(SYS_set_mempolicy, (int)mode, mask.count ? mask.at : NULL, mask.count * 64UL + 1) < 0)
        fail(errno, "set_mempolicy");
}
