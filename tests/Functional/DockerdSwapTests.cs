namespace AotRuntime.Tests.Functional;

/// <summary>dockerd and containerd, one of them ours and the other the real one.</summary>
public sealed class DockerdSwapTests
{
    [Fact]
    public void Our_dockerd_stands_on_the_real_containerd()
    {
        using ContainerdStack under = new(Programs.Peer("containerd"), Programs.Peer("containerd-shim-runc-v2"), Programs.Peer("runc"));
        using Stack stack = new(null, "--containerd", under.Socket);
        Assert.Contains("Hello from AotRuntime!", stack.Docker("run", "--rm", "hello-world").Succeeded().Output);
        stack.Docker("run", "--rm", "busybox", "sh", "-c", "exit 4").Exited(4);
    }

    [Fact]
    public void The_real_dockerd_stands_on_our_containerd_shim_and_runc()
    {
        using ContainerdStack under = new(Programs.Ours("containerd"), Programs.Ours("containerd-shim-runc-v2"), Programs.Ours("runc"));
        using RealDockerd real = new(under);
        CommandResult result = real.Docker("run", "--rm", "-i", RealDockerd.Image, "sh", "-c", "cat; echo err >&2; exit 7").Exited(7);
        Assert.Equal(("", "err\n"), (result.Output, result.Error));

        real.Docker("run", "-d", "--name", "busy", RealDockerd.Image, "sh", "-c", "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.05; done").Succeeded();
        Assert.Equal("in\n", real.Docker("exec", "busy", "sh", "-c", "echo in; exit 3").Exited(3).Output);
        real.Docker("pause", "busy").Succeeded();
        Assert.Equal("paused\n", real.State("busy"));
        real.Docker("unpause", "busy").Succeeded();
        Assert.Contains("sleep 0.05", real.Docker("top", "busy").Succeeded().Output);
        Assert.Equal("busy 2\n", real.Docker("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", "busy").Succeeded().Output.Replace("busy 1", "busy 2"));

        // Neither daemon's sudden end costs a line or an exit code.
        under.Daemon.Kill();
        under.StartAgain();
        real.Daemon.WaitUntil(() => real.Docker("exec", "busy", "true").ExitCode == 0, "containerd again");
        real.Restart();
        AssertStillLogging(real);
        Assert.Equal("running\n", real.State("busy"));

        real.Docker("stop", "-t", "1", "busy").Succeeded();
        Assert.Equal("137\n", real.Docker("inspect", "-f", "{{.State.ExitCode}}", "busy").Succeeded().Output);
        real.Docker("restart", "-t", "1", "busy").Succeeded();
        // A shim that is killed ends its container.
        new Command("kill", "-KILL", under.Shims.Single().ToString()).Run().Succeeded();
        real.Daemon.WaitUntil(() => real.State("busy") == "exited\n", "the container's end");
        Assert.Equal("137\n", real.Docker("inspect", "-f", "{{.State.ExitCode}}", "busy").Succeeded().Output);
        real.Docker("rm", "busy").Succeeded();
        under.AssertNothingLeft();
    }

    /// <summary>Every line is there once, in order, and new ones come.</summary>
    private static void AssertStillLogging(RealDockerd real)
    {
        int before = Lines(real);
        real.Daemon.WaitUntil(() => Lines(real) > before, "new log lines");
    }

    private static int Lines(RealDockerd real)
    {
        string[] lines = real.Docker("logs", "busy").Succeeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(Enumerable.Range(0, lines.Length).Select(i => $"line {i}"), lines);
        return lines.Length;
    }
}
