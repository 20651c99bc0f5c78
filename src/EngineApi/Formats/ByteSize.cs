using System.Globalization;

namespace AotRuntime.EngineApi;

/// <summary>Sizes as Docker reads and prints them (the <c>units</c> of its command line).</summary>
public static class ByteSize
{
    private static readonly string[] s_decimal = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
    private static readonly string[] s_binary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];

    /// <summary>Reads a memory size: <c>64m</c>, <c>1.5GiB</c>, <c>512</c>; every unit is a power of 1024.</summary>
    public static bool TryParseRam(string text, out long bytes)
    {
        bytes = 0;
        int end = text.Length;
        while (end > 0 && !char.IsAsciiDigit(text[end - 1]))
            end--;
        if (!decimal.TryParse(text.AsSpan(0, end), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal number) || number < 0)
            return false;
        string suffix = text[end..].TrimStart(' ').ToLowerInvariant();
        string letter = suffix switch { "b" or "" => "", _ => suffix[..1] };
        if (letter.Length > 0 && suffix[1..] is not ("" or "b" or "ib"))
            return false;
        int power = letter switch { "" => 0, "k" => 1, "m" => 2, "g" => 3, "t" => 4, "p" => 5, _ => -1 };
        if (power < 0)
            return false;
        decimal value = number * (1L << (10 * power));
        if (value > long.MaxValue)
            return false;
        bytes = (long)value;
        return true;
    }

    /// <summary>Powers of 1000 with four significant digits, as pull progress prints them: <c>2.205MB</c>.</summary>
    public static string Human(double size) => Custom(size, 1000, s_decimal, 4);

    /// <summary>Powers of 1000 with three significant digits, as <c>docker images</c> prints them: <c>4.27MB</c>.</summary>
    public static string HumanShort(double size) => Custom(size, 1000, s_decimal, 3);

    /// <summary>Powers of 1024 with four significant digits, as <c>docker stats</c> prints them: <c>1.944GiB</c>.</summary>
    public static string Binary(double size) => Custom(size, 1024, s_binary, 4);

    private static string Custom(double size, double unit, string[] names, int precision)
    {
        int i = 0;
        while (size >= unit && i < names.Length - 1)
        {
            size /= unit;
            i++;
        }
        return General(size, precision) + names[i];
    }

    /// <summary>C's and Go's <c>%.*g</c> for values from 0 up to 1023.</summary>
    private static string General(double value, int precision)
    {
        if (value == 0)
            return "0";
        int exponent = (int)Math.Floor(Math.Log10(Math.Abs(value)));
        string rounded = value.ToString("E" + (precision - 1), CultureInfo.InvariantCulture);
        exponent = int.Parse(rounded.AsSpan(rounded.IndexOf('E') + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        if (exponent >= precision)
            return value.ToString("0." + new string('#', precision - 1) + "e+00", CultureInfo.InvariantCulture);
        string text = value.ToString("F" + Math.Max(0, precision - 1 - exponent), CultureInfo.InvariantCulture);
        return text.Contains('.') ? text.TrimEnd('0').TrimEnd('.') : text;
    }
}
