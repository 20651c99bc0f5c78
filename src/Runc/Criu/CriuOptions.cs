using AotRuntime.Linux;
using AotRuntime.Runc.Cli;
using AotRuntime.Runc.Logging;
using AotRuntime.Runc.Plan;
using AotRuntime.Runc.Spec;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Criu;

/// <summary>What <c>checkpoint</c> and <c>restore</c> are told alike, and how criu is told it.</summary>
internal sealed class CriuOptions : IDisposable
{
    /// <summary>The file beside the images that tells what standard streams led to.</summary>
    public const string DescriptorsFile = "descriptors.json";

    private const string DefaultConfig = "/etc/criu/runc.conf";
    private readonly FlagSet _flags;
    private readonly int _cgroupsMode;
    private readonly uint _emptyNamespaces;
    private readonly string _workPath;
    private SafeFileHandle? _images;
    private SafeFileHandle? _work;

    /// <summary>Reads the flags, before the working directory changes.</summary>
    /// <exception cref="RuncException">They can't be.</exception>
    public CriuOptions(FlagSet flags)
    {
        _flags = flags;
        ImagePath = CommandLine.Absolute(flags.Text("image-path", "checkpoint"));
        Directory.CreateDirectory(ImagePath, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        ParentPath = flags.Text("parent-path");
        if (ParentPath.StartsWith('/'))
            throw new RuncException("--parent-path must be relative");
        if (ParentPath.Length > 0 && !Directory.Exists(Path.Combine(ImagePath, ParentPath)))
        {
            string path = Path.GetFullPath(Path.Combine(ImagePath, ParentPath));
            throw new RuncException($"invalid --parent-path: stat {path}: {(File.Exists(path) ? Errno.ENOTDIR : Errno.ENOENT).Text()}");
        }
        _workPath = CommandLine.Absolute(flags.Text("work-path"));
        PageServer = Address(flags.Text("page-server"));
        // The network's devices are not the runtime's to bring back: criu makes the namespace, and leaves it empty.
        _emptyNamespaces = (uint)NamespaceNames.CLONE_NEWNET;
        foreach (string ns in flags.List("empty-ns"))
        {
            if (ns != "network")
                throw new RuncException($"namespace \"{ns}\" is not supported");
        }
        // enum criu_cg_mode
        _cgroupsMode = flags.Text("manage-cgroups-mode") switch
        {
            "" => 6,
            "ignore" => 0,
            "soft" => 3,
            "full" => 4,
            "strict" => 5,
            _ => throw new RuncException("invalid manage-cgroups-mode value"),
        };
    }

    public string ImagePath { get; }

    /// <summary>Earlier images, seen from these; empty for none.</summary>
    public string ParentPath { get; }

    /// <summary>Where memory is sent instead of into the images.</summary>
    public (string Host, int Port)? PageServer { get; }

    public bool IsOn(string flag) => _flags.IsOn(flag);

    public string Text(string flag) => _flags.Text(flag);

    /// <summary>criu_opts, as far as the two commands have them in common.</summary>
    public CriuMessage Common(string logFile, string root, IReadOnlyDictionary<string, string?>? annotations)
    {
        _images = OpenDirectory(ImagePath);
        // images_dir_fd = 1, ext_unix_sk, tcp_established, shell_job, file_locks, log_level, log_file, notify_scripts = 12, root, auto_dedup,
        // manage_cgroups = 24 and the mode that has replaced it, empty_ns, lazy_pages, orphan_pts_master = 50
        CriuMessage opts = new CriuMessage()
            .Number(1, (int)_images.DangerousGetHandle())
            .Flag(4, IsOn("ext-unix-sk")).Flag(5, IsOn("tcp-established")).Flag(7, IsOn("shell-job")).Flag(8, IsOn("file-locks"))
            .Number(9, 4).Text(10, logFile).Flag(12, true).Text(13, root).Flag(16, IsOn("auto-dedup"))
            .Flag(24, true).Number(34, _cgroupsMode).Number(38, _emptyNamespaces).Flag(48, IsOn("lazy-pages")).Flag(50, true);
        if (_workPath.Length > 0)
        {
            try
            {
                Sys.Mkdir(_workPath, 0x1c0);
            }
            catch (LinuxException e) when (e.Errno == Errno.EEXIST)
            {
                RuncLog.Debug($"work directory {_workPath} is there");
            }
            _work = OpenDirectory(_workPath);
            // work_dir_fd
            opts.Number(17, (int)_work.DangerousGetHandle());
        }
        // A container may name a file of its own, or with an empty name none.
        string? config = DefaultConfig;
        if (annotations?.TryGetValue("org.criu.config", out string? own) == true)
            config = own;
        // config_file
        return string.IsNullOrEmpty(config) ? opts : opts.Text(51, config);
    }

    /// <summary>One of criu's mounts that lead outside: ext_mnt = 23 { key = 1, val = 2 }.</summary>
    public static void ExternalMount(CriuMessage opts, string key, string value) =>
        opts.Message(23, new CriuMessage().Text(1, key).Text(2, value));

    /// <summary>The devices that may be mounts of the host's.</summary>
    public static IEnumerable<string> Devices(RuntimeSpec spec) => InitPlan.DevicePaths(spec.Linux ?? new LinuxSpec());

    /// <summary>A namespace that was given by a path stays the host's; this is what images call it.</summary>
    public static string ExternalKey(string criuName) => $"extRoot{char.ToUpperInvariant(criuName[0])}{criuName[1..]}NS";

    /// <summary>criu's and the kernel's name of a namespace.</summary>
    public static string KernelName(string type) => type switch
    {
        "network" => "net",
        "mount" => "mnt",
        _ => type,
    };

    /// <summary>Shows the errors of criu's log, with what came just before each.</summary>
    public void QuoteLog(string logFile)
    {
        const int before = 5;
        string path = Path.Combine(_workPath.Length > 0 ? _workPath : ImagePath, logFile);
        string[] lines;
        try
        {
            lines = File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            RuncLog.Warn($"open {path}: {e.Message}");
            return;
        }
        int shown = -1;
        for (int i = 0; i < lines.Length; i++)
        {
            if (!lines[i].Contains("Error", StringComparison.Ordinal))
                continue;
            if (shown < 0)
                RuncLog.Warn($"--- Quoting \"{path}\"");
            else if (i - before > shown + 1)
                RuncLog.Warn("...");
            for (int at = Math.Max(shown + 1, i - before); at <= i; at++)
                RuncLog.Warn($"{at + 1}:{lines[at]}");
            shown = i;
        }
        if (shown >= 0)
            RuncLog.Warn("---");
    }

    public void Dispose()
    {
        _images?.Dispose();
        _work?.Dispose();
    }

    private static SafeFileHandle OpenDirectory(string path)
    {
        try
        {
            return Sys.Open(path, OpenFlags.ReadOnly | OpenFlags.Directory);
        }
        catch (LinuxException e)
        {
            throw new RuncException($"open {path}: {e.Errno.Text()}", e);
        }
    }

    private static (string, int)? Address(string text)
    {
        if (text.Length == 0)
            return null;
        int colon = text.LastIndexOf(':');
        string host = colon < 0 ? "" : text[..colon];
        if (host.StartsWith('[') && host.EndsWith(']'))
            host = host[1..^1];
        else if (host.Contains(':'))
            host = "";
        if (host.Length == 0 || colon == text.Length - 1)
            throw new RuncException("Use --page-server ADDRESS:PORT to specify page server");
        return int.TryParse(text.AsSpan(colon + 1), System.Globalization.NumberStyles.AllowLeadingSign, System.Globalization.CultureInfo.InvariantCulture, out int port)
            ? (host, port)
            : throw new RuncException("Invalid port number");
    }
}
