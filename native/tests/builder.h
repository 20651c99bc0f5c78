/* Builds launch plans as the managed side does. */
#ifndef AOT_TEST_BUILDER_H
#define AOT_TEST_BUILDER_H

#include <stdint.h>
#include <string.h>

#include "../launcher/plan.h"

struct builder {
    uint8_t bytes[64 * 1024];
    size_t used;
    size_t record;
    uint32_t records;
};

static inline void put(struct builder *b, const void *data, size_t size)
{
    memcpy(b->bytes + b->used, data, size);
    b->used += size;
}

static inline void end_record(struct builder *b)
{
    if (b->record) {
        uint32_t size = (uint32_t)(b->used - b->record);
        memcpy(b->bytes + b->record + 4, &size, 4);
    }
    b->record = 0;
}

static inline void begin(struct builder *b)
{
    memset(b, 0, sizeof *b);
    b->used = sizeof(struct plan_header);
}

static inline void u32(struct builder *b, uint32_t v)
{
    put(b, &v, sizeof v);
}

static inline void u64(struct builder *b, uint64_t v)
{
    put(b, &v, sizeof v);
}

static inline void text(struct builder *b, const char *s)
{
    uint32_t length = (uint32_t)strlen(s);
    static const uint8_t zeros[8];
    u32(b, length);
    put(b, s, length);
    put(b, zeros, ((length + 4) & ~3u) - length);
}

static inline void op(struct builder *b, uint32_t number)
{
    end_record(b);
    b->record = b->used;
    b->records++;
    u32(b, number);
    u32(b, 0);
}

static inline void finish(struct builder *b, int sync_fd)
{
    end_record(b);
    struct plan_header h = {
        .magic = PLAN_MAGIC, .version = PLAN_VERSION, .size = (uint32_t)b->used,
        .records = b->records, .sync_fd = sync_fd, .cgroup_fd = -1, .pid_ns_fd = -1,
    };
    memcpy(b->bytes, &h, sizeof h);
}

#endif
