/* The process that enters a container for `exec`, begun before the managed runtime starts; see joiner.c. */
#ifndef AOT_JOINER_H
#define AOT_JOINER_H

#include <stdbool.h>

#include "plan.h"

/* own_file.c: whether this program is out of reach already, since it was executed through a read-only mount. */
bool own_file_is_read_only(void);

/* Begins it; false where it can't be, or need not. */
bool joiner_start(void);

/* Ends it, unless it has done its work. */
void joiner_forget(void);

/* Gives it the plan: 1, the pid and pidfd of the process that it has cloned for it. 0: there is no joiner. Or a negative errno. */
int joiner_launch(const uint8_t *blob, const struct plan_header *h, int *pid, int *pidfd);

#endif
