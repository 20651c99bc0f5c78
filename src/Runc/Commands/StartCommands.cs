using AotRuntime.Linux;
using AotRuntime.Runc.Cli;
using AotRuntime.Runc.Containers;
using AotRuntime.Runc.Criu;
using AotRuntime.Runc.Tracing;

namespace AotRuntime.Runc.Commands;

/// <summary><c>create</c>, <c>run</c> and <c>start</c>.</summary>
internal static class StartCommands
{
    public static readonly Flag[] CreateFlags =
    [
        new("bundle", "b", FlagKind.Text, "the bundle's directory (default: the working directory)"),
        new("console-socket", "", FlagKind.Text, "unix socket that is sent the terminal's master"),
        new("pidfd-socket", "", FlagKind.Text, "unix socket that is sent a pidfd of the first process"),
        new("pid-file", "", FlagKind.Text, "file to write the first process's pid to"),
        new("no-pivot", "", FlagKind.Bool, "move the root instead of pivoting, for a rootfs on a ramdisk"),
        new("no-new-keyring", "", FlagKind.Bool, "stay in the caller's session keyring"),
        new("preserve-fds", "", FlagKind.Number, "how many descriptors after standard error and $LISTEN_FDS to pass on"),
        new("trace", "", FlagKind.Text, "file to write the start's timeline to: as text, or in Chrome's trace format where it ends in .json"),
    ];

    public static readonly Flag[] RunFlags =
    [
        .. CreateFlags,
        new("detach", "d", FlagKind.Bool, "return once the program runs"),
        new("keep", "", FlagKind.Bool, "keep the container's state when it has ended"),
        new("no-subreaper", "", FlagKind.Bool, "do not adopt processes whose parents ended"),
    ];

    public static int Create(Globals globals, FlagSet flags) => Begin("create", globals, flags, createOnly: true);

    public static int Run(Globals globals, FlagSet flags) => Begin("run", globals, flags, createOnly: false);

    /// <summary>Lets a created container's program begin.</summary>
    public static int Start(Globals globals, FlagSet flags)
    {
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
        if (container.State.Trace)
            Trace.Resume(container.StateDirectory);
        NotifySocket? notify = NotifySocket.Of(container.StateDirectory);
        using Microsoft.Win32.SafeHandles.SafeFileHandle? init = notify is null ? null : container.OpenInit();
        notify?.Listen();
        Trace.Step("release the program");
        Release(container);
        HookRunner.RunAll(container.State.Poststart, "poststart", container.StateJson("running", container.State.Pid), failing: true);
        Trace.Step("started");
        if (init is not null)
            notify!.Forward(init, container.State.Pid);
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

    /// <summary>Makes a container as the flags say it, or brings one back.</summary>
    internal static int Start(Globals globals, FlagSet flags, bool createOnly, CriuOptions? restore) => ContainerStarter.Run(new StartOptions
    {
        Root = globals.Root,
        Id = flags.Args[0],
        Bundle = flags.Text("bundle"),
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
        RootlessCgroups = !globals.NoCgroups && globals.RootlessCgroups(),
        NoCgroups = globals.NoCgroups,
        SystemdCgroups = globals.SystemdCgroup && !globals.NoCgroups,
        Restore = restore,
    });

    private static int Begin(string command, Globals globals, FlagSet flags, bool createOnly)
    {
        try
        {
            string timeline = CommandLine.Absolute(flags.Text("trace"));
            if (globals.Trace || timeline.Length > 0)
                Trace.Begin(timeline);
            return Start(globals, flags, createOnly, restore: null);
        }
        catch (RuncException e)
        {
            throw new RuncException($"runc {command} failed: {e.Message}", e);
        }
        finally
        {
            // Of a start that failed too: its last step is where.
            Trace.Write();
        }
    }
}
