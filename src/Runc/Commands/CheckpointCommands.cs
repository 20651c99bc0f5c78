using AotRuntime.Runc.Cli;
using AotRuntime.Runc.Containers;
using AotRuntime.Runc.Criu;
using AotRuntime.Runc.Logging;

namespace AotRuntime.Runc.Commands;

/// <summary><c>checkpoint</c> and <c>restore</c>.</summary>
internal static class CheckpointCommands
{
    public static readonly Flag[] CheckpointFlags =
    [
        new("image-path", "", FlagKind.Text, "where the images are written (default: ./checkpoint)"),
        new("work-path", "", FlagKind.Text, "where criu's own files go"),
        new("parent-path", "", FlagKind.Text, "earlier images, relative to these"),
        new("leave-running", "", FlagKind.Bool, "let the container run on"),
        new("tcp-established", "", FlagKind.Bool, "with open TCP connections"),
        new("tcp-skip-in-flight", "", FlagKind.Bool, "without those that are just being opened"),
        new("link-remap", "", FlagKind.Bool, "link files again that were unlinked while open"),
        new("ext-unix-sk", "", FlagKind.Bool, "with unix sockets that lead outside"),
        new("shell-job", "", FlagKind.Bool, "with a terminal from outside"),
        new("lazy-pages", "", FlagKind.Bool, "fetch memory on demand"),
        new("status-fd", "", FlagKind.Number, "descriptor that is told once pages can be fetched"),
        new("page-server", "", FlagKind.Text, "ADDRESS:PORT of criu's page server"),
        new("file-locks", "", FlagKind.Bool, "with file locks"),
        new("pre-dump", "", FlagKind.Bool, "only memory, and let the container run on"),
        new("manage-cgroups-mode", "", FlagKind.Text, "soft (default), full, strict or ignore"),
        new("empty-ns", "", FlagKind.List, "a namespace to be made anew, empty"),
        new("auto-dedup", "", FlagKind.Bool, "drop memory that later images hold"),
    ];

    public static readonly Flag[] RestoreFlags =
    [
        new("console-socket", "", FlagKind.Text, "unix socket that is sent the terminal's master"),
        new("image-path", "", FlagKind.Text, "where the images are (default: ./checkpoint)"),
        new("work-path", "", FlagKind.Text, "where criu's own files go"),
        new("tcp-established", "", FlagKind.Bool, "with open TCP connections"),
        new("ext-unix-sk", "", FlagKind.Bool, "with unix sockets that lead outside"),
        new("shell-job", "", FlagKind.Bool, "with a terminal from outside"),
        new("file-locks", "", FlagKind.Bool, "with file locks"),
        new("manage-cgroups-mode", "", FlagKind.Text, "soft (default), full, strict or ignore"),
        new("bundle", "b", FlagKind.Text, "the bundle's directory (default: the working directory)"),
        new("detach", "d", FlagKind.Bool, "return once the container runs"),
        new("pid-file", "", FlagKind.Text, "file to write the first process's pid to"),
        new("no-subreaper", "", FlagKind.Bool, "do not adopt processes whose parents ended"),
        new("no-pivot", "", FlagKind.Bool, "move the root instead of pivoting"),
        new("empty-ns", "", FlagKind.List, "a namespace to be made anew, empty"),
        new("auto-dedup", "", FlagKind.Bool, "drop memory that later images hold"),
        new("lazy-pages", "", FlagKind.Bool, "fetch memory on demand"),
        new("lsm-profile", "", FlagKind.Text, "TYPE:NAME of the profile to restore with"),
        new("lsm-mount-context", "", FlagKind.Text, "SELinux context of the mounts"),
    ];

    public static int Checkpoint(Globals globals, FlagSet flags)
    {
        WarnRootless();
        Container container = Container.Load(globals.Root, flags.Args[0]);
        Status status = container.GetStatus();
        if (status is Status.Created or Status.Stopped)
            throw new RuncException($"Container cannot be checkpointed in {Container.Name(status)} state");
        using var options = new CriuOptions(flags);
        new CriuCheckpoint(container, options, flags.Has("status-fd") ? flags.Number("status-fd") : -1).Run();
        if (options.IsOn("leave-running") || options.IsOn("pre-dump"))
            return 0;
        try
        {
            container.Destroy();
        }
        catch (RuncException e)
        {
            RuncLog.Warn(e.Message);
        }
        return 0;
    }

    public static int Restore(Globals globals, FlagSet flags)
    {
        WarnRootless();
        if (globals.SystemdCgroup)
            throw new RuncException("restore does not support the systemd cgroup driver: leave --systemd-cgroup out");
        using var options = new CriuOptions(flags);
        return StartCommands.Start(globals, flags, createOnly: false, options);
    }

    private static void WarnRootless()
    {
        if (Rootlessness.Detect())
            RuncLog.Warn("runc checkpoint is untested with rootless containers");
    }
}
