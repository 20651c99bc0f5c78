namespace AotRuntime.Tests.Functional;

/// <summary>What `make run` does after building.</summary>
public sealed class DemoTests : IDisposable
{
    private readonly TempDir _dir = new();

    public void Dispose() => _dir.Dispose();

    [Fact]
    public void The_demo_pulls_and_runs_hello_world_and_cleans_up()
    {
        CommandResult result = Demo().Run().Succeeded();
        Assert.Contains("Unable to find image 'hello-world:latest' locally", result.Error);
        Assert.Contains("Pull complete", result.Error);
        Assert.Contains("Hello from AotRuntime!", result.Output);
        AssertNothingLeft();
    }

    [Theory]
    [InlineData("INT")]
    [InlineData("TERM")]
    public void An_interrupted_demo_cleans_up(string signal)
    {
        using Daemon demo = new(Demo());
        demo.WaitUntil(() => Directory.EnumerateFiles(_dir.Path, "dockerd.log", SearchOption.AllDirectories).Any(), "dockerd");
        demo.Signal(signal);
        Assert.NotEqual(0, demo.WaitUntilExited());
        AssertNothingLeft();
    }

    // A shell cannot trap what was ignored when it began, and what runs the tests may ignore SIGINT (a background job of a script does).
    private Command Demo() => new("env", "--default-signal=INT,TERM", Path.Combine(Programs.RepoRoot, "tests/tools/demo.sh"))
    {
        Timeout = TimeSpan.FromMinutes(2),
        Environment = { ["TMPDIR"] = _dir.Path },
    };

    private void AssertNothingLeft()
    {
        Assert.Empty(Directory.EnumerateFileSystemEntries(_dir.Path));
        Assert.Empty(_dir.Mounts());
        Assert.DoesNotContain(Leftovers.Processes(), p => p.CommandLine.Contains(_dir.Path, StringComparison.Ordinal));
    }
}
