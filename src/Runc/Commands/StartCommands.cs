using AotRuntime.Linux;
using AotRuntime.Runc.Cli;
using AotRuntime.Runc.Containers;
using AotRuntime.Runc.Criu;
using AotRuntime.Runc.Tracing;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Commands;

/// <summary><c>create</c>, <c>run</c> and <c>start</c>.</summary>
internal static class StartCommands
{
    private const string HasStopped = "cannot start a container that has stopped";
    private const string AlreadyRunning = "cannot start an already running container";

    /// <summary>How long a first process may take from saying that it is ready to opening its fifo.</summary>
    private const int OpenLimitMs = 10_000;

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
                throw new RuncException(HasStopped);
            case Status.Running:
                throw new RuncException(AlreadyRunning);
            case Status.Paused:
                throw new RuncException("cannot start a container in the paused state");
        }
        if (container.State.Trace)
            Trace.Resume(container.StateDirectory);
        NotifySocket? notify = NotifySocket.Of(container.StateDirectory);
        using SafeFileHandle? init = notify is null ? null : container.OpenInit();
        notify?.Listen();
        Trace.Step("release the program");
        Release(container);
        HookRunner.RunAll(container.State.Poststart, "poststart", container.StateJson("running", container.State.Pid), failing: true);
        Trace.Step("started");
        if (init is not null)
            notify!.Forward(init, container.State.Pid);
        return 0;
    }

    /// <summary>Reads what the first process waits to write. Of two that start at once, it is the one that removes the fifo.</summary>
    private static void Release(Container container)
    {
        using SafeFileHandle init = container.OpenInit() ?? throw new RuncException(HasStopped);
        try
        {
            using SafeFileHandle fifo = Sys.Open(container.FifoPath, OpenFlags.ReadOnly | OpenFlags.NonBlock);
            // runc's process may not have come to open it yet.
            (EpollEvents read, EpollEvents ended) = Sys.PollTwo(fifo, EpollEvents.In, init, EpollEvents.In, OpenLimitMs);
            if ((read & EpollEvents.In) == 0)
                throw new RuncException(ended != EpollEvents.None ? HasStopped : AlreadyRunning);
            // All that is there: the process goes on only once there is room again.
            Span<byte> what = stackalloc byte[4096];
            while (Sys.TryRead(fifo, what, out _) > 0)
            {
            }
            Sys.Unlink(container.FifoPath);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            throw new RuncException(AlreadyRunning, e);
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
