using AotRuntime.Json;

namespace AotRuntime.Dockerd.Oci;

/// <summary>config.json of the OCI runtime specification, as far as this daemon writes it. Names are the specification's.</summary>
internal sealed class OciSpec
{
    public string OciVersion { get; set; } = "1.2.0";
    public OciProcess? Process { get; set; }
    public OciRoot Root { get; set; } = new();
    public string? Hostname { get; set; }
    public string? Domainname { get; set; }
    public List<OciMount> Mounts { get; set; } = [];
    public OciLinux Linux { get; set; } = new();
    public Dictionary<string, string>? Annotations { get; set; }
}

internal sealed class OciRoot
{
    public string Path { get; set; } = "rootfs";
    public bool Readonly { get; set; }
}

internal sealed class OciProcess
{
    public bool? Terminal { get; set; }
    public OciConsoleSize? ConsoleSize { get; set; }
    public OciUser User { get; set; } = new();
    public List<string> Args { get; set; } = [];
    public List<string> Env { get; set; } = [];
    public string Cwd { get; set; } = "/";
    public OciCapabilities? Capabilities { get; set; }
    public List<OciRlimit>? Rlimits { get; set; }
    public bool? NoNewPrivileges { get; set; }
    public string? ApparmorProfile { get; set; }
    public int? OomScoreAdj { get; set; }
}

internal sealed class OciConsoleSize
{
    public int Height { get; set; }
    public int Width { get; set; }
}

internal sealed class OciUser
{
    public uint Uid { get; set; }
    public uint Gid { get; set; }
    public List<uint>? AdditionalGids { get; set; }
}

internal sealed class OciCapabilities
{
    public List<string>? Bounding { get; set; }
    public List<string>? Effective { get; set; }
    public List<string>? Inheritable { get; set; }
    public List<string>? Permitted { get; set; }
    public List<string>? Ambient { get; set; }
}

internal sealed class OciRlimit
{
    public string Type { get; set; } = "";
    public ulong Hard { get; set; }
    public ulong Soft { get; set; }
}

internal sealed class OciMount
{
    public string Destination { get; set; } = "";
    public string? Type { get; set; }
    public string? Source { get; set; }
    public List<string>? Options { get; set; }
}

internal sealed class OciLinux
{
    public Dictionary<string, string>? Sysctl { get; set; }
    public OciResources? Resources { get; set; }
    public string? CgroupsPath { get; set; }
    public List<OciNamespace> Namespaces { get; set; } = [];
    public List<OciDevice>? Devices { get; set; }
    public System.Text.Json.JsonElement? Seccomp { get; set; }
    public List<string>? MaskedPaths { get; set; }
    public List<string>? ReadonlyPaths { get; set; }
    public string? RootfsPropagation { get; set; }
}

internal sealed class OciNamespace
{
    public string Type { get; set; } = "";
    public string? Path { get; set; }
}

internal sealed class OciDevice
{
    public string Path { get; set; } = "";
    public string Type { get; set; } = "";
    public long Major { get; set; }
    public long Minor { get; set; }
    public uint? FileMode { get; set; }
    public uint? Uid { get; set; }
    public uint? Gid { get; set; }
}

internal sealed class OciResources
{
    public List<OciDeviceRule>? Devices { get; set; }
    public OciMemory? Memory { get; set; }
    public OciCpu? Cpu { get; set; }
    public OciPids? Pids { get; set; }
    public OciBlockIo? BlockIO { get; set; }
}

internal sealed class OciDeviceRule
{
    public bool Allow { get; set; }
    public string? Type { get; set; }
    public long? Major { get; set; }
    public long? Minor { get; set; }
    public string? Access { get; set; }
}

internal sealed class OciMemory
{
    public long? Limit { get; set; }
    public long? Reservation { get; set; }
    public long? Swap { get; set; }
    public ulong? Swappiness { get; set; }
    public bool? DisableOOMKiller { get; set; }
}

internal sealed class OciCpu
{
    public ulong? Shares { get; set; }
    public long? Quota { get; set; }
    public ulong? Period { get; set; }
    public long? RealtimeRuntime { get; set; }
    public ulong? RealtimePeriod { get; set; }
    public string? Cpus { get; set; }
    public string? Mems { get; set; }
}

internal sealed class OciPids
{
    public long Limit { get; set; }
}

internal sealed class OciBlockIo
{
    public int? Weight { get; set; }
    public List<OciThrottle>? ThrottleReadBpsDevice { get; set; }
    public List<OciThrottle>? ThrottleWriteBpsDevice { get; set; }
    public List<OciThrottle>? ThrottleReadIOPSDevice { get; set; }
    public List<OciThrottle>? ThrottleWriteIOPSDevice { get; set; }
}

internal sealed class OciThrottle
{
    public long Major { get; set; }
    public long Minor { get; set; }
    public ulong Rate { get; set; }
}

[JsonContext(CamelCase = true, OmitNulls = true)]
[JsonRoot(typeof(OciSpec))]
[JsonRoot(typeof(OciProcess))]
[JsonRoot(typeof(OciResources))]
internal static partial class OciJsonContext;
