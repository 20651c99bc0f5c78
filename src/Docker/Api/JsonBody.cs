using System.Buffers;
using System.Text.Json;

namespace AotRuntime.Docker.Api;

/// <summary>Writes request bodies.</summary>
public static class JsonBody
{
    /// <summary>The bytes of the object whose members <paramref name="members"/> writes.</summary>
    public static byte[] Object(Action<Utf8JsonWriter> members)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter writer = new(buffer))
        {
            writer.WriteStartObject();
            members(writer);
            writer.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>A string, unless empty.</summary>
    public static void Text(this Utf8JsonWriter writer, string name, string value)
    {
        if (value.Length > 0)
            writer.WriteString(name, value);
    }

    /// <summary>A number, unless zero.</summary>
    public static void NonZero(this Utf8JsonWriter writer, string name, long value)
    {
        if (value != 0)
            writer.WriteNumber(name, value);
    }

    /// <summary>A switch, unless off.</summary>
    public static void Switch(this Utf8JsonWriter writer, string name, bool value)
    {
        if (value)
            writer.WriteBoolean(name, true);
    }

    /// <summary>A list of strings, unless empty.</summary>
    public static void Texts(this Utf8JsonWriter writer, string name, IReadOnlyCollection<string> values, bool always = false)
    {
        if (values.Count == 0 && !always)
            return;
        writer.WriteStartArray(name);
        foreach (string value in values)
            writer.WriteStringValue(value);
        writer.WriteEndArray();
    }

    /// <summary>An object of the pairs <c>key=value</c>, unless there are none; the last of a key wins.</summary>
    public static void Pairs(this Utf8JsonWriter writer, string name, IEnumerable<string> pairs, bool always = false)
    {
        Dictionary<string, string> map = new(StringComparer.Ordinal);
        foreach (string pair in pairs)
        {
            int equals = pair.IndexOf('=');
            map[equals < 0 ? pair : pair[..equals]] = equals < 0 ? "" : pair[(equals + 1)..];
        }
        if (map.Count == 0 && !always)
            return;
        writer.WriteStartObject(name);
        foreach ((string key, string value) in map)
            writer.WriteString(key, value);
        writer.WriteEndObject();
    }
}
