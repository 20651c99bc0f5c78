using System.Globalization;
using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Config;

/// <summary>What an option's value looks like.</summary>
internal enum OptionKind
{
    /// <summary>One text.</summary>
    Text,
    /// <summary>A switch.</summary>
    Bool,
    /// <summary>A whole number.</summary>
    Int,
    /// <summary>A flag that may be repeated; a list in daemon.json.</summary>
    List,
    /// <summary>A flag <c>NAME=VALUE</c> that may be repeated; an object in daemon.json.</summary>
    Map,
}

/// <summary>One option.</summary>
/// <param name="Flag">Its flag, without dashes.</param>
/// <param name="Short">Its one-letter flag; NUL for none.</param>
/// <param name="Key">Its key in daemon.json; empty for none.</param>
/// <param name="Kind">What its value looks like.</param>
/// <param name="Set">Takes a value (of a list or map: one of them).</param>
/// <param name="Help">What it does.</param>
internal sealed record DaemonOption(string Flag, char Short, string Key, OptionKind Kind, Action<DaemonOptions, string> Set, string Help);

/// <summary>Every option of the daemon, with Docker's names.</summary>
internal static class OptionTable
{
    /// <summary>All options, by flag.</summary>
    public static IReadOnlyList<DaemonOption> All { get; } =
    [
        List("add-runtime", "runtimes", AddRuntime, "Register an additional OCI compatible runtime", OptionKind.Map),
        Text("bip", (o, v) => o.Bip = v, "IPv4 address for the default bridge"),
        Text("bridge", (o, v) => o.Bridge = v, "Attach containers to a network bridge", 'b'),
        Text("cgroup-parent", (o, v) => o.CgroupParent = v, "Set parent cgroup for all containers"),
        new("config-file", '\0', "", OptionKind.Text, (o, v) => o.ConfigFile = v, "Daemon configuration file"),
        Text("containerd", (o, v) => o.Containerd = v, "containerd grpc address"),
        Text("containerd-namespace", (o, v) => o.ContainerdNamespace = v, "Containerd namespace to use"),
        Text("containerd-plugins-namespace", Ignore, "Containerd namespace to use for plugins"),
        Text("data-root", (o, v) => o.DataRoot = Path.GetFullPath(v), "Root directory of persistent Docker state"),
        Bool("debug", (o, v) => o.Debug = v, "Enable debug mode", 'D'),
        List("default-address-pool", "default-address-pools", (o, v) => o.DefaultAddressPools.Add(v), "Default address pools for node specific local networks"),
        Text("default-cgroupns-mode", (o, v) => o.DefaultCgroupnsMode = v, "Default mode for containers cgroup namespace (\"host\" | \"private\")"),
        Text("default-ipc-mode", (o, v) => o.DefaultIpcMode = v, "Default mode for containers ipc (\"shareable\" | \"private\")"),
        Text("default-runtime", (o, v) => o.DefaultRuntime = v, "Default OCI runtime for containers"),
        Text("default-shm-size", (o, v) => o.DefaultShmSize = Ram(v), "Default shm size for containers"),
        List("default-ulimit", "default-ulimits", AddUlimit, "Default ulimits for containers", OptionKind.Map),
        List("dns", "dns", (o, v) => o.Dns.Add(v), "DNS server to use"),
        List("dns-opt", "dns-opts", (o, v) => o.DnsOptions.Add(v), "DNS options to use"),
        List("dns-search", "dns-search", (o, v) => o.DnsSearch.Add(v), "DNS search domains to use"),
        List("exec-opt", "exec-opts", ExecOption, "Runtime execution options"),
        Text("exec-root", (o, v) => o.ExecRoot = Path.GetFullPath(v), "Root directory for execution state files"),
        Bool("experimental", (o, v) => o.Experimental = v, "Enable experimental features"),
        List("feature", "features", Ignore, "Enable feature in the daemon", OptionKind.Map),
        Text("fixed-cidr", (o, v) => o.FixedCidr = v, "IPv4 subnet for the default bridge network"),
        Text("group", SetGroup, "Group for the unix socket", 'G'),
        new("help", 'h', "", OptionKind.Bool, (o, v) => o.ShowHelp = Truth(v), "Print usage"),
        List("host", "hosts", (o, v) => o.Hosts.Add(v), "Daemon socket(s) to connect to", OptionKind.List, 'H'),
        new("http-proxy", '\0', "", OptionKind.Text, (o, v) => o.HttpProxy = v, "HTTP proxy URL to use for outgoing traffic"),
        new("https-proxy", '\0', "", OptionKind.Text, (o, v) => o.HttpsProxy = v, "HTTPS proxy URL to use for outgoing traffic"),
        Bool("icc", (o, v) => o.InterContainerCommunication = v, "Enable inter-container communication for the default bridge network"),
        Bool("init", (o, v) => o.Init = v, "Run an init in the container to forward signals and reap processes"),
        Text("init-path", (o, v) => o.InitPath = v, "Path to the docker-init binary"),
        List("insecure-registry", "insecure-registries", (o, v) => o.InsecureRegistries.Add(v), "Enable insecure registry communication"),
        Text("ip", (o, v) => o.DefaultIp = v, "Host IP for port publishing from the default bridge network"),
        Bool("ip-forward", (o, v) => o.IpForward = v, "Enable IP forwarding in system configuration"),
        Bool("ip-masq", (o, v) => o.IpMasquerade = v, "Enable IP masquerading for the default bridge network"),
        Bool("ip6tables", (o, v) => o.Ip6tables = v, "Enable addition of ip6tables rules"),
        Bool("iptables", (o, v) => o.Iptables = v, "Enable addition of iptables rules"),
        List("label", "labels", (o, v) => o.Labels.Add(v), "Set key=value labels to the daemon"),
        Bool("live-restore", (o, v) => o.LiveRestore = v, "Enable live restore of docker when containers are still running"),
        Text("log-driver", (o, v) => o.LogDriver = v, "Default driver for container logs"),
        Text("log-format", SetLogFormat, "Set the logging format (\"text\"|\"json\")"),
        Text("log-level", SetLogLevel, "Set the logging level (\"debug\"|\"info\"|\"warn\"|\"error\"|\"fatal\")", 'l'),
        List("log-opt", "log-opts", AddLogOption, "Default log driver options for containers", OptionKind.Map),
        Int("max-concurrent-downloads", (o, v) => o.MaxConcurrentDownloads = v, "Set the max concurrent downloads"),
        Int("max-concurrent-uploads", (_, _) => { }, "Set the max concurrent uploads"),
        Int("max-download-attempts", (o, v) => o.MaxDownloadAttempts = v, "Set the max download attempts for each pull"),
        Text("metrics-addr", Ignore, "Set default address and port to serve the metrics api on"),
        Int("mtu", (o, v) => o.Mtu = v == 0 ? 1500 : v, "Set the MTU for the default \"bridge\" network"),
        Bool("no-new-privileges", (o, v) => o.NoNewPrivileges = v, "Set no-new-privileges by default for new containers"),
        new("no-proxy", '\0', "", OptionKind.Text, (o, v) => o.NoProxy = v, "Comma-separated list of hosts or IP addresses for which the proxy is skipped"),
        Int("oom-score-adjust", (_, _) => { }, "Set the oom_score_adj for the daemon"),
        Text("pidfile", (o, v) => o.Pidfile = v, "Path to use for daemon PID file", 'p'),
        List("registry-mirror", "registry-mirrors", (o, v) => o.RegistryMirrors.Add(v), "Preferred registry mirror"),
        Text("seccomp-profile", (o, v) => o.SeccompProfile = v, "Path to seccomp profile. Set to \"unconfined\" to disable the default seccomp profile"),
        Int("shutdown-timeout", (o, v) => o.ShutdownTimeout = v, "Set the default shutdown timeout"),
        Text("storage-driver", SetStorageDriver, "Storage driver to use", 's'),
        Bool("tls", (o, v) => o.Tls = v, "Use TLS; implied by --tlsverify"),
        Text("tlscacert", (o, v) => o.TlsCaCert = v, "Trust certs signed only by this CA"),
        Text("tlscert", (o, v) => o.TlsCert = v, "Path to TLS certificate file"),
        Text("tlskey", (o, v) => o.TlsKey = v, "Path to TLS key file"),
        Bool("tlsverify", (o, v) => o.TlsVerify = v, "Use TLS and verify the remote"),
        Bool("userland-proxy", (o, v) => o.UserlandProxy = v, "Use userland proxy for loopback traffic"),
        Text("userland-proxy-path", (o, v) => o.UserlandProxyPath = v, "Path to the userland proxy binary"),
        new("validate", '\0', "", OptionKind.Bool, (o, v) => o.Validate = Truth(v), "Validate daemon configuration and exit"),
        new("version", 'v', "", OptionKind.Bool, (o, v) => o.ShowVersion = Truth(v), "Print version information and quit"),
    ];

    /// <summary>Reads a switch's value as Go's <c>strconv.ParseBool</c>.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static bool Truth(string value) => value switch
    {
        "1" or "t" or "T" or "true" or "TRUE" or "True" => true,
        "0" or "f" or "F" or "false" or "FALSE" or "False" => false,
        _ => throw new FormatException($"strconv.ParseBool: parsing \"{value}\": invalid syntax"),
    };

    private static DaemonOption Text(string flag, Action<DaemonOptions, string> set, string help, char letter = '\0') =>
        new(flag, letter, flag, OptionKind.Text, set, help);

    private static DaemonOption Bool(string flag, Action<DaemonOptions, bool> set, string help, char letter = '\0') =>
        new(flag, letter, flag, OptionKind.Bool, (o, v) => set(o, Truth(v)), help);

    private static DaemonOption Int(string flag, Action<DaemonOptions, int> set, string help) =>
        new(flag, '\0', flag, OptionKind.Int, (o, v) => set(o, Number(v)), help);

    private static DaemonOption List(string flag, string key, Action<DaemonOptions, string> add, string help, OptionKind kind = OptionKind.List, char letter = '\0') =>
        new(flag, letter, key, kind, add, help);

    private static int Number(string value) =>
        int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number)
            ? number
            : throw new FormatException($"strconv.ParseInt: parsing \"{value}\": invalid syntax");

    private static long Ram(string value) =>
        ByteSize.TryParseRam(value, out long bytes) ? bytes : throw new FormatException($"invalid size: '{value}'");

    private static void Ignore(DaemonOptions options, string value)
    {
        // Taken so that existing command lines and files work; it configures what this daemon has not.
    }

    private static void SetGroup(DaemonOptions options, string value)
    {
        options.Group = value;
        options.GroupIsGiven = true;
    }

    private static void SetLogLevel(DaemonOptions options, string value)
    {
        if (!Logging.Log.TryParseLevel(value, out _))
            throw new FormatException($"invalid logging level: {value}");
        options.LogLevel = value;
    }

    private static void SetLogFormat(DaemonOptions options, string value)
    {
        if (value is not ("text" or "json"))
            throw new FormatException($"invalid log format: {value}");
        options.LogFormat = value;
    }

    private static void SetStorageDriver(DaemonOptions options, string value)
    {
        options.StorageDriver = value switch
        {
            "overlay2" or "overlayfs" => "overlayfs",
            "vfs" or "native" => "native",
            "" => "",
            _ => throw new FormatException($"storage driver \"{value}\" is not supported: use overlayfs or native"),
        };
    }

    private static void ExecOption(DaemonOptions options, string value)
    {
        if (value.StartsWith("native.cgroupdriver=", StringComparison.Ordinal) && value != "native.cgroupdriver=cgroupfs")
            throw new FormatException($"Invalid option {value}: only native.cgroupdriver=cgroupfs is supported");
    }

    private static void AddLogOption(DaemonOptions options, string value)
    {
        (string name, string text) = Pair(value);
        options.LogOptions[name] = text;
    }

    private static void AddRuntime(DaemonOptions options, string value)
    {
        (string name, string path) = Pair(value);
        if (name.Length == 0 || path.Length == 0)
            throw new FormatException($"invalid runtime argument: {value}");
        if (name == DaemonOptions.DefaultRuntimeName)
            throw new FormatException("runtime name 'runc' is reserved");
        options.Runtimes[name] = new RuntimeOption(path, []);
    }

    private static void AddUlimit(DaemonOptions options, string value)
    {
        (string name, string text) = Pair(value);
        string[] parts = text.Split(':');
        if (parts.Length > 2 || !long.TryParse(parts[0], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long soft))
            throw new FormatException($"invalid ulimit argument: {value}");
        long hard = soft;
        if (parts.Length == 2 && !long.TryParse(parts[1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out hard))
            throw new FormatException($"invalid ulimit argument: {value}");
        options.DefaultUlimits[name] = new Ulimit { Name = name, Soft = soft, Hard = hard };
    }

    private static (string Name, string Value) Pair(string text)
    {
        int equals = text.IndexOf('=');
        return equals < 0 ? (text, "") : (text[..equals], text[(equals + 1)..]);
    }
}
