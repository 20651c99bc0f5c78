using System.Globalization;

namespace AotRuntime.Runc.Cli;

/// <summary>Numbers as Go's strconv and time packages read them, and what they say of those that are none.</summary>
internal static class GoNumbers
{
    /// <summary>Null for a number of 64 bits, else what is wrong with it.</summary>
    public static string? WhyNot(string text, bool signed)
    {
        string function = signed ? "strconv.ParseInt" : "strconv.ParseUint";
        bool good = signed
            ? long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)
            : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out _);
        if (good)
            return null;
        ReadOnlySpan<char> digits = signed && text.Length > 1 && text[0] is '-' or '+' ? text.AsSpan(1) : text;
        bool number = digits.Length > 0 && !digits.ContainsAnyExceptInRange('0', '9');
        return $"{function}: parsing \"{text}\": {(number ? "value out of range" : "invalid syntax")}";
    }

    /// <summary>A number that <see cref="WhyNot"/> finds nothing wrong with.</summary>
    public static long Parse(string text) => long.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);

    /// <summary>A duration: "5s", "1h15m30.5s", "-100ms", "0"; null for what is none.</summary>
    public static TimeSpan? Duration(string text)
    {
        ReadOnlySpan<char> rest = text;
        bool negative = rest.Length > 0 && rest[0] == '-';
        if (rest.Length > 0 && rest[0] is '-' or '+')
            rest = rest[1..];
        if (rest is "0")
            return TimeSpan.Zero;
        if (rest.Length == 0)
            return null;
        double milliseconds = 0;
        while (rest.Length > 0)
        {
            int digits = rest.IndexOfAnyExcept("0123456789.");
            if (digits <= 0 || !double.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number))
                return null;
            rest = rest[digits..];
            int letters = rest.IndexOfAnyInRange('0', '9');
            ReadOnlySpan<char> unit = letters < 0 ? rest : rest[..letters];
            double factor = unit switch
            {
                "ns" => 1e-6,
                "us" or "\u00b5s" or "\u03bcs" => 1e-3,
                "ms" => 1,
                "s" => 1e3,
                "m" => 60e3,
                "h" => 3600e3,
                _ => 0,
            };
            if (factor == 0)
                return null;
            milliseconds += number * factor;
            rest = rest[unit.Length..];
        }
        return TimeSpan.FromMilliseconds(Math.Min(milliseconds, int.MaxValue) * (negative ? -1 : 1));
    }
}
