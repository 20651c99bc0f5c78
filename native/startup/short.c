/*
 * The role runc lives for milliseconds: it is started several times in a container's life, makes some hundred kilobytes of objects and
 * ends. What the runtime prepares for a long life is left out where that name is called; perf/results/start.md has what it saves.
 *   - The finalizer thread: a thread to make, to schedule and to end. Without it no finalizer runs; the role's handles are disposed of.
 *   - Limits of the cgroup: /proc/self/mountinfo is read three times to size a heap that never grows to its first collection.
 *   - The number of processors, which the C library reads from two files of sysfs, three times.
 *   - NUMA nodes and cache sizes, from a dozen files of sysfs, for the same heap.
 *   - The ends of the stack, which the C library reads from /proc/self/maps, and the free memory from /proc/meminfo: both are text that
 *     the kernel makes with some effort.
 *   - The collector's settings: each of some sixty is looked for in the environment and among those that were given to the compiler.
 *   - What the processor can do, in six `cpuid` instructions (start.c): this role does with what the program needs to run at all.
 *   - Reserved memory that is made accessible piece by piece: two or three system calls for each of a dozen pieces.
 * Each is one function of the runtime's own archive, replaced by ld --wrap (AotRuntime.csproj); where one of them is renamed by a new version
 * of the runtime the program does not link.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "startup.h"

enum {
    /* What the first generation's budget comes from: a run allocates a tenth of it. */
    CACHE = 4 * 1024 * 1024,
    /* The GC commits its heaps in steps of this size, and fills each from its start to its end (commit_min_th). */
    GC_STEP = 64 * 1024,
    PAGE = 4096,
    MAX_STACK = 1 << 30,
    FREE = 1 << 30,
};

bool short_lived;

/* The names are C++'s, as the archive has them. */
bool __real__Z23PalStartFinalizerThreadPFjPvES_(uint32_t (*start)(void *), void *context);
bool __wrap__Z23PalStartFinalizerThreadPFjPvES_(uint32_t (*start)(void *), void *context)
{
    return short_lived || __real__Z23PalStartFinalizerThreadPFjPvES_(start, context);
}

void __real__Z16InitializeCGroupv(void);
void __wrap__Z16InitializeCGroupv(void)
{
    if (!short_lived)
        __real__Z16InitializeCGroupv();
}

void __real__Z19InitializeCpuCGroupv(void);
void __wrap__Z19InitializeCpuCGroupv(void)
{
    if (!short_lived)
        __real__Z19InitializeCpuCGroupv();
}

void __real__Z21NUMASupportInitializev(void);
void __wrap__Z21NUMASupportInitializev(void)
{
    if (!short_lived)
        __real__Z21NUMASupportInitializev();
}

/* The processors that this process may use; 0 where there are more than the set has room for. */
static int processors(void)
{
    static int count = -1;
    cpu_set_t set;
    if (count < 0)
        count = short_lived && sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
    return count;
}

/* How long the runtime's own sets of processors must be, which sched_getaffinity fills. */
int __real_minipal_get_cpu_max_possible_count(void);
int __wrap_minipal_get_cpu_max_possible_count(void)
{
    return processors() > 0 ? CPU_SETSIZE : __real_minipal_get_cpu_max_possible_count();
}

long __real_sysconf(int name);
long __wrap_sysconf(int name)
{
    return name == _SC_NPROCESSORS_ONLN && processors() > 0 ? processors() : __real_sysconf(name);
}

size_t __real__ZN15GCToOSInterface25GetCacheSizePerLogicalCpuEb(bool whole);
size_t __wrap__ZN15GCToOSInterface25GetCacheSizePerLogicalCpuEb(bool whole)
{
    return short_lived ? CACHE : __real__ZN15GCToOSInterface25GetCacheSizePerLogicalCpuEb(whole);
}

/* The stack begins below the program's name, the last thing that the kernel puts there, and ends where its limit is. */
bool __real__Z24PalGetMaximumStackBoundsPPvS0_(void **low, void **high);
bool __wrap__Z24PalGetMaximumStackBoundsPPvS0_(void **low, void **high)
{
    struct rlimit limit;
    uintptr_t top = getauxval(AT_EXECFN);
    if (!short_lived || gettid() != getpid() || top == 0 || getrlimit(RLIMIT_STACK, &limit) < 0 || limit.rlim_cur > MAX_STACK)
        return __real__Z24PalGetMaximumStackBoundsPPvS0_(low, high);
    top = (top + PAGE - 1) & -(uintptr_t)PAGE;
    *high = (void *)top;
    *low = (void *)((top - limit.rlim_cur) & -(uintptr_t)PAGE);
    return true;
}

void __real__ZN15GCToOSInterface15GetMemoryStatusEmPjPmS1_(uint64_t limit, uint32_t *load, uint64_t *free, uint64_t *free_swap);
void __wrap__ZN15GCToOSInterface15GetMemoryStatusEmPjPmS1_(uint64_t limit, uint32_t *load, uint64_t *free, uint64_t *free_swap)
{
    if (!short_lived) {
        __real__ZN15GCToOSInterface15GetMemoryStatusEmPjPmS1_(limit, load, free, free_swap);
        return;
    }
    /* Nobody is short of memory. */
    if (load)
        *load = 0;
    if (free)
        *free = FREE;
    if (free_swap)
        *free_swap = FREE;
}

/* All of it accessible at once, and accounted to nobody (MAP_NORESERVE): what is not touched costs nothing either way. */
static void *reserve(size_t size, size_t alignment)
{
    size_t room = size + (alignment > PAGE ? alignment : 0);
    char *start = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED)
        return NULL;
    return alignment > PAGE ? (void *)(((uintptr_t)start + alignment - 1) & -(uintptr_t)alignment) : start;
}

void *__real__ZN15GCToOSInterface14VirtualReserveEmmjt(size_t size, size_t alignment, uint32_t flags, uint16_t node);
void *__wrap__ZN15GCToOSInterface14VirtualReserveEmmjt(size_t size, size_t alignment, uint32_t flags, uint16_t node)
{
    if (short_lived) {
        void *start = reserve(size, alignment);
        if (start)
            return start;
        /* Where the kernel promises no more than it has (vm.overcommit_memory 2), the runtime's way. */
        short_lived = false;
    }
    return __real__ZN15GCToOSInterface14VirtualReserveEmmjt(size, alignment, flags, node);
}

bool __real__ZN15GCToOSInterface13VirtualCommitEPvmt(void *start, size_t size, uint16_t node);
bool __wrap__ZN15GCToOSInterface13VirtualCommitEPvmt(void *start, size_t size, uint16_t node)
{
    if (!short_lived && !__real__ZN15GCToOSInterface13VirtualCommitEPvmt(start, size, node))
        return false;
    if (size == GC_STEP)
        populate((uintptr_t)start, (uintptr_t)start + size);
    return true;
}

bool __real__ZN15GCToOSInterface15VirtualDecommitEPvm(void *start, size_t size);
bool __wrap__ZN15GCToOSInterface15VirtualDecommitEPvm(void *start, size_t size)
{
    if (short_lived)
        return madvise(start, size, MADV_DONTNEED) == 0;
    return __real__ZN15GCToOSInterface15VirtualDecommitEPvm(start, size);
}

/* Whether somebody has put settings of the collector into the environment, as tests do. */
static bool configured(void)
{
    static const char prefix[] = "DOTNET_GC";
    static int known = -1;
    if (known < 0) {
        known = 0;
        for (char **variable = environ; *variable != NULL && !known; variable++)
            known = strncasecmp(*variable, prefix, sizeof prefix - 1) == 0;
    }
    return known;
}

bool __real__ZN15GCToEEInterface17GetIntConfigValueEPKcS1_Pl(const char *private_key, const char *public_key, int64_t *value);
bool __wrap__ZN15GCToEEInterface17GetIntConfigValueEPKcS1_Pl(const char *private_key, const char *public_key, int64_t *value)
{
    return (!short_lived || configured()) && __real__ZN15GCToEEInterface17GetIntConfigValueEPKcS1_Pl(private_key, public_key, value);
}

bool __real__ZN15GCToEEInterface20GetStringConfigValueEPKcS1_PS1_(const char *private_key, const char *public_key, const char **value);
bool __wrap__ZN15GCToEEInterface20GetStringConfigValueEPKcS1_PS1_(const char *private_key, const char *public_key, const char **value)
{
    return (!short_lived || configured()) && __real__ZN15GCToEEInterface20GetStringConfigValueEPKcS1_PS1_(private_key, public_key, value);
}

bool __real__ZN15GCToEEInterface21GetBooleanConfigValueEPKcS1_Pb(const char *private_key, const char *public_key, bool *value);
bool __wrap__ZN15GCToEEInterface21GetBooleanConfigValueEPKcS1_Pb(const char *private_key, const char *public_key, bool *value)
{
    if (!short_lived || configured())
        return __real__ZN15GCToEEInterface21GetBooleanConfigValueEPKcS1_Pb(private_key, public_key, value);
    /* The one that AotRuntime.csproj gives, without which the collector would make a thread. */
    if (public_key == NULL || strcmp(public_key, "System.GC.Concurrent") != 0)
        return false;
    *value = false;
    return true;
}

/* What the compiled code takes for granted, and the runtime would refuse to start without. */
extern const int g_requiredCpuFeatures;

int __real_minipal_getcpufeatures(void);
int __wrap_minipal_getcpufeatures(void)
{
    return short_lived ? g_requiredCpuFeatures : __real_minipal_getcpufeatures();
}
