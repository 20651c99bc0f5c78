/* How long a process will live, by its name. Asked before the C library is ready too (start.c), so nothing here calls it. */
#include "aot.h"
#include "startup.h"

static bool same(const char *one, const char *other)
{
    while (*one != 0 && *one == *other) {
        one++;
        other++;
    }
    return *one == *other;
}

static const char *file_name(const char *path)
{
    const char *name = path;
    for (; *path != 0; path++)
        if (*path == '/')
            name = path + 1;
    return name;
}

/* The name that chooses the role; `aotruntime runc ...` counts too, as in RoleNames.cs. */
static const char *role(int argc, char **argv, int *first)
{
    const char *name = argc > 0 ? file_name(argv[0]) : "";
    *first = 1;
    if (!same(name, "aotruntime") || argc < 2)
        return name;
    *first = 2;
    return argv[1];
}

int short_lived_arguments(int argc, char **argv)
{
    int first;
    const char *name = role(argc, argv, &first);
    return same(name, "runc") || same(name, "docker-runc") ? first : 0;
}

bool is_daemon(int argc, char **argv)
{
    int first;
    const char *name = role(argc, argv, &first);
    return same(name, "dockerd") || same(name, "containerd") || same(name, "docker-containerd");
}

bool is_joiner(int argc, char **argv)
{
    return argc == 2 && same(argv[0], AOT_JOINER_NAME);
}
