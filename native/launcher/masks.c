/*
 * Masked and read-only paths, inside the new root. Only the mount API by descriptors is used here: /proc is the
 * container's now, and what a path names may be the image's choice.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "child.h"

#define CLONED (OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH)
#define ONTO   (MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)

void stage_readonly_path(struct plan_reader *r)
{
    const char *path = plan_string(r);
    int fd = root_open(path, O_PATH);
    if (fd < 0) {
        if (errno == ENOENT)
            return;
        fail(errno, "can't make \"%s\" read-only", path);
    }
    int tree = (int)syscall(SYS_open_tree, fd, "", CLONED | AT_RECURSIVE);
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
    if (tree < 0 || syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0 ||
        syscall(SYS_move_mount, tree, "", fd, "", ONTO) < 0)
        fail(errno, "can't make \"%s\" read-only", path);
    close(tree);
    close(fd);
}

/* One empty read-only tmpfs serves all masked directories: a new superblock each costs more than the mount. */
static int mask_directory(void)
{
    if (self.mask_dir >= 0)
        return (int)syscall(SYS_open_tree, self.mask_dir, "", CLONED);
    int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
    if (fs < 0)
        return -1;
    /* nr_blocks and nr_inodes stay unset: nothing can be written to it. */
    if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -1;
    int mount = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY);
    if (mount < 0)
        return -1;
    close(fs);
    self.mask_dir = mount;
    return mount;
}

/* The image could have put anything at /dev/null; only the real device masks a file. */
static int mask_file(void)
{
    int null = root_open("/dev/null", O_PATH | O_NOFOLLOW);
    struct stat st;
    if (null < 0)
        return -1;
    if (fstat(null, &st) < 0)
        return -1;
    if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
        fail(0, "can't mask paths: /dev/null is not the null device");
    int tree = (int)syscall(SYS_open_tree, null, "", CLONED);
    int error = errno;
    close(null);
    errno = error;
    return tree;
}

void stage_mask_path(struct plan_reader *r)
{
    const char *path = plan_string(r);
    int fd = root_open(path, O_PATH);
    if (fd < 0) {
        if (errno == ENOENT)
            return;
        fail(errno, "can't mask path \"%s\"", path);
    }
    struct stat st;
    if (fstat(fd, &st) < 0)
        fail(errno, "can't mask path \"%s\"", path);
    int directory = S_ISDIR(st.st_mode);
    int mask = directory ? mask_directory() : mask_file();
    if (mask < 0 || syscall(SYS_move_mount, mask, "", fd, "", ONTO) < 0)
        fail(errno, "can't mask %s \"%s\"", directory ? "dir" : "path", path);
    if (mask != self.mask_dir)
        close(mask);
    close(fd);
}
