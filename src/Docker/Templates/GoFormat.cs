using System.Globalization;
using System.Text;

namespace AotRuntime.Docker.Templates;

/// <summary>Go's <c>printf</c>: verbs v, s, q, d, t, x, X, o, b, c, f, e, g, T-less; flags - + 0 space #; width and precision.</summary>
internal static class GoFormat
{
    /// <summary>Formats <paramref name="args"/> by <paramref name="format"/>; mismatches show as Go shows them.</summary>
    public static string Format(string format, List<object?> args)
    {
        StringBuilder text = new();
        int next = 0;
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%')
            {
                text.Append(format[i]);
                continue;
            }
            int start = ++i;
            while (i < format.Length && "-+# 0".Contains(format[i]))
                i++;
            string flags = format[start..i];
            int width = Number(format, ref i);
            int precision = -1;
            if (i < format.Length && format[i] == '.')
            {
                i++;
                precision = Math.Max(0, Number(format, ref i));
            }
            if (i >= format.Length)
            {
                text.Append("%!(NOVERB)");
                break;
            }
            char verb = format[i];
            if (verb == '%')
            {
                text.Append('%');
                continue;
            }
            if (next >= args.Count)
            {
                text.Append("%!").Append(verb).Append("(MISSING)");
                continue;
            }
            text.Append(Pad(Verb(verb, flags, precision, args[next++]), flags, width));
        }
        if (next < args.Count)
        {
            text.Append("%!(EXTRA ");
            for (int i = next; i < args.Count; i++)
                text.Append(i > next ? ", " : "").Append(Kind(args[i])).Append('=').Append(Values.Print(args[i]));
            text.Append(')');
        }
        return text.ToString();
    }

    private static int Number(string format, ref int i)
    {
        int value = -1;
        // Four digits are wider than any terminal; more would only be a way to use up memory.
        for (int digits = 0; i < format.Length && char.IsAsciiDigit(format[i]); i++, digits++)
            value = digits < 4 ? (Math.Max(value, 0) * 10) + (format[i] - '0') : value;
        return value;
    }

    private static string Verb(char verb, string flags, int precision, object? value)
    {
        CultureInfo invariant = CultureInfo.InvariantCulture;
        switch (verb, value)
        {
            case ('v', _):
            case ('s', string or JsonValue or IReadOnlyList<object?> or IReadOnlyDictionary<string, object?>):
                string shown = Values.Print(value);
                return verb == 's' && precision >= 0 && precision < shown.Length ? shown[..precision] : shown;
            case ('q', string text):
                return GoText.Quote(text);
            case ('t', bool b):
                return b ? "true" : "false";
            case ('d', long n):
                return (flags.Contains('+') && n >= 0 ? "+" : "") + n.ToString(invariant);
            case ('x' or 'X', long n):
                return (flags.Contains('#') ? "0" + verb : "") + n.ToString(verb.ToString(), invariant);
            case ('x' or 'X', string text):
                string hex = Convert.ToHexString(Encoding.UTF8.GetBytes(text));
                return verb == 'x' ? hex.ToLowerInvariant() : hex;
            case ('o', long n):
                return Convert.ToString(n, 8);
            case ('b', long n):
                return Convert.ToString(n, 2);
            case ('c', long n) when Rune.IsValid((int)n):
                return new Rune((int)n).ToString();
            case ('f' or 'F', double d):
                return d.ToString("F" + (precision < 0 ? 6 : precision).ToString(invariant), invariant);
            case ('g', double d):
                return precision < 0 ? Values.Float(d) : ByteSize.Significant(d, Math.Max(1, precision));
            case ('e', double d):
                return d.ToString("0." + new string('0', precision < 0 ? 6 : precision) + "e+00", invariant);
            default:
                return $"%!{verb}({Kind(value)}={Values.Print(value)})";
        }
    }

    private static string Kind(object? value) => value switch
    {
        string => "string",
        bool => "bool",
        long => "int",
        double => "float64",
        null => "<nil>",
        _ => "map[string]interface {}",
    };

    private static string Pad(string text, string flags, int width)
    {
        if (width <= text.Length)
            return text;
        if (flags.Contains('-'))
            return text.PadRight(width);
        if (!flags.Contains('0'))
            return text.PadLeft(width);
        bool signed = text is ['-' or '+', ..];
        return signed ? text[0] + text[1..].PadLeft(width - 1, '0') : text.PadLeft(width, '0');
    }
}
