/* Installs a finished filter. What it lets through was decided, and compiled, by the parent. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"

/*
 * Afterwards a profile may deny, or kill for, close_range. So everything that is not needed until exec goes now; what
 * stays is closed one by one.
 */
static void close_all_but(unsigned first, const int *keep, size_t count)
{
    while (first <= INT_MAX) {
        unsigned next = ~0u;
        for (size_t i = 0; i < count; i++)
            if (keep[i] >= 0 && (unsigned)keep[i] >= first && (unsigned)keep[i] < next)
                next = (unsigned)keep[i];
        if (next != first && syscall(SYS_close_range, first, next == ~0u ? ~0u : next - 1, 0) < 0)
            fail(errno, "close descriptors");
        if (next == ~0u)
            return;
        first = next + 1;
    }
}

void stage_seccomp(struct plan_reader *r)
{
    uint32_t flags = plan_u32(r);
    int fifo = (int)plan_u32(r);
    uint32_t extra = plan_u32(r);
    struct plan_list program = plan_u64s(r);
    if (program.count == 0 || program.count > BPF_MAXINSNS)
        fail(EINVAL, "error loading seccomp filter into kernel: %u instructions", program.count);

    const int keep[] = { self.sync, self.root, fifo };
    close_all_but(3 + extra, keep, sizeof keep / sizeof *keep);
    self.mask_dir = -1;

    const struct sock_fprog filter = { (unsigned short)program.count, (struct sock_filter *)(uintptr_t)program.at };
    self.filtered = 1;
    long listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter);
    if (listener < 0)
        fail(errno, "error loading seccomp filter into kernel: error loading seccomp filter");
    if (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) {
        /* The parent takes its own copy by our number, so that nothing but one write comes before someone listens. */
        sync_parent(SYNC_SECCOMP, (uint32_t)listener, SYNC_ASK);
        close((int)listener);
    }
}
