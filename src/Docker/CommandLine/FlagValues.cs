using System.Globalization;
using AotRuntime.Docker.Formatting;

namespace AotRuntime.Docker.CommandLine;

/// <summary>Parsers of flag values, with the errors that docker gives.</summary>
public static class FlagValues
{
    /// <summary>1, t, T, TRUE, true, True and their opposites.</summary>
    public static bool Bool(string text) => text switch
    {
        "1" or "t" or "T" or "TRUE" or "true" or "True" => true,
        "0" or "f" or "F" or "FALSE" or "false" or "False" => false,
        _ => throw new FlagValueException($"strconv.ParseBool: parsing {GoText.Quote(text)}: invalid syntax"),
    };

    /// <summary>A signed 64-bit integer, decimal or with the prefixes 0x, 0o, 0b.</summary>
    public static long Int(string text)
    {
        string digits = text;
        bool negative = digits.StartsWith('-');
        if (negative || digits.StartsWith('+'))
            digits = digits[1..];
        if (TryUnsigned(digits, out ulong magnitude, out bool range))
        {
            if (!negative && magnitude <= long.MaxValue)
                return (long)magnitude;
            if (negative && magnitude <= (ulong)long.MaxValue + 1)
                return unchecked(-(long)magnitude);
            range = true;
        }
        throw new FlagValueException($"strconv.ParseInt: parsing {GoText.Quote(text)}: {(range ? "value out of range" : "invalid syntax")}");
    }

    /// <summary>An unsigned integer of at most <paramref name="max"/>.</summary>
    public static ulong Unsigned(string text, ulong max)
    {
        bool parsed = TryUnsigned(text, out ulong value, out bool range);
        if (parsed && value <= max)
            return value;
        throw new FlagValueException($"strconv.ParseUint: parsing {GoText.Quote(text)}: {(parsed || range ? "value out of range" : "invalid syntax")}");
    }

    private static bool TryUnsigned(string digits, out ulong value, out bool range)
    {
        range = false;
        value = 0;
        int radix = 10;
        if (digits.Length > 1 && digits[0] == '0')
        {
            radix = char.ToLowerInvariant(digits[1]) switch { 'x' => 16, 'b' => 2, 'o' => 8, _ => 0 };
            digits = radix == 0 ? digits[1..] : digits[2..];
            radix = radix == 0 ? 8 : radix;
        }
        if (digits.Length == 0)
            return false;
        UInt128 sum = 0;
        foreach (char c in digits)
        {
            int digit = char.IsAsciiHexDigit(c) ? Convert.ToInt32(c.ToString(), 16) : 99;
            if (digit >= radix)
                return false;
            sum = (sum * (uint)radix) + (uint)digit;
            if (sum > ulong.MaxValue)
            {
                range = true;
                return false;
            }
        }
        value = (ulong)sum;
        return true;
    }

    /// <summary>Bytes with an optional binary unit: <c>512m</c>, <c>1.5GiB</c>.</summary>
    public static long Bytes(string text) =>
        ByteSize.TryParseRam(text, out long bytes) ? bytes : throw new FlagValueException($"invalid size: '{text}'");

    /// <summary>As <see cref="Bytes"/>, or -1 for no limit.</summary>
    public static long SwapBytes(string text) => text == "-1" ? -1 : Bytes(text);

    /// <summary>A time span in Go's notation, in nanoseconds.</summary>
    public static long Duration(string text) =>
        GoDuration.TryParse(text, out long nanoseconds, out string error) ? nanoseconds : throw new FlagValueException(error);

    /// <summary>A number of CPUs, in billionths.</summary>
    public static long NanoCpus(string text)
    {
        // Docker parses a rational ("1.5", "3/2") and refuses what billionths can't hold.
        string[] parts = text.Split('/');
        if (parts.Length > 2
            || !decimal.TryParse(parts[0], NumberStyles.Float, CultureInfo.InvariantCulture, out decimal value)
            || (parts.Length == 2 && !TryDivide(parts[1], ref value)))
        {
            throw new FlagValueException($"failed to parse {text} as a rational number");
        }
        decimal nano = value * 1_000_000_000m;
        if (nano != decimal.Truncate(nano))
            throw new FlagValueException("value is too precise");
        return nano is > long.MinValue and < long.MaxValue ? (long)nano : throw new FlagValueException($"failed to parse {text} as a rational number");
    }

    private static bool TryDivide(string text, ref decimal value)
    {
        if (!decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out decimal divisor) || divisor == 0)
            return false;
        value /= divisor;
        return true;
    }

    /// <summary>A filter: <c>name=value</c>.</summary>
    public static string Filter(string text) =>
        text.Length == 0 || text.Contains('=') ? text : throw new FlagValueException("bad format of filter (expected name=value)");

    /// <summary>An environment variable: <c>NAME=value</c>, or a name to be taken from this process's environment.</summary>
    public static string Environment(string text)
    {
        int equals = text.IndexOf('=');
        string name = equals < 0 ? text : text[..equals];
        if (name.Length == 0)
            throw new FlagValueException($"invalid environment variable: {text}");
        return equals < 0 && System.Environment.GetEnvironmentVariable(name) is { } value ? $"{name}={value}" : text;
    }

    /// <summary>A label: anything with a name.</summary>
    public static string Label(string text) =>
        text.StartsWith('=') ? throw new FlagValueException($"invalid label '{text}': empty name") : text;
}
