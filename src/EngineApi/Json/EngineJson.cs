using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace AotRuntime.EngineApi;

/// <summary>Reads and writes the Engine API's JSON the way Go's encoder does: names matched without case, no HTML escaping, a newline after each document.</summary>
public static class EngineJson
{
    /// <summary>The types of the API. Use this, not <c>EngineJsonContext.Default</c>, whose encoder escapes more than Docker's.</summary>
    public static EngineJsonContext Types { get; } = new(new JsonSerializerOptions(EngineJsonContext.Default.Options)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    /// <summary>The same, indented by four spaces, as <c>docker inspect</c> prints.</summary>
    public static EngineJsonContext Indented { get; } = new(new JsonSerializerOptions(EngineJsonContext.Default.Options)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
        IndentSize = 4,
    });

    /// <summary>A document as UTF-8, without the newline.</summary>
    public static byte[] ToBytes<T>(T value, JsonTypeInfo<T> type) => JsonSerializer.SerializeToUtf8Bytes(value, type);

    /// <summary>A document as text, without the newline.</summary>
    public static string ToText<T>(T value, JsonTypeInfo<T> type) => JsonSerializer.Serialize(value, type);

    /// <summary>Writes a document and its newline.</summary>
    public static void WriteLine<T>(IBufferWriter<byte> output, T value, JsonTypeInfo<T> type)
    {
        using (Utf8JsonWriter writer = new(output, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            JsonSerializer.Serialize(writer, value, type);
        output.Write("\n"u8);
    }

    /// <summary>Reads a document.</summary>
    /// <exception cref="JsonException">It is none, or not of this type.</exception>
    public static T? Parse<T>(ReadOnlySpan<byte> utf8, JsonTypeInfo<T> type) => JsonSerializer.Deserialize(utf8, type);

    /// <inheritdoc cref="Parse{T}(ReadOnlySpan{byte}, JsonTypeInfo{T})"/>
    public static T? Parse<T>(string text, JsonTypeInfo<T> type) => JsonSerializer.Deserialize(Encoding.UTF8.GetBytes(text), type);
}

/// <summary>Everything that crosses the Engine API, for the source generator.</summary>
[JsonSourceGenerationOptions(
    PropertyNameCaseInsensitive = true,
    AllowTrailingCommas = false,
    GenerationMode = JsonSourceGenerationMode.Metadata,
    Converters = [typeof(GoInt64Converter), typeof(GoInt32Converter), typeof(GoUInt64Converter), typeof(GoBooleanConverter), typeof(GoStringConverter)])]
[JsonSerializable(typeof(ErrorResponse))]
[JsonSerializable(typeof(ContainerPathStat))]
[JsonSerializable(typeof(ContainerCreateRequest))]
[JsonSerializable(typeof(ContainerCreateResponse))]
[JsonSerializable(typeof(ContainerConfig))]
[JsonSerializable(typeof(HostConfig))]
[JsonSerializable(typeof(ContainerInspect))]
[JsonSerializable(typeof(List<ContainerInspect>))]
[JsonSerializable(typeof(List<ContainerSummary>))]
[JsonSerializable(typeof(ContainerSummary))]
[JsonSerializable(typeof(ContainerWaitResponse))]
[JsonSerializable(typeof(ContainerTopResponse))]
[JsonSerializable(typeof(ContainerUpdateRequest))]
[JsonSerializable(typeof(ContainerUpdateResponse))]
[JsonSerializable(typeof(ContainersPruneReport))]
[JsonSerializable(typeof(List<FilesystemChange>))]
[JsonSerializable(typeof(PathStat))]
[JsonSerializable(typeof(ContainerStats))]
[JsonSerializable(typeof(ExecCreateRequest))]
[JsonSerializable(typeof(ExecCreateResponse))]
[JsonSerializable(typeof(ExecStartRequest))]
[JsonSerializable(typeof(ExecInspect))]
[JsonSerializable(typeof(List<ImageSummary>))]
[JsonSerializable(typeof(ImageInspect))]
[JsonSerializable(typeof(List<ImageInspect>))]
[JsonSerializable(typeof(List<ImageHistoryItem>))]
[JsonSerializable(typeof(List<ImageDeleteItem>))]
[JsonSerializable(typeof(ImagesPruneReport))]
[JsonSerializable(typeof(JsonMessage))]
[JsonSerializable(typeof(AuthConfig))]
[JsonSerializable(typeof(AuthResponse))]
[JsonSerializable(typeof(DistributionInspect))]
[JsonSerializable(typeof(NetworkResource))]
[JsonSerializable(typeof(List<NetworkResource>))]
[JsonSerializable(typeof(NetworkCreateRequest))]
[JsonSerializable(typeof(NetworkCreateResponse))]
[JsonSerializable(typeof(NetworkConnectRequest))]
[JsonSerializable(typeof(NetworkDisconnectRequest))]
[JsonSerializable(typeof(NetworksPruneReport))]
[JsonSerializable(typeof(Volume))]
[JsonSerializable(typeof(List<Volume>))]
[JsonSerializable(typeof(VolumeListResponse))]
[JsonSerializable(typeof(VolumeCreateRequest))]
[JsonSerializable(typeof(VolumesPruneReport))]
[JsonSerializable(typeof(SystemVersion))]
[JsonSerializable(typeof(SystemInfo))]
[JsonSerializable(typeof(EventMessage))]
[JsonSerializable(typeof(DiskUsage))]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(long))]
[JsonSerializable(typeof(bool))]
[JsonSerializable(typeof(List<string>))]
[JsonSerializable(typeof(Dictionary<string, string>))]
[JsonSerializable(typeof(Dictionary<string, bool>))]
[JsonSerializable(typeof(Dictionary<string, JsonElement>))]
[JsonSerializable(typeof(JsonElement))]
public sealed partial class EngineJsonContext : JsonSerializerContext;
