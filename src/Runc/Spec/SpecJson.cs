using System.Text.Json;
using System.Text.Json.Serialization;
using AotRuntime.Linux;
using AotRuntime.Runc.State;

namespace AotRuntime.Runc.Spec;

/// <summary>JSON of the files that the role reads and writes.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(RuntimeSpec))]
[JsonSerializable(typeof(ProcessSpec))]
[JsonSerializable(typeof(ResourcesSpec))]
[JsonSerializable(typeof(SeccompSpec))]
[JsonSerializable(typeof(ContainerState))]
internal sealed partial class SpecJson : JsonSerializerContext;

/// <summary>Reads the spec's files, with runc's errors.</summary>
internal static class SpecFile
{
    /// <summary>The file of a bundle that describes the container.</summary>
    public const string Config = "config.json";

    public static RuntimeSpec LoadConfig(string path)
    {
        byte[] json;
        try
        {
            json = Sys.ReadSmallFile(path);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            throw new RuncException($"JSON specification file {path} not found", e);
        }
        return Parse(json, SpecJson.Default.RuntimeSpec, path);
    }

    public static ProcessSpec LoadProcess(string path)
    {
        try
        {
            return Parse(Sys.ReadSmallFile(path), SpecJson.Default.ProcessSpec, path);
        }
        catch (LinuxException e)
        {
            throw new RuncException($"open {path}: {e.Errno.Text()}", e);
        }
    }

    public static T Parse<T>(ReadOnlySpan<byte> json, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type, string name)
    {
        // A byte order mark is not JSON, but some editors write one.
        if (json.StartsWith("\uFEFF"u8))
            json = json[3..];
        try
        {
            RefuseHoles(json);
            return JsonSerializer.Deserialize(json, type) ?? throw new RuncException($"{name}: null");
        }
        catch (JsonException e)
        {
            throw new RuncException($"unable to parse {name}: {e.Message}", e);
        }
    }

    /// <summary>No list of a spec may hold a null: the annotations of its types say nothing about items.</summary>
    private static void RefuseHoles(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        // One bit a level, set within an array; the reader itself stops at 64 levels.
        ulong arrays = 0;
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.StartArray:
                    arrays = (arrays << 1) | 1;
                    break;
                case JsonTokenType.StartObject:
                    arrays <<= 1;
                    break;
                case JsonTokenType.EndArray or JsonTokenType.EndObject:
                    arrays >>= 1;
                    break;
                case JsonTokenType.Null when (arrays & 1) != 0:
                    throw new JsonException("null in a list");
            }
        }
    }
}
