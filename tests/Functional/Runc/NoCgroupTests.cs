using System.Text.Json.Nodes;
using AotRuntime.Tests.Functional.Security;

namespace AotRuntime.Tests.Functional.Runc;

/// <summary><c>--cgroup-manager disabled</c>, as crun has it: a container in its caller's cgroups, and what can't be done with one.</summary>
public class NoCgroupTests
{
    private static readonly string[] Disabled = ["--cgroup-manager", "disabled"];

    private static Bundle New()
    {
        Bundle bundle = new();
        // Without a cgroup namespace /proc/self/cgroup shows whole paths.
        JsonArray namespaces = (JsonArray)bundle.Linux["namespaces"]!;
        namespaces.Remove(namespaces.FirstOrDefault(n => (string)n!["type"]! == "cgroup"));
        bundle.Linux["resources"] = new JsonObject { ["pids"] = new JsonObject { ["limit"] = 1 } };
        return bundle;
    }

    private static List<string> Made(Bundle bundle) =>
        [.. Directory.EnumerateDirectories("/sys/fs/cgroup").Append("/sys/fs/cgroup").Select(top => top + bundle.Parent).Where(Directory.Exists)];

    [Fact]
    public void AContainerStaysInItsCallersCgroups()
    {
        using Bundle bundle = New();
        bundle.Shell("cat /proc/self/cgroup; grep -c cgroup /proc/self/mountinfo");
        CommandResult run = bundle.Runc([.. Disabled, "run", "--bundle", bundle.Dir.Path, "c"]).Run().Succeeded();
        string[] lines = run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(File.ReadAllLines("/proc/self/cgroup"), lines[..^1]);
        Assert.NotEqual("0", lines[^1]);
        Assert.Empty(Made(bundle));
        Assert.False(Directory.Exists(bundle.Dir.File("state/c")));
    }

    /// <summary>No cgroup is looked for either: where none is mounted it starts all the same.</summary>
    [Fact]
    public void NoneNeedBeMounted()
    {
        using Bundle bundle = New();
        bundle.Without("/sys/fs/cgroup").Args("echo", "runs");
        string[] hide = ["unshare", "--mount", "sh", "-c", "umount -R /sys/fs/cgroup && exec \"$@\"", "sh"];
        Assert.Equal("runs\n", bundle.Under(hide, [.. Disabled, "run", "--bundle", bundle.Dir.Path, "c"]).Run().Succeeded().Output);
    }

    [Fact]
    public void ALifeWithoutThem()
    {
        using Bundle bundle = New();
        bundle.Args("sleep", "1000").Run([.. Disabled, "create", "--bundle", bundle.Dir.Path, "c"]);
        Assert.Equal("created", Status(bundle));
        // Later commands know it from its state.
        bundle.Run(["start", "c"]);
        Assert.Equal("running", Status(bundle));
        Assert.Equal("in\n", bundle.Exec([], "echo", "in").Succeeded().Output);
        foreach ((string[] command, string said) in ((string[], string)[])[
            (["pause", "c"], "cannot pause the container without a cgroup"), (["resume", "c"], "container not paused"),
            (["ps", "c"], "the container is not using cgroups"), (["ps", "--format", "json", "c"], "the container is not using cgroups"),
            (["update", "--memory", "64m", "c"], "cannot set limits without cgroups"), (["events", "--stats", "c"], "the container is not using cgroups"),
            (["events", "c"], "the container is not using cgroups"), (["delete", "c"], "cannot delete container c that is not stopped: running")])
        {
            CommandResult refused = bundle.Runc(command).Run();
            Assert.Equal(1, refused.ExitCode);
            Assert.Contains(said, refused.Error);
        }
        Assert.Equal("running", Status(bundle));
        bundle.Runc(["kill", "c", "KILL"]).Run().Succeeded();
        for (int i = 0; i < 500 && Status(bundle) != "stopped"; i++)
            Thread.Sleep(10);
        Assert.Equal("", bundle.Runc(["delete", "c"]).Run().Succeeded().Error);
        Assert.Equal(1, bundle.Runc(["state", "c"]).Run().ExitCode);
        Assert.Empty(Made(bundle));
    }

    /// <summary>In a pid namespace that is not its own only the cgroup would name its processes: the first one is what can be signalled.</summary>
    [Fact]
    public void InAForeignPidNamespaceOnlyTheFirstProcessIsReached()
    {
        using Bundle bundle = New();
        JsonArray namespaces = (JsonArray)bundle.Linux["namespaces"]!;
        namespaces.Remove(namespaces.First(n => (string)n!["type"]! == "pid"));
        bundle.Args("sleep", "1000").Run([.. Disabled, "run", "--detach", "--bundle", bundle.Dir.Path, "c"]);
        CommandResult kill = bundle.Runc(["kill", "--all", "c", "KILL"]).Run().Succeeded();
        Assert.Contains("failed to kill all processes, possibly due to lack of cgroup", kill.Error);
        for (int i = 0; i < 500 && Status(bundle) != "stopped"; i++)
            Thread.Sleep(10);
        Assert.Equal("", bundle.Runc(["delete", "c"]).Run().Succeeded().Error);
    }

    [Fact]
    public void AnotherManagerIsRefused()
    {
        using Bundle bundle = New();
        CommandResult refused = bundle.Runc(["--cgroup-manager", "none", "run", "--bundle", bundle.Dir.Path, "c"]).Run();
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("unknown cgroup manager specified", refused.Error);
        Assert.Contains("systemd not running on this host, cannot use systemd cgroups manager", bundle.Runc(["--cgroup-manager=systemd", "run", "--bundle", bundle.Dir.Path, "c"]).Run().Error);
        bundle.Args("true").Runc(["--cgroup-manager=cgroupfs", "run", "--bundle", bundle.Dir.Path, "c"]).Run().Succeeded();
    }

    private static string Status(Bundle bundle) => (string)JsonNode.Parse(bundle.Runc(["state", "c"]).Run().Succeeded().Output)!["status"]!;
}
