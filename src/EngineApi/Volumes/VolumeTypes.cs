using System.Text.Json.Serialization;

namespace AotRuntime.EngineApi;

/// <summary>A volume, as listed and inspected.</summary>
public sealed class Volume
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? CreatedAt { get; set; }
    public string Driver { get; set; } = "local";
    public Dictionary<string, string>? Labels { get; set; }
    public string Mountpoint { get; set; } = "";
    public string Name { get; set; } = "";
    public Dictionary<string, string>? Options { get; set; }
    public string Scope { get; set; } = "local";
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public VolumeUsage? UsageData { get; set; }
}

/// <summary>How a volume is used; -1 where unknown.</summary>
public sealed class VolumeUsage
{
    public long RefCount { get; set; } = -1;
    public long Size { get; set; } = -1;
}

/// <summary>Answer of <c>GET /volumes</c>.</summary>
public sealed class VolumeListResponse
{
    public List<Volume> Volumes { get; set; } = [];
    public List<string>? Warnings { get; set; }
}

/// <summary>Body of volume create.</summary>
public sealed class VolumeCreateRequest
{
    public string Name { get; set; } = "";
    public string Driver { get; set; } = "";
    public Dictionary<string, string>? DriverOpts { get; set; }
    public Dictionary<string, string>? Labels { get; set; }
}

/// <summary>Answer of prune.</summary>
public sealed class VolumesPruneReport
{
    public List<string>? VolumesDeleted { get; set; }
    public ulong SpaceReclaimed { get; set; }
}
