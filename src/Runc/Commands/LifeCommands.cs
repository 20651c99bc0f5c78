using AotRuntime.Runc.Cli;
using AotRuntime.Runc.Containers;
using AotRuntime.Runc.State;

namespace AotRuntime.Runc.Commands;

/// <summary><c>kill</c>, <c>delete</c>, <c>pause</c> and <c>resume</c>.</summary>
internal static class LifeCommands
{
    /// <summary>--all: containers without a pid namespace of their own are signalled whole anyway, but shims still ask for it.</summary>
    public static readonly Flag[] KillFlags = [new("all", "a", FlagKind.Bool)];

    public static readonly Flag[] DeleteFlags = [new("force", "f", FlagKind.Bool, "kill the container if it still runs")];

    public static int Kill(Globals globals, FlagSet flags)
    {
        bool all = flags.IsOn("all");
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

    public static int Delete(Globals globals, FlagSet flags)
    {
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

    public static int Pause(Globals globals, FlagSet flags)
    {
        Container container = Container.Load(globals.Root, flags.Args[0]);
        if (container.GetStatus() is not (Status.Running or Status.Created))
            throw new RuncException("container not running");
        container.Cgroups.Require("cannot pause the container without a cgroup");
        container.Cgroups.Freeze(true);
        return 0;
    }

    public static int Resume(Globals globals, FlagSet flags)
    {
        Container container = Container.Load(globals.Root, flags.Args[0]);
        if (container.GetStatus() != Status.Paused)
            throw new RuncException("container not paused");
        container.Cgroups.Freeze(false);
        return 0;
    }
}
