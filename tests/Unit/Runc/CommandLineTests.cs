using AotRuntime.Runc;
using AotRuntime.Runc.Cli;
using AotRuntime.Runc.Commands;
using AotRuntime.Runc.Logging;
using AotRuntime.Runc.Spec;
using AotRuntime.Runc.State;

namespace AotRuntime.Tests.Unit.Runc;

public class CommandLineTests
{
    private static readonly Flag[] Flags =
    [
        new("bundle", "b", FlagKind.Text), new("detach", "d", FlagKind.Bool), new("env", "e", FlagKind.List), new("memory", "", FlagKind.Text),
    ];

    [Fact]
    public void OneDashOrTwoAndBothFormsOfAValue()
    {
        FlagSet set = FlagSet.Parse(["-bundle", "/a", "--detach", "-e", "A=1", "--env=B=2", "id"], 0, Flags, stopAtFirst: false);
        Assert.Equal("/a", set.Text("bundle"));
        Assert.True(set.IsOn("detach"));
        Assert.Equal(["A=1", "B=2"], set.List("env"));
        Assert.Equal(["id"], set.Args);
    }

    [Fact]
    public void FlagsMayFollowTheId()
    {
        FlagSet set = FlagSet.Parse(["id", "--memory", "1"], 0, Flags, stopAtFirst: false);
        Assert.Equal("1", set.Text("memory"));
        Assert.Equal(["id"], set.Args);
    }

    [Fact]
    public void ACommandsOwnFlagsAreLeftAlone()
    {
        FlagSet set = FlagSet.Parse(["-d", "id", "ls", "-d", "--x"], 0, Flags, stopAtFirst: true);
        Assert.Equal(["id", "ls", "-d", "--x"], set.Args);
        Assert.Equal(["-x"], FlagSet.Parse(["--", "-x"], 0, Flags, stopAtFirst: false).Args);
    }

    [Theory]
    [InlineData("--nope", "flag provided but not defined: -nope")]
    [InlineData("--bundle", "flag needs an argument: -bundle")]
    [InlineData("--detach=perhaps", "invalid boolean value \"perhaps\" for -detach: parse error")]
    public void WhatCantBeReadIsSaid(string arg, string message) =>
        Assert.Equal(message, Assert.Throws<UsageException>(() => FlagSet.Parse([arg], 0, Flags, stopAtFirst: false)).Message);

    [Theory]
    [InlineData("9", 9)]
    [InlineData("KILL", 9)]
    [InlineData("sigterm", 15)]
    [InlineData("SIGWINCH", 28)]
    public void SignalsByNumberOrName(string text, int number) => Assert.Equal(number, CommandLine.Signal(text));

    [Fact]
    public void AnUnknownSignal() =>
        Assert.Equal("unknown signal \"FOO\"", Assert.Throws<RuncException>(() => CommandLine.Signal("FOO")).Message);

    [Theory]
    [InlineData("", "container id cannot be empty")]
    [InlineData("..", "invalid container ID format")]
    [InlineData("a/b", "invalid container ID format")]
    [InlineData("a b", "invalid container ID format")]
    public void IdsThatAreNone(string id, string message) =>
        Assert.Equal(message, Assert.Throws<RuncException>(() => StateStore.RequireId(id)).Message);

    [Fact]
    public void LogLinesAsLogrusPrintsThem()
    {
        var time = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
        Assert.Equal("{\"level\":\"error\",\"msg\":\"exec: \\\"x\\\" failed\",\"time\":\"2026-01-02T03:04:05Z\"}\n", RuncLog.Format("error", "exec: \"x\" failed", time, json: true));
        Assert.Equal("time=\"2026-01-02T03:04:05Z\" level=error msg=\"exec: \\\"x\\\" failed\"\n", RuncLog.Format("error", "exec: \"x\" failed", time, json: false));
        Assert.Equal("time=\"2026-01-02T03:04:05Z\" level=warning msg=word\n", RuncLog.Format("warning", "word", time, json: false));
        Assert.Contains("05+02:00", RuncLog.Format("error", "x", time.ToOffset(TimeSpan.FromHours(2)), json: true), StringComparison.Ordinal);
    }

    [Fact]
    public void ANameInProcStatMayHoldAnything() =>
        Assert.Equal(new ProcStat('S', 12345), ProcStat.Parse("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 12345 20 21\n"));

    [Fact]
    public void PsKeepsTheContainersLines() =>
        Assert.Equal("UID  PID CMD\nroot   7 a\n", QueryCommands.Filter("UID  PID CMD\nroot   7 a\nroot  77 b\n", [7]));

    [Fact]
    public void TheTemplateIsASpecThatPasses()
    {
        RuntimeSpec spec = SpecFile.Parse(System.Text.Encoding.UTF8.GetBytes(SpecCommand.Template), SpecJson.RuntimeSpec, "config.json");
        SpecCheck.Require(spec);
        Assert.Equal(["sh"], spec.Process!.Args);
    }

    [Theory]
    [InlineData(true, false, "pid network ipc uts mount cgroup")]
    [InlineData(false, false, "pid network ipc uts mount")]
    [InlineData(true, true, "pid ipc uts mount cgroup user")]
    [InlineData(false, true, "pid ipc uts mount user")]
    public void TheTemplatesNamespacesAreThoseOfTheMachine(bool unified, bool rootless, string expected)
    {
        string text = SpecCommand.Example(unified);
        if (rootless)
            text = SpecCommand.Rootless(text, 1000, 1001);
        RuntimeSpec spec = SpecFile.Parse(System.Text.Encoding.UTF8.GetBytes(text), SpecJson.RuntimeSpec, "config.json");
        SpecCheck.Require(spec);
        Assert.Equal(expected, string.Join(' ', spec.Linux!.Namespaces!.Select(n => n.Type)));
    }

    [Theory]
    [InlineData("1024", 1024L)]
    [InlineData("64m", 67108864L)]
    [InlineData("1.5GiB", 1610612736L)]
    [InlineData("x", null)]
    [InlineData("1q", null)]
    public void SizesOfUpdate(string text, long? bytes) => Assert.Equal(bytes, UpdateCommand.ParseBytes(text));

    [Fact]
    public void IntervalsOfEvents()
    {
        Assert.Equal(TimeSpan.FromSeconds(5), GoNumbers.Duration("5s"));
        Assert.Equal(TimeSpan.FromMilliseconds(250), GoNumbers.Duration("250ms"));
        Assert.Null(GoNumbers.Duration("5x"));
    }

    [Fact]
    public void KeyedFilesOfCgroups()
    {
        Dictionary<string, ulong> values = AotRuntime.Runc.Cgroups.CgroupStats.Keyed("user 3\nsystem 4\nbroken\n");
        Assert.Equal(3UL, values["user"]);
        Assert.Equal(2, values.Count);
    }
}
