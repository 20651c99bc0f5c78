using System.Globalization;
using AotRuntime.Json;

namespace AotRuntime.Docker.Formatting;

/// <summary>Moments as Go prints and reads them.</summary>
public static class GoTime
{
    /// <summary><c>2026-01-02 03:04:05 +0000 UTC</c>: what a list's CreatedAt shows, in local time.</summary>
    public static string Text(long unixSeconds)
    {
        DateTimeOffset moment = DateTimeOffset.FromUnixTimeSeconds(unixSeconds).ToLocalTime();
        return moment.ToString("yyyy-MM-dd HH:mm:ss ", CultureInfo.InvariantCulture) + Offset(moment.Offset) + " " + ZoneName(moment);
    }

    private static string Offset(TimeSpan offset) =>
        (offset < TimeSpan.Zero ? "-" : "+") + offset.ToString("hhmm", CultureInfo.InvariantCulture);

    // Go prints the zone's abbreviation. .NET has none without ICU but UTC's; the offset stands in for it, as Go does for nameless zones.
    private static string ZoneName(DateTimeOffset moment) =>
        moment.Offset == TimeSpan.Zero ? "UTC" : Offset(moment.Offset)[..3];

    /// <summary>Local RFC 3339 with nanoseconds, as event lines begin.</summary>
    public static string Nano(long unixNanoseconds)
    {
        long seconds = Math.DivRem(unixNanoseconds, 1_000_000_000, out long nanoseconds);
        DateTimeOffset moment = DateTimeOffset.FromUnixTimeSeconds(seconds).ToLocalTime();
        string zone = moment.Offset == TimeSpan.Zero ? "Z" : moment.ToString("zzz", CultureInfo.InvariantCulture);
        return moment.ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture) + "." + nanoseconds.ToString("000000000", CultureInfo.InvariantCulture) + zone;
    }

    /// <summary>The C library's form (<c>Fri May 30 12:07:14 2025</c>) of an RFC 3339 time; what isn't one stays as it is.</summary>
    public static string AnsiC(string rfc3339) =>
        Rfc3339.TryParse(rfc3339, out DateTimeOffset moment)
            ? moment.ToString("ddd MMM ", CultureInfo.InvariantCulture) + moment.Day.ToString(CultureInfo.InvariantCulture).PadLeft(2) + moment.ToString(" HH:mm:ss yyyy", CultureInfo.InvariantCulture)
            : rfc3339;

    /// <summary>
    /// What the API wants of <c>--since</c> and <c>--until</c>: a span back from now, or a date and time (local where no zone is told),
    /// becomes <c>seconds.nanoseconds</c>; anything else goes as it is for the daemon to judge.
    /// </summary>
    public static string Timestamp(string text, DateTimeOffset now)
    {
        // A bare 0 is no span of nothing but the beginning of time.
        if (text != "0" && GoDuration.TryParse(text, out long span, out _))
            return Stamp(now.AddTicks(-span / 100));
        return EngineApi.GoTime.TryParseMoment(text, out DateTimeOffset moment) ? Stamp(moment) : text;
    }

    private static string Stamp(DateTimeOffset moment)
    {
        long ticks = moment.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks;
        return string.Create(CultureInfo.InvariantCulture, $"{ticks / TimeSpan.TicksPerSecond}.{ticks % TimeSpan.TicksPerSecond * 100:000000000}");
    }
}
