using System.Text.Json.Nodes;
using AotRuntime.Tests.Functional.Security;

namespace AotRuntime.Tests.Functional.Runc;

/// <summary>Namespaces, new and joined; AOT_SECURITY_RUNC runs the same against another runtime.</summary>
public class NamespaceTests
{
    private const int HostRoot = 100000;

    [Fact]
    public void AUserNamespaceMapsIds()
    {
        using Bundle bundle = Mapped(new Bundle());
        bundle.Shell("id -u; cat /proc/self/uid_map; touch /made; cat /proc/self/cgroup");
        CommandResult run = bundle.Run().Succeeded();
        Assert.StartsWith("0\n", run.Output);
        Assert.Contains($"         0     {HostRoot}      65536", run.Output);
        Assert.Equal($"{HostRoot}\n", new Command("stat", "-c", "%u", bundle.Rootfs("made")).Run().Output);
    }

    /// <summary>A second container takes some of the first one's namespaces, and the rest anew.</summary>
    [Theory]
    [InlineData("user")]
    [InlineData("network")]
    [InlineData("ipc", "uts")]
    [InlineData("time")]
    [InlineData("pid")]
    [InlineData("user", "network", "ipc", "uts")]
    [InlineData("user", "pid")]
    [InlineData("user", "time", "network")]
    [InlineData("user", "cgroup", "network", "ipc", "uts", "pid", "time")]
    [InlineData("cgroup")]
    public void NamespacesAreJoinedByPath(params string[] joined)
    {
        // What belongs to a user namespace can only be joined with rights over that one.
        bool user = joined.Contains("user");
        using Bundle first = user ? Mapped(new Bundle()) : new Bundle();
        Namespace(first, "cgroup");
        Namespace(first, "time");
        first.Args("sleep", "100").Start();
        int pid = first.Pid();
        using Bundle second = user ? Mapped(new Bundle()) : new Bundle();
        Namespace(second, "cgroup");
        Namespace(second, "time");
        foreach (string type in joined)
            Namespace(second, type, $"/proc/{pid}/ns/{File(type)}");
        second.Linux.Remove("uidMappings");
        second.Linux.Remove("gidMappings");
        string[] all = [.. user ? ["user"] : (string[])[], "network", "ipc", "uts", "time", "cgroup", "pid"];
        CommandResult run = second.Shell($"for n in {string.Join(' ', all.Select(File))}; do readlink /proc/self/ns/$n; done").Run().Succeeded();
        string[] seen = run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        for (int i = 0; i < all.Length; i++)
        {
            string theirs = new FileInfo($"/proc/{pid}/ns/{File(all[i])}").LinkTarget!;
            Assert.True(joined.Contains(all[i]) == (theirs == seen[i]), $"{all[i]}: {seen[i]}, the other's is {theirs}");
        }
    }

    /// <summary>A new user namespace has no rights over what is joined from outside, so it must come second.</summary>
    [Theory]
    [InlineData("network")]
    [InlineData("ipc", "uts", "time")]
    [InlineData("network", "pid")]
    public void NamespacesOfTheHostAreJoinedWithANewUserNamespace(params string[] joined)
    {
        using Bundle first = new Bundle();
        Namespace(first, "time");
        first.Args("sleep", "100").Start();
        int pid = first.Pid();
        // What shows these namespaces can't be mounted by a user namespace that does not own them.
        using Bundle second = Mapped(new Bundle()).Without("/sys", "/sys/fs/cgroup", "/dev/mqueue");
        Namespace(second, "time");
        foreach (string type in joined)
            Namespace(second, type, $"/proc/{pid}/ns/{File(type)}");
        if (joined.Contains("pid"))
            second.Without("/proc").Mount("/proc", "/proc", "bind", "rbind");
        second.Spec.Remove("hostname");
        CommandResult run = second.Shell($"for n in {string.Join(' ', joined.Select(File))}; do readlink /proc/self/ns/$n; done; id -u").Run().Succeeded();
        string[] seen = run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        for (int i = 0; i < joined.Length && !joined.Contains("pid"); i++)
            Assert.Equal(new FileInfo($"/proc/{pid}/ns/{File(joined[i])}").LinkTarget, seen[i]);
        Assert.Equal("0", seen[^1]);
    }

    [Fact]
    public void AnExecIsInTheContainersNamespaces()
    {
        using Bundle bundle = Mapped(new Bundle());
        Namespace(bundle, "cgroup");
        Namespace(bundle, "time");
        bundle.Linux["timeOffsets"] = JsonNode.Parse("""{"monotonic": {"secs": 7881, "nanosecs": 2718281}, "boottime": {"secs": 1337000}}""");
        bundle.Args("sleep", "100").Start();
        CommandResult exec = bundle.Exec([], "sh", "-c", "for n in user net ipc uts time cgroup pid mnt; do readlink /proc/1/ns/$n; readlink /proc/self/ns/$n; done; cat /proc/self/timens_offsets; cat /proc/uptime").Succeeded();
        string[] lines = exec.Output.Split('\n');
        for (int i = 0; i < 16; i += 2)
            Assert.Equal(lines[i], lines[i + 1]);
        Assert.Matches(@"monotonic +7881 +2718281", lines[16]);
        Assert.Matches(@"boottime +1337000 +0", lines[17]);
        Assert.True(double.Parse(lines[18].Split(' ')[0]) > 1337000);
    }

    [Fact]
    public void TimeOffsetsCount()
    {
        using Bundle bundle = new();
        Namespace(bundle, "time");
        bundle.Linux["timeOffsets"] = JsonNode.Parse("""{"boottime": {"secs": 1337000}, "monotonic": {"secs": 5}}""");
        string inside = bundle.Args("cat", "/proc/uptime").Run().Succeeded().Output.Split(' ')[0];
        double outside = double.Parse(System.IO.File.ReadAllText("/proc/uptime").Split(' ')[0]);
        Assert.InRange(double.Parse(inside) - outside, 1336990, 1337010);
    }

    [Fact]
    public void WhatMakesNoSenseIsRefused()
    {
        using Bundle bundle = new();
        Fails(bundle, "time namespace offsets specified, but time namespace isn't enabled in the config", () => bundle.Linux["timeOffsets"] = JsonNode.Parse("""{"boottime": {"secs": 1}}"""));
        Fails(bundle, "you may only provide one", () => Namespace(bundle, "time", "/proc/self/ns/time"));
        bundle.Linux.Remove("timeOffsets");
        Namespace(bundle, "time");
        Fails(bundle, "user namespaces enabled, but no uid mappings found", () => Namespace(bundle, "user"));
    }

    [Fact]
    public void ACgroupNamespaceHidesTheWayToIt()
    {
        using Bundle bundle = new();
        Namespace(bundle, "cgroup");
        foreach (string line in bundle.Args("cat", "/proc/self/cgroup").Run().Succeeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            Assert.EndsWith(":/", line);
        Namespace(bundle, "cgroup", remove: true);
        Assert.Contains((string)bundle.Linux["cgroupsPath"]!, bundle.Run().Succeeded().Output);
    }

    [Theory]
    [InlineData("LINUX32", "i686")]
    [InlineData("LINUX", "x86_64")]
    public void APersonalityIsTaken(string domain, string machine)
    {
        using Bundle bundle = new();
        bundle.Linux["personality"] = new JsonObject { ["domain"] = domain };
        Assert.Equal(machine + "\n", bundle.Args("busybox", "uname", "-m").Run().Succeeded().Output);
    }

    internal static Bundle Mapped(Bundle bundle)
    {
        new Command("chmod", "711", bundle.Dir.Path).Run().Succeeded();
        new Command("chown", "-R", $"{HostRoot}:{HostRoot}", bundle.Rootfs("")).Run().Succeeded();
        Namespace(bundle, "user");
        bundle.Linux["uidMappings"] = Map(0, HostRoot, 65536);
        bundle.Linux["gidMappings"] = Map(0, HostRoot, 65536);
        return bundle;
    }

    internal static JsonArray Map(int inside, int outside, int size) =>
        [new JsonObject { ["containerID"] = inside, ["hostID"] = outside, ["size"] = size }];

    internal static void Namespace(Bundle bundle, string type, string? path = null, bool remove = false)
    {
        var list = (JsonArray)bundle.Linux["namespaces"]!;
        foreach (JsonNode known in list.Where(ns => (string)ns!["type"]! == type).ToList()!)
            list.Remove(known);
        JsonObject added = new() { ["type"] = type };
        if (path is not null)
            added["path"] = path;
        if (!remove)
            list.Add((JsonNode)added);
    }

    private static void Fails(Bundle bundle, string error, Action change)
    {
        change();
        CommandResult run = bundle.Args("true").Run();
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains(error, run.Error);
    }

    private static string File(string type) => type switch { "network" => "net", "mount" => "mnt", _ => type };
}
