using System.Globalization;

namespace AotRuntime.Docker.Formatting;

/// <summary>Sizes for people, and back.</summary>
public static class Units
{
    private static readonly string[] s_decimal = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
    private static readonly string[] s_binary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];

    /// <summary>Powers of 1000, so many significant digits: <c>7.05MB</c>.</summary>
    public static string HumanSize(double size, int digits = 4) => Scale(size, 1000, s_decimal, digits);

    /// <summary>Powers of 1024, four significant digits: <c>15.6GiB</c>.</summary>
    public static string BinarySize(double size) => Scale(size, 1024, s_binary, 4);

    private static string Scale(double size, double step, string[] units, int digits)
    {
        int unit = 0;
        while (size >= step && unit < units.Length - 1)
        {
            size /= step;
            unit++;
        }
        return Significant(size, digits) + units[unit];
    }

    /// <summary>C's <c>%.Ng</c>: so many significant digits, no trailing zeros, an exponent where the number is too large for them.</summary>
    public static string Significant(double value, int digits)
    {
        if (value == 0 || !double.IsFinite(value))
            return value.ToString("0", CultureInfo.InvariantCulture);
        string scientific = value.ToString("e" + (digits - 1).ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        int e = scientific.IndexOf('e');
        int exponent = int.Parse(scientific.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        if (exponent < -4 || exponent >= digits)
        {
            string mantissa = Trim(scientific[..e]);
            return $"{mantissa}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        }
        return Trim(value.ToString("F" + (digits - 1 - exponent).ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture));
    }

    private static string Trim(string number) => number.Contains('.') ? number.TrimEnd('0').TrimEnd('.') : number;

    /// <summary>Reads a size with an optional unit of 1024s: <c>512</c>, <c>64m</c>, <c>1.5GiB</c>, <c>2 kb</c>.</summary>
    public static bool TryParseBytes(string text, out long bytes)
    {
        bytes = 0;
        int end = 0;
        while (end < text.Length && (char.IsAsciiDigit(text[end]) || text[end] == '.'))
            end++;
        if (end == 0
            || !double.TryParse(text.AsSpan(0, end), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number))
        {
            return false;
        }
        string suffix = text[end..].TrimStart(' ').ToLowerInvariant();
        int power = 0;
        if (suffix.Length > 0 && "bkmgtp".IndexOf(suffix[0]) is > 0 and int unit)
        {
            power = unit;
            suffix = suffix[1..];
            if (suffix.StartsWith("ib", StringComparison.Ordinal))
                suffix = suffix[1..];
        }
        if (suffix is not ("" or "b"))
            return false;
        double result = number * Math.Pow(1024, power);
        if (result > long.MaxValue)
            return false;
        bytes = (long)result;
        return true;
    }
}
