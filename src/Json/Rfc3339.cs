using System.Diagnostics.CodeAnalysis;

namespace AotRuntime.Json;

/// <summary>Times as JSON documents, labels and logs have them: RFC 3339, as strictly as Go reads it.</summary>
public static class Rfc3339
{
    /// <summary>
    /// Reads <c>2006-01-02T15:04:05.999999999Z</c> or with an offset <c>±07:00</c>; digits of the fraction beyond 100 ns are dropped. False for
    /// all else.
    /// </summary>
    [SuppressMessage("Style", "IDE0078:Use pattern matching", Justification = "a row of places and marks reads better")]
    public static bool TryParse(ReadOnlySpan<char> text, out DateTimeOffset time)
    {
        time = default;
        if (text.Length < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':'
            || !Number(text[..4], out int year) || !Number(text[5..7], out int month) || !Number(text[8..10], out int day)
            || !Number(text[11..13], out int hour) || !Number(text[14..16], out int minute) || !Number(text[17..19], out int second)
            || year == 0 || month is 0 or > 12 || day == 0 || day > DateTime.DaysInMonth(year, month) || hour > 23 || minute > 59 || second > 59)
        {
            return false;
        }
        ReadOnlySpan<char> rest = text[19..];
        long ticks = 0;
        if (rest[0] == '.')
        {
            int end = 1;
            long unit = TimeSpan.TicksPerSecond;
            for (; end < rest.Length && char.IsAsciiDigit(rest[end]); end++)
            {
                unit /= 10;
                ticks += (rest[end] - '0') * unit;
            }
            if (end == 1)
                return false;
            rest = rest[end..];
        }
        int offset = 0;
        if (rest is not "Z")
        {
            if (rest.Length != 6 || rest[0] is not ('+' or '-') || rest[3] != ':'
                || !Number(rest[1..3], out int hours) || !Number(rest[4..], out int minutes) || hours > 23 || minutes > 59)
            {
                return false;
            }
            offset = (rest[0] == '-' ? -1 : 1) * ((hours * 60) + minutes);
        }
        ticks += new DateTime(year, month, day, hour, minute, second, DateTimeKind.Utc).Ticks - (offset * TimeSpan.TicksPerMinute);
        if (ticks < 0 || ticks > DateTime.MaxValue.Ticks)
            return false;
        time = new DateTimeOffset(ticks, TimeSpan.Zero);
        return true;
    }

    private static bool Number(ReadOnlySpan<char> digits, out int value)
    {
        value = 0;
        foreach (char digit in digits)
        {
            if (!char.IsAsciiDigit(digit))
                return false;
            value = (value * 10) + (digit - '0');
        }
        return true;
    }
}
