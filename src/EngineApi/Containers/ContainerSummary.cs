using System.Text.Json.Serialization;

namespace AotRuntime.EngineApi;

/// <summary>One line of <c>GET /containers/json</c>.</summary>
public sealed class ContainerSummary
{
    public string Id { get; set; } = "";
    public List<string> Names { get; set; } = [];
    public string Image { get; set; } = "";
    [JsonPropertyName("ImageID")] public string ImageId { get; set; } = "";
    public string Command { get; set; } = "";
    public long Created { get; set; }
    public List<PortSummary> Ports { get; set; } = [];
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public long SizeRw { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public long SizeRootFs { get; set; }
    public Dictionary<string, string> Labels { get; set; } = [];
    public string State { get; set; } = "";
    public string Status { get; set; } = "";
    public HostConfigSummary HostConfig { get; set; } = new();
    public NetworkSettingsSummary? NetworkSettings { get; set; }
    public List<MountPoint> Mounts { get; set; } = [];
}

/// <summary>The part of the host configuration that the list shows.</summary>
public sealed class HostConfigSummary
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? NetworkMode { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public Dictionary<string, string>? Annotations { get; set; }
}

/// <summary>The part of the network settings that the list shows.</summary>
public sealed class NetworkSettingsSummary
{
    public Dictionary<string, EndpointSettings> Networks { get; set; } = [];
}

/// <summary>A port as the list shows it.</summary>
public sealed class PortSummary
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull), JsonPropertyName("IP")] public string? Ip { get; set; }
    public int PrivatePort { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public int PublicPort { get; set; }
    public string Type { get; set; } = "";
}

/// <summary>Answer of wait.</summary>
public sealed class ContainerWaitResponse
{
    public long StatusCode { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public WaitExitError? Error { get; set; }
}

/// <summary>Why waiting failed.</summary>
public sealed class WaitExitError
{
    public string Message { get; set; } = "";
}

/// <summary>Answer of top.</summary>
public sealed class ContainerTopResponse
{
    public List<string> Titles { get; set; } = [];
    public List<List<string>> Processes { get; set; } = [];
}

/// <summary>Body of update.</summary>
public sealed class ContainerUpdateRequest : ContainerResources
{
    public RestartPolicy? RestartPolicy { get; set; }
}

/// <summary>Answer of update.</summary>
public sealed class ContainerUpdateResponse
{
    public List<string> Warnings { get; set; } = [];
}

/// <summary>Answer of prune.</summary>
public sealed class ContainersPruneReport
{
    public List<string>? ContainersDeleted { get; set; }
    public ulong SpaceReclaimed { get; set; }
}

/// <summary>A changed path: 0 modified, 1 added, 2 deleted.</summary>
public sealed class FilesystemChange
{
    public int Kind { get; set; }
    public string Path { get; set; } = "";
}

/// <summary>What the <c>X-Docker-Container-Path-Stat</c> field holds, in base64.</summary>
public sealed class PathStat
{
    [JsonPropertyName("name")] public string Name { get; set; } = "";
    [JsonPropertyName("size")] public long Size { get; set; }
    /// <summary>Go's <c>os.FileMode</c>, not the kernel's <c>st_mode</c>.</summary>
    [JsonPropertyName("mode")] public long Mode { get; set; }
    [JsonPropertyName("mtime")] public string Mtime { get; set; } = "";
    [JsonPropertyName("linkTarget")] public string LinkTarget { get; set; } = "";
}
