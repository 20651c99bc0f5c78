namespace AotRuntime.Tests.Functional;

/// <summary>Our runc under podman and its conmon.</summary>
public sealed class PodmanTests
{
    [Fact]
    public void A_containers_life()
    {
        using Podman podman = new(Programs.Ours("runc"));
        CommandResult run = podman.RunContainer("--rm", "-i", Podman.Image, "sh", "-c", "echo out; echo err >&2; exit 7").Exited(7);
        Assert.Equal(("out\n", "err\n"), (run.Output, run.Error));
        Assert.Contains("not found", podman.RunContainer("--rm", Podman.Image, "nothere").Exited(127).Error);

        podman.RunContainer("-d", "--name", "c1", "-m", "64m", Podman.Image, "sh", "-c", "trap 'exit 5' TERM; echo begun; while :; do sleep 0.05; done").Succeeded();
        Assert.Equal(Programs.Ours("runc") + "\n", podman.Run("inspect", "-f", "{{.OCIRuntime}}", "c1").Succeeded().Output);
        Assert.Equal("in\n", podman.Run("exec", "c1", "sh", "-c", "echo in; exit 3").Exited(3).Output);
        podman.Run("exec", "c1", "nothere").Exited(127);
        AssertTerminal(podman);

        podman.Run("pause", "c1").Succeeded();
        Assert.Equal("paused\n", State(podman));
        podman.Run("unpause", "c1").Succeeded();
        Assert.Equal("running\n", State(podman));
        podman.Run("update", "-m", "48m", "c1").Succeeded();
        Assert.Equal("50331648\n", podman.Run("exec", "c1", "sh", "-c", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max").Succeeded().Output);
        // Its limit is what podman has written down at the creation.
        Assert.Matches("^[0-9.]+[kM]B / 67.11MB\n$", podman.Run("stats", "--no-stream", "--format", "{{.MemUsage}}", "c1").Succeeded().Output);
        Assert.Contains("sh -c trap", podman.Run("top", "c1").Succeeded().Output);
        Assert.Equal("begun\n", podman.Run("logs", "c1").Succeeded().Output);

        podman.Run("restart", "-t", "10", "c1").Succeeded();
        Assert.Equal("running\n", State(podman));
        podman.Run("kill", "-s", "TERM", "c1").Succeeded();
        Assert.Equal("5\n", podman.Run("wait", "c1").Succeeded().Output);
        podman.Run("start", "c1").Succeeded();
        podman.Run("kill", "c1").Succeeded();
        Assert.Equal("137\n", podman.Run("wait", "c1").Succeeded().Output);
        podman.Run("rm", "c1").Succeeded();
        podman.AssertNothingLeft();
    }

    private static void AssertTerminal(Podman podman)
    {
        using Pty pty = new(30, 90);
        using Daemon shell = podman.At(pty, "exec", "-it", "c1", "sh");
        int at = pty.WaitFor("# ");
        pty.Type("echo $((6*7)); tty\n");
        at = pty.WaitFor("42\r\n", at);
        at = pty.WaitFor("/dev/pts/0", at);
        pty.Resize(44, 132);
        shell.Signal("WINCH");
        pty.Type("until stty size | grep -q '44 132'; do sleep 0.1; done; echo resi''zed\n");
        pty.WaitFor("resized\r\n", at);
        pty.Type("exit 6\n");
        Assert.Equal(6, shell.WaitUntilExited());
    }

    private static string State(Podman podman) => podman.Run("inspect", "-f", "{{.State.Status}}", "c1").Succeeded().Output;
}
