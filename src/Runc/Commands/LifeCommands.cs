using AotRuntime.Runc.Cli;
using AotRuntime.Runc.Containers;
using AotRuntime.Runc.State;

namespace AotRuntime.Runc.Commands;

/// <summary><c>kill</c>, <c>delete</c>, <c>pause</c> and <c>resume</c>.</summary>
internal static class LifeCommands
{
    public static int Kill(Globals globals, List<string> args, int start)
    {
        // `kill ID -9` is not a flag.
        FlagSet flags = FlagSet.Parse(args, start, [new Flag("all", "a", FlagKind.Bool)], stopAtFirst: true);
        bool all = flags.IsOn("all");
        // Shims of containerd 1.x put it last.
        if (flags.Args.Count > 1 && flags.Args.Remove("--all"))
            all = true;
        CommandLine.RequireArgs("kill", flags, 1, 2);
        Container container = Container.Load(globals.Root, flags.Args[0]);
        int signal = CommandLine.Signal(flags.Args.Count > 1 ? flags.Args[1] : "SIGTERM");
        try
        {
            container.Signal(signal, all);
        }
        catch (RuncException e) when (all && e.Message == Container.NotRunning)
        {
            return 0;
        }
        return 0;
    }

    public static int Delete(Globals globals, List<string> args, int start)
    {
        FlagSet flags = FlagSet.Parse(args, start, [new Flag("force", "f", FlagKind.Bool)], stopAtFirst: false);
        CommandLine.RequireArgs("delete", flags, 1, 1);
        string id = flags.Args[0];
        bool force = flags.IsOn("force");
        string directory = StateStore.DirectoryOf(globals.Root, id);
        if (Container.TryLoad(directory) is not { } container)
        {
            // A start that was cut off very early leaves an empty directory.
            StateStore.Remove(directory);
            return force ? 0 : throw new RuncException(Container.NotExist);
        }
        if (force)
        {
            container.KillAndDestroy();
            return 0;
        }
        Status status = container.GetStatus();
        switch (status)
        {
            case Status.Stopped:
                container.Destroy();
                return 0;
            case Status.Created:
                container.KillAndDestroy();
                return 0;
            default:
                throw new RuncException($"cannot delete container {id} that is not stopped: {Container.Name(status)}");
        }
    }

    public static int Pause(Globals globals, List<string> args, int start)
    {
        FlagSet flags = FlagSet.Parse(args, start, [], stopAtFirst: false);
        CommandLine.RequireArgs("pause", flags, 1, 1);
        Container container = Container.Load(globals.Root, flags.Args[0]);
        if (container.GetStatus() is not (Status.Running or Status.Created))
            throw new RuncException("container not running");
        container.Cgroups.Freeze(true);
        return 0;
    }

    public static int Resume(Globals globals, List<string> args, int start)
    {
        FlagSet flags = FlagSet.Parse(args, start, [], stopAtFirst: false);
        CommandLine.RequireArgs("resume", flags, 1, 1);
        Container container = Container.Load(globals.Root, flags.Args[0]);
        if (container.GetStatus() != Status.Paused)
            throw new RuncException("container not paused");
        container.Cgroups.Freeze(false);
        return 0;
    }
}
