using System.Globalization;
using AotRuntime.Json;

namespace AotRuntime.EngineApi;

/// <summary>Times as Go's <c>time.RFC3339Nano</c> prints them: UTC with Z, fraction without trailing zeros, none where it is zero.</summary>
public static class GoTime
{
    /// <summary>Go's zero time.</summary>
    public const string Zero = "0001-01-01T00:00:00Z";

    private const long TicksAtUnixEpoch = 621355968000000000;

    /// <summary>Formats; the default value gives <see cref="Zero"/>.</summary>
    public static string Format(DateTimeOffset time) => FormatNanos(time.UtcDateTime, 0);

    /// <summary>Formats nanoseconds since 1970.</summary>
    public static string FormatUnixNano(long nanos)
    {
        long ticks = Math.DivRem(nanos, 100, out long rest);
        if (rest < 0)
        {
            ticks--;
            rest += 100;
        }
        return FormatNanos(new DateTime(TicksAtUnixEpoch + ticks, DateTimeKind.Utc), (int)rest);
    }

    /// <summary>Formats with all nine digits (<c>RFC3339NanoFixed</c>, what <c>logs --timestamps</c> prints).</summary>
    public static string FormatFixed(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff", CultureInfo.InvariantCulture) + "00Z";

    /// <summary>Nanoseconds since 1970.</summary>
    public static long ToUnixNano(DateTimeOffset time) => (time.UtcTicks - TicksAtUnixEpoch) * 100;

    /// <summary>The time of nanoseconds since 1970, to 100 ns.</summary>
    public static DateTimeOffset FromUnixNano(long nanos) => new(TicksAtUnixEpoch + nanos / 100, TimeSpan.Zero);

    /// <summary>
    /// Reads what a person may type for a moment: an RFC 3339 time, of which seconds, minutes, hours, the time of day and the zone may be left
    /// out, in that order (<c>2006-01-02T15:04</c>, <c>2006-01-02</c>, <c>2006-01-02Z</c>). Without a zone it is local time.
    /// </summary>
    public static bool TryParseMoment(string text, out DateTimeOffset time)
    {
        time = default;
        // A sign behind the date's own two is the zone's.
        int zone = text.AsSpan().IndexOfAny('Z', 'z', '+');
        if (zone < 0 && text.AsSpan().Count('-') == 3)
            zone = text.LastIndexOf('-');
        string moment = zone < 0 ? text : text[..zone];
        if (!moment.Contains('T'))
            moment += "T00";
        if (!moment.Contains('.'))
            moment += (moment.Length - moment.IndexOf('T')) switch { 3 => ":00:00", 6 => ":00", _ => "" };
        if (!Rfc3339.TryParse(moment + (zone < 0 ? "Z" : text[zone..].ToUpperInvariant()), out time))
            return false;
        if (zone < 0)
            time = new DateTimeOffset(DateTime.SpecifyKind(time.DateTime, DateTimeKind.Local)).ToUniversalTime();
        return true;
    }

    /// <summary>
    /// Reads what the API takes in since, until: seconds since 1970 with a fraction (<c>1136073600.000000001</c>), a moment, or a Go
    /// duration meaning that long ago.
    /// </summary>
    public static bool TryParseTimestamp(string text, DateTimeOffset now, out DateTimeOffset time)
    {
        time = default;
        if (text.Length == 0)
            return false;
        int dot = text.IndexOf('.');
        string whole = dot < 0 ? text : text[..dot];
        if (long.TryParse(whole, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long seconds)
            && (dot < 0 || text.AsSpan(dot + 1).IndexOfAnyExceptInRange('0', '9') < 0))
        {
            if (seconds is < -62135596800 or > 253402300799)
                return false;
            string digits = dot < 0 ? "0" : text[(dot + 1)..];
            digits = digits.Length > 9 ? digits[..9] : digits.PadRight(9, '0');
            time = DateTimeOffset.FromUnixTimeSeconds(seconds).AddTicks(long.Parse(digits, CultureInfo.InvariantCulture) / 100);
            return true;
        }
        if (GoDuration.TryParse(text, out long nanos))
        {
            time = now - TimeSpan.FromTicks(nanos / 100);
            return true;
        }
        return TryParseMoment(text, out time);
    }

    private static string FormatNanos(DateTime utc, int nanosBelowTick)
    {
        string head = utc.ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture);
        long nanos = utc.Ticks % TimeSpan.TicksPerSecond * 100 + nanosBelowTick;
        return nanos == 0 ? head + "Z" : $"{head}.{nanos.ToString("D9", CultureInfo.InvariantCulture).TrimEnd('0')}Z";
    }
}
