using System.Text.Json;
using AotRuntime.Json;

namespace AotRuntime.EngineApi;

/// <summary><c>Cmd</c> and <c>Entrypoint</c>: a list, or one string that stands for a list of one (<c>strslice</c>).</summary>
public static class StringOrList
{
    /// <summary>Reads it.</summary>
    public static List<string>? Read(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null)
            return null;
        if (reader.TokenType == JsonTokenType.String)
            return [reader.GetString()!];
        if (reader.TokenType != JsonTokenType.StartArray)
            throw new JsonException("a list of strings was expected");
        List<string> list = [];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.Null))
                throw new JsonException("a list of strings was expected");
            list.Add(reader.GetString() ?? "");
        }
        return list;
    }

    /// <summary>Writes it, as a list.</summary>
    public static void Write(Utf8JsonWriter writer, List<string> value) => JsonOut.Texts(writer, value);
}
