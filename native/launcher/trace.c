#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "aot.h"
#include "child.h"
#include "trace.h"

struct trace *trace;

static unsigned own_track;
static int64_t skew; /* of this process's clock against that of the first one */
static int64_t realtime; /* CLOCK_REALTIME less CLOCK_MONOTONIC: the former is the same in every time namespace */

static int64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Where this process's next step goes; NULL where there is no more room. */
static struct trace_step *next_step(void)
{
    struct trace_track *track = &trace->tracks[own_track];
    uint32_t at = __atomic_fetch_add(&track->used, 1, __ATOMIC_RELAXED);
    return at < TRACE_STEPS ? &track->steps[at] : NULL;
}

void trace_write(const char *format, ...)
{
    uint64_t ns = (uint64_t)(clock_ns(CLOCK_MONOTONIC) - skew);
    struct trace_step *step = next_step();
    if (!step)
        return;
    va_list list;
    va_start(list, format);
    vsnprintf(step->text, sizeof step->text, format, list);
    va_end(list);
    step->ns = ns;
}

/* What the kernel and the dynamic linker did for the process before any of its own code ran is known only by the processor time. */
static void process_start(const char *text)
{
    uint64_t ns = (uint64_t)(clock_ns(CLOCK_MONOTONIC) - clock_ns(CLOCK_PROCESS_CPUTIME_ID));
    struct trace_step *step = next_step();
    if (!step)
        return;
    snprintf(step->text, sizeof step->text, "%s (as much as took processor time)", text);
    step->ns = ns;
}

static struct trace *map(int fd)
{
    void *p = mmap(NULL, sizeof *trace, PROT_READ | PROT_WRITE, MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

void trace_on(void)
{
    if (trace || !(trace = map(-1)))
        return;
    trace->size = sizeof *trace;
    trace->file = -1;
    realtime = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
    process_start("process start");
}

void trace_as(unsigned track)
{
    own_track = track;
}

static void move_to(struct trace *kept)
{
    struct trace_track *from = &trace->tracks[own_track], *to = &kept->tracks[own_track];
    uint32_t used = from->used < TRACE_STEPS ? from->used : TRACE_STEPS;
    memcpy(to->steps, from->steps, used * sizeof *to->steps);
    to->used = from->used;
    munmap(trace, sizeof *trace);
    trace = kept;
}

void trace_follow(void)
{
    struct trace *kept = trace && trace->file >= 0 ? map(trace->file) : NULL;
    if (kept)
        move_to(kept);
}

void trace_clock_changed(void)
{
    if (trace)
        skew = realtime - (clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC));
}

const char *trace_sync(uint32_t kind)
{
    static const char *const kinds[] = {
        "error", "number", "id maps", "hooks", "limits and state", "done", "seccomp listener", "cgroups", "network devices",
    };
    return kind - 1 < sizeof kinds / sizeof *kinds ? kinds[kind - 1] : "?";
}

void trace_record(uint32_t op, struct plan_reader payload)
{
    const char *signature = plan_signature(op), *texts[2] = { "", "" };
    if (op == OP_SYNC) {
        const char *kind = trace_sync(plan_u32(&payload));
        trace_write("%s: %s", plan_u32(&payload) ? "wait for the runtime" : "tell the runtime", kind);
        return;
    }
    if (strcmp(signature, "q") == 0) {
        trace_write("%s 0x%llx", plan_name(op), (unsigned long long)plan_u64(&payload));
        return;
    }
    int count = 0;
    for (; *signature && count < 2 && strchr("ufsq", *signature); signature++) {
        if (*signature == 's')
            texts[count++] = plan_string(&payload);
        else
            payload.at += *signature != 'q' ? sizeof(uint32_t) : sizeof(uint64_t);
    }
    if (op == OP_EXEC)
        texts[0] = self.program;
    trace_write("%s%s%s%s%s", plan_name(op), *texts[0] ? " " : "", texts[0], *texts[1] ? " " : "", texts[1]);
}

/* For the managed side. 0 or a negative errno. */
AOT_EXPORT int aot_trace_on(void)
{
    trace_on();
    return trace ? 0 : -ENOMEM;
}

AOT_EXPORT void aot_trace_step(const char *text)
{
    TRACE("%s", text);
}

/* Keeps the timeline in a new file from here on. It stays open, for an early process to find it. */
AOT_EXPORT int aot_trace_keep(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    struct trace *kept = ftruncate(fd, sizeof *kept) < 0 ? NULL : map(fd);
    if (!kept) {
        int error = errno;
        close(fd);
        return -error;
    }
    kept->size = sizeof *kept;
    kept->file = -1;
    trace->file = fd;
    move_to(kept);
    return 0;
}

/* A later command of the same container goes on with the file. */
AOT_EXPORT int aot_trace_resume(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    trace = fstat(fd, &st) == 0 && st.st_size == sizeof *trace ? map(fd) : NULL;
    close(fd);
    if (!trace)
        return -EINVAL;
    trace_as(TRACE_START);
    process_start("process start, state read");
    return 0;
}

/* The number of bytes that the timeline has; as many as there is room for are copied. */
AOT_EXPORT size_t aot_trace_read(void *to, size_t room)
{
    memcpy(to, trace, room < sizeof *trace ? room : sizeof *trace);
    return sizeof *trace;
}
