/*
 * A look at the command line and at config.json before the managed runtime runs. It only guesses: the managed side reads both properly, and
 * what it decides must equal the guess, or the guess is thrown away (early.c). So anything unusual may end in "don't know".
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdbool.h>
#include <string.h>

#include "early.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static bool one_of(const char *const *names, const char *name, size_t length)
{
    for (; *names; names++)
        if (strlen(*names) == length && memcmp(*names, name, length) == 0)
            return true;
    return false;
}

/* The flag at argv[i]: 1 or 2, the arguments that it takes; 0 for one that is not known. *value is NULL without one. */
static int flag(char **argv, int i, int argc, const char *const *switches, const char *const *valued, const char **name, size_t *length,
                const char **value)
{
    *name = argv[i] + 1 + (argv[i][1] == '-');
    *length = strcspn(*name, "=");
    *value = (*name)[*length] ? *name + *length + 1 : NULL;
    if (one_of(switches, *name, *length))
        return 1;
    if (!one_of(valued, *name, *length))
        return 0;
    if (*value)
        return 1;
    if (i + 1 >= argc)
        return 0;
    *value = argv[i + 1];
    return 2;
}

struct early_guess early_guess(int argc, char **argv)
{
    static const char *const global_switches[] = { "debug", "trace", NULL };
    static const char *const global_valued[] = { "root", "log", "log-format", "cgroup-manager", NULL };
    static const char *const switches[] = { "detach", "d", "no-subreaper", "keep", "no-pivot", "no-new-keyring", NULL };
    static const char *const valued[] = { "bundle", "b", "console-socket", "pidfd-socket", "pid-file", "preserve-fds", "trace", NULL };
    const struct early_guess nothing = { .kind = EARLY_NOTHING };
    const char *name, *value;
    size_t length;
    int i = 0, taken;

    bool trace = false, no_cgroup = false;
    for (; i < argc && argv[i][0] == '-'; i += taken) {
        if (!(taken = flag(argv, i, argc, global_switches, global_valued, &name, &length, &value)))
            return nothing;
        trace |= name[0] == 't';
        if (name[0] == 'c')
            no_cgroup = strcmp(value, "disabled") == 0;
    }
    if (i >= argc)
        return nothing;
    if (strcmp(argv[i], "exec") == 0)
        return (struct early_guess){ .kind = EARLY_PROTECT };
    if (strcmp(argv[i], "run") != 0 && strcmp(argv[i], "create") != 0)
        return nothing;

    struct early_guess guess = { EARLY_CLONE, ".", trace, no_cgroup };
    for (i++; i < argc && argv[i][0] == '-'; i += taken) {
        if (!(taken = flag(argv, i, argc, switches, valued, &name, &length, &value)))
            return nothing;
        if (name[0] == 'b')
            guess.bundle = value;
        guess.trace |= name[0] == 't';
    }
    return i < argc ? guess : nothing;
}

/* A cursor over JSON text; at is NULL once something was not as it should be. */
struct json {
    const char *at;
    const char *end;
};

enum { MAX_DEPTH = 32 };

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static char peek(struct json *j)
{
    while (j->at && j->at < j->end && is_space(*j->at))
        j->at++;
    if (!j->at || j->at == j->end) {
        j->at = NULL;
        return 0;
    }
    return *j->at;
}

static bool take(struct json *j, char c)
{
    if (peek(j) != c)
        return false;
    j->at++;
    return true;
}

/* A string's inside, escapes as they are written. */
static bool string(struct json *j, const char **text, size_t *length)
{
    if (!take(j, '"')) {
        j->at = NULL;
        return false;
    }
    *text = j->at;
    while (j->at < j->end && *j->at != '"')
        j->at += *j->at == '\\' ? 2 : 1;
    if (j->at >= j->end) {
        j->at = NULL;
        return false;
    }
    *length = (size_t)(j->at++ - *text);
    return true;
}

static bool next_key(struct json *j, bool *first, const char **key, size_t *length)
{
    if (take(j, '}'))
        return false;
    if (!*first && !take(j, ','))
        j->at = NULL;
    *first = false;
    if (!j->at || !string(j, key, length))
        return false;
    if (!take(j, ':'))
        j->at = NULL;
    return j->at != NULL;
}

static bool next_item(struct json *j, bool *first)
{
    if (take(j, ']'))
        return false;
    if (!*first && !take(j, ','))
        j->at = NULL;
    *first = false;
    return j->at != NULL;
}

static void skip(struct json *j, int depth)
{
    const char *text;
    size_t length;
    bool first = true;

    switch (peek(j)) {
    case '"':
        string(j, &text, &length);
        return;
    case '{':
        j->at = depth < MAX_DEPTH ? j->at + 1 : NULL;
        while (next_key(j, &first, &text, &length))
            skip(j, depth + 1);
        return;
    case '[':
        j->at = depth < MAX_DEPTH ? j->at + 1 : NULL;
        while (next_item(j, &first))
            skip(j, depth + 1);
        return;
    default:
        /* A number, true, false, null. */
        if (j->at) {
            const char *start = j->at;
            while (j->at < j->end && *j->at && *j->at != ',' && *j->at != ']' && *j->at != '}' && !is_space(*j->at))
                j->at++;
            if (j->at == start)
                j->at = NULL;
        }
    }
}

static bool is(const char *text, size_t length, const char *name)
{
    return strlen(name) == length && memcmp(text, name, length) == 0;
}

static uint64_t flag_of(const char *type, size_t length)
{
    static const struct {
        const char *name;
        uint64_t flag;
    } types[] = {
        { "pid", CLONE_NEWPID }, { "network", CLONE_NEWNET }, { "ipc", CLONE_NEWIPC }, { "uts", CLONE_NEWUTS },
        { "mount", CLONE_NEWNS }, { "cgroup", CLONE_NEWCGROUP }, { "user", CLONE_NEWUSER }, { "time", CLONE_NEWTIME },
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (is(type, length, types[i].name))
            return types[i].flag;
    return 0;
}

/* One of linux.namespaces: its flag, whether it is new or joined. */
static uint64_t namespace(struct json *j, bool *joined)
{
    const char *key, *text, *type = NULL;
    size_t length, size, type_length = 0;
    bool first = true;

    *joined = false;
    if (!take(j, '{'))
        j->at = NULL;
    while (next_key(j, &first, &key, &length)) {
        if (is(key, length, "type") && string(j, &text, &size)) {
            type = text;
            type_length = size;
        } else if (is(key, length, "path") && string(j, &text, &size)) {
            *joined = size > 0;
        } else {
            skip(j, 0);
        }
    }
    return type ? flag_of(type, type_length) : 0;
}

/* Goes to the value of a member of the object that begins here, if it has one. */
static bool find(struct json *j, const char *name)
{
    const char *key;
    size_t length;
    bool first = true;

    if (!take(j, '{'))
        return false;
    while (next_key(j, &first, &key, &length)) {
        if (is(key, length, name))
            return true;
        skip(j, 0);
    }
    return false;
}

/* What comes after the namespaces, Docker's seccomp profile for one, is not looked at: this is a guess that the plan is compared with. */
uint64_t early_namespaces(const char *json, size_t size)
{
    struct json j = { json, json + size };
    uint64_t made = 0, all = 0;
    bool first = true, joined;

    if (!find(&j, "linux") || !find(&j, "namespaces") || !take(&j, '['))
        return 0;
    while (next_item(&j, &first)) {
        uint64_t one = namespace(&j, &joined);
        all |= one;
        made |= joined ? 0 : one;
    }
    if (!j.at || !(made & CLONE_NEWPID) || (all & (CLONE_NEWUSER | CLONE_NEWTIME)))
        return 0;
    /* A cgroup namespace is made later: its root is the cgroup at its making. */
    return made & ~(uint64_t)CLONE_NEWCGROUP;
}
