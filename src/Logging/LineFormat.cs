using System.Globalization;
using System.Text;

namespace AotRuntime.Logging;

/// <summary>The two forms of a line, as logrus's TextFormatter (without colours) and JSONFormatter give them.</summary>
internal static class LineFormat
{
    public static void Text(StringBuilder line, string time, string level, string message, List<KeyValuePair<string, string>> fields)
    {
        line.Append("time=");
        Value(line, time);
        line.Append(" level=").Append(level).Append(" msg=");
        Value(line, message);
        foreach (KeyValuePair<string, string> field in fields)
        {
            line.Append(' ').Append(FieldKey(field.Key)).Append('=');
            Value(line, field.Value);
        }
        line.Append('\n');
    }

    public static void Json(StringBuilder line, string time, string level, string message, List<KeyValuePair<string, string>> fields)
    {
        // encoding/json sorts a map's keys; readers do not depend on it, but a diff against the original is easier to read so.
        List<KeyValuePair<string, string>> all = [new("level", level), new("msg", message), new("time", time)];
        foreach (KeyValuePair<string, string> field in fields)
            all.Add(new(FieldKey(field.Key), field.Value));
        all.Sort(static (a, b) => string.CompareOrdinal(a.Key, b.Key));
        char separator = '{';
        foreach (KeyValuePair<string, string> field in all)
        {
            line.Append(separator);
            JsonString(line, field.Key);
            line.Append(':');
            JsonString(line, field.Value);
            separator = ',';
        }
        line.Append("}\n");
    }

    // A field may not take the place of one that each line has: logrus renames it.
    private static string FieldKey(string key) => key is "time" or "level" or "msg" ? $"fields.{key}" : key;

    private static void Value(StringBuilder line, string text)
    {
        if (NeedsQuotes(text))
            Quoted(line, text);
        else
            line.Append(text);
    }

    // logrus: anything but letters, digits and -._/@^+ is quoted; an empty value is not.
    private static bool NeedsQuotes(string text)
    {
        foreach (char c in text)
        {
            if (!(char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_' or '/' or '@' or '^' or '+'))
                return true;
        }
        return false;
    }

    /// <summary>Go's strconv.Quote.</summary>
    private static void Quoted(StringBuilder line, string text)
    {
        line.Append('"');
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            switch (c)
            {
                case '"':
                    line.Append("\\\"");
                    break;
                case '\\':
                    line.Append(@"\\");
                    break;
                case '\a':
                    line.Append(@"\a");
                    break;
                case '\b':
                    line.Append(@"\b");
                    break;
                case '\f':
                    line.Append(@"\f");
                    break;
                case '\n':
                    line.Append(@"\n");
                    break;
                case '\r':
                    line.Append(@"\r");
                    break;
                case '\t':
                    line.Append(@"\t");
                    break;
                case '\v':
                    line.Append(@"\v");
                    break;
                case < ' ' or '\x7f':
                    line.Append(@"\x").Append(((int)c).ToString("x2", CultureInfo.InvariantCulture));
                    break;
                case < '\x7f':
                    line.Append(c);
                    break;
                default:
                    i += NonAscii(line, text, i);
                    break;
            }
        }
        line.Append('"');
    }

    // Gives how many chars beyond the first it took.
    private static int NonAscii(StringBuilder line, string text, int at)
    {
        if (!Rune.TryGetRuneAt(text, at, out Rune rune))
        {
            line.Append(@"\x").Append(((int)text[at]).ToString("x2", CultureInfo.InvariantCulture));
            return 0;
        }
        if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.OtherNotAssigned
            or UnicodeCategory.PrivateUse or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator)
        {
            line.Append(rune.Value > 0xffff ? @"\U" : @"\u").Append(rune.Value.ToString(rune.Value > 0xffff ? "x8" : "x4", CultureInfo.InvariantCulture));
        }
        else
        {
            line.Append(text, at, rune.Utf16SequenceLength);
        }
        return rune.Utf16SequenceLength - 1;
    }

    private static void JsonString(StringBuilder line, string text)
    {
        line.Append('"');
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            switch (c)
            {
                case '"':
                    line.Append("\\\"");
                    break;
                case '\\':
                    line.Append(@"\\");
                    break;
                case '\n':
                    line.Append(@"\n");
                    break;
                case '\r':
                    line.Append(@"\r");
                    break;
                case '\t':
                    line.Append(@"\t");
                    break;
                case < ' ' or '\u2028' or '\u2029':
                    line.Append(@"\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
                    break;
                default:
                    line.Append(char.IsSurrogate(c) && !InPair(text, i) ? '\ufffd' : c);
                    break;
            }
        }
        line.Append('"');

        // Lone halves of a pair cannot be written as UTF-8.
        static bool InPair(string whole, int at) =>
            (at + 1 < whole.Length && char.IsSurrogatePair(whole, at)) || (at > 0 && char.IsSurrogatePair(whole, at - 1));
    }
}
