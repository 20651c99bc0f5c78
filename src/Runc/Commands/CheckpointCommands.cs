using AotRuntime.Linux;
using AotRuntime.Runc.Cli;
using AotRuntime.Runc.Containers;
using AotRuntime.Runc.Logging;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Commands;

/// <summary><c>checkpoint</c> and <c>restore</c>: known, so that a caller is told why they can't be done, but not there yet.</summary>
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
        Status status = Container.Load(globals.Root, flags.Args[0]).GetStatus();
        if (status is Status.Created or Status.Stopped)
            throw new RuncException($"Container cannot be checkpointed in {Container.Name(status)} state");
        throw Missing(flags);
    }

    public static int Restore(Globals globals, FlagSet flags)
    {
        WarnRootless();
        SpecFile.LoadConfig(Path.Combine(flags.Text("bundle"), SpecFile.Config));
        if (Directory.Exists(State.StateStore.DirectoryOf(globals.Root, flags.Args[0])))
            throw new RuncException("container with given ID already exists");
        throw Missing(flags);
    }

    private static void WarnRootless()
    {
        if (Rootlessness.Detect())
            RuncLog.Warn("runc checkpoint is untested with rootless containers");
    }

    private static RuncException Missing(FlagSet flags)
    {
        if (flags.Text("page-server") is { Length: > 0 } server && (server.LastIndexOf(':') is var colon && (colon <= 0 || colon == server.Length - 1)))
            return new RuncException("Use --page-server ADDRESS:PORT to specify page server");
        foreach (string directory in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':'))
        {
            if (directory.StartsWith('/') && File.Exists(directory + "/criu"))
                return new RuncException("checkpoint and restore are not supported by this runtime");
        }
        return new RuncException("CRIU version check failed: exec: \"criu\": executable file not found in $PATH");
    }
}
