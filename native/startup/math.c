/*
 * libm, found when the first of its functions is called. The managed runtime wants two dozen of them linked, a start calls none; that library
 * is a twentieth of `runc run`: to be looked for, mapped, relocated, and in the way of every clone and exit.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void *find(const char *name)
{
    void *library = dlopen("libm.so.6", RTLD_NOW);
    void *function = library ? dlsym(library, name) : NULL;
    if (!function) {
        fprintf(stderr, "aotruntime: %s; libm.so.6 comes with the C library\n", dlerror());
        abort();
    }
    return function;
}

/* Two threads at once find the same. */
#define FUNCTION(name, parameters, arguments)                          \
    double name parameters                                             \
    {                                                                  \
        static double (*known) parameters;                             \
        double (*function) parameters = __atomic_load_n(&known, __ATOMIC_RELAXED); \
        if (!function)                                                 \
            __atomic_store_n(&known, function = find(#name), __ATOMIC_RELAXED); \
        return function arguments;                                     \
    }
#define ONE(name) FUNCTION(name, (double x), (x))
#define TWO(name) FUNCTION(name, (double x, double y), (x, y))

ONE(acos)
ONE(acosh)
ONE(asin)
ONE(asinh)
ONE(atan)
ONE(atanh)
ONE(ceil)
ONE(cos)
ONE(cosh)
ONE(exp)
ONE(floor)
ONE(log)
ONE(log10)
ONE(log2)
ONE(sin)
ONE(sinh)
ONE(sqrt)
ONE(tan)
ONE(tanh)
ONE(trunc)
TWO(atan2)
TWO(fmod)
TWO(pow)
FUNCTION(modf, (double x, double *whole), (x, whole))
