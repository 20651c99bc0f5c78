/* What the managed side asks of spawn.c and gets back; it declares the same layout. */
#ifndef AOT_SPAWN_H
#define AOT_SPAWN_H

#include <stdint.h>

#include "aot.h"

enum {
    SPAWN_SETSID = 1,
    SPAWN_SETPGID = 2,
};

/* What failed, for the error message; the managed side holds the same list. */
enum spawn_step {
    STEP_NONE,
    STEP_CLONE,
    STEP_SETSID,
    STEP_DUP,
    STEP_CHDIR,
    STEP_EXEC,
};

struct aot_spawn_plan {
    const char *path;
    char *const *argv;
    char *const *envp;
    const char *cwd;   /* NULL: the caller's */
    const int *fds;    /* fds[i] becomes descriptor i; -1 leaves i closed */
    int32_t fd_count;
    int32_t flags;
    int32_t pdeathsig; /* 0: none */
    int32_t reserved; /* keeps the pointer after it aligned */
    const char *oom_score_adj; /* decimal text, or NULL */
};

struct aot_spawn_result {
    int32_t pid;
    int32_t pidfd;
    int32_t step;
    int32_t error;
};

int aot_spawn(const struct aot_spawn_plan *plan, struct aot_spawn_result *result);

#endif
