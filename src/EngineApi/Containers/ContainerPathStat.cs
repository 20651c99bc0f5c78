using System.Text.Json.Serialization;

namespace AotRuntime.EngineApi;

/// <summary>What is at a path in a container; travels base64-encoded in the header <c>X-Docker-Container-Path-Stat</c>.</summary>
public sealed class ContainerPathStat
{
    /// <summary>The path's last part.</summary>
    [JsonPropertyName("name")]
    public string Name { get; set; } = "";

    /// <summary>Size in bytes.</summary>
    [JsonPropertyName("size")]
    public long Size { get; set; }

    /// <summary>Go's <c>os.FileMode</c>.</summary>
    [JsonPropertyName("mode")]
    public uint Mode { get; set; }

    /// <summary>Last modification.</summary>
    [JsonPropertyName("mtime")]
    public string Mtime { get; set; } = "";

    /// <summary>Where a symbolic link leads in the end.</summary>
    [JsonPropertyName("linkTarget")]
    public string LinkTarget { get; set; } = "";
}
