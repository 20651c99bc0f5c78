using System.Globalization;

namespace AotRuntime.EngineApi;

/// <summary>Sizes as Docker reads and prints them (the <c>units</c> of its command line).</summary>
public static class ByteSize
{
    private static readonly string[] s_decimal = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
    private static readonly string[] s_binary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];

    /// <summary>
    /// Reads a memory size: <c>64m</c>, <c>1.5GiB</c>, <c>2 kb</c>, <c>512</c>; every unit is a power of 1024. A fraction of a byte is dropped.
    /// </summary>
    public static bool TryParseRam(string text, out long bytes)
    {
        bytes = 0;
        int last = text.AsSpan().LastIndexOfAny("0123456789. ");
        ReadOnlySpan<char> number = text.AsSpan(0, last + 1);
        if (number.EndsWith(' '))
            number = number[..^1];
        const NumberStyles Number = NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent | NumberStyles.AllowLeadingSign;
        if (!double.TryParse(number, Number, CultureInfo.InvariantCulture, out double value) || value < 0)
            return false;
        ReadOnlySpan<char> suffix = text.AsSpan(last + 1).ToString().ToLowerInvariant();
        int power = suffix.IsEmpty ? 0 : "bkmgtp".IndexOf(suffix[0]);
        if (power < 0 || (suffix.Length > 1 && (power == 0 || suffix[1..] is not ("b" or "ib"))))
            return false;
        value *= 1L << (10 * power);
        if (!(value < long.MaxValue))
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
        return Significant(size, precision) + names[i];
    }

    /// <summary>C's and Go's <c>%.*g</c>: so many significant digits, no trailing zeros, an exponent where the number is too large for them.</summary>
    public static string Significant(double value, int digits)
    {
        if (value == 0 || !double.IsFinite(value))
            return value.ToString("0", CultureInfo.InvariantCulture);
        string scientific = value.ToString("e" + (digits - 1).ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        int e = scientific.IndexOf('e');
        int exponent = int.Parse(scientific.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        if (exponent < -4 || exponent >= digits)
            return $"{Trim(scientific[..e])}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        return Trim(value.ToString("F" + (digits - 1 - exponent).ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture));
    }

    private static string Trim(string number) => number.Contains('.') ? number.TrimEnd('0').TrimEnd('.') : number;
}
