using System.Buffers;
using System.Text;
using System.Text.Json;
using AotRuntime.Json;

namespace AotRuntime.EngineApi;

/// <summary>Reads and writes the Engine API's JSON the way Go's encoder does: names matched without case, no HTML escaping, a newline after each document.</summary>
public static partial class EngineJson
{
    /// <summary>A document as UTF-8, without the newline.</summary>
    public static byte[] ToBytes<T>(T value, IJsonWriter<T> codec) => JsonText.ToBytes(value, codec, GoJsonEncoder.Plain);

    /// <summary>A document as text, without the newline.</summary>
    public static string ToText<T>(T value, IJsonWriter<T> codec) => Encoding.UTF8.GetString(ToBytes(value, codec));

    /// <summary>Writes a document and its newline.</summary>
    public static void WriteLine<T>(IBufferWriter<byte> output, T value, IJsonWriter<T> codec)
    {
        JsonText.Write(output, value, codec, GoJsonEncoder.Plain);
        output.Write("\n"u8);
    }

    /// <summary>Reads a document.</summary>
    /// <exception cref="JsonException">It is none, or not of this type.</exception>
    public static T? Parse<T>(ReadOnlySpan<byte> utf8, IJsonReader<T> codec) => JsonText.Parse(utf8, codec);

    /// <inheritdoc cref="Parse{T}(ReadOnlySpan{byte}, IJsonReader{T})"/>
    public static T? Parse<T>(string text, IJsonReader<T> codec) => JsonText.Parse(Encoding.UTF8.GetBytes(text), codec);

    /// <summary>Everything that crosses the Engine API.</summary>
    [JsonContext(IgnoreCase = true, NullIsZero = true)]
    [JsonRoot(typeof(ErrorResponse))]
    [JsonRoot(typeof(ContainerPathStat))]
    [JsonRoot(typeof(ContainerCreateRequest))]
    [JsonRoot(typeof(ContainerCreateResponse))]
    [JsonRoot(typeof(ContainerConfig))]
    [JsonRoot(typeof(HostConfig))]
    [JsonRoot(typeof(ContainerInspect))]
    [JsonRoot(typeof(List<ContainerInspect>))]
    [JsonRoot(typeof(List<ContainerSummary>))]
    [JsonRoot(typeof(ContainerSummary))]
    [JsonRoot(typeof(ContainerWaitResponse))]
    [JsonRoot(typeof(ContainerTopResponse))]
    [JsonRoot(typeof(ContainerUpdateRequest))]
    [JsonRoot(typeof(ContainerUpdateResponse))]
    [JsonRoot(typeof(ContainersPruneReport))]
    [JsonRoot(typeof(List<FilesystemChange>))]
    [JsonRoot(typeof(PathStat))]
    [JsonRoot(typeof(ContainerStats))]
    [JsonRoot(typeof(ExecCreateRequest))]
    [JsonRoot(typeof(ExecCreateResponse))]
    [JsonRoot(typeof(ExecStartRequest))]
    [JsonRoot(typeof(ExecInspect))]
    [JsonRoot(typeof(List<ImageSummary>))]
    [JsonRoot(typeof(ImageInspect))]
    [JsonRoot(typeof(List<ImageInspect>))]
    [JsonRoot(typeof(List<ImageHistoryItem>))]
    [JsonRoot(typeof(List<ImageDeleteItem>))]
    [JsonRoot(typeof(ImagesPruneReport))]
    [JsonRoot(typeof(JsonMessage))]
    [JsonRoot(typeof(AuthConfig))]
    [JsonRoot(typeof(AuthResponse))]
    [JsonRoot(typeof(DistributionInspect))]
    [JsonRoot(typeof(NetworkResource))]
    [JsonRoot(typeof(List<NetworkResource>))]
    [JsonRoot(typeof(NetworkCreateRequest))]
    [JsonRoot(typeof(NetworkCreateResponse))]
    [JsonRoot(typeof(NetworkConnectRequest))]
    [JsonRoot(typeof(NetworkDisconnectRequest))]
    [JsonRoot(typeof(NetworksPruneReport))]
    [JsonRoot(typeof(Volume))]
    [JsonRoot(typeof(List<Volume>))]
    [JsonRoot(typeof(VolumeListResponse))]
    [JsonRoot(typeof(VolumeCreateRequest))]
    [JsonRoot(typeof(VolumesPruneReport))]
    [JsonRoot(typeof(SystemVersion))]
    [JsonRoot(typeof(SystemInfo))]
    [JsonRoot(typeof(EventMessage))]
    [JsonRoot(typeof(DiskUsage))]
    public static partial class Types;
}
