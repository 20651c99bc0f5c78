using System.Globalization;
using System.Text;

namespace AotRuntime.EngineApi;

/// <summary>Go's <c>time.Duration</c> as text: <c>1h30m</c>, <c>1.5s</c>, <c>300ms</c>; nanoseconds as a number.</summary>
public static class GoDuration
{
    /// <summary>Nanoseconds in a second.</summary>
    public const long Second = 1_000_000_000;

    /// <inheritdoc cref="TryParse(string, out long, out string)"/>
    public static bool TryParse(string text, out long nanos) => TryParse(text, out nanos, out _);

    /// <summary>Reads as <c>time.ParseDuration</c> does; <paramref name="error"/> is what that would say.</summary>
    public static bool TryParse(string text, out long nanos, out string error)
    {
        nanos = 0;
        error = $"time: invalid duration {GoText.Quote(text)}";
        ReadOnlySpan<char> rest = text;
        bool negative = rest.StartsWith("-");
        if (negative || rest.StartsWith("+"))
            rest = rest[1..];
        if (rest is "0")
            return true;
        if (rest.IsEmpty)
            return false;
        decimal total = 0;
        while (!rest.IsEmpty)
        {
            int digits = 0;
            while (digits < rest.Length && (char.IsAsciiDigit(rest[digits]) || rest[digits] == '.'))
                digits++;
            if (digits == 0 || !decimal.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value))
                return false;
            rest = rest[digits..];
            int letters = 0;
            while (letters < rest.Length && rest[letters] != '.' && !char.IsAsciiDigit(rest[letters]))
                letters++;
            if (letters == 0)
            {
                error = $"time: missing unit in duration {GoText.Quote(text)}";
                return false;
            }
            long unit = rest[..letters] switch
            {
                "ns" => 1,
                "us" or "\u00b5s" or "\u03bcs" => 1_000,
                "ms" => 1_000_000,
                "s" => Second,
                "m" => 60 * Second,
                "h" => 3600 * Second,
                _ => 0,
            };
            if (unit == 0)
            {
                error = $"time: unknown unit {GoText.Quote(rest[..letters].ToString())} in duration {GoText.Quote(text)}";
                return false;
            }
            // The bounds keep the sum inside decimal's range, whatever was typed.
            if (value > long.MaxValue || (total += value * unit) > long.MaxValue)
                return false;
            rest = rest[letters..];
        }
        nanos = (long)(negative ? -total : total);
        return true;
    }

    /// <summary>Prints as <c>Duration.String</c> does: <c>1h0m0s</c>, <c>1.5s</c>, <c>250ms</c>, <c>0s</c>.</summary>
    public static string Format(long nanos)
    {
        if (nanos == 0)
            return "0s";
        ulong value = nanos < 0 ? (ulong)(-(nanos + 1)) + 1 : (ulong)nanos;
        StringBuilder text = new();
        if (nanos < 0)
            text.Append('-');
        if (value < (ulong)Second)
        {
            (ulong unit, string name) = value < 1_000 ? (1UL, "ns") : value < 1_000_000 ? (1_000UL, "\u00b5s") : (1_000_000UL, "ms");
            return text.Append(Fraction(value, unit)).Append(name).ToString();
        }
        ulong minutes = value / (60UL * (ulong)Second);
        if (minutes >= 60)
            text.Append(minutes / 60).Append('h');
        if (minutes > 0)
            text.Append(minutes % 60).Append('m');
        return text.Append(Fraction(value % (60UL * (ulong)Second), (ulong)Second)).Append('s').ToString();
    }

    /// <summary>How long ago, in the words that <c>docker ps</c> prints: <c>Less than a second</c>, <c>About a minute</c>, <c>3 weeks</c>.</summary>
    public static string Human(TimeSpan span)
    {
        long seconds = (long)span.TotalSeconds;
        if (seconds < 1)
            return "Less than a second";
        if (seconds == 1)
            return "1 second";
        if (seconds < 60)
            return $"{seconds} seconds";
        long minutes = (long)span.TotalMinutes;
        if (minutes == 1)
            return "About a minute";
        if (minutes < 60)
            return $"{minutes} minutes";
        long hours = (long)Math.Round(span.TotalHours, MidpointRounding.AwayFromZero);
        if (hours == 1)
            return "About an hour";
        if (hours < 48)
            return $"{hours} hours";
        if (hours < 24 * 7 * 2)
            return $"{hours / 24} days";
        if (hours < 24 * 30 * 2)
            return $"{hours / 24 / 7} weeks";
        if (hours < 24 * 365 * 2)
            return $"{hours / 24 / 30} months";
        return $"{(long)span.TotalHours / 24 / 365} years";
    }

    private static string Fraction(ulong value, ulong unit)
    {
        ulong whole = value / unit, rest = value % unit;
        if (rest == 0)
            return whole.ToString(CultureInfo.InvariantCulture);
        int digits = unit switch { 1_000 => 3, 1_000_000 => 6, _ => 9 };
        return $"{whole}.{rest.ToString($"D{digits}", CultureInfo.InvariantCulture).TrimEnd('0')}";
    }
}
