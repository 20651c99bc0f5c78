using AotRuntime.Json;

namespace AotRuntime.Dockerd.Volumes;

/// <summary>What is kept of a volume beside its content, in <c>volume.json</c>.</summary>
internal sealed class VolumeRecord
{
    public string CreatedAt { get; set; } = "";

    public Dictionary<string, string>? Labels { get; set; }

    public Dictionary<string, string>? Options { get; set; }
}

[JsonContext]
[JsonRoot(typeof(VolumeRecord))]
internal static partial class VolumeJsonContext;
