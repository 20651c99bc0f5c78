using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Config;

/// <summary>An OCI runtime that containers may name with <c>--runtime</c>.</summary>
internal sealed record RuntimeOption(string Path, IReadOnlyList<string> Arguments, string Type = "");

/// <summary>The daemon's settings, from flags and daemon.json.</summary>
internal sealed class DaemonOptions
{
    /// <summary>Where the daemon listens unless told otherwise.</summary>
    public const string DefaultHost = "unix:///var/run/docker.sock";

    /// <summary>The runtime that is always there.</summary>
    public const string DefaultRuntimeName = "runc";

    public List<string> Hosts { get; } = [];
    public string ConfigFile { get; set; } = "/etc/docker/daemon.json";
    public string DataRoot { get; set; } = "/var/lib/docker";
    public string ExecRoot { get; set; } = "/var/run/docker";
    public string Pidfile { get; set; } = "/var/run/docker.pid";
    public bool Debug { get; set; }
    public string LogLevel { get; set; } = "info";
    public string LogFormat { get; set; } = "text";
    public string Group { get; set; } = "docker";

    /// <summary>Whether the group was asked for: then it must exist.</summary>
    public bool GroupIsGiven { get; set; }

    public string Containerd { get; set; } = "";
    public string ContainerdNamespace { get; set; } = "moby";
    public List<string> InsecureRegistries { get; } = [];
    public List<string> RegistryMirrors { get; } = [];
    public string HttpProxy { get; set; } = "";
    public string HttpsProxy { get; set; } = "";
    public string NoProxy { get; set; } = "";

    /// <summary>TLS on TCP listeners; verifying clients includes it.</summary>
    public bool Tls { get; set; }

    /// <summary>Whether clients must have a certificate of <see cref="TlsCaCert"/>.</summary>
    public bool TlsVerify { get; set; }

    public string TlsCaCert { get; set; } = CertificateFile("ca.pem");
    public string TlsCert { get; set; } = CertificateFile("cert.pem");
    public string TlsKey { get; set; } = CertificateFile("key.pem");
    public string Bip { get; set; } = "";
    public string Bridge { get; set; } = "";
    public string FixedCidr { get; set; } = "";
    public bool Iptables { get; set; } = true;
    public bool Ip6tables { get; set; } = true;
    public bool IpForward { get; set; } = true;
    public bool IpMasquerade { get; set; } = true;
    public bool InterContainerCommunication { get; set; } = true;
    public string DefaultIp { get; set; } = "";
    public int Mtu { get; set; } = 1500;
    public bool UserlandProxy { get; set; } = true;
    public string UserlandProxyPath { get; set; } = "";

    /// <summary><c>base=10.10.0.0/16,size=24</c>, one per pool.</summary>
    public List<string> DefaultAddressPools { get; } = [];

    public string CgroupParent { get; set; } = "";
    public Dictionary<string, RuntimeOption> Runtimes { get; } = [];
    public string DefaultRuntime { get; set; } = DefaultRuntimeName;
    public bool Init { get; set; }
    public string InitPath { get; set; } = "";
    public string StorageDriver { get; set; } = "";
    public bool LiveRestore { get; set; }
    public string LogDriver { get; set; } = "json-file";
    public Dictionary<string, string> LogOptions { get; } = [];
    public List<string> Dns { get; } = [];
    public List<string> DnsOptions { get; } = [];
    public List<string> DnsSearch { get; } = [];
    public List<string> Labels { get; } = [];
    public Dictionary<string, Ulimit> DefaultUlimits { get; } = [];
    public long DefaultShmSize { get; set; } = 64 * 1024 * 1024;
    public string DefaultIpcMode { get; set; } = "private";
    public string DefaultCgroupnsMode { get; set; } = "";
    public int ShutdownTimeout { get; set; } = 15;
    public int MaxConcurrentDownloads { get; set; } = 3;
    public int MaxDownloadAttempts { get; set; } = 5;
    public bool Experimental { get; set; }
    public bool NoNewPrivileges { get; set; }
    public string SeccompProfile { get; set; } = "";
    public bool Validate { get; set; }
    public bool ShowVersion { get; set; }
    public bool ShowHelp { get; set; }

    // Docker's own default: its client's folder.
    private static string CertificateFile(string name) => Path.Combine(
        Environment.GetEnvironmentVariable("DOCKER_CERT_PATH") is { Length: > 0 } folder ? folder
        : Environment.GetEnvironmentVariable("DOCKER_CONFIG") is { Length: > 0 } config ? config
        : Path.Combine(Environment.GetEnvironmentVariable("HOME") is { Length: > 0 } home ? home : "/root", ".docker"), name);
}
