/* The container's terminal: made in the container's own devpts, so that it needs none on the host. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "child.h"

/* A ptmx that is not one could hand out anything as the "terminal". */
static int open_ptmx(void)
{
    int fd = root_open("/dev/pts/ptmx", O_RDWR | O_NOCTTY);
    if (fd < 0)
        fail(errno, "open /dev/pts/ptmx");
    struct stat st;
    struct statfs fs;
    if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
        fail(errno, "stat /dev/pts/ptmx");
    if (fs.f_type != DEVPTS_SUPER_MAGIC || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
        fail(0, "/dev/pts/ptmx is not a ptmx device of a devpts");
    return fd;
}

/* /dev/console shows the terminal: the device is bound on a file of that name. */
static void mount_on_console(int slave)
{
    char name[NAME_MAX + 1];
    int dev = root_parent("/dev/console", 0755, name);
    if (dev < 0)
        fail(errno, "open /dev for the console");
    int made = openat(dev, name, O_CREAT | O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
    if (made >= 0)
        close(made);
    int target = openat(dev, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (target < 0)
        fail(errno, "create /dev/console");
    int tree = (int)syscall(SYS_open_tree, slave, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    if (tree < 0 ||
        syscall(SYS_move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        fail(errno, "mount the terminal on /dev/console");
    close(tree);
    close(target);
    close(dev);
}

void stage_console(struct plan_reader *r)
{
    int socket = (int)plan_u32(r);
    uint32_t width = plan_u32(r);
    uint32_t height = plan_u32(r);
    uint32_t on_console = plan_u32(r);

    int master = open_ptmx();
    int zero = 0;
    unsigned number;
    if (ioctl(master, TIOCSPTLCK, &zero) < 0 || ioctl(master, TIOCGPTN, &number) < 0)
        fail(errno, "unlock the terminal");
    /* TIOCGPTPEER: the other end by the master itself, not by a name that somebody could have mounted over. */
    int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0)
        fail(errno, "open the terminal");
    if (width && height) {
        struct winsize size = { .ws_col = (unsigned short)width, .ws_row = (unsigned short)height };
        if (ioctl(master, TIOCSWINSZ, &size) < 0)
            fail(errno, "resize the terminal");
    }
    if (on_console)
        mount_on_console(slave);
    int error = send_fd(socket, "/dev/ptmx", master);
    if (error)
        fail(error, "send the terminal over the console socket");
    close(socket);
    close(master);
    for (int fd = 0; fd <= 2; fd++)
        if (dup3(slave, fd, 0) < 0)
            fail(errno, "dup the terminal");
    close(slave);
    if (ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
        fail(errno, "ioctl(setctty)");
}

void stage_pidfd_send(struct plan_reader *r)
{
    int socket = (int)plan_u32(r);
    const char *name = plan_string(r);
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (fd < 0)
        fail(errno, "failed to setup pidfd: failed to pidfd_open");
    int error = send_fd(socket, name, fd);
    if (error)
        fail(error, "failed to setup pidfd: failed to send pidfd on socket");
    close(fd);
    close(socket);
}
