using System.Text.Json.Nodes;

namespace AotRuntime.Tests.Functional;

/// <summary>What containers may ask of the kernel.</summary>
public class SeccompTests(StackFixture fixture) : IClassFixture<StackFixture>
{
    private const string ErrnoProfile =
        """
        {"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":77},
        {"names":["umask"],"action":"SCMP_ACT_ERRNO","includes":{"caps":["CAP_SYS_ADMIN"]}}]}
        """;

    private readonly Stack _stack = fixture.Stack;

    [Fact]
    public void The_default_profile_refuses_what_dockers_does()
    {
        CommandResult result = Run("unshare -U true; echo $?; grep Seccomp: /proc/self/status; mkdir /tmp/x && echo made");
        Assert.Equal("1\nSeccomp:\t2\nmade\n", result.Output);
        Assert.Contains("Operation not permitted", result.Error);
        Assert.Equal("0\n", Run("unshare -U true; echo $?", "--security-opt", "seccomp=unconfined").Output);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2, "--security-opt", "seccomp=builtin")]
    [InlineData(2, "--security-opt", "no-new-privileges")]
    [InlineData(2, "-u", "nobody")]
    [InlineData(2, "--cap-add", "SYS_ADMIN")]
    [InlineData(0, "--security-opt", "seccomp=unconfined")]
    public void A_container_has_a_filter_unless_it_is_trusted(int mode, params string[] flags) =>
        Assert.Equal($"Seccomp:\t{mode}\n", Run("grep Seccomp: /proc/self/status", flags.Length > 0 ? flags : ["--privileged"]).Output);

    [Fact]
    public void A_capability_brings_its_calls() =>
        Assert.Equal("0\n", Run("mount -t tmpfs none /tmp; echo $?", "--cap-add", "SYS_ADMIN").Output);

    [Fact]
    public void A_profile_of_ones_own_decides()
    {
        string file = _stack.Dir.File("profile.json");
        File.WriteAllText(file, ErrnoProfile);
        CommandResult result = Run("unshare -U true; echo $?; mkdir /tmp/x; umask 22; umask", "--security-opt", "seccomp=" + file);
        Assert.Equal("0\n0022\n", result.Output);
        // 77 is EBADFD.
        Assert.Contains("File descriptor in bad state", result.Error);
        File.WriteAllText(file, """{"defaultAction":"SCMP_ACT_MOON"}""");
        CommandResult wrong = _stack.Docker("run", "--rm", "--security-opt", "seccomp=" + file, "busybox", "true").Exited(125);
        Assert.Contains("string SCMP_ACT_MOON is not a valid action for seccomp", wrong.Error);
        Leftovers.AssertNone(_stack);
    }

    [Fact]
    public void Processes_that_come_later_are_filtered_too()
    {
        string id = _stack.Docker("run", "-d", "busybox", "sleep", "1000").Succeeded().Output.Trim();
        try
        {
            Assert.Equal("Seccomp:\t2\n", _stack.Docker("exec", id, "grep", "Seccomp:", "/proc/self/status").Succeeded().Output);
            Assert.Contains("Operation not permitted", _stack.Docker("exec", id, "unshare", "-U", "true").Exited(1).Error);
            _stack.Docker("restart", "-t", "0", id).Succeeded();
            Assert.Equal("Seccomp:\t2\n", _stack.Docker("exec", "-u", "nobody", id, "grep", "Seccomp:", "/proc/self/status").Succeeded().Output);
        }
        finally
        {
            _stack.Docker("rm", "-f", id).Succeeded();
        }
    }

    [Fact]
    public void The_engine_says_so()
    {
        JsonNode info = JsonNode.Parse(_stack.Curl("--unix-socket", _stack.Socket, "http://d/info").Succeeded().Output)!;
        Assert.Contains("name=seccomp,profile=builtin", info["SecurityOptions"]!.AsArray().Select(o => (string?)o));
        Assert.DoesNotContain("seccomp", info["Warnings"]?.ToJsonString() ?? "");
        Assert.Contains("  seccomp\n   Profile: builtin\n", _stack.Docker("info").Succeeded().Output);
        JsonNode features = JsonNode.Parse(new Command(Programs.Ours("runc"), "features").Run().Succeeded().Output)!;
        Assert.True((bool)features["linux"]!["seccomp"]!["enabled"]!);
        Assert.Contains("libseccomp: ", new Command(Programs.Ours("runc"), "--version").Run().Succeeded().Output);
    }

    /// <summary>The same bundle under both runtimes; "old" stands for profiles from before the newer calls that a runtime likes to use.</summary>
    [Theory]
    [InlineData("errno", false)]
    [InlineData("errno", true)]
    [InlineData("old", false)]
    [InlineData("old", true)]
    public void A_bundle_runs_as_under_the_real_runc(string profile, bool noNewPrivileges)
    {
        using TempDir dir = new();
        string bin = dir.File("rootfs/bin").Made();
        foreach (string folder in (string[])["proc", "sys", "dev", "tmp"])
            dir.File("rootfs/" + folder).Made();
        File.Copy("/bin/busybox", Path.Combine(bin, "busybox"));
        JsonNode spec = JsonNode.Parse(Spec(dir.Path))!;
        spec["root"]!["readonly"] = false;
        spec["process"]!["terminal"] = false;
        spec["process"]!["noNewPrivileges"] = noNewPrivileges;
        spec["process"]!["args"] = new JsonArray("/bin/busybox", "sh", "-c",
            "cd /bin; exec 2>&1; B=/bin/busybox; $B grep -E 'Seccomp:|NoNew' /proc/self/status; $B unshare -U $B true; echo $?; $B mkdir /tmp/x; echo $?; $B rm -rf /tmp/x");
        spec["linux"]!["resources"] = new JsonObject();
        spec["linux"]!["seccomp"] = profile == "errno" ? JsonNode.Parse(ErrnoProfile) : Old();
        File.WriteAllText(dir.File("config.json"), spec.ToJsonString());
        string id = Path.GetFileName(dir.Path);
        CommandResult real = new Command(Programs.Peer("runc"), "--root", dir.File("real"), "run", "--bundle", dir.Path, id).Run().Succeeded();
        for (int i = 0; i < 2; i++)
        {
            CommandResult ours = new Command(Programs.Ours("runc"), "--root", dir.File("ours"), "run", "--bundle", dir.Path, id).Run().Succeeded();
            Assert.Equal(real.Output, ours.Output);
        }
        Assert.Contains("Seccomp:\t2\n", real.Output);
    }

    private static string Spec(string bundle)
    {
        new Command(Programs.Peer("runc"), "spec", "--bundle", bundle).Run().Succeeded();
        return File.ReadAllText(Path.Combine(bundle, "config.json"));
    }

    private static JsonObject Old()
    {
        string[] names =
        [
            "access", "arch_prctl", "brk", "capget", "capset", "chdir", "chmod", "clone", "close", "dup", "dup2", "dup3", "epoll_create1", "epoll_ctl",
            "epoll_pwait", "execve", "exit", "exit_group", "faccessat", "fchdir", "fchmodat", "fchown", "fcntl", "fork", "fstat", "fstatfs", "futex", "getcwd",
            "getdents64", "getegid", "geteuid", "getgid", "getgroups", "getpgrp", "getpid", "getppid", "getrandom", "gettid", "getuid", "ioctl", "lseek", "lstat",
            "madvise", "mkdir", "mkdirat", "mmap", "mprotect", "munmap", "nanosleep", "newfstatat", "open", "openat", "pipe2", "poll", "prctl", "pread64", "prlimit64",
            "read", "readlink", "readlinkat", "rmdir", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_getaffinity", "sched_yield", "set_robust_list",
            "set_tid_address", "setgid", "setgroups", "setpgid", "setsid", "setuid", "sigaltstack", "stat", "statfs", "tgkill", "umask", "uname", "unlink",
            "unlinkat", "vfork", "wait4", "write", "writev",
        ];
        return new JsonObject
        {
            ["defaultAction"] = "SCMP_ACT_ERRNO",
            ["syscalls"] = new JsonArray(new JsonObject
            {
                ["names"] = new JsonArray([.. names.Select(n => JsonValue.Create(n))]),
                ["action"] = "SCMP_ACT_ALLOW",
            }),
        };
    }

    private CommandResult Run(string script, params string[] flags) => _stack.Docker(["run", "--rm", .. flags, "busybox", "sh", "-c", script]);
}
