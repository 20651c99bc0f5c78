namespace AotRuntime.Tests.Functional;

public class DemoTests
{
    [Fact]
    public void The_demo_pulls_and_runs_hello_world_and_cleans_up()
    {
        HashSet<string> before = [.. Directory.EnumerateDirectories("/tmp", "aotrun-*")];
        CommandResult result = new Command(Path.Combine(Programs.RepoRoot, "tests/tools/demo.sh")) { Timeout = TimeSpan.FromMinutes(2) }.Run().Succeeded();
        Assert.Contains("Unable to find image 'hello-world:latest' locally", result.Error);
        Assert.Contains("Pull complete", result.Error);
        Assert.Contains("Hello from AotRuntime!", result.Output);
        Assert.Empty(Directory.EnumerateDirectories("/tmp", "aotrun-*").Except(before));
        Assert.DoesNotContain(File.ReadLines("/proc/self/mountinfo"), line => line.Contains("/tmp/aotrun-", StringComparison.Ordinal) && before.All(b => !line.Contains(b, StringComparison.Ordinal)));
        Assert.DoesNotContain(Leftovers.Processes(), p => p.CommandLine.Contains("/tmp/aotrun-", StringComparison.Ordinal) && before.All(b => !p.CommandLine.Contains(b, StringComparison.Ordinal)));
    }

    [Fact]
    public void An_interrupted_demo_cleans_up()
    {
        HashSet<string> before = [.. Directory.EnumerateDirectories("/tmp", "aotrun-*")];
        using Daemon demo = new(new Command(Path.Combine(Programs.RepoRoot, "tests/tools/demo.sh")));
        demo.WaitUntil(() => Directory.EnumerateFiles("/tmp", "dockerd.log", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 1 })
            .Any(f => !before.Contains(Path.GetDirectoryName(f)!)), "dockerd");
        demo.Signal("INT");
        demo.WaitUntilExited();
        Assert.Empty(Directory.EnumerateDirectories("/tmp", "aotrun-*").Except(before));
    }
}
