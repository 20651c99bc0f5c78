using System.Text;
using System.Text.Json;

namespace AotRuntime.Json;

/// <summary>
/// What generated reading code calls. Every method reads the value that the reader stands on; those that end in <c>OrZero</c> take null for the
/// zero value, those that end in <c>OrNull</c> for null.
/// </summary>
public static class JsonIn
{
    /// <summary>The longest name that <see cref="Next"/> can match; each of its bytes may be escaped in six.</summary>
    private const int LongestName = 127, LongestEscaped = 6 * LongestName;

    /// <summary>Enters an object; false where there is a null instead.</summary>
    public static bool Object(ref Utf8JsonReader reader) => Enter(ref reader, JsonTokenType.StartObject, "an object");

    /// <summary>Enters a list; false where there is a null instead.</summary>
    public static bool List(ref Utf8JsonReader reader) => Enter(ref reader, JsonTokenType.StartArray, "a list");

    private static bool Enter(ref Utf8JsonReader reader, JsonTokenType start, string expected)
    {
        if (reader.TokenType == JsonTokenType.Null)
            return false;
        return reader.TokenType == start ? true : throw new JsonMismatchException(expected);
    }

    /// <summary>Goes on to the next member that the type has, and onto its value; false at the object's end.</summary>
    /// <param name="reader">In an object.</param>
    /// <param name="names">The type's names, each after its length in one byte.</param>
    /// <param name="ignoreCase">Whether the case of ASCII letters does not count.</param>
    /// <param name="member">Which of the names it is.</param>
    public static bool Next(ref Utf8JsonReader reader, ReadOnlySpan<byte> names, bool ignoreCase, out int member)
    {
        while (NextName(ref reader))
        {
            member = Find(ref reader, names, ignoreCase);
            reader.Read();
            if (member >= 0)
                return true;
            reader.Skip();
        }
        member = -1;
        return false;
    }

    /// <summary>Goes on to the next name; false at the object's end.</summary>
    public static bool NextName(ref Utf8JsonReader reader)
    {
        reader.Read();
        return reader.TokenType != JsonTokenType.EndObject;
    }

    /// <summary>Gives the name, and goes onto its value.</summary>
    public static string Key(ref Utf8JsonReader reader)
    {
        string key = reader.GetString()!;
        reader.Read();
        return key;
    }

    /// <summary>Goes on to the next item; false at the list's end.</summary>
    public static bool NextItem(ref Utf8JsonReader reader)
    {
        reader.Read();
        return reader.TokenType != JsonTokenType.EndArray;
    }

    private static int Find(ref Utf8JsonReader reader, ReadOnlySpan<byte> names, bool ignoreCase)
    {
        scoped ReadOnlySpan<byte> name = reader.ValueSpan;
        if (reader.ValueIsEscaped)
        {
            if (name.Length > LongestEscaped)
                return -1;
            Span<byte> plain = stackalloc byte[LongestEscaped];
            name = plain[..reader.CopyString(plain)];
        }
        for (int i = 0; !names.IsEmpty; i++)
        {
            int length = names[0];
            if (length == name.Length)
            {
                ReadOnlySpan<byte> known = names.Slice(1, length);
                if (ignoreCase ? Ascii.EqualsIgnoreCase(known, name) : known.SequenceEqual(name))
                    return i;
            }
            names = names[(1 + length)..];
        }
        return -1;
    }

    /// <summary>A value that may not be null.</summary>
    public static T Required<T>(T? value) where T : class => value ?? throw new JsonMismatchException("a value: null is not allowed here");

    /// <summary>A string; null where there is a null.</summary>
    public static string? Text(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.String => reader.GetString(),
        JsonTokenType.Null => null,
        _ => throw new JsonMismatchException("a string"),
    };

    /// <inheritdoc cref="JsonIn"/>
    public static string TextOrEmpty(ref Utf8JsonReader reader) => Text(ref reader) ?? "";

    /// <summary>A list of strings.</summary>
    public static List<string>? Texts(ref Utf8JsonReader reader)
    {
        if (!List(ref reader))
            return null;
        List<string> list = [];
        while (NextItem(ref reader))
            list.Add(Text(ref reader)!);
        return list;
    }

    /// <inheritdoc cref="JsonIn"/>
    public static List<string>? TextsOrEmpty(ref Utf8JsonReader reader)
    {
        if (!List(ref reader))
            return null;
        List<string> list = [];
        while (NextItem(ref reader))
            list.Add(TextOrEmpty(ref reader));
        return list;
    }

    /// <summary>A time, RFC 3339.</summary>
    public static DateTimeOffset Time(ref Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.String && reader.TryGetDateTimeOffset(out DateTimeOffset value) ? value : throw new JsonMismatchException("a time");

    /// <summary>Any value.</summary>
    public static JsonElement Element(ref Utf8JsonReader reader) => JsonElement.ParseValue(ref reader);

    /// <inheritdoc cref="JsonIn"/>
    public static JsonElement? ElementOrNull(ref Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.Null ? null : JsonElement.ParseValue(ref reader);

    /// <summary>True or false.</summary>
    public static bool Boolean(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.True => true,
        JsonTokenType.False => false,
        _ => throw new JsonMismatchException("true or false"),
    };

    /// <inheritdoc cref="JsonIn"/>
    public static bool BooleanOrZero(ref Utf8JsonReader reader) => reader.TokenType != JsonTokenType.Null && Boolean(ref reader);

    /// <inheritdoc cref="JsonIn"/>
    public static bool? BooleanOrNull(ref Utf8JsonReader reader) => reader.TokenType == JsonTokenType.Null ? null : Boolean(ref reader);

    /// <summary>A whole number.</summary>
    public static long Int64(ref Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out long value) ? value : throw new JsonMismatchException("a whole number of its range");

    /// <inheritdoc cref="JsonIn"/>
    public static long Int64OrZero(ref Utf8JsonReader reader) => reader.TokenType == JsonTokenType.Null ? 0 : Int64(ref reader);

    /// <inheritdoc cref="JsonIn"/>
    public static long? Int64OrNull(ref Utf8JsonReader reader) => reader.TokenType == JsonTokenType.Null ? null : Int64(ref reader);

    /// <inheritdoc cref="Int64"/>
    public static int Int32(ref Utf8JsonReader reader) => (int)InRange(Int64(ref reader), int.MinValue, int.MaxValue);

    /// <inheritdoc cref="JsonIn"/>
    public static int Int32OrZero(ref Utf8JsonReader reader) => reader.TokenType == JsonTokenType.Null ? 0 : Int32(ref reader);

    /// <inheritdoc cref="JsonIn"/>
    public static int? Int32OrNull(ref Utf8JsonReader reader) => reader.TokenType == JsonTokenType.Null ? null : Int32(ref reader);

    /// <inheritdoc cref="Int64"/>
    public static uint UInt32(ref Utf8JsonReader reader) => (uint)InRange(Int64(ref reader), 0, uint.MaxValue);

    /// <inheritdoc cref="JsonIn"/>
    public static uint UInt32OrZero(ref Utf8JsonReader reader) => reader.TokenType == JsonTokenType.Null ? 0 : UInt32(ref reader);

    /// <inheritdoc cref="JsonIn"/>
    public static uint? UInt32OrNull(ref Utf8JsonReader reader) => reader.TokenType == JsonTokenType.Null ? null : UInt32(ref reader);

    /// <inheritdoc cref="Int64"/>
    public static ushort UInt16(ref Utf8JsonReader reader) => (ushort)InRange(Int64(ref reader), 0, ushort.MaxValue);

    /// <inheritdoc cref="JsonIn"/>
    public static ushort? UInt16OrNull(ref Utf8JsonReader reader) => reader.TokenType == JsonTokenType.Null ? null : UInt16(ref reader);

    /// <inheritdoc cref="Int64"/>
    public static ulong UInt64(ref Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.Number && reader.TryGetUInt64(out ulong value) ? value : throw new JsonMismatchException("a whole number of its range");

    /// <inheritdoc cref="JsonIn"/>
    public static ulong UInt64OrZero(ref Utf8JsonReader reader) => reader.TokenType == JsonTokenType.Null ? 0 : UInt64(ref reader);

    /// <inheritdoc cref="JsonIn"/>
    public static ulong? UInt64OrNull(ref Utf8JsonReader reader) => reader.TokenType == JsonTokenType.Null ? null : UInt64(ref reader);

    private static long InRange(long value, long least, long most) =>
        value >= least && value <= most ? value : throw new JsonMismatchException("a whole number of its range");
}
