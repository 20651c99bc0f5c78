/*
 * What the stages share. Everything below runs in the cloned child: it holds a copy of a managed, multi-threaded
 * process, so nothing here may allocate, take a lock or call back. System calls whose C library wrapper would
 * signal "other threads" (setuid and friends) are made directly.
 */
#ifndef AOT_CHILD_H
#define AOT_CHILD_H

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "plan.h"

#define REPORT_TEXT 1008
#define LABELS      2 /* security modules that can each have one at a time */

/* One message of the report socket (SOCK_SEQPACKET), child to parent. */
struct report {
    uint32_t kind; /* enum sync_kind */
    int32_t  error; /* errno, or 0 where the text says it all */
    uint32_t op;
    uint32_t value;
    char     text[REPORT_TEXT];
};

struct child {
    int      sync;        /* the report socket, or -1 once it is closed */
    int      root;        /* O_PATH of the rootfs, then of "/" */
    uint32_t op;          /* the record in hand, for messages */
    char     rootfs[PATH_MAX];
    size_t   rootfs_length;
    const char  *program; /* set by OP_RESOLVE */
    const char **argv;
    const char **envp;
    int      mask_dir;    /* the first mask's read-only tmpfs, bound again for the others; or -1 */
    int      loopback;    /* is up already */
    int      label[LABELS]; /* files of /proc/thread-self/attr, or -1 */
    int      filtered;    /* a seccomp filter is in force: only what every program needs can be counted on */
    dev_t    exe_dev;     /* the runtime's own file */
    ino_t    exe_ino;
};

extern struct child self;

/* Reports `text: errno` (error 0: text alone) and ends the process. */
_Noreturn void fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Tells the parent, or waits for what it has to say, or both; ends the process if the parent is gone. */
void sync_parent(uint32_t kind, uint32_t value, enum sync_wait wait);

/* launch.c: executes the plan's records, in a process that was cloned for it. */
struct plan_header;
_Noreturn void run_plan(const uint8_t *blob, const struct plan_header *h, const sigset_t *mask);
void remember_own_file(void);

/* Clones with the flags and into the places that the header asks for: the pid, 0 in the child, or a negative errno. */
int launch_clone(const struct plan_header *h, uint64_t flags, int exit_signal, int *pidfd);

/* Memory that lives until exec. */
void *child_alloc(size_t size);

/* paths.c: everything is resolved inside self.root; a symbolic link can't lead out of it, a magic link is refused. */
/* Resolved in the container's root. -1 and errno where it fails. */
int root_open(const char *path, int flags);
int root_open_plain(const char *path, int flags); /* ELOOP where a symbolic link is on the way: what is opened is where the path says */
typedef int root_opener(const char *path, int flags);
int root_mkdirs(const char *path, mode_t mode);
int root_make(const char *path, mode_t mode, root_opener *opener); /* the same for a path that is known to be missing */
bool path_is_clean(const char *path); /* absolute, and every component is a name */
int root_parent(const char *path, mode_t mode, char name[NAME_MAX + 1]);
const char *fd_path(int fd, char buffer[static 32]);

void stage_cgroup_join(struct plan_reader *r);
/* Joins what the plan names, as far as that goes; the plan must stay where it is. See PLAN_BEFOREHAND. */
void join_beforehand(const uint8_t *blob);
void stage_setns(struct plan_reader *r);
void stage_unshare(struct plan_reader *r);
void stage_fork(struct plan_reader *r);
void stage_root_ids(void);
void stage_keyring(struct plan_reader *r);
void stage_time_offsets(struct plan_reader *r);
/* 0 or an errno; the stage does nothing where it is up. */
int loopback_up(void);
void stage_loopback_up(void);
void stage_root_prepare(struct plan_reader *r);
void stage_root_enter(struct plan_reader *r);
void stage_root_propagation(struct plan_reader *r);
void stage_root_ro(void);
void stage_chroot_fd(struct plan_reader *r);
void stage_mount(struct plan_reader *r);
void stage_remount_ro(struct plan_reader *r);
void devices_forget(void); /* something else may come where the last device's directory is */
void stage_mknod(struct plan_reader *r);
void stage_bind_device(struct plan_reader *r);
void stage_symlink(struct plan_reader *r);
void stage_ptmx(void);
void stage_devnull_reopen(void);
void stage_mkdir(struct plan_reader *r);
void stage_sysctl(struct plan_reader *r);
void stage_hook(struct plan_reader *r);
void stage_console(struct plan_reader *r);
void stage_readonly_path(struct plan_reader *r);
void stage_mask_path(struct plan_reader *r);
void stage_personality(struct plan_reader *r);
void stage_io_priority(struct plan_reader *r);
void stage_scheduler(struct plan_reader *r);
void stage_identity(struct plan_reader *r);
void stage_resolve(struct plan_reader *r);
void stage_pidfd_send(struct plan_reader *r);
void stage_wait_fifo(struct plan_reader *r);
void stage_seccomp(struct plan_reader *r);
void stage_affinity(struct plan_reader *r);
void stage_memory_policy(struct plan_reader *r);
void stage_label_open(struct plan_reader *r);
void stage_label_write(struct plan_reader *r);
void stage_rlimits(struct plan_reader *r);
_Noreturn void stage_exec(struct plan_reader *r);

/* copyup.c: copies the tree below one directory into another. 0, or an errno with the failing name in path. */
int copy_tree(int from, int to, char path[static PATH_MAX]);

/* socket.c: sends one descriptor with a name. 0 or an errno. */
int send_fd(int socket, const char *name, int fd);

/* hooks.c: runs one hook. 0, or an errno; what was wrong is in text. */
struct hook {
    const char  *path;
    const char **argv;
    const char **envp;
    unsigned     timeout;
    const char  *state;
    size_t       state_length;
};
int hook_run(const struct hook *hook, char *text, size_t text_size);

#endif
