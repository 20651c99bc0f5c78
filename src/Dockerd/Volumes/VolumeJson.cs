using System.Text.Json.Serialization;

namespace AotRuntime.Dockerd.Volumes;

/// <summary>What is kept of a volume beside its content, in <c>volume.json</c>.</summary>
internal sealed class VolumeRecord
{
    public string CreatedAt { get; set; } = "";

    public Dictionary<string, string>? Labels { get; set; }

    public Dictionary<string, string>? Options { get; set; }
}

[JsonSerializable(typeof(VolumeRecord))]
internal sealed partial class VolumeJsonContext : JsonSerializerContext;
