#include "plan.h"

#include <string.h>

struct op_info {
    const char *name;
    const char *signature;
};

static const struct op_info ops[OP_COUNT] = {
    [OP_CGROUP_JOIN] = { "cgroup", "fs" },
    [OP_SETNS] = { "setns", "fqs" },
    [OP_UNSHARE] = { "unshare", "q" },
    [OP_FORK] = { "clone", "q" },
    [OP_SYNC] = { "sync", "uu" },
    [OP_ROOT_IDS] = { "become root", "" },
    [OP_SETSID] = { "setsid", "" },
    [OP_KEYRING] = { "session keyring", "suu" },
    [OP_LOOPBACK_UP] = { "loopback up", "" },
    [OP_ROOT_PREPARE] = { "prepare rootfs", "sqq" },
    [OP_MOUNT] = { "mount", "sssqqsuqqQf" },
    [OP_MKNOD] = { "mknod", "suuuuu" },
    [OP_BIND_DEVICE] = { "bind device", "s" },
    [OP_SYMLINK] = { "symlink", "ss" },
    [OP_PTMX] = { "ptmx", "" },
    [OP_SYSCTL] = { "sysctl", "ss" },
    [OP_HOOK] = { "hook", "ssSSuss" },
    [OP_ROOT_ENTER] = { "enter rootfs", "u" },
    [OP_ROOT_PROPAGATION] = { "root propagation", "q" },
    [OP_DEVNULL_REOPEN] = { "reopen /dev/null", "" },
    [OP_MKDIR] = { "mkdir", "su" },
    [OP_CONSOLE] = { "console", "fuuu" },
    [OP_REMOUNT_RO] = { "remount read-only", "s" },
    [OP_ROOT_RO] = { "read-only root", "" },
    [OP_UMASK] = { "umask", "u" },
    [OP_HOSTNAME] = { "sethostname", "s" },
    [OP_DOMAINNAME] = { "setdomainname", "s" },
    [OP_READONLY_PATH] = { "read-only path", "s" },
    [OP_MASK_PATH] = { "masked path", "s" },
    [OP_NO_NEW_PRIVS] = { "no_new_privs", "" },
    [OP_PERSONALITY] = { "personality", "u" },
    [OP_IO_PRIORITY] = { "io priority", "u" },
    [OP_SCHEDULER] = { "scheduler", "uquuqqq" },
    [OP_IDENTITY] = { "identity", "suuUuqqqqq" },
    [OP_RESOLVE] = { "resolve", "SSu" },
    [OP_PIDFD_SEND] = { "pidfd socket", "fs" },
    [OP_WAIT_FIFO] = { "exec fifo", "f" },
    [OP_EXEC] = { "exec", "u" },
    [OP_CHROOT_FD] = { "chroot", "f" },
    [OP_UNDUMPABLE] = { "undumpable", "" },
    [OP_TIME_OFFSETS] = { "time offsets", "s" },
    [OP_CLOSE] = { "close", "f" },
    [OP_SECCOMP] = { "seccomp", "ufuQ" },
    [OP_AFFINITY] = { "cpu affinity", "suQ" },
    [OP_MEMORY_POLICY] = { "memory policy", "uQ" },
    [OP_LABEL_OPEN] = { "label file", "us" },
    [OP_LABEL_WRITE] = { "label", "uss" },
    [OP_RLIMITS] = { "rlimits", "Q" },
};

const char *plan_signature(uint32_t op)
{
    return op < OP_COUNT ? ops[op].signature : NULL;
}

const char *plan_name(uint32_t op)
{
    return op < OP_COUNT && ops[op].name ? ops[op].name : "?";
}

static size_t left(const struct plan_reader *r)
{
    return (size_t)(r->end - r->at);
}

uint32_t plan_u32(struct plan_reader *r)
{
    uint32_t v;
    memcpy(&v, r->at, sizeof v);
    r->at += sizeof v;
    return v;
}

uint64_t plan_u64(struct plan_reader *r)
{
    uint64_t v;
    memcpy(&v, r->at, sizeof v);
    r->at += sizeof v;
    return v;
}

/* Bytes that a string of this length takes after its length field. */
static size_t string_room(uint32_t length)
{
    return ((size_t)length + 1 + 3) & ~(size_t)3;
}

const char *plan_string(struct plan_reader *r)
{
    uint32_t length = plan_u32(r);
    const char *s = (const char *)r->at;
    r->at += string_room(length);
    return s;
}

static struct plan_list list_of(struct plan_reader *r, size_t item)
{
    struct plan_list list = { plan_u32(r), r->at, r->end };
    r->at += (size_t)list.count * item;
    return list;
}

struct plan_list plan_u32s(struct plan_reader *r)
{
    return list_of(r, sizeof(uint32_t));
}

struct plan_list plan_u64s(struct plan_reader *r)
{
    return list_of(r, sizeof(uint64_t));
}

struct plan_list plan_strings(struct plan_reader *r)
{
    struct plan_list list = { plan_u32(r), r->at, r->end };
    for (uint32_t i = 0; i < list.count; i++)
        plan_string(r);
    return list;
}

void plan_string_array(struct plan_list list, const char **out)
{
    struct plan_reader r = { list.at, list.end };
    for (uint32_t i = 0; i < list.count; i++)
        out[i] = plan_string(&r);
    out[list.count] = NULL;
}

static int check_string(struct plan_reader *r)
{
    if (left(r) < 4)
        return 0;
    uint32_t length = plan_u32(r);
    if (length >= left(r) || string_room(length) > left(r))
        return 0;
    /* Exactly one NUL, at the end: the kernel and the managed side must see the same string. */
    if (memchr(r->at, 0, (size_t)length + 1) != r->at + length)
        return 0;
    r->at += string_room(length);
    return 1;
}

static int check_numbers(struct plan_reader *r, size_t item)
{
    if (left(r) < 4)
        return 0;
    uint32_t count = plan_u32(r);
    if (count > left(r) / item)
        return 0;
    r->at += (size_t)count * item;
    return 1;
}

static int check_field(struct plan_reader *r, char letter)
{
    switch (letter) {
    case 'u':
    case 'f':
        if (left(r) < 4)
            return 0;
        r->at += 4;
        return 1;
    case 'q':
        if (left(r) < 8)
            return 0;
        r->at += 8;
        return 1;
    case 's':
        return check_string(r);
    case 'U':
        return check_numbers(r, 4);
    case 'Q':
        return check_numbers(r, 8);
    case 'S': {
        if (left(r) < 4)
            return 0;
        uint32_t count = plan_u32(r);
        if (count > left(r) / 8) /* an empty string takes 8 bytes */
            return 0;
        for (uint32_t i = 0; i < count; i++)
            if (!check_string(r))
                return 0;
        return 1;
    }
    default:
        return 0;
    }
}

const char *plan_check(const void *blob, size_t size)
{
    struct plan_header h;
    if (size < sizeof h)
        return "launch plan: shorter than its header";
    memcpy(&h, blob, sizeof h);
    if (h.magic != PLAN_MAGIC)
        return "launch plan: wrong magic number";
    if (h.version != PLAN_VERSION)
        return "launch plan: unknown version";
    if (h.size != size)
        return "launch plan: size does not match";

    struct plan_reader r = { (const uint8_t *)blob + sizeof h, (const uint8_t *)blob + size };
    for (uint32_t i = 0; i < h.records; i++) {
        if (left(&r) < 8)
            return "launch plan: truncated record";
        const uint8_t *start = r.at;
        uint32_t op = plan_u32(&r);
        uint32_t length = plan_u32(&r);
        if (length < 8 || length % 4 != 0 || length > (size_t)(r.end - start))
            return "launch plan: bad record length";
        const char *signature = plan_signature(op);
        if (!signature)
            return "launch plan: unknown op";
        struct plan_reader payload = { r.at, start + length };
        for (const char *c = signature; *c; c++)
            if (!check_field(&payload, *c))
                return "launch plan: bad field";
        if (payload.at != payload.end)
            return "launch plan: extra bytes in a record";
        r.at = start + length;
    }
    return r.at == r.end ? NULL : "launch plan: bytes after the last record";
}

void plan_each_fd(uint8_t *blob, void (*each)(int32_t *fd, void *context), void *context)
{
    /* Fields lie at multiples of 4, and so does the blob. */
    struct plan_header *h = (struct plan_header *)blob;
    struct plan_reader r = { blob + sizeof *h, blob + h->size };
    each(&h->sync_fd, context);
    each(&h->cgroup_fd, context);
    each(&h->pid_ns_fd, context);
    for (uint32_t i = 0; i < h->records; i++) {
        const uint8_t *start = r.at;
        const char *signature = plan_signature(plan_u32(&r));
        uint32_t length = plan_u32(&r);
        struct plan_reader payload = { r.at, start + length };
        for (; *signature; signature++) {
            if (*signature == 'f')
                each((int32_t *)(blob + (payload.at - blob)), context);
            check_field(&payload, *signature);
        }
        r.at = start + length;
    }
}
