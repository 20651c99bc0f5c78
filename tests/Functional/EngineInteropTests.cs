using AotRuntime.Tests.Functional.Runc;

namespace AotRuntime.Tests.Functional;

/// <summary>Our runc and our shim under the real engines, told of them as their users would.</summary>
public sealed class EngineInteropTests
{
    /// <summary>The ways to give a dockerd a runtime: by name for one container, by name for all, or first on PATH.</summary>
    [Theory]
    [InlineData("--add-runtime")]
    [InlineData("--default-runtime")]
    [InlineData("PATH")]
    public void The_real_dockerd_takes_our_runc(string way)
    {
        using ContainerdStack under = new(
            Programs.Peer("containerd"), Programs.Peer("containerd-shim-runc-v2"), way == "PATH" ? Programs.Ours("runc") : "/bin/false");
        string name = way == "PATH" ? "runc" : "aot";
        string program = way == "PATH" ? "" : under.Recorded(name, Programs.Ours("runc"));
        string[] flags = way switch
        {
            "PATH" => [],
            "--add-runtime" => ["--add-runtime", $"aot={program}"],
            _ => ["--add-runtime", $"aot={program}", "--default-runtime", "aot"],
        };
        string[] chosen = way == "--add-runtime" ? ["--runtime", "aot"] : [];
        using RealDockerd real = new(under, flags);
        Assert.Equal(way == "--add-runtime" ? "runc\n" : name + "\n", real.Docker("info", "-f", "{{.DefaultRuntime}}").Succeeded().Output);

        CommandResult run = real.Docker(["run", "--rm", "-i", .. chosen, RealDockerd.Image, "sh", "-c", "echo out; echo err >&2; exit 7"]).Exited(7);
        Assert.Equal(("out\n", "err\n"), (run.Output, run.Error));
        Assert.Contains("\"nothere\": executable file not found in $PATH", real.Docker(["run", "--rm", .. chosen, RealDockerd.Image, "nothere"]).Exited(127).Error);

        real.Docker(["run", "-d", "--name", "c1", "-m", "64m", .. chosen, RealDockerd.Image, "sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.05; done"]).Succeeded();
        Assert.Equal(name + "\n", real.Inspect("c1", "{{.HostConfig.Runtime}}"));
        Assert.Equal("in\n", real.Docker("exec", "c1", "sh", "-c", "echo in; exit 3").Exited(3).Output);
        // 126 of older daemons.
        CommandResult missing = real.Docker("exec", "c1", "nothere");
        Assert.InRange(missing.ExitCode, 126, 127);
        Assert.Contains("exec: \"nothere\": executable file not found in $PATH", missing.Output + missing.Error);
        AssertTerminal(real);

        real.Docker("pause", "c1").Succeeded();
        Assert.Equal("paused\n", real.State("c1"));
        real.Docker("unpause", "c1").Succeeded();
        Assert.Equal("running\n", real.State("c1"));

        Assert.Equal("67108864\n", MemoryLimit(real, "c1"));
        real.Docker("update", "-m", "48m", "--memory-swap", "96m", "--cpus", "0.5", "c1").Succeeded();
        Assert.Equal("50331648\n", MemoryLimit(real, "c1"));
        Assert.Matches("^[0-9.]+%  *[0-9.]+[kMK]iB / 48MiB  *[12]\n$",
            real.Docker("stats", "--no-stream", "--format", "{{.CPUPerc}} {{.MemUsage}} {{.PIDs}}", "c1").Succeeded().Output);
        Assert.Contains("sh -c trap", real.Docker("top", "c1").Succeeded().Output);
        Assert.Contains("sleep 0.05", real.Docker("top", "c1", "-o", "pid,cmd").Succeeded().Output);

        real.Docker("restart", "-t", "10", "c1").Succeeded();
        Assert.Equal("running\n", real.State("c1"));
        real.Docker("kill", "-s", "TERM", "c1").Succeeded();
        Assert.Equal("5\n", real.Docker("wait", "c1").Succeeded().Output);
        real.Docker("start", "c1").Succeeded();
        real.Docker("kill", "c1").Succeeded();
        Assert.Equal("137\n", real.Docker("wait", "c1").Succeeded().Output);
        real.Docker("rm", "c1").Succeeded();

        foreach (string command in (string[])["create", "start", "exec", "pause", "resume", "update", "delete"])
            Assert.Matches($"(?m)^--root .* {command} ", under.CallsOf(name));
        under.AssertNothingLeft();
    }

    [Theory]
    [InlineData("ours", "runc")]
    [InlineData("ours", "crun")]
    [InlineData("real", "runc")]
    [InlineData("real", "crun")]
    public void Our_shim_drives_the_runtime_that_its_options_name(string containerd, string runtime)
    {
        // The one on its PATH can't do anything.
        using ContainerdStack stack = new(
            containerd == "ours" ? Programs.Ours("containerd") : Programs.Peer("containerd"), Programs.Ours("containerd-shim-runc-v2"), "/bin/false");
        string program = stack.Recorded(runtime == "runc" ? "real-runc" : runtime, Programs.Peer(runtime));
        string[] chosen = ["--runc-binary", program, "--runc-root", stack.Dir.File("runtime-root")];
        stack.Ctr("images", "pull", "--plain-http", RealDockerd.Image).Succeeded();
        Assert.Equal("out\n", stack.Ctr(["run", "--rm", .. chosen, RealDockerd.Image, "r1", "sh", "-c", "echo out; exit 7"]).Exited(7).Output);

        stack.Ctr(["run", "-d", "--null-io", .. chosen, RealDockerd.Image, "r2", "sleep", "1000"]).Succeeded();
        Assert.True(Directory.Exists(stack.Dir.File($"runtime-root/{stack.Namespace}/r2")));
        Assert.Equal("in\n", stack.Ctr("tasks", "exec", "--exec-id", "e", "r2", "sh", "-c", "echo in; exit 3").Exited(3).Output);
        stack.Ctr("tasks", "pause", "r2").Succeeded();
        Assert.Contains("PAUSED", stack.Ctr("tasks", "ls").Succeeded().Output);
        stack.Ctr("tasks", "resume", "r2").Succeeded();
        Assert.Equal(2, stack.Ctr("tasks", "ps", "r2").Succeeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        stack.Ctr("tasks", "kill", "-s", "KILL", "r2").Succeeded();
        stack.WaitFor(list => list.Contains("STOPPED", StringComparison.Ordinal), "tasks", "ls");
        Assert.Contains("exit code 137", stack.Ctr("tasks", "rm", "r2").Succeeded().Error);
        stack.Ctr("containers", "rm", "r2").Succeeded();

        Assert.DoesNotContain("create", stack.RuntimeCalls, StringComparison.Ordinal);
        foreach (string command in (string[])["create", "start", "exec", "pause", "resume", "ps", "delete"])
            Assert.Contains($" {command} ", stack.CallsOf(Path.GetFileName(program)), StringComparison.Ordinal);
        stack.AssertNothingLeft();
    }

    [Fact]
    public void Docker_checkpoint_goes_through_our_shim_and_runc()
    {
        using ContainerdStack under = new(Programs.Peer("containerd"), Programs.Ours("containerd-shim-runc-v2"), Programs.Ours("runc"));
        FakeCriu criu = new(under.Dir);
        File.CreateSymbolicLink(under.Dir.File("bin/criu"), criu.File);
        using RealDockerd real = new(under, "--experimental");
        real.Docker("run", "-d", "--name", "c1", RealDockerd.Image, "sleep", "1000").Succeeded();
        Assert.Equal("saved\n", real.Docker("checkpoint", "create", "c1", "saved").Succeeded().Output);
        real.Daemon.WaitUntil(() => real.State("c1") == "exited\n", "container's end");
        Assert.Equal("137\n", real.Inspect("c1", "{{.State.ExitCode}}"));
        Assert.Contains("saved", real.Docker("checkpoint", "ls", "c1").Succeeded().Output);

        real.Docker("start", "--checkpoint", "saved", "c1").Succeeded();
        Assert.Equal("running\n", real.State("c1"));
        Assert.Equal([1, 2], criu.Requests().Select(r => (int)r["type"]!).Where(t => t < 9));
        real.Daemon.WaitUntil(() => real.Docker("logs", "c1").Succeeded().Output == "restored\n", "output of what was restored");
        Assert.Matches("^[0-9.]+%\n$", real.Docker("stats", "--no-stream", "--format", "{{.CPUPerc}}", "c1").Succeeded().Output);
        real.Docker("stop", "-t", "20", "c1").Succeeded();
        Assert.Equal("9\n", real.Inspect("c1", "{{.State.ExitCode}}"));

        criu.Behave("fail");
        Assert.Contains("criu failed: type RESTORE errno 22", real.Docker("start", "--checkpoint", "saved", "c1").Exited(1).Error);
        Assert.Equal("exited\n", real.State("c1"));
        real.Docker("rm", "c1").Succeeded();
        under.AssertNothingLeft();
    }

    /// <summary>A shell in the running container, on a terminal whose size it follows.</summary>
    private static void AssertTerminal(RealDockerd real)
    {
        using Pty pty = new(30, 90);
        using Daemon shell = real.DockerAt(pty, "exec", "-it", "c1", "sh");
        int at = pty.WaitFor("# ");
        pty.Type("echo $((6*7)); tty\n");
        at = pty.WaitFor("42\r\n", at);
        at = pty.WaitFor("/dev/pts/0", at);
        pty.Resize(44, 132);
        shell.Signal("WINCH");
        // The new size is on its way for a moment.
        pty.Type("until stty size | grep -q '44 132'; do sleep 0.1; done; echo resi''zed\n");
        pty.WaitFor("resized\r\n", at);
        pty.Type("exit 6\n");
        Assert.Equal(6, shell.WaitUntilExited());
    }

    private static string MemoryLimit(RealDockerd real, string name) => real.Docker("exec", name, "sh", "-c",
        "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max").Succeeded().Output;
}
