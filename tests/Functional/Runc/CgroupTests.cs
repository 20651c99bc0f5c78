using System.Text.Json.Nodes;
using AotRuntime.Tests.Functional.Security;

namespace AotRuntime.Tests.Functional.Runc;

/// <summary>Cgroups of containers; AOT_SECURITY_RUNC runs the same against another runtime.</summary>
public class CgroupTests
{
    /// <summary>The first process joins before the program starts, but is not charged for the runtime's own memory: half a megabyte does.</summary>
    [Fact]
    public void AContainerStartsWithinHalfAMegabyte()
    {
        using Bundle bundle = new();
        bundle.Linux["resources"]!["memory"] = new JsonObject { ["limit"] = 512 * 1024 };
        bundle.Args("true").Run().Succeeded();
    }

    /// <summary>Where there is cgroup2 the first process is born into its cgroup, where there is none it joins those of version 1: it is in all of them.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TheFirstProcessIsInAllCgroups(bool hideCgroup2)
    {
        using TempDir dir = new();
        string runtime = Bundle.Runtime;
        if (hideCgroup2)
        {
            runtime = dir.File("runtime");
            File.WriteAllText(runtime, $$"""
                #!/bin/sh
                exec unshare --mount sh -c '
                    if grep -q " - cgroup " /proc/self/mountinfo; then awk "\$3 == \"cgroup2\" { print \$2 }" /proc/self/mounts | xargs -r umount; fi
                    exec "$0" "$@"' {{Bundle.Runtime}} "$@"
                """);
            File.SetUnixFileMode(runtime, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        using Bundle bundle = new(runtime);
        string path = (string)bundle.Linux["cgroupsPath"]!;
        // Without a cgroup namespace the file shows whole paths.
        JsonArray namespaces = (JsonArray)bundle.Linux["namespaces"]!;
        namespaces.Remove(namespaces.FirstOrDefault(n => (string)n!["type"]! == "cgroup"));
        CommandResult run = bundle.Shell("cat /proc/self/cgroup; echo $$; id -u").Run().Succeeded();
        string[] lines = run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["1", "0"], lines[^2..]);
        bool v1 = lines.Any(line => !line.StartsWith("0::", StringComparison.Ordinal) && line.Contains(':'));
        // Hidden, and so not joined.
        string[] joined = [.. lines[..^2].Where(line => !(hideCgroup2 && v1 && line.StartsWith("0::", StringComparison.Ordinal)))];
        Assert.NotEmpty(joined);
        Assert.All(joined, line => Assert.EndsWith(path, line));
    }
}
