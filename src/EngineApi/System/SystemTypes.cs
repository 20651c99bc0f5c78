using System.Text.Json.Serialization;

namespace AotRuntime.EngineApi;

/// <summary>Answer of <c>GET /version</c>.</summary>
public sealed class SystemVersion
{
    public PlatformName Platform { get; set; } = new();
    public List<ComponentVersion> Components { get; set; } = [];
    public string Version { get; set; } = "";
    public string ApiVersion { get; set; } = "";
    [JsonPropertyName("MinAPIVersion")] public string MinApiVersion { get; set; } = "";
    public string GitCommit { get; set; } = "";
    public string GoVersion { get; set; } = "";
    public string Os { get; set; } = "";
    public string Arch { get; set; } = "";
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? KernelVersion { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public bool Experimental { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? BuildTime { get; set; }
}

/// <summary>The product's name.</summary>
public sealed class PlatformName
{
    public string Name { get; set; } = "";
}

/// <summary>One part's version.</summary>
public sealed class ComponentVersion
{
    public string Name { get; set; } = "";
    public string Version { get; set; } = "";
    public Dictionary<string, string>? Details { get; set; }
}

/// <summary>Answer of <c>GET /info</c>.</summary>
public sealed class SystemInfo
{
    [JsonPropertyName("ID")] public string Id { get; set; } = "";
    public int Containers { get; set; }
    public int ContainersRunning { get; set; }
    public int ContainersPaused { get; set; }
    public int ContainersStopped { get; set; }
    public int Images { get; set; }
    public string Driver { get; set; } = "";
    public List<List<string>> DriverStatus { get; set; } = [];
    public PluginsInfo Plugins { get; set; } = new();
    public bool MemoryLimit { get; set; }
    public bool SwapLimit { get; set; }
    public bool CpuCfsPeriod { get; set; }
    public bool CpuCfsQuota { get; set; }
    [JsonPropertyName("CPUShares")] public bool CpuShares { get; set; }
    [JsonPropertyName("CPUSet")] public bool CpuSet { get; set; }
    public bool PidsLimit { get; set; }
    public bool IPv4Forwarding { get; set; }
    public bool Debug { get; set; }
    public int NFd { get; set; }
    public bool OomKillDisable { get; set; }
    public int NGoroutines { get; set; }
    public string SystemTime { get; set; } = "";
    public string LoggingDriver { get; set; } = "";
    public string CgroupDriver { get; set; } = "";
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? CgroupVersion { get; set; }
    public int NEventsListener { get; set; }
    public string KernelVersion { get; set; } = "";
    public string OperatingSystem { get; set; } = "";
    public string OSVersion { get; set; } = "";
    public string OSType { get; set; } = "";
    public string Architecture { get; set; } = "";
    public string IndexServerAddress { get; set; } = "";
    public RegistryServiceConfig? RegistryConfig { get; set; }
    [JsonPropertyName("NCPU")] public int Ncpu { get; set; }
    public long MemTotal { get; set; }
    public List<string>? GenericResources { get; set; }
    public string DockerRootDir { get; set; } = "";
    public string HttpProxy { get; set; } = "";
    public string HttpsProxy { get; set; } = "";
    public string NoProxy { get; set; } = "";
    public string Name { get; set; } = "";
    public List<string> Labels { get; set; } = [];
    public bool ExperimentalBuild { get; set; }
    public string ServerVersion { get; set; } = "";
    public Dictionary<string, RuntimeInfo> Runtimes { get; set; } = [];
    public string DefaultRuntime { get; set; } = "";
    public SwarmInfo Swarm { get; set; } = new();
    public bool LiveRestoreEnabled { get; set; }
    public string Isolation { get; set; } = "";
    public string InitBinary { get; set; } = "";
    public CommitInfo ContainerdCommit { get; set; } = new();
    public CommitInfo RuncCommit { get; set; } = new();
    public CommitInfo InitCommit { get; set; } = new();
    public List<string> SecurityOptions { get; set; } = [];
    [JsonPropertyName("CDISpecDirs")] public List<string> CdiSpecDirs { get; set; } = [];
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public ContainerdInfo? Containerd { get; set; }
    public List<string>? Warnings { get; set; }
}

/// <summary>What kinds of drivers there are.</summary>
public sealed class PluginsInfo
{
    public List<string> Volume { get; set; } = ["local"];
    public List<string> Network { get; set; } = ["bridge", "host", "null"];
    public List<string>? Authorization { get; set; }
    public List<string> Log { get; set; } = ["json-file"];
}

/// <summary>Which registries are trusted and mirrored.</summary>
public sealed class RegistryServiceConfig
{
    [JsonPropertyName("InsecureRegistryCIDRs")] public List<string> InsecureRegistryCidrs { get; set; } = [];
    public Dictionary<string, RegistryIndexInfo> IndexConfigs { get; set; } = [];
    public List<string>? Mirrors { get; set; }
}

/// <summary>One registry.</summary>
public sealed class RegistryIndexInfo
{
    public string Name { get; set; } = "";
    public List<string> Mirrors { get; set; } = [];
    public bool Secure { get; set; }
    public bool Official { get; set; }
}

/// <summary>One OCI runtime.</summary>
public sealed class RuntimeInfo
{
    [JsonPropertyName("path"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Path { get; set; }
    [JsonPropertyName("runtimeArgs"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public List<string>? RuntimeArgs { get; set; }
    [JsonPropertyName("status"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public Dictionary<string, string>? Status { get; set; }
}

/// <summary>Always inactive here.</summary>
public sealed class SwarmInfo
{
    [JsonPropertyName("NodeID")] public string NodeId { get; set; } = "";
    public string NodeAddr { get; set; } = "";
    public string LocalNodeState { get; set; } = "inactive";
    public bool ControlAvailable { get; set; }
    public string Error { get; set; } = "";
    public List<string>? RemoteManagers { get; set; }
}

/// <summary>A part's source revision.</summary>
public sealed class CommitInfo
{
    [JsonPropertyName("ID")] public string Id { get; set; } = "";
}

/// <summary>Where containerd is.</summary>
public sealed class ContainerdInfo
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Address { get; set; }
    public ContainerdNamespaces Namespaces { get; set; } = new();
}

/// <summary>The namespaces used in containerd.</summary>
public sealed class ContainerdNamespaces
{
    public string Containers { get; set; } = "";
    public string Plugins { get; set; } = "";
}

/// <summary>One event, with the old members that clients before 1.22 read.</summary>
public sealed class EventMessage
{
    [JsonPropertyName("status"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Status { get; set; }
    [JsonPropertyName("id"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Id { get; set; }
    [JsonPropertyName("from"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? From { get; set; }
    public string Type { get; set; } = "";
    public string Action { get; set; } = "";
    public EventActor Actor { get; set; } = new();
    [JsonPropertyName("scope"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Scope { get; set; }
    [JsonPropertyName("time"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public long Time { get; set; }
    [JsonPropertyName("timeNano"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public long TimeNano { get; set; }
}

/// <summary>Whom an event is about.</summary>
public sealed class EventActor
{
    [JsonPropertyName("ID")] public string Id { get; set; } = "";
    public Dictionary<string, string> Attributes { get; set; } = [];
}

/// <summary>Answer of <c>GET /system/df</c>.</summary>
public sealed class DiskUsage
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public long LayersSize { get; set; }
    public List<ImageSummary>? Images { get; set; }
    public List<ContainerSummary>? Containers { get; set; }
    public List<Volume>? Volumes { get; set; }
    public List<EmptyObject>? BuildCache { get; set; }
}
