using AotRuntime.Runc.Cli;

namespace AotRuntime.Runc.Commands;

/// <summary>One of the role's commands: what its command line may be, and what it does.</summary>
internal sealed class Command
{
    /// <summary>The names, as help lists them.</summary>
    public static readonly string[] Names =
    [
        "checkpoint", "create", "delete", "events", "exec", "features", "kill", "list", "pause", "ps", "restore", "resume", "run", "spec",
        "start", "state", "trace", "update",
    ];

    public required string Name { get; init; }

    /// <summary>One line about it.</summary>
    public required string About { get; init; }

    /// <summary>Its arguments, for help.</summary>
    public string Arguments { get; init; } = "<container-id>";

    public Flag[] Flags { get; init; } = [];

    /// <summary>Whether flags after the first argument belong to something else.</summary>
    public bool StopAtFirst { get; init; }

    /// <summary>The fewest arguments.</summary>
    public int Min { get; init; } = 1;

    /// <summary>The most arguments; -1 is any number.</summary>
    public int Max { get; init; } = 1;

    public required Func<Globals, FlagSet, int> Run { get; init; }

    /// <summary>Null for a name that is none. Only the one that is asked for is made: every start of a container passes here.</summary>
    public static Command? Find(string name) => name switch
    {
        "create" => new()
        {
            Name = name,
            About = "make a container, ready to start",
            Flags = StartCommands.CreateFlags,
            Run = StartCommands.Create,
        },
        "run" => new()
        {
            Name = name,
            About = "make a container and start it",
            Flags = StartCommands.RunFlags,
            Run = StartCommands.Run,
        },
        "start" => new() { Name = name, About = "start the program of a container that was created", Run = StartCommands.Start },
        "state" => new() { Name = name, About = "show a container's state", Run = QueryCommands.State },
        "kill" => new()
        {
            Name = name,
            About = "send a signal (default: SIGTERM) to a container's first process",
            Arguments = "<container-id> [signal]",
            Max = 2,
            Flags = LifeCommands.KillFlags,
            Run = LifeCommands.Kill,
        },
        "delete" => new()
        {
            Name = name,
            About = "remove what a stopped container still holds",
            Flags = LifeCommands.DeleteFlags,
            Run = LifeCommands.Delete,
        },
        "list" => new()
        {
            Name = name,
            About = "list the containers of this root",
            Arguments = "",
            Min = 0,
            Max = 0,
            Flags = QueryCommands.ListFlags,
            Run = QueryCommands.List,
        },
        "ps" => new()
        {
            Name = name,
            About = "show the processes in a container",
            Arguments = "<container-id> [ps options]",
            Max = -1,
            StopAtFirst = true,
            Flags = QueryCommands.PsFlags,
            Run = QueryCommands.Ps,
        },
        "exec" => new()
        {
            Name = name,
            About = "run a further program in a container",
            Max = -1,
            StopAtFirst = true,
            Arguments = "<container-id> <command> [arguments...]  or  -p process.json <container-id>",
            Flags = ExecCommand.Flags,
            Run = ExecCommand.Run,
        },
        "pause" => new() { Name = name, About = "freeze all processes of a container", Run = LifeCommands.Pause },
        "resume" => new() { Name = name, About = "thaw a container that was paused", Run = LifeCommands.Resume },
        "update" => new() { Name = name, About = "change a container's limits", Flags = UpdateCommand.Flags, Run = UpdateCommand.Run },
        "events" => new()
        {
            Name = name,
            About = "show what a container uses, and when it runs out of memory",
            Flags = EventsCommand.Flags,
            Run = EventsCommand.Run,
        },
        "spec" => new()
        {
            Name = name,
            About = "write a config.json to begin with",
            Arguments = "",
            Min = 0,
            Max = 0,
            Flags = SpecCommand.Flags,
            Run = SpecCommand.Run,
        },
        "checkpoint" => new()
        {
            Name = name,
            About = "save a running container's processes with criu",
            Flags = CheckpointCommands.CheckpointFlags,
            Run = CheckpointCommands.Checkpoint,
        },
        "restore" => new()
        {
            Name = name,
            About = "bring a saved container back with criu",
            Flags = CheckpointCommands.RestoreFlags,
            Run = CheckpointCommands.Restore,
        },
        "trace" => new()
        {
            Name = name,
            About = "show the timeline of a container's start, where it was made with --trace",
            Flags = TraceCommand.Flags,
            Run = TraceCommand.Run,
        },
        "features" => new() { Name = name, About = "tell as JSON what this runtime can do", Arguments = "", Min = 0, Max = 0, Run = FeaturesCommand.Run },
        _ => null,
    };
}
