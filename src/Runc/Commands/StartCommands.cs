using AotRuntime.Linux;
using AotRuntime.Runc.Cli;
using AotRuntime.Runc.Containers;

namespace AotRuntime.Runc.Commands;

/// <summary><c>create</c>, <c>run</c> and <c>start</c>.</summary>
internal static class StartCommands
{
    private static readonly Flag[] CreateFlags =
    [
        new("bundle", "b", FlagKind.Text), new("console-socket", "", FlagKind.Text), new("pidfd-socket", "", FlagKind.Text),
        new("pid-file", "", FlagKind.Text), new("no-pivot", "", FlagKind.Bool), new("no-new-keyring", "", FlagKind.Bool),
        new("preserve-fds", "", FlagKind.Text),
    ];

    private static readonly Flag[] RunFlags =
    [
        .. CreateFlags, new("detach", "d", FlagKind.Bool), new("keep", "", FlagKind.Bool), new("no-subreaper", "", FlagKind.Bool),
    ];

    public static int Create(Globals globals, List<string> args, int start)
    {
        FlagSet flags = FlagSet.Parse(args, start, CreateFlags, stopAtFirst: false);
        CommandLine.RequireArgs("create", flags, 1, 1);
        return Begin("create", globals, flags, createOnly: true);
    }

    public static int Run(Globals globals, List<string> args, int start)
    {
        FlagSet flags = FlagSet.Parse(args, start, RunFlags, stopAtFirst: false);
        CommandLine.RequireArgs("run", flags, 1, 1);
        return Begin("run", globals, flags, createOnly: false);
    }

    /// <summary>Lets a created container's program begin.</summary>
    public static int Start(Globals globals, List<string> args, int start)
    {
        FlagSet flags = FlagSet.Parse(args, start, [], stopAtFirst: false);
        CommandLine.RequireArgs("start", flags, 1, 1);
        Container container = Container.Load(globals.Root, flags.Args[0]);
        switch (container.GetStatus())
        {
            case Status.Stopped:
                throw new RuncException("cannot start a container that has stopped");
            case Status.Running:
                throw new RuncException("cannot start an already running container");
            case Status.Paused:
                throw new RuncException("cannot start a container in the paused state");
        }
        Release(container);
        HookRunner.RunAll(container.State.Poststart, "poststart", container.StateJson("running", container.State.Pid), failing: true);
        return 0;
    }

    /// <summary>Of two that start at once, the one that removes the fifo may write to it.</summary>
    private static void Release(Container container)
    {
        try
        {
            using Microsoft.Win32.SafeHandles.SafeFileHandle fifo = Sys.Open(container.FifoPath, OpenFlags.WriteOnly | OpenFlags.NonBlock);
            Sys.Unlink(container.FifoPath);
            Sys.WriteDescriptor((int)fifo.DangerousGetHandle(), "0"u8);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENXIO)
        {
            // Nobody reads: init has died since its status was asked for.
            throw new RuncException("cannot start a container that has stopped", e);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            throw new RuncException("cannot start an already running container", e);
        }
    }

    private static int Begin(string command, Globals globals, FlagSet flags, bool createOnly)
    {
        if (globals.SystemdCgroup)
            throw new RuncException($"runc {command} failed: systemd cgroup driver is not supported");
        string bundle = flags.Text("bundle");
        try
        {
            return ContainerStarter.Run(new StartOptions
            {
                Root = globals.Root,
                Id = flags.Args[0],
                Bundle = bundle,
                CreateOnly = createOnly,
                Detach = flags.IsOn("detach"),
                Keep = flags.IsOn("keep"),
                NoSubreaper = flags.IsOn("no-subreaper"),
                NoPivot = flags.IsOn("no-pivot"),
                NoNewKeyring = flags.IsOn("no-new-keyring"),
                PidFile = CommandLine.Absolute(flags.Text("pid-file")),
                ConsoleSocket = CommandLine.Absolute(flags.Text("console-socket")),
                PidFdSocket = CommandLine.Absolute(flags.Text("pidfd-socket")),
                PreserveFds = flags.Number("preserve-fds"),
            });
        }
        catch (RuncException e)
        {
            throw new RuncException($"runc {command} failed: {e.Message}", e);
        }
    }
}
