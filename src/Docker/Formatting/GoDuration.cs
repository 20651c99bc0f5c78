using System.Globalization;
using System.Text;

namespace AotRuntime.Docker.Formatting;

/// <summary>Time spans in Go's notation (<c>1h2m3.5s</c>), in nanoseconds, and in people's (<c>About an hour</c>).</summary>
public static class GoDuration
{
    private const long Second = 1_000_000_000;

    /// <summary>Reads one; the error is the one that docker would print.</summary>
    public static bool TryParse(string text, out long nanoseconds, out string error)
    {
        nanoseconds = 0;
        error = $"time: invalid duration {CommandLine.GoText.Quote(text)}";
        ReadOnlySpan<char> rest = text;
        bool negative = rest.StartsWith("-");
        if (negative || rest.StartsWith("+"))
            rest = rest[1..];
        if (rest is "0")
            return true;
        if (rest.IsEmpty)
            return false;

        decimal sum = 0;
        while (!rest.IsEmpty)
        {
            int digits = 0;
            while (digits < rest.Length && (char.IsAsciiDigit(rest[digits]) || rest[digits] == '.'))
                digits++;
            if (digits == 0 || !decimal.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal number))
                return false;
            rest = rest[digits..];
            int letters = 0;
            while (letters < rest.Length && rest[letters] != '.' && !char.IsAsciiDigit(rest[letters]))
                letters++;
            ReadOnlySpan<char> unit = rest[..letters];
            if (unit.IsEmpty)
            {
                error = $"time: missing unit in duration {CommandLine.GoText.Quote(text)}";
                return false;
            }
            decimal factor = unit switch
            {
                "ns" => 1,
                "us" or "µs" or "μs" => 1_000,
                "ms" => 1_000_000,
                "s" => Second,
                "m" => 60m * Second,
                "h" => 3600m * Second,
                _ => 0,
            };
            if (factor == 0)
            {
                error = $"time: unknown unit {CommandLine.GoText.Quote(unit.ToString())} in duration {CommandLine.GoText.Quote(text)}";
                return false;
            }
            // The bounds keep the sum inside decimal's range whatever was typed.
            if (number > long.MaxValue || (sum += number * factor) > long.MaxValue)
                return false;
            rest = rest[letters..];
        }
        nanoseconds = (long)(negative ? -sum : sum);
        return true;
    }

    /// <summary>Go's own text of it: <c>1m30s</c>, <c>1.5s</c>, <c>250ms</c>.</summary>
    public static string Format(long nanoseconds)
    {
        if (nanoseconds == 0)
            return "0s";
        string sign = nanoseconds < 0 ? "-" : "";
        decimal value = Math.Abs((decimal)nanoseconds);
        if (value < Second)
        {
            (decimal unit, string name) = value < 1_000 ? (1m, "ns") : value < 1_000_000 ? (1_000m, "µs") : (1_000_000m, "ms");
            return sign + (value / unit).ToString("0.######", CultureInfo.InvariantCulture) + name;
        }
        StringBuilder text = new(sign);
        decimal seconds = value / Second;
        decimal hours = decimal.Floor(seconds / 3600);
        decimal minutes = decimal.Floor(seconds / 60) % 60;
        if (hours > 0)
            text.Append(hours.ToString("0", CultureInfo.InvariantCulture)).Append('h');
        if (hours > 0 || minutes > 0)
            text.Append(minutes.ToString("0", CultureInfo.InvariantCulture)).Append('m');
        return text.Append((seconds % 60).ToString("0.#########", CultureInfo.InvariantCulture)).Append('s').ToString();
    }

    /// <summary>For people, coarsely: <c>3 seconds</c>, <c>About an hour</c>, <c>2 weeks</c>.</summary>
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
        long hours = (long)(span.TotalHours + 0.5);
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
}
