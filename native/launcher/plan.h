/*
 * The launch plan: all that the container's first process does between clone and exec, as data.
 *
 * The managed side decides; this side only executes. A plan is one flat blob without pointers:
 *
 *   header   struct plan_header
 *   records  u32 op, u32 size (of the whole record, a multiple of 4), payload
 *
 * A payload is a run of fields in the op's own order; plan_signature() names it with a letter a field:
 *   u  u32 (little endian)          q  u64          f  u32: a descriptor, or -1
 *   s  string: u32 length, bytes without NUL, one NUL, zeros up to a multiple of 4
 *   S  list of strings: u32 count, strings          U, Q  list of u32, of u64: u32 count, numbers
 *
 * plan_check() walks the whole plan against the signatures before anything is cloned, so that the child
 * never meets a record it cannot read.
 */
#ifndef AOT_PLAN_H
#define AOT_PLAN_H

#include <stddef.h>
#include <stdint.h>

#define PLAN_MAGIC   0x50544f41u /* "AOTP" */
#define PLAN_VERSION 2u

/* The order is the wire format: new ones go to the end, and PLAN_VERSION is raised when one changes. */
enum plan_op {
    OP_NONE = 0,
    OP_CGROUP_JOIN,      /* u fd of a v1 `tasks` file or -1, s its path */
    OP_SETNS,            /* u fd, q type flags (0: any), s path */
    OP_UNSHARE,          /* q flags */
    OP_FORK,             /* q clone flags: go on in a child whose parent is our parent */
    OP_SYNC,             /* u enum sync_kind, u enum sync_wait */
    OP_ROOT_IDS,         /* become uid 0, gid 0 of the new user namespace */
    OP_SETSID,
    OP_KEYRING,          /* s name, u kept permissions, u added permissions */
    OP_LOOPBACK_UP,
    OP_ROOT_PREPARE,     /* s rootfs, q propagation of "/", q propagation of the rootfs' parent mount */
    OP_MOUNT,            /* struct mount_plan, see mounts.c */
    OP_MKNOD,            /* s path, u mode with type, u major, u minor, u uid, u gid */
    OP_BIND_DEVICE,      /* s path */
    OP_SYMLINK,          /* s target, s path */
    OP_PTMX,
    OP_SYSCTL,           /* s file under /proc/sys, s value */
    OP_HOOK,             /* s kind and number, s path, S args, S env, u timeout in s (0: none), s state up to the pid, s state after it */
    OP_ROOT_ENTER,       /* u enum root_mode */
    OP_ROOT_PROPAGATION, /* q flags */
    OP_DEVNULL_REOPEN,
    OP_MKDIR,            /* s path, u mode */
    OP_CONSOLE,          /* u socket fd, u width, u height, u mount on /dev/console */
    OP_REMOUNT_RO,       /* s path */
    OP_ROOT_RO,
    OP_UMASK,            /* u mask */
    OP_HOSTNAME,         /* s name */
    OP_DOMAINNAME,       /* s name */
    OP_READONLY_PATH,    /* s path */
    OP_MASK_PATH,        /* s path */
    OP_NO_NEW_PRIVS,
    OP_PERSONALITY,      /* u persona */
    OP_IO_PRIORITY,      /* u class << 13 | level */
    OP_SCHEDULER,        /* u policy, q flags, u nice, u priority, q runtime, q deadline, q period */
    OP_IDENTITY,         /* s cwd, u uid, u gid, U gids, u IDENTITY_*, q bounding, effective, permitted, inheritable, ambient */
    OP_RESOLVE,          /* S args, S env, u uid: find args[0] on PATH */
    OP_PIDFD_SEND,       /* u socket fd, s name */
    OP_WAIT_FIFO,        /* u fd */
    OP_EXEC,             /* u number of fds after stdio that the program gets */
    OP_CHROOT_FD,        /* u fd of a directory */
    OP_UNDUMPABLE,
    OP_TIME_OFFSETS,     /* s text for /proc/self/timens_offsets */
    OP_CLOSE,            /* u fd */
    OP_SECCOMP,          /* u SECCOMP_FILTER_FLAG_*, u exec fifo's fd or -1, u as OP_EXEC's, Q the program's instructions */
    OP_AFFINITY,         /* s which, u whether it is an error if it fails, Q mask of CPUs */
    OP_MEMORY_POLICY,    /* u mode and flags, Q mask of nodes */
    OP_LABEL_OPEN,       /* u slot, s file of /proc/thread-self/attr */
    OP_LABEL_WRITE,      /* u slot, s label, s what failed if it does */
    OP_RLIMITS,          /* Q for each: RLIMIT_*, soft limit, hard limit */
    OP_COUNT
};

/* OP_IDENTITY: give the streams to the user; leave the capabilities as they are. */
enum { IDENTITY_OWN_STDIO = 1, IDENTITY_ALL_CAPS = 2 };

enum sync_kind {
    SYNC_ERROR = 1,  /* the child failed: errno, op and a sentence are in the report */
    SYNC_PID,        /* value: pid of the process that goes on (after OP_FORK), set where it is received */
    SYNC_MAPS,       /* please write uid_map and gid_map */
    SYNC_HOOKS,      /* please run the prestart and createRuntime hooks */
    SYNC_READY,      /* all set up; please apply limits and store the state */
    SYNC_DONE,       /* about to wait on the fifo; nothing more will be reported */
    SYNC_SECCOMP,    /* value: our descriptor of the seccomp listener; please take it */
    SYNC_CGROUPS,    /* about to join the cgroups, which the parent is making */
    SYNC_DEVICES,    /* please move the network devices into our namespace */
};

/* With SYNC_WAIT_UNASKED the parent says by itself when it is done: nothing wakes it up to be asked. */
enum sync_wait { SYNC_TELL, SYNC_ASK, SYNC_WAIT_UNASKED };

/* ROOT_HERE: the root is right already (after setns); only go to its top. */
enum root_mode { ROOT_PIVOT = 1, ROOT_MOVE, ROOT_CHROOT, ROOT_HERE };

struct plan_header {
    uint32_t magic;
    uint32_t version;
    uint32_t size;        /* of the whole blob */
    uint32_t records;
    uint64_t clone_flags; /* CLONE_NEW* of the first clone */
    int32_t  sync_fd;     /* the child's end of the report socket */
    int32_t  cgroup_fd;   /* -1, or a cgroup2 directory for CLONE_INTO_CGROUP */
    int32_t  pid_ns_fd;   /* -1, or a pid namespace, or a process in one, that the first clone is born into */
    uint32_t when;        /* enum plan_when */
};

enum plan_when {
    PLAN_NOW = 0,
    /*
     * Nothing is cloned: the process that waits for a plan does what is in it itself, and whatever it then clones has inherited that. Only
     * OP_CGROUP_JOIN, which the plan to come has once more: what has failed is tried again, and told, there.
     */
    PLAN_BEFOREHAND = 1,
};

/* A cursor over one record's payload, or over the records. */
struct plan_reader {
    const uint8_t *at;
    const uint8_t *end;
};

struct plan_list {
    uint32_t count;
    const uint8_t *at; /* the first item */
    const uint8_t *end;
};

/* NULL where the plan is good, else what is wrong with it. */
const char *plan_check(const void *blob, size_t size);

/* Shows the place of each descriptor in a checked plan, those of the header too. */
void plan_each_fd(uint8_t *blob, void (*each)(int32_t *fd, void *context), void *context);

/* The letters of the op's fields; NULL for an op that does not exist. */
const char *plan_signature(uint32_t op);

/* The op's name in messages: "mount", "hostname", ... */
const char *plan_name(uint32_t op);

/* All of these assume a checked plan. */
uint32_t plan_u32(struct plan_reader *r);
uint64_t plan_u64(struct plan_reader *r);
const char *plan_string(struct plan_reader *r);
struct plan_list plan_strings(struct plan_reader *r);
struct plan_list plan_u32s(struct plan_reader *r);
struct plan_list plan_u64s(struct plan_reader *r);

/* Fills out[] with count pointers and a NULL; out must have room for count + 1. */
void plan_string_array(struct plan_list list, const char **out);

#endif
