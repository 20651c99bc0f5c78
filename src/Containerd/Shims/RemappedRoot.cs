using System.Text.Json;

namespace AotRuntime.Containerd;

/// <summary>Whose host group the root of a container with a user namespace is.</summary>
internal static class RemappedRoot
{
    /// <summary>The host's group id for the container's 0; null where the spec maps none, or is no spec.</summary>
    public static uint? Of(ReadOnlySpan<byte> spec)
    {
        try
        {
            Utf8JsonReader reader = new(spec);
            using JsonDocument document = JsonDocument.ParseValue(ref reader);
            if (!document.RootElement.TryGetProperty("linux", out JsonElement linux)
                || !linux.TryGetProperty("gidMappings", out JsonElement mappings)
                || mappings.ValueKind != JsonValueKind.Array)
            {
                return null;
            }
            foreach (JsonElement mapping in mappings.EnumerateArray())
            {
                if (mapping.TryGetProperty("containerID", out JsonElement inside) && inside.GetUInt32() == 0
                    && mapping.TryGetProperty("hostID", out JsonElement outside))
                {
                    return outside.GetUInt32();
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            // The runtime will say what is wrong with it, better than we could.
            return null;
        }
        return null;
    }
}
