/* Making the rootfs the root. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"

extern int mount(const char *, const char *, const char *, unsigned long, const void *);
extern int umount2(const char *, int);
#define DETACH 2 /* MNT_DETACH */

void stage_root_prepare(struct plan_reader *r)
{
    const char *rootfs = plan_string(r);
    uint64_t propagation = plan_u64(r);
    uint64_t parent = plan_u64(r);
    size_t length = strlen(rootfs);
    if (length >= sizeof self.rootfs)
        fail(ENAMETOOLONG, "error preparing rootfs");
    memcpy(self.rootfs, rootfs, length + 1);
    self.rootfs_length = strcmp(rootfs, "/") == 0 ? 0 : length;

    if (propagation) {
        /* Before anything else: nothing that is mounted from here on may reach the host. */
        if (mount("", "/", NULL, propagation, NULL) < 0)
            fail(errno, "error preparing rootfs: mount dst=/, flags=0x%llx", (unsigned long long)propagation);

        /* pivot_root refuses a root whose parent mount is shared; the nearest prefix that is a mount is that parent. */
        if (parent) {
            char path[PATH_MAX];
            memcpy(path, rootfs, length + 1);
            while (mount("", path, NULL, parent, NULL) < 0) {
                if (errno != EINVAL || strcmp(path, "/") == 0)
                    fail(errno, "error preparing rootfs: could not remount-private parent mount of %s", rootfs);
                char *slash = strrchr(path, '/');
                *(slash == path ? slash + 1 : slash) = 0;
            }
        }
        if (mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL) < 0)
            fail(errno, "error preparing rootfs: mount src=%s, dst=%s, flags=0x5000", rootfs, rootfs);
    }
    self.root = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (self.root < 0)
        fail(errno, "error preparing rootfs: open %s", rootfs);
}

static void pivot(void)
{
    int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (old < 0)
        fail(errno, "error jailing process inside rootfs: open /");
    /* Both arguments ".": the old root ends up mounted over the new one, and no directory for it is needed. */
    if (fchdir(self.root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
        fail(errno, "error jailing process inside rootfs: pivot_root .");
    if (fchdir(old) < 0)
        fail(errno, "error jailing process inside rootfs: fchdir");
    /* Slave, or the unmount would travel to the host; not private, so that it can go away where the host drops it. */
    if (mount("", ".", NULL, MS_SLAVE | MS_REC, NULL) < 0)
        fail(errno, "error jailing process inside rootfs: mount dst=., flags=MS_SLAVE|MS_REC");
    if (umount2(".", DETACH) < 0)
        fail(errno, "error jailing process inside rootfs: unmount old root");
    close(old);
}

/*
 * After MS_MOVE and chroot the host's mounts are still there underneath. A full procfs or sysfs among them would let
 * a user namespace inside mount a fresh one without the container's masks: those are taken away or covered.
 */
static void hide_host_proc_and_sys(void)
{
    size_t room = 1 << 20;
    char *text = child_alloc(room);
    int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail(errno, "error jailing process inside rootfs: open /proc/self/mountinfo");
    size_t used = 0;
    ssize_t n;
    while (used < room - 1 && (n = read(fd, text + used, room - 1 - used)) > 0)
        used += (size_t)n;
    close(fd);
    if (used == room - 1)
        fail(E2BIG, "error jailing process inside rootfs: /proc/self/mountinfo");
    text[used] = 0;

    for (char *line = text, *end; *line; line = end) {
        end = strchrnul(line, '\n');
        if (*end)
            *end++ = 0;
        /* id parent major:minor ROOT MOUNTPOINT options ... - TYPE source */
        char *field[5] = { 0 };
        char *type = strstr(line, " - ");
        if (!type)
            continue;
        type += 3;
        char *at = line;
        for (int i = 0; i < 5 && at; i++) {
            field[i] = at;
            at = strchr(at, ' ');
            if (at)
                *at++ = 0;
        }
        if (!field[4] || strcmp(field[3], "/") != 0)
            continue;
        if (strncmp(type, "proc ", 5) != 0 && strncmp(type, "sysfs ", 6) != 0)
            continue;
        const char *where = field[4];
        if (strncmp(where, self.rootfs, self.rootfs_length) == 0)
            continue;
        if (mount("", where, NULL, MS_SLAVE | MS_REC, NULL) < 0) {
            if (errno == ENOENT)
                continue;
            fail(errno, "error jailing process inside rootfs: mount dst=%s, flags=MS_SLAVE|MS_REC", where);
        }
        if (umount2(where, DETACH) < 0) {
            if (errno != EINVAL && errno != EPERM)
                fail(errno, "error jailing process inside rootfs: unmount %s", where);
            if (mount("tmpfs", where, "tmpfs", 0, NULL) < 0)
                fail(errno, "error jailing process inside rootfs: mount src=tmpfs, dst=%s", where);
        }
    }
}

void stage_root_enter(struct plan_reader *r)
{
    uint32_t mode = plan_u32(r);
    if (mode == ROOT_PIVOT) {
        pivot();
    } else if (mode != ROOT_HERE) {
        if (fchdir(self.root) < 0)
            fail(errno, "error jailing process inside rootfs: chdir %s", self.rootfs);
        if (mode == ROOT_MOVE) {
            hide_host_proc_and_sys();
            if (mount(self.rootfs, "/", NULL, MS_MOVE, NULL) < 0)
                fail(errno, "error jailing process inside rootfs: mount src=%s, dst=/, flags=MS_MOVE", self.rootfs);
        }
        if (chroot(".") < 0)
            fail(errno, "error jailing process inside rootfs: chroot");
    }
    if (chdir("/") < 0)
        fail(errno, "error jailing process inside rootfs: chdir /");
    if (self.root >= 0)
        close(self.root);
    self.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (self.root < 0)
        fail(errno, "error jailing process inside rootfs: open /");
}

void stage_root_propagation(struct plan_reader *r)
{
    uint64_t flags = plan_u64(r);
    if (mount("", "/", NULL, flags, NULL) < 0)
        fail(errno, "unable to apply root propagation flags: mount dst=/, flags=0x%llx", (unsigned long long)flags);
}

void stage_root_ro(void)
{
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
    if (syscall(SYS_mount_setattr, self.root, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
        fail(errno, "error setting rootfs as readonly");
}

/* An exec into a container that has no mount namespace of its own: its root is a chroot. */
void stage_chroot_fd(struct plan_reader *r)
{
    int fd = (int)plan_u32(r);
    if (fchdir(fd) < 0 || chroot(".") < 0)
        fail(errno, "chroot into the container's root");
    close(fd);
}
