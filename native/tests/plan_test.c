/* A plan comes from our own side, yet nothing in it may make the child read past it. */
#include <stdlib.h>

#include "builder.h"
#include "harness.h"

static void sample(struct builder *b)
{
    begin(b);
    op(b, OP_HOSTNAME);
    text(b, "box");
    op(b, OP_HOOK);
    text(b, "prestart");
    text(b, "/bin/true");
    u32(b, 2);
    text(b, "a");
    text(b, "");
    u32(b, 0);
    u32(b, 5);
    text(b, "{");
    text(b, "}");
    op(b, OP_IDENTITY);
    text(b, "/");
    u32(b, 1);
    u32(b, 2);
    u32(b, 3);
    u32(b, 10);
    u32(b, 11);
    u32(b, 12);
    u32(b, 0);
    for (int i = 0; i < 5; i++)
        u64(b, (uint64_t)1 << i);
    op(b, OP_EXEC);
    u32(b, 0);
    finish(b, -1);
}

static void rejects(const char *what, const struct builder *b)
{
    test_name = what;
    const char *why = plan_check(b->bytes, b->used);
    CHECK(why != NULL, "accepted");
}

static struct builder b;

static void set_u32(size_t at, uint32_t v)
{
    memcpy(b.bytes + at, &v, sizeof v);
}

static void reads_back(void)
{
    test_name = "fields read back";
    sample(&b);
    CHECK(plan_check(b.bytes, b.used) == NULL, "%s", plan_check(b.bytes, b.used));
    struct plan_reader r = { b.bytes + sizeof(struct plan_header), b.bytes + b.used };
    CHECK(plan_u32(&r) == OP_HOSTNAME, "op");
    plan_u32(&r);
    CHECK(strcmp(plan_string(&r), "box") == 0, "hostname");
    CHECK(plan_u32(&r) == OP_HOOK, "op");
    plan_u32(&r);
    CHECK(strcmp(plan_string(&r), "prestart") == 0, "kind");
    CHECK(strcmp(plan_string(&r), "/bin/true") == 0, "path");
    const char *args[3];
    struct plan_list list = plan_strings(&r);
    CHECK(list.count == 2, "count %u", list.count);
    plan_string_array(list, args);
    CHECK(strcmp(args[0], "a") == 0 && !*args[1] && !args[2], "args");
}

/* Every prefix of a good plan, each in memory of its own size, so that the sanitizer sees the first byte read beyond. */
static void truncated(void)
{
    test_name = "every truncation";
    sample(&b);
    int accepted = 0;
    for (size_t n = 0; n < b.used; n++) {
        uint8_t *copy = malloc(n ? n : 1);
        memcpy(copy, b.bytes, n);
        if (n >= sizeof(struct plan_header)) {
            uint32_t size = (uint32_t)n;
            memcpy(copy + 8, &size, 4);
        }
        accepted += plan_check(copy, n) == NULL;
        free(copy);
    }
    CHECK(accepted == 0, "%d accepted", accepted);
}

/* Reads all fields of an accepted plan, as the child would. */
static void walk(const uint8_t *blob, size_t size)
{
    struct plan_header h;
    memcpy(&h, blob, sizeof h);
    struct plan_reader r = { blob + sizeof h, blob + size };
    for (uint32_t i = 0; i < h.records; i++) {
        const uint8_t *start = r.at;
        uint32_t number = plan_u32(&r);
        uint32_t length = plan_u32(&r);
        for (const char *c = plan_signature(number); *c; c++) {
            switch (*c) {
            case 'u':
            case 'f': plan_u32(&r); break;
            case 'q': plan_u64(&r); break;
            case 's': (void)strlen(plan_string(&r)); break;
            case 'S': plan_strings(&r); break;
            case 'U': plan_u32s(&r); break;
            case 'Q': plan_u64s(&r); break;
            }
        }
        r.at = start + length;
    }
}

static void mutated(void)
{
    test_name = "mutations";
    sample(&b);
    unsigned long long random = 88172645463325252ULL;
    int accepted = 0, tries = 200000;
    uint8_t *copy = malloc(b.used);
    for (int i = 0; i < tries; i++) {
        memcpy(copy, b.bytes, b.used);
        for (int k = 0; k < 1 + i % 4; k++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            copy[sizeof(struct plan_header) + random % (b.used - sizeof(struct plan_header))] = (uint8_t)(random >> 32);
        }
        if (!plan_check(copy, b.used)) {
            accepted++;
            walk(copy, b.used);
        }
    }
    free(copy);
    CHECK(accepted > 0 && accepted < tries, "%d of %d accepted", accepted, tries);
}

static void hostile(void)
{
    size_t first = sizeof(struct plan_header);
    sample(&b), set_u32(0, 1), rejects("wrong magic", &b);
    sample(&b), set_u32(4, PLAN_VERSION + 1), rejects("wrong version", &b);
    sample(&b), set_u32(8, (uint32_t)b.used + 4), rejects("size too large", &b);
    sample(&b), set_u32(12, 1), rejects("fewer records than bytes", &b);
    sample(&b), set_u32(12, 0xffffffff), rejects("more records than bytes", &b);
    sample(&b), set_u32(first, OP_COUNT), rejects("unknown op", &b);
    sample(&b), set_u32(first, 0), rejects("no op", &b);
    sample(&b), set_u32(first + 4, 0), rejects("record of no length", &b);
    sample(&b), set_u32(first + 4, 0xfffffff0), rejects("record of huge length", &b);
    sample(&b), set_u32(first + 4, 18), rejects("record length not a multiple of 4", &b);
    sample(&b), set_u32(first + 8, 0xffffffff), rejects("string of huge length", &b);
    sample(&b), set_u32(first + 8, 2), rejects("string without its end", &b);
    sample(&b), b.bytes[first + 13] = 0, rejects("NUL inside a string", &b);

    begin(&b);
    op(&b, OP_RESOLVE);
    u32(&b, 0x40000000);
    finish(&b, -1);
    rejects("list of huge count", &b);

    begin(&b);
    op(&b, OP_IDENTITY);
    text(&b, "/");
    u32(&b, 0);
    u32(&b, 0);
    u32(&b, 0x40000001); /* times four is four, in 32 bits */
    u32(&b, 0);
    finish(&b, -1);
    rejects("count that overflows", &b);

    begin(&b);
    op(&b, OP_SETSID);
    u32(&b, 0);
    finish(&b, -1);
    rejects("extra bytes in a record", &b);
}

void test_plans(void)
{
    reads_back();
    truncated();
    hostile();
    mutated();
}
