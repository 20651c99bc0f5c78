#include "aot.h"
#include "plan.h"

/* Raised with every change of the launch plan's layout: the managed side refuses another one. */
AOT_EXPORT int aot_launcher_version(void)
{
    return PLAN_VERSION;
}
