using System.Text.Json;
using AotRuntime.Json;
using AotRuntime.Linux;
using AotRuntime.Runc.State;

namespace AotRuntime.Runc.Spec;

/// <summary>JSON of the files that the role reads and writes.</summary>
[JsonContext(CamelCase = true, OmitNulls = true, StrictNulls = true)]
[JsonRoot(typeof(RuntimeSpec))]
[JsonRoot(typeof(ProcessSpec))]
[JsonRoot(typeof(ResourcesSpec))]
[JsonRoot(typeof(SeccompSpec))]
[JsonRoot(typeof(ContainerState))]
internal static partial class SpecJson;

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
        return Parse(json, SpecJson.RuntimeSpec, path);
    }

    public static ProcessSpec LoadProcess(string path)
    {
        try
        {
            return Parse(Sys.ReadSmallFile(path), SpecJson.ProcessSpec, path);
        }
        catch (LinuxException e)
        {
            throw new RuncException($"open {path}: {e.Errno.Text()}", e);
        }
    }

    public static T Parse<T>(ReadOnlySpan<byte> json, IJsonReader<T> codec, string name)
    {
        // A byte order mark is not JSON, but some editors write one.
        if (json.StartsWith("\uFEFF"u8))
            json = json[3..];
        try
        {
            RefuseHoles(json);
            return JsonText.Parse(json, codec) ?? throw new RuncException($"{name}: null");
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
