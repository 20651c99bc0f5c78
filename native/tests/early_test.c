/* What is begun before the managed runtime starts: only what is plain to see, and nothing of it stays where the plan wants something else. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../launcher/child.h"
#include "../launcher/early.h"
#include "../launcher/joiner.h"
#include "builder.h"
#include "harness.h"

int aot_launch(const uint8_t *blob, size_t size, int *pid, int *pidfd, const char **why);
void aot_launch_hand(const uint8_t *blob, size_t size);
void aot_early(int argc, char **argv);
void aot_joiner_beforehand(const uint8_t *blob, size_t size);

static int joiner; /* what is launched comes from one */
static char joined[2][64]; /* files that take what joins a cgroup; the first is joined beforehand */
static int hand; /* a launch begins with handing over its plan */
static char dir[] = "/tmp/aot-early-XXXXXX";

#define GUESS(...) \
    early_guess((int)(sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *)), (char *[]){ __VA_ARGS__ })

static void arguments(void)
{
    test_name = "the command line is read as far as it is known";
    struct early_guess g = GUESS("--root", "/r", "--log=/l", "run", "-b", "/b", "--pid-file", "p", "id");
    CHECK(g.kind == EARLY_CLONE && strcmp(g.bundle, "/b") == 0, "run -b: %d %s", g.kind, g.bundle ? g.bundle : "");
    g = GUESS("create", "--bundle=/c", "--no-pivot", "id");
    CHECK(g.kind == EARLY_CLONE && strcmp(g.bundle, "/c") == 0, "create --bundle=: %d", g.kind);
    g = GUESS("run", "id");
    CHECK(g.kind == EARLY_CLONE && strcmp(g.bundle, ".") == 0, "run: %d", g.kind);
    CHECK(!g.trace, "not traced");
    g = GUESS("create", "--trace", "/t", "--bundle", "/c", "id");
    CHECK(g.kind == EARLY_CLONE && g.trace && strcmp(g.bundle, "/c") == 0, "create --trace: %d", g.kind);
    g = GUESS("--trace", "run", "id");
    CHECK(g.kind == EARLY_CLONE && g.trace && strcmp(g.bundle, ".") == 0, "--trace run: %d", g.kind);
    CHECK(!g.no_cgroup, "with cgroups");
    g = GUESS("--cgroup-manager", "disabled", "run", "id");
    CHECK(g.kind == EARLY_CLONE && g.no_cgroup, "--cgroup-manager disabled: %d", g.kind);
    CHECK(!GUESS("--cgroup-manager=cgroupfs", "run", "id").no_cgroup, "--cgroup-manager=cgroupfs");
    CHECK(GUESS("exec", "id", "true").kind == EARLY_PROTECT, "exec");
    CHECK(GUESS("run", "--help").kind == EARLY_NOTHING, "run --help");
    CHECK(GUESS("run", "-b").kind == EARLY_NOTHING, "run -b without a value");
    CHECK(GUESS("run").kind == EARLY_NOTHING, "run without an id");
    CHECK(GUESS("--rootless", "true", "run", "id").kind == EARLY_NOTHING, "a flag that it does not know");
    CHECK(GUESS("--root").kind == EARLY_NOTHING, "a flag alone");
    CHECK(GUESS("state", "id").kind == EARLY_NOTHING, "another command");
}

static void config(const char *json, uint64_t expected)
{
    uint64_t flags = early_namespaces(json, strlen(json));
    CHECK(flags == expected, "%.60s: %llx", json, (unsigned long long)flags);
}

#define SPEC(namespaces) "{\"a\":[1,-2.5e3,{\"b\":null}],\"linux\":{\"x\":\"\\\"]}\",\"namespaces\":" namespaces "},\"z\":true}"

static void configs(void)
{
    test_name = "namespaces are read from config.json where they are plain to see";
    config(SPEC("[{\"type\":\"pid\"},{\"type\":\"network\",\"path\":\"\"},{\"type\" : \"mount\"}, {\"type\":\"cgroup\"}]"), CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWNS);
    config(SPEC("[{\"path\":\"/run/netns/a\",\"type\":\"network\"},{\"type\":\"pid\"}]"), CLONE_NEWPID);
    config(SPEC("[{\"type\":\"mount\"}]"), 0);
    config(SPEC("[{\"type\":\"pid\"},{\"type\":\"user\"}]"), 0);
    config(SPEC("[{\"type\":\"pid\"},{\"type\":\"user\",\"path\":\"/p\"}]"), 0);
    config(SPEC("[{\"type\":\"pid\"},{\"type\":\"time\"}]"), 0);
    config(SPEC("[{\"type\":\"pid\"},3]"), 0);
    config(SPEC("[]"), 0);
    config(SPEC("{\"type\":\"pid\"}"), 0);
    config("", 0);
    config("[]", 0);
    config("{", 0);
    const char *whole = SPEC("[{\"type\":\"pid\"}]");
    CHECK(early_namespaces(whole, strlen(whole)) == CLONE_NEWPID, "whole");
    /* What follows is left to who reads all of it. */
    size_t enough = (size_t)(strrchr(whole, ']') + 1 - whole);
    for (size_t size = 0; size < strlen(whole); size++) {
        /* On the heap and no longer than it is told, so that the sanitizer sees a read beyond. */
        char *part = malloc(size ? size : 1);
        memcpy(part, whole, size);
        CHECK(early_namespaces(part, size) == (size < enough ? 0 : CLONE_NEWPID), "cut off after %zu bytes", size);
        free(part);
    }
    char deep[4096];
    memset(deep, '[', sizeof deep);
    memcpy(deep, "{\"a\":", 5);
    CHECK(early_namespaces(deep, sizeof deep) == 0, "deep");
}

static void begin_early(void)
{
    char *argv[] = { "run", "--bundle", dir, "id" };
    aot_early(4, argv);
}

/* A directory of cgroup2 that this process is in, or -1: where there is one, plans have one. */
static int cgroup2(void)
{
    static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
    for (int i = 0; i < 2; i++) {
        struct statfs st;
        if (statfs(places[i], &st) == 0 && st.f_type == CGROUP2_SUPER_MAGIC)
            return open(places[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    return -1;
}

static void kill_child(void)
{
    char path[64], children[128] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    FILE *file = fopen(path, "re");
    if (file && fgets(children, sizeof children, file))
        kill(atoi(children), SIGKILL);
    if (file)
        fclose(file);
}

/* Launches a plan that waits for an answer and checks that it is a process 1 of its own; the answer never comes. */
static void launch(uint64_t flags)
{
    struct builder b;
    int pair[2], pid = -1, pidfd = -1, cgroup = cgroup2();
    const char *why = NULL;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        abort();
    begin(&b);
    op(&b, OP_CLOSE);
    u32(&b, (uint32_t)pair[0]);
    for (int i = 0; i < 2 && joined[i][0]; i++) {
        op(&b, OP_CGROUP_JOIN);
        u32(&b, 0xffffffff);
        text(&b, joined[i]);
    }
    op(&b, OP_SYNC);
    u32(&b, SYNC_READY);
    u32(&b, 1);
    finish(&b, pair[1]);
    struct plan_header *h = (struct plan_header *)b.bytes;
    h->clone_flags = flags;
    h->cgroup_fd = cgroup;
    if (hand)
        aot_launch_hand(b.bytes, b.used);
    int result = aot_launch(b.bytes, b.used, &pid, &pidfd, &why);
    CHECK(result == 0, "launch: %d %s", result, why ? why : "");
    /* Closed here, and still open there. */
    close(pair[1]);
    struct report report;
    CHECK(recv(pair[0], &report, sizeof report, 0) > 0 && report.kind == SYNC_READY, "kind %u", report.kind);

    char path[64], line[256], last[16] = "";
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *status = fopen(path, "re");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, "NSpid:", 6) == 0)
            snprintf(last, sizeof last, "%.15s", strrchr(line, '\t') + 1);
    if (status)
        fclose(status);
    CHECK(strcmp(last, "1\n") == 0, "process %s in its namespace", last);
    struct stat ours, its;
    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    CHECK(stat("/proc/self/ns/net", &ours) == 0 && stat(path, &its) == 0, "stat");
    struct statfs exe;
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    CHECK(statfs(path, &exe) == 0 && ((exe.f_flags & ST_RDONLY) != 0) == joiner, "its file's mount: %lx", (long)exe.f_flags);
    CHECK((ours.st_ino != its.st_ino) == ((flags & CLONE_NEWNET) != 0), "network namespace");

    close(pair[0]);
    close(pidfd);
    if (cgroup >= 0)
        close(cgroup);
    int code = 0;
    CHECK(waitpid(pid, &code, 0) == pid && WIFEXITED(code), "wait: %x", code);
    CHECK(waitpid(-1, &code, WNOHANG) < 0 && errno == ECHILD, "another child is left");
}

static int descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void close_fd(int32_t *fd, void *unused)
{
    (void)unused;
    if (*fd >= 0)
        close(*fd);
}

static char content(const char *path)
{
    char octet = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, &octet, 1) < 0)
        abort();
    close(fd);
    return octet;
}

/* The first file by its descriptor; the second by one that can't be written to, as where a cgroup refuses. */
static void join_first(const char *beforehand)
{
    struct builder b;
    begin(&b);
    for (int i = 0; i < 2; i++) {
        snprintf(joined[i], sizeof joined[i], "%s/tasks%d", dir, i);
        close(open(joined[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        op(&b, OP_CGROUP_JOIN);
        u32(&b, (uint32_t)open(joined[i], (i == 0 ? O_WRONLY : O_RDONLY) | O_CLOEXEC));
        text(&b, joined[i]);
    }
    finish(&b, -1);
    ((struct plan_header *)b.bytes)->when = PLAN_BEFOREHAND;
    aot_joiner_beforehand(b.bytes, b.used);
    plan_each_fd(b.bytes, close_fd, NULL);
    /* Whoever wanted to join by its path again would not find it. */
    if (rename(joined[0], beforehand) < 0)
        abort();
}

static void processes(void)
{
    const uint64_t flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET;
    char path[64];
    snprintf(path, sizeof path, "%s/config.json", dir);
    FILE *file = fopen(path, "we");
    if (!file)
        abort();
    fputs(SPEC("[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"network\"}]"), file);
    fclose(file);

    int before = descriptors();
    test_name = "a process that was cloned early takes the plan";
    begin_early();
    CHECK(descriptors() > before, "nothing was cloned");
    launch(flags);
    CHECK(descriptors() == before, "descriptors: %d", descriptors() - before);

    test_name = "a process that was cloned early takes the plan while its parent does something else";
    hand = 1;
    begin_early();
    launch(flags);
    CHECK(descriptors() == before, "descriptors: %d", descriptors() - before);
    hand = 0;

    test_name = "a plan of another kind gets another process";
    begin_early();
    launch(CLONE_NEWPID);
    CHECK(descriptors() == before, "descriptors: %d", descriptors() - before);

    test_name = "a process from a joiner runs a file that can't be written";
    CHECK(joiner_start(), "no joiner: %d", errno);
    joiner = 1;
    launch(CLONE_NEWPID);
    joiner = 0;
    CHECK(descriptors() == before, "descriptors: %d", descriptors() - before);

    test_name = "a joiner has joined beforehand what its process need not join again";
    CHECK(joiner_start(), "no joiner: %d", errno);
    joiner = 1;
    snprintf(path, sizeof path, "%s/joined", dir);
    join_first(path);
    launch(CLONE_NEWPID);
    joiner = 0;
    CHECK(content(path) == '0' && content(joined[1]) == '0', "%x %x", content(path), content(joined[1]));
    CHECK(descriptors() == before, "descriptors: %d", descriptors() - before);
    joined[0][0] = 0;

    test_name = "a joiner that is not needed ends";
    CHECK(joiner_start(), "no joiner: %d", errno);
    joiner_forget();
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "a child is left");
    CHECK(descriptors() == before, "descriptors: %d", descriptors() - before);
    launch(CLONE_NEWPID);

    test_name = "an early process that died is done without";
    begin_early();
    kill_child();
    launch(flags);

    test_name = "an early process ends with its parent";
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    pid_t parent = fork();
    if (parent == 0) {
        begin_early();
        _exit(0);
    }
    int reaped = 0, code;
    alarm(20);
    while (waitpid(-1, &code, 0) > 0)
        reaped++;
    alarm(0);
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
    CHECK(reaped == 2, "%d processes", reaped);

    snprintf(path, sizeof path, "%s/config.json", dir);
    unlink(path);
}

void test_early(void)
{
    arguments();
    configs();
    if (!mkdtemp(dir))
        abort();
    processes();
    rmdir(dir);
}
