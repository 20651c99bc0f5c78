using System.Collections;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AotRuntime.Images;

namespace AotRuntime.Tests.Unit.Json;

/// <summary>Values of every type with all their members set, and documents made wrong in every way at every place.</summary>
internal static class JsonSamples
{
    private static readonly string[] s_wrong =
    [
        "null", "true", "false", "0", "-1", "65536", "4294967296", "9223372036854775808", "18446744073709551616", "1e400", "1.5", "1e2", "\"\"", "\"x\"", "\"\\ud800\"",
        "\"\\u00e9<\"", "[]", "[null]", "[1]", "[\"a\",null]", "[[]]", "[{}]", "{}", "{\"a\":null}", "{\"a\":1,\"a\":\"2\"}", "{\"\\u0061\":{}}", "x", "[1,]", "{\"a\":1,}",
        "/*c*/1", "\"2024-02-30T00:00:00Z\"", "\"2024-02-29T01:02:03.4567891+01:00\"",
    ];

    /// <summary>A value with every member set.</summary>
    public static object Full(Type type, int depth = 0)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string))
            return "a\"<é\u2028😀/" + depth;
        if (type == typeof(bool))
            return true;
        if (type.IsPrimitive)
            return type.GetField("MaxValue")!.GetValue(null)!;
        if (type == typeof(DateTimeOffset))
            return new DateTimeOffset(2024, 2, 29, 1, 2, 3, 456, TimeSpan.FromHours(1));
        if (type == typeof(JsonElement))
            return JsonDocument.Parse("""{ "k" : [1, {"é<": null}] }""").RootElement.Clone();
        if (type == typeof(Digest))
            return Digest.Sha256("x"u8);
        if (type.IsArray)
        {
            Array array = Array.CreateInstance(type.GetElementType()!, 2);
            array.SetValue(Full(type.GetElementType()!, depth + 1), 0);
            array.SetValue(Full(type.GetElementType()!, depth + 1), 1);
            return array;
        }
        if (typeof(IDictionary).IsAssignableFrom(type))
        {
            var map = (IDictionary)Activator.CreateInstance(type)!;
            map["key.é<"] = Full(type.GetGenericArguments()[1], depth + 1);
            map["b"] = Full(type.GetGenericArguments()[1], depth + 1);
            return map;
        }
        if (typeof(IList).IsAssignableFrom(type))
        {
            var list = (IList)Activator.CreateInstance(type)!;
            list.Add(Full(type.GetGenericArguments()[0], depth + 1));
            list.Add(Full(type.GetGenericArguments()[0], depth + 1));
            return list;
        }
        object value = New(type);
        foreach (PropertyInfo property in Settable(type))
            property.SetValue(value, Full(property.PropertyType, depth + 1));
        return value;
    }

    /// <summary>A value with every member null that may be in memory, whatever its annotation.</summary>
    public static object Empty(Type type)
    {
        object value = New(type);
        foreach (PropertyInfo property in Settable(type))
            property.SetValue(value, property.PropertyType.IsValueType ? Activator.CreateInstance(property.PropertyType) : null);
        return value;
    }

    /// <summary>A value as its type makes it.</summary>
    public static object New(Type type) => type.GetConstructor(Type.EmptyTypes) is not null
        ? Activator.CreateInstance(type)!
        : Activator.CreateInstance(type, [.. type.GetConstructors()[0].GetParameters().Select(p => p.ParameterType.IsValueType ? Activator.CreateInstance(p.ParameterType) : "")])!;

    private static IEnumerable<PropertyInfo> Settable(Type type) =>
        type.GetProperties(BindingFlags.Instance | BindingFlags.Public).Where(p => p.SetMethod is { IsPublic: true } && p.GetIndexParameters().Length == 0);

    /// <summary><paramref name="json"/> with each value in turn replaced by wrong ones, and each member doubled, renamed, or with its name escaped.</summary>
    public static IEnumerable<string> Wrong(string json)
    {
        for (int i = 0; i < json.Length; i += 1 + json.Length / 40)
            yield return json[..i];
        foreach (string after in (string[])["x", " ", "\n\t", ",", "{}", "null", "\0", "/*c*/"])
            yield return json + after;
        foreach (string wrong in s_wrong)
            yield return wrong;
        byte[] utf8 = Encoding.UTF8.GetBytes(json);
        List<(int Start, int End, bool Name)> tokens = Tokens(utf8);
        // Of a long document's places, each gets its share of the wrong values.
        int step = 1 + tokens.Count / 60, turn = 0;
        foreach ((int start, int end, bool name) in tokens)
        {
            string before = Encoding.UTF8.GetString(utf8[..start]), token = Encoding.UTF8.GetString(utf8[start..end]), after = Encoding.UTF8.GetString(utf8[end..]);
            if (name)
            {
                yield return before + token.ToUpperInvariant() + after;
                yield return before + token.ToLowerInvariant() + after;
                yield return before + $"\"\\u{(int)token[1]:x4}" + token[2..] + after;
                yield return before + "\n " + token + ":null," + token + after;
                yield return before + "\"unknown\":{\"a\":[1,{}],\"b\":null}," + token + after;
                yield return before + "\"\\ud800\"" + after;
                yield return before + after;
                continue;
            }
            for (int i = turn++ % step; i < s_wrong.Length; i += step)
                yield return before + "\n" + s_wrong[i] + after;
            yield return before + new string('[', 70) + new string(']', 70) + after;
            yield return before + string.Concat(Enumerable.Repeat("{\"a\":", 70)) + "1" + new string('}', 70) + after;
        }
    }

    private static List<(int Start, int End, bool Name)> Tokens(byte[] utf8)
    {
        List<(int, int, bool)> tokens = [];
        Stack<int> starts = [];
        Utf8JsonReader reader = new(utf8);
        while (reader.Read())
        {
            int start = (int)reader.TokenStartIndex, end = (int)reader.BytesConsumed;
            if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
                starts.Push(start);
            else if (reader.TokenType is JsonTokenType.EndObject or JsonTokenType.EndArray)
                tokens.Add((starts.Pop(), end, false));
            else if (reader.TokenType == JsonTokenType.PropertyName)
                tokens.Add((start, start + reader.ValueSpan.Length + 2, true));
            else
                tokens.Add((start, end, false));
        }
        return tokens;
    }
}
