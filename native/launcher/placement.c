/* Where the process may run, where its memory comes from, and how much it may use: CPUs, NUMA nodes, resource limits. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/resource.h>
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

/* Where the process has the rights for it: in a user namespace of its own it has not, and the parent sets them. */
void stage_rlimits(struct plan_reader *r)
{
    struct plan_list list = plan_u64s(r);
    struct plan_reader items = { list.at, list.end };
    for (uint32_t i = 0; i + 2 < list.count; i += 3) {
        unsigned type = (unsigned)plan_u64(&items);
        struct rlimit limit;
        limit.rlim_cur = plan_u64(&items);
        limit.rlim_max = plan_u64(&items);
        if (setrlimit((__rlimit_resource_t)type, &limit) < 0)
            fail(errno, "error setting rlimits for ready process: error setting rlimit type %u", type);
    }
}
