using AotRuntime.Linux;

namespace AotRuntime.Runc.Cli;

/// <summary>What stands before the command.</summary>
internal sealed class Globals
{
    private const string DefaultRoot = "/run/runc";

    /// <summary>The global flags.</summary>
    public static readonly Flag[] Flags =
    [
        new("debug", "", FlagKind.Bool, "log more"),
        new("log", "", FlagKind.Text, "the file to log to (default: standard error)"),
        new("log-format", "", FlagKind.Text, "\"text\" (default) or \"json\""),
        new("root", "", FlagKind.Text, "where the state of containers is kept (default: /run/runc, or below $XDG_RUNTIME_DIR)"),
        new("systemd-cgroup", "", FlagKind.Bool, "let systemd make the cgroups; cgroupsPath is then \"slice:prefix:name\""),
        new("cgroup-manager", "", FlagKind.Text, "\"cgroupfs\" (default), \"systemd\", or \"disabled\": no cgroups for containers that are made, so no limits and no device rules"),
        new("rootless", "", FlagKind.Text, "whether cgroups that can't be used are left out: \"true\", \"false\" or \"auto\" (default)"),
        new("trace", "", FlagKind.Bool, "record the start of containers that are made, for the command trace"),
        new("criu", "", FlagKind.Text),
        new("version", "v", FlagKind.Bool, "print the version"),
        new("help", "h", FlagKind.Bool, "show this"),
    ];

    /// <summary>Where the containers' state is.</summary>
    public required string Root { get; init; }

    /// <summary>Whether <see cref="Root"/> was given, so that it must exist.</summary>
    public bool RootGiven { get; init; }

    public bool SystemdCgroup { get; init; }

    /// <summary>Whether containers get no cgroups.</summary>
    public bool NoCgroups { get; init; }

    /// <summary>Whether the start of a container is recorded.</summary>
    public bool Trace { get; init; }

    private string Rootless { get; init; } = "";

    /// <exception cref="RuncException">A value that can't be.</exception>
    public static Globals Of(FlagSet flags)
    {
        bool given = flags.Has("root");
        string root = given ? Path.GetFullPath(flags.Text("root"), Sys.GetCwd()) : DefaultRoot;
        if (root == "/")
            throw new RuncException("Option --root argument should not be set to /");
        if (!given && Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } runtime && Rootlessness.UsesRuntimeDirectory())
            root = UserRoot(runtime);
        string manager = flags.Text("cgroup-manager");
        if (manager is not ("" or "cgroupfs" or "systemd" or "disabled"))
            throw new RuncException($"unknown cgroup manager specified \"{manager}\"");
        if (flags.Has("criu"))
            Output.Error("WARNING: --criu ignored (criu binary from $PATH is used); do not use\n");
        return new Globals
        {
            Root = root,
            RootGiven = given,
            SystemdCgroup = manager.Length == 0 ? flags.IsOn("systemd-cgroup") : manager == "systemd",
            NoCgroups = manager == "disabled",
            Trace = flags.IsOn("trace"),
            Rootless = flags.Text("rootless"),
        };
    }

    /// <summary>Whether cgroups that can't be used are left out.</summary>
    /// <exception cref="RuncException">The flag's value is none.</exception>
    public bool RootlessCgroups() => Rootless.ToLowerInvariant() switch
    {
        "" or "auto" => Rootlessness.Detect(),
        "1" or "t" or "true" => true,
        "0" or "f" or "false" => false,
        _ => throw new RuncException($"strconv.ParseBool: parsing \"{Rootless}\": invalid syntax"),
    };

    // "Files ... may be subjected to periodic clean-up. To ensure that your files are not removed, ... the 'sticky' bit should be set"
    // (XDG Base Directory Specification).
    private static string UserRoot(string runtime)
    {
        string root = runtime.TrimEnd('/') + "/runc";
        try
        {
            const UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
            Directory.CreateDirectory(root, mode);
            File.SetUnixFileMode(root, mode | UnixFileMode.StickyBit);
            return root;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Output.Error("the path in $XDG_RUNTIME_DIR must be writable by the user\n");
            throw new RuncException($"mkdir {root}: {(e is UnauthorizedAccessException ? Errno.EACCES.Text() : e.Message)}", e);
        }
    }
}
