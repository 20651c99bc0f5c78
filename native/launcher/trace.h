/*
 * The timeline of a container's start: the steps of each process that takes part, with their times. Off, it is one pointer that is NULL;
 * on, a step is written into memory that all these processes share, so without a system call.
 */
#ifndef AOT_TRACE_H
#define AOT_TRACE_H

#include <stdint.h>

#include "plan.h"

/* The managed side reads this layout: see Timeline.cs. */
enum { TRACE_RUNTIME, TRACE_INIT, TRACE_START, TRACE_TRACKS };
enum { TRACE_STEPS = 500, TRACE_TEXT = 120 };

struct trace_step {
    uint64_t ns; /* of CLOCK_MONOTONIC, when the step began; it lasts until the track's next one */
    char     text[TRACE_TEXT];
};

struct trace {
    uint32_t size;
    int32_t  file; /* where an early process is to go on writing, or -1 */
    struct trace_track {
        uint32_t used, reserved; /* more than TRACE_STEPS: the rest was not kept */
        struct trace_step steps[TRACE_STEPS];
    } tracks[TRACE_TRACKS];
};

extern struct trace *trace;

void trace_on(void);
void trace_write(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define TRACE(...) do { if (trace) trace_write(__VA_ARGS__); } while (0)

/* The step that a record of the plan is, named by its op and its texts. */
void trace_record(uint32_t op, struct plan_reader payload);

/* What a message is about. */
const char *trace_sync(uint32_t kind);

/* From here on this process's steps belong to another track. */
void trace_as(unsigned track);

/* Our part of the timeline moves to the file that the parent has opened meanwhile. */
void trace_follow(void);

/* This process may have come into another time namespace, whose clock is another. */
void trace_clock_changed(void);

#endif
