namespace AotRuntime.Tests.Functional;

/// <summary>What a daemon's end, expected or not, may not lose.</summary>
public class RestartTests
{
    [Fact]
    public void Images_and_containers_are_there_after_an_orderly_restart()
    {
        using Stack stack = new();
        stack.Docker("run", "--name", "done", "busybox", "echo", "said").Succeeded();
        stack.RestartDockerd();
        AssertKept(stack);
        stack.Docker("start", "-a", "done").Succeeded();
    }

    [Fact]
    public void Running_containers_and_their_output_outlive_kill_9_of_dockerd()
    {
        using Stack stack = new();
        stack.Docker("run", "--name", "done", "busybox", "echo", "said").Succeeded();
        stack.Docker("run", "-d", "--name", "busy", "busybox", "sh", "-c", "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.05; done").Succeeded();
        string pid = stack.Docker("inspect", "-f", "{{.State.Pid}}", "busy").Succeeded().Output;
        stack.RestartDockerd(kill: true);
        AssertKept(stack);
        Assert.Equal(pid, stack.Docker("inspect", "-f", "{{.State.Pid}}", "busy").Succeeded().Output);
        AssertStillLogging(stack);
        stack.Docker("exec", "busy", "true").Succeeded();
        stack.Docker("rm", "-f", "busy", "done").Succeeded();
        Leftovers.AssertNone(stack);
    }

    [Fact]
    public void Running_containers_outlive_kill_9_of_containerd()
    {
        using Stack stack = new();
        stack.Docker("run", "--name", "done", "busybox", "echo", "said").Succeeded();
        stack.Docker("run", "-d", "--name", "busy", "busybox", "sh", "-c", "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.05; done").Succeeded();
        int containerd = Leftovers.Processes().Single(p => p.CommandLine.Contains(stack.Dir.Path, StringComparison.Ordinal)
            && Path.GetFileName(p.CommandLine.Split(' ')[0]) == "containerd").Pid;
        new Command("kill", "-KILL", containerd.ToString()).Run().Succeeded();
        stack.Dockerd.WaitUntil(() => stack.Docker("run", "--rm", "busybox", "true").ExitCode == 0, "a new containerd");
        AssertKept(stack);
        AssertStillLogging(stack);
        stack.Docker("rm", "-f", "busy", "done").Succeeded();
        Leftovers.AssertNone(stack);
    }

    [Fact]
    public void A_daemon_without_a_network_starts_twice_on_the_same_data()
    {
        using Stack stack = new();
        stack.Docker("run", "--name", "done", "busybox", "echo", "said").Succeeded();
        stack.Registry.Stop();
        stack.RestartDockerd();
        stack.RestartDockerd();
        AssertKept(stack);
        Assert.Equal("again\n", stack.Docker("run", "--rm", "busybox", "echo", "again").Succeeded().Output);
    }

    [Fact]
    public void A_daemon_whose_container_store_is_damaged_starts_and_says_so()
    {
        using Stack stack = new();
        stack.Docker("run", "--name", "done", "busybox", "echo", "said").Succeeded();
        stack.Dockerd.Stop();
        string store = stack.Dir.File("data/dockerd.db");
        byte[] bytes = File.ReadAllBytes(store);
        bytes.AsSpan(0, Math.Min(bytes.Length, 4096)).Fill(0xA5);
        File.WriteAllBytes(store, bytes);
        stack.RestartDockerd();
        Assert.Contains("was damaged and set aside as", stack.Dockerd.Log);
        Assert.Single(Directory.EnumerateFiles(stack.Dir.File("data"), "dockerd.db.corrupt-*"), f => !f.EndsWith("-wal", StringComparison.Ordinal) && !f.EndsWith("-shm", StringComparison.Ordinal));
        Assert.Empty(stack.Docker("ps", "-aq").Succeeded().Output);
        // The images are containerd's, and so still there without a registry.
        stack.Registry.Stop();
        Assert.Equal("again\n", stack.Docker("run", "--rm", "--name", "done", "busybox", "echo", "again").Succeeded().Output);
    }

    private static void AssertKept(Stack stack)
    {
        Assert.Contains("busybox", stack.Docker("images").Succeeded().Output);
        Assert.Contains("done", stack.Docker("ps", "-a", "--format", "{{.Names}}").Succeeded().Output);
        Assert.Equal("said\n", stack.Docker("logs", "done").Succeeded().Output);
    }

    /// <summary>Every line is there once, in order, and new ones come.</summary>
    private static void AssertStillLogging(Stack stack)
    {
        int before = Lines(stack);
        stack.Dockerd.WaitUntil(() => Lines(stack) > before, "new log lines");
    }

    private static int Lines(Stack stack)
    {
        string[] lines = stack.Docker("logs", "busy").Succeeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(Enumerable.Range(0, lines.Length).Select(i => $"line {i}"), lines);
        return lines.Length;
    }
}
