/*
 * Labels of security modules. A process sets its own through /proc/thread-self/attr, which is opened before anything of the
 * container is entered: from inside, what is mounted over that path could swallow the write (CVE-2019-16884).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "child.h"

void stage_label_open(struct plan_reader *r)
{
    uint32_t slot = plan_u32(r);
    const char *path = plan_string(r);
    if (slot >= LABELS)
        fail(EINVAL, "label slot %u", slot);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    struct statfs st;
    if (fd < 0 || fstatfs(fd, &st) < 0)
        fail(errno, "open %s", path);
    if (st.f_type != PROC_SUPER_MAGIC)
        fail(0, "%s is not on a procfs", path);
    self.label[slot] = fd;
}

void stage_label_write(struct plan_reader *r)
{
    uint32_t slot = plan_u32(r);
    const char *label = plan_string(r);
    const char *what = plan_string(r);
    if (slot >= LABELS || self.label[slot] < 0)
        fail(EBADF, "%s", what);
    if (write(self.label[slot], label, strlen(label)) < 0)
        fail(errno, "%s: write \"%s\"", what, label);
    close(self.label[slot]);
    self.label[slot] = -1;
}
