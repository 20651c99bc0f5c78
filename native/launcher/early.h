/* What is done before the managed runtime starts, by what the command line and config.json seem to ask for. */
#ifndef AOT_EARLY_H
#define AOT_EARLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "plan.h"

enum early_kind { EARLY_NOTHING, EARLY_CLONE, EARLY_PROTECT };

struct early_guess {
    enum early_kind kind;
    const char *bundle; /* of EARLY_CLONE */
    bool trace;         /* the timeline of the start is wanted */
    bool no_cgroup;     /* the container will have no cgroup to be born into */
};

/* Reads the role's arguments, argv[0] being its first flag. Whatever it does not know makes it EARLY_NOTHING. */
struct early_guess early_guess(int argc, char **argv);

/* Lets a new process begin on another processor than ours; its plan gives it all of them (OP_AFFINITY). */
void move_elsewhere(pid_t pid);

/* The CLONE_NEW* of the namespaces that a config.json makes; 0 where it is not plain to see. */
uint64_t early_namespaces(const char *json, size_t size);

/*
 * Gives the plan to the process that was cloned early, if there is one and it is what the plan asks for. Until early_launch() it shares our
 * table of descriptors: none that the plan names may be closed.
 */
bool early_hand(const uint8_t *blob, const struct plan_header *h);

/* Waits until it has taken the plan, handed to it here or before: 1, its pid and its pidfd. 0: there is none, or none any more. Or a negative errno. */
int early_launch(const uint8_t *blob, const struct plan_header *h, int *pid, int *pidfd);

#endif
