/* Each stage that fails ends the child and tells the parent its name, its subject and the errno. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../launcher/child.h"
#include "builder.h"
#include "harness.h"

int aot_report_receive(int socket, void *report, size_t size);
int aot_launch(const uint8_t *blob, size_t size, int *pid, int *pidfd, const char **why);

static struct builder b;
static int pair[2];
static char dir[] = "/tmp/aot-stage-XXXXXX";

static void start_plan(const char *name)
{
    test_name = name;
    begin(&b);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        abort();
}

/* Runs the plan; the last report is in *report (kind 0 where the child closed its end), the wait status is returned. */
static int run(struct report *report)
{
    finish(&b, pair[1]);
    int pid = -1, pidfd = -1;
    const char *why = NULL;
    int result = aot_launch(b.bytes, b.used, &pid, &pidfd, &why);
    CHECK(result == 0, "launch: %d %s", result, why ? why : "");
    close(pair[1]);
    memset(report, 0, sizeof *report);
    if (recv(pair[0], report, sizeof *report, 0) <= 0)
        report->kind = 0;
    close(pair[0]);
    close(pidfd);
    int status = 0;
    waitpid(pid, &status, 0);
    return status;
}

static void fails(uint32_t number, int error, const char *words)
{
    struct report report;
    int status = run(&report);
    CHECK(report.kind == SYNC_ERROR, "kind %u", report.kind);
    CHECK(report.op == number, "op %s", plan_name(report.op));
    CHECK(report.error == error, "errno %d", report.error);
    CHECK(strstr(report.text, words) != NULL, "text \"%s\"", report.text);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 255, "status %x", status);
}

static void root_at(const char *path)
{
    op(&b, OP_ROOT_PREPARE);
    text(&b, path);
    u64(&b, 0);
    u64(&b, 0);
}

static void resolve(const char *program, const char *path)
{
    op(&b, OP_RESOLVE);
    u32(&b, 1);
    text(&b, program);
    u32(&b, path ? 1 : 0);
    if (path)
        text(&b, path);
    u32(&b, 0);
}

static void bad_plan(void)
{
    start_plan("a bad plan is refused before the clone");
    finish(&b, -1);
    b.bytes[0] ^= 1;
    int pid = -1, pidfd = -1;
    const char *why = NULL;
    CHECK(aot_launch(b.bytes, b.used, &pid, &pidfd, &why) == -EBADMSG, "result");
    CHECK(pid == -1 && why != NULL, "pid %d", pid);
    close(pair[0]);
    close(pair[1]);
}

static void last_words(void)
{
    start_plan("what a child says before it ends is heard, though it leaves an answer unread");
    struct report said = { .kind = SYNC_ERROR, .text = "last words" }, heard = { 0 };
    CHECK(send(pair[1], &said, sizeof said, 0) == sizeof said && send(pair[0], "", 1, 0) == 1, "send: %d", errno);
    close(pair[1]);
    int n = aot_report_receive(pair[0], &heard, sizeof heard);
    CHECK(n == (int)sizeof heard && strcmp(heard.text, "last words") == 0, "%d bytes: \"%s\"", n, heard.text);
    n = aot_report_receive(pair[0], &heard, sizeof heard);
    CHECK(n == 0, "%d at its end", n);
    close(pair[0]);
}

static void executes(void)
{
    start_plan("a program runs, and its start closes the report socket");
    root_at("/");
    resolve("sh", "PATH=/nowhere:/bin:/usr/bin");
    /* argv is `sh` alone; standard input is closed by the test's own /dev/null. */
    op(&b, OP_EXEC);
    u32(&b, 0);
    struct report report;
    int null = open("/dev/null", O_RDWR), saved = dup(0);
    dup2(null, 0);
    int status = run(&report);
    dup2(saved, 0);
    close(saved);
    close(null);
    CHECK(report.kind == 0, "kind %u: %s", report.kind, report.text);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", status);
}

static void namespaces(void)
{
    start_plan("setns names the path");
    op(&b, OP_SETNS);
    u32(&b, 9999);
    u64(&b, 0);
    text(&b, "/run/netns/x");
    fails(OP_SETNS, EBADF, "/run/netns/x");

    start_plan("cgroup names the file");
    op(&b, OP_CGROUP_JOIN);
    u32(&b, 9999);
    text(&b, "/sys/fs/cgroup/x/tasks");
    fails(OP_CGROUP_JOIN, EBADF, "/sys/fs/cgroup/x/tasks");

    start_plan("unshare");
    op(&b, OP_UNSHARE);
    u64(&b, 0xffffffff);
    fails(OP_UNSHARE, EINVAL, "unshare");
}

static void rootfs(void)
{
    start_plan("a rootfs that is not there");
    root_at("/nonexistent/rootfs");
    fails(OP_ROOT_PREPARE, ENOENT, "/nonexistent/rootfs");

    start_plan("a mount's source that is not there");
    root_at(dir);
    op(&b, OP_MOUNT);
    text(&b, "/nonexistent/source");
    text(&b, "/data");
    text(&b, "bind");
    u64(&b, 4096);
    u64(&b, 0);
    text(&b, "");
    u32(&b, 0);
    u64(&b, 0);
    u64(&b, 0);
    u32(&b, 0);
    u32(&b, 0xffffffff);
    fails(OP_MOUNT, ENOENT, "failed to fulfil mount request: open /nonexistent/source");

    start_plan("nothing but a procfs on /proc");
    root_at(dir);
    op(&b, OP_MOUNT);
    text(&b, "tmpfs");
    text(&b, "/link-to-proc");
    text(&b, "tmpfs");
    u64(&b, 0);
    u64(&b, 0);
    text(&b, "");
    u32(&b, 0);
    u64(&b, 0);
    u64(&b, 0);
    u32(&b, 0);
    u32(&b, 0xffffffff);
    fails(OP_MOUNT, 0, "cannot be mounted because it is not of type proc");

    start_plan("proc not through a symbolic link");
    root_at(dir);
    op(&b, OP_MOUNT);
    text(&b, "proc");
    text(&b, "/link-to-proc");
    text(&b, "proc");
    u64(&b, 0);
    u64(&b, 0);
    text(&b, "");
    u32(&b, 0);
    u64(&b, 0);
    u64(&b, 0);
    u32(&b, 0);
    u32(&b, 0xffffffff);
    fails(OP_MOUNT, 0, "must be mounted on ordinary directory");

    start_plan("sysctl names the key and the value");
    op(&b, OP_SYSCTL);
    text(&b, "net/nonexistent");
    text(&b, "1");
    fails(OP_SYSCTL, ENOENT, "net/nonexistent");

    start_plan("a console without a devpts");
    root_at(dir);
    op(&b, OP_CONSOLE);
    u32(&b, 9999);
    u32(&b, 0);
    u32(&b, 0);
    u32(&b, 0);
    fails(OP_CONSOLE, ENOENT, "/dev/pts/ptmx");

    start_plan("a mask needs the real null device");
    root_at(dir);
    op(&b, OP_MASK_PATH);
    text(&b, "/file");
    fails(OP_MASK_PATH, 0, "not the null device");
}

static void programs(void)
{
    start_plan("a program that is not on PATH");
    root_at("/");
    resolve("no-such-program", "PATH=/bin");
    fails(OP_RESOLVE, 0, "exec: \"no-such-program\": executable file not found in $PATH");

    start_plan("a program by a path that is not there");
    root_at("/");
    resolve("/no/such", NULL);
    fails(OP_RESOLVE, ENOENT, "exec: \"/no/such\": stat /no/such");

    start_plan("a directory is no program");
    root_at("/");
    resolve("/etc", NULL);
    fails(OP_RESOLVE, EISDIR, "exec: \"/etc\"");

    start_plan("a file that may not be executed");
    root_at("/");
    resolve("/etc/passwd", NULL);
    fails(OP_RESOLVE, EACCES, "exec: \"/etc/passwd\"");

    start_plan("the runtime's own file through /proc (CVE-2019-5736)");
    root_at("/");
    resolve("/proc/self/exe", NULL);
    op(&b, OP_EXEC);
    u32(&b, 0);
    fails(OP_EXEC, EACCES, "magic link");

    char script[64];
    snprintf(script, sizeof script, "%s/script", dir);
    FILE *f = fopen(script, "w");
    fputs("#! /proc/self/exe -x\n", f);
    fclose(f);
    chmod(script, 0755);
    start_plan("an interpreter that is the runtime's own file (CVE-2019-5736)");
    root_at("/");
    resolve(script, NULL);
    op(&b, OP_EXEC);
    u32(&b, 0);
    fails(OP_EXEC, EACCES, "interpreter /proc/self/exe");
    unlink(script);

    start_plan("a working directory that is not there");
    op(&b, OP_IDENTITY);
    text(&b, "/no/such/cwd");
    for (int i = 0; i < 4; i++)
        u32(&b, 0);
    for (int i = 0; i < 5; i++)
        u64(&b, ~0ULL);
    fails(OP_IDENTITY, ENOENT, "chdir to cwd (\"/no/such/cwd\") set in config.json failed");

    start_plan("a plan without an end");
    op(&b, OP_UMASK);
    u32(&b, 022);
    struct report report;
    run(&report);
    CHECK(strstr(report.text, "ends without exec") != NULL, "text \"%s\"", report.text);
}

static void hook(const char *command, uint32_t timeout, const char *words)
{
    op(&b, OP_HOOK);
    text(&b, "createContainer hook #0");
    text(&b, "/bin/sh");
    u32(&b, 3);
    text(&b, "sh");
    text(&b, "-c");
    text(&b, command);
    u32(&b, 0);
    u32(&b, timeout);
    text(&b, "{\"pid\":");
    text(&b, "}");
    fails(OP_HOOK, 0, words);
}

static void placement(void)
{
    start_plan("an affinity that must be");
    op(&b, OP_AFFINITY);
    text(&b, "final");
    u32(&b, 1);
    u32(&b, 0);
    fails(OP_AFFINITY, EINVAL, "error setting final CPU affinity");

    start_plan("a memory policy that is none");
    op(&b, OP_MEMORY_POLICY);
    u32(&b, 99);
    u32(&b, 0);
    fails(OP_MEMORY_POLICY, EINVAL, "set_mempolicy");

    start_plan("a resource limit below itself");
    op(&b, OP_RLIMITS);
    u32(&b, 3);
    u64(&b, RLIMIT_NOFILE);
    u64(&b, 9);
    u64(&b, 8);
    fails(OP_RLIMITS, EINVAL, "error setting rlimits for ready process: error setting rlimit type 7");

    start_plan("an answer that was not asked for lets it go on, and the limit counts from then");
    op(&b, OP_SYNC);
    u32(&b, SYNC_CGROUPS);
    u32(&b, SYNC_WAIT_UNASKED);
    op(&b, OP_RLIMITS);
    u32(&b, 3);
    u64(&b, RLIMIT_NOFILE);
    u64(&b, 3);
    u64(&b, 3);
    op(&b, OP_LABEL_OPEN);
    u32(&b, 0);
    text(&b, "/proc/thread-self/comm");
    CHECK(send(pair[0], "", 1, 0) == 1, "send: %d", errno);
    fails(OP_LABEL_OPEN, EMFILE, "/proc/thread-self/comm");

    start_plan("a label's file that is not there");
    op(&b, OP_LABEL_OPEN);
    u32(&b, 0);
    text(&b, "/proc/thread-self/attr/nonexistent");
    fails(OP_LABEL_OPEN, ENOENT, "/proc/thread-self/attr/nonexistent");

    char faked[64];
    snprintf(faked, sizeof faked, "%s/file", dir);
    start_plan("a label's file that is not the kernel's (CVE-2019-16884)");
    op(&b, OP_LABEL_OPEN);
    u32(&b, 0);
    text(&b, faked);
    fails(OP_LABEL_OPEN, 0, "is not on a procfs");

    start_plan("a label that the kernel refuses");
    op(&b, OP_LABEL_OPEN);
    u32(&b, 1);
    text(&b, "/proc/thread-self/oom_score_adj");
    op(&b, OP_LABEL_WRITE);
    u32(&b, 1);
    text(&b, "exec x");
    text(&b, "unable to apply apparmor profile");
    fails(OP_LABEL_WRITE, EINVAL, "unable to apply apparmor profile: write \"exec x\"");
}

static void hooks(void)
{
    start_plan("a hook's exit code and words");
    hook("printf said; echo oops >&2; exit 3", 0, "error running createContainer hook #0: exit status 3, stdout: said, stderr: oops");
    start_plan("a hook that takes too long");
    hook("exec sleep 60", 1, "hook ran past specified timeout of 1.0s");
    start_plan("a hook gets the state");
    hook("grep -q '{\"pid\":[0-9][0-9]*}' && exit 4", 0, "exit status 4");
}

void test_stages(void)
{
    if (!mkdtemp(dir))
        abort();
    char path[64];
    snprintf(path, sizeof path, "%s/proc", dir);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/link-to-proc", dir);
    if (symlink("proc", path) < 0)
        abort();
    snprintf(path, sizeof path, "%s/file", dir);
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    snprintf(path, sizeof path, "%s/dev", dir);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/dev/null", dir);
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));

    bad_plan();
    last_words();
    executes();
    namespaces();
    rootfs();
    programs();
    placement();
    hooks();

    snprintf(path, sizeof path, "rm -rf %s", dir);
    if (system(path) != 0)
        abort();
}
