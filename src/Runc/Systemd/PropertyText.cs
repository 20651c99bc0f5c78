using System.Globalization;
using System.Text;

namespace AotRuntime.Runc.Systemd;

/// <summary>
/// Properties that a spec gives by annotation: org.systemd.property.NAME, with a value in the text format of GVariant: 'text', true, 5, uint64 5,
/// ['a', 'b'], @as [].
/// </summary>
internal static class PropertyText
{
    public const string Prefix = "org.systemd.property.";
    private const int MaxDepth = 4;

    private static readonly (string Word, char Type)[] Keywords =
    [
        ("boolean", 'b'), ("byte", 'y'), ("int16", 'n'), ("uint16", 'q'), ("int32", 'i'), ("uint32", 'u'), ("int64", 'x'), ("uint64", 't'),
        ("double", 'd'), ("string", 's'), ("objectpath", 'o'), ("signature", 'g'),
    ];

    /// <exception cref="RuncException">The name or the value is none.</exception>
    public static UnitProperty Property(string annotation, string text)
    {
        string name = annotation[Prefix.Length..];
        if (name.Length < 3)
            throw new RuncException($"annotation {annotation} name incorrect: too short");
        foreach (char c in name)
        {
            if (!char.IsAsciiLetter(c))
                throw new RuncException($"annotation {annotation} name incorrect: contains invalid character");
        }
        DBusValue value;
        try
        {
            value = Parse(text);
        }
        catch (FormatException e)
        {
            throw new RuncException($"annotation {annotation}={text} value parse error: {e.Message}", e);
        }
        // Unit files know seconds, D-Bus only microseconds.
        if (name.Length < 4 || !name.EndsWith("Sec", StringComparison.Ordinal) || !char.IsAsciiLetterLower(name[^4]))
            return new UnitProperty(name, value);
        double seconds = value.Signature switch
        {
            "n" or "i" or "x" => (long)value.Number,
            "y" or "q" or "u" or "t" => value.Number,
            "d" => BitConverter.UInt64BitsToDouble(value.Number),
            _ => double.NaN,
        } * 1_000_000;
        if (!(seconds >= 0 && seconds < ulong.MaxValue))
            throw new RuncException($"annotation {annotation}={text} value parse error: not a number of seconds");
        return new UnitProperty(name[..^3] + "USec", DBusValue.UInt64((ulong)seconds));
    }

    /// <exception cref="FormatException">It is no value.</exception>
    internal static DBusValue Parse(string text)
    {
        int at = 0;
        DBusValue value = Value(text, ref at, null, 0);
        Space(text, ref at);
        return at == text.Length ? value : throw new FormatException($"unexpected \"{text[at..]}\"");
    }

    private static DBusValue Value(string text, ref int at, string? type, int depth)
    {
        Space(text, ref at);
        if (at == text.Length || depth > MaxDepth)
            throw new FormatException(at == text.Length ? "a value is missing" : "too deep");
        switch (text[at])
        {
            case '@':
                int start = ++at;
                while (at < text.Length && text[at] != ' ')
                    at++;
                string given = text[start..at];
                if (!DBusReader.IsType(given))
                    throw new FormatException($"no type: \"{given}\"");
                return Value(text, ref at, given, depth + 1);
            case '[':
                return Array(text, ref at, type, depth);
            case '\'' or '"':
                return new DBusValue(type is "o" or "g" or null ? type ?? "s" : type == "s" ? "s" : throw new FormatException($"text for {type}"), Text: Quoted(text, ref at));
            default:
                return Word(text, ref at, type, depth);
        }
    }

    private static DBusValue Array(string text, ref int at, string? type, int depth)
    {
        if (type is not null && type[0] != 'a')
            throw new FormatException($"list for {type}");
        string? element = type?[1..];
        var items = new List<DBusValue>();
        at++;
        while (true)
        {
            Space(text, ref at);
            if (at < text.Length && text[at] == ']' && (items.Count == 0 || text[at - 1] != ','))
                break;
            DBusValue item = Value(text, ref at, element, depth + 1);
            element ??= item.Signature;
            if (item.Signature != element)
                throw new FormatException($"{item.Signature} in a list of {element}");
            items.Add(item);
            Space(text, ref at);
            if (at < text.Length && text[at] == ',')
                at++;
            else if (at == text.Length || text[at] != ']')
                throw new FormatException("a list without end");
        }
        at++;
        return element is null ? throw new FormatException("an empty list needs its type") : DBusValue.Array(element, items);
    }

    private static string Quoted(string text, ref int at)
    {
        char quote = text[at++];
        var plain = new StringBuilder();
        for (; at < text.Length && text[at] != quote; at++)
        {
            char c = text[at];
            if (c == '\\')
            {
                if (++at == text.Length)
                    break;
                c = text[at] switch { 'n' => '\n', 't' => '\t', 'r' => '\r', 'b' => '\b', 'f' => '\f', 'a' => '\a', 'v' => '\v', var other => other };
            }
            if (c == '\0')
                throw new FormatException("NUL in a text");
            plain.Append(c);
        }
        if (at == text.Length)
            throw new FormatException("a text without end");
        at++;
        return plain.ToString();
    }

    private static DBusValue Word(string text, ref int at, string? type, int depth)
    {
        int start = at;
        while (at < text.Length && (char.IsAsciiLetterOrDigit(text[at]) || text[at] is '+' or '-' or '.'))
            at++;
        string word = text[start..at];
        foreach ((string keyword, char letter) in Keywords)
        {
            if (word == keyword)
                return Value(text, ref at, letter.ToString(), depth + 1);
        }
        if (word is "true" or "false" && type is null or "b")
            return DBusValue.Boolean(word == "true");
        bool real = word.AsSpan().IndexOfAny('.', 'e', 'E') >= 0 && !word.StartsWith("0x", StringComparison.Ordinal);
        return Number(word, type ?? (real ? "d" : "i"));
    }

    private static DBusValue Number(string word, string type)
    {
        if (type == "d")
        {
            return double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out double real)
                ? new DBusValue(type, BitConverter.DoubleToUInt64Bits(real)) : throw new FormatException($"no number: \"{word}\"");
        }
        bool negative = word.StartsWith('-');
        string digits = word.TrimStart('-', '+');
        bool hex = digits.StartsWith("0x", StringComparison.Ordinal);
        if (!ulong.TryParse(hex ? digits[2..] : digits, hex ? NumberStyles.AllowHexSpecifier : NumberStyles.None, CultureInfo.InvariantCulture, out ulong magnitude))
            throw new FormatException($"no value: \"{word}\"");
        // The largest magnitude of a positive and of a negative one.
        (ulong Positive, ulong Negative) most = type switch
        {
            "y" => (byte.MaxValue, 0),
            "n" => ((ulong)short.MaxValue, 1ul << 15),
            "q" => (ushort.MaxValue, 0),
            "i" => (int.MaxValue, 1ul << 31),
            "u" => (uint.MaxValue, 0),
            "x" => (long.MaxValue, 1ul << 63),
            "t" => (ulong.MaxValue, 0),
            _ => throw new FormatException($"number for {type}"),
        };
        return magnitude <= (negative ? most.Negative : most.Positive) ? new DBusValue(type, negative ? 0 - magnitude : magnitude) : throw new FormatException($"out of range: \"{word}\"");
    }

    private static void Space(string text, ref int at)
    {
        while (at < text.Length && text[at] is ' ' or '\t' or '\n')
            at++;
    }
}
