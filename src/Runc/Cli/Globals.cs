namespace AotRuntime.Runc.Cli;

/// <summary>What stands before the command.</summary>
internal sealed class Globals
{
    /// <summary>The global flags.</summary>
    public static readonly Flag[] Flags =
    [
        new("debug", "", FlagKind.Bool), new("log", "", FlagKind.Text), new("log-format", "", FlagKind.Text), new("root", "", FlagKind.Text),
        new("systemd-cgroup", "", FlagKind.Bool), new("rootless", "", FlagKind.Text), new("criu", "", FlagKind.Text),
        new("version", "v", FlagKind.Bool), new("help", "h", FlagKind.Bool),
    ];

    /// <summary>Where the containers' state is.</summary>
    public required string Root { get; init; }

    /// <summary>Whether <see cref="Root"/> was given, so that it must exist.</summary>
    public bool RootGiven { get; init; }

    public bool SystemdCgroup { get; init; }
}
