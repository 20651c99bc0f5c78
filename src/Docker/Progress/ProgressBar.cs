using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.Formatting;

namespace AotRuntime.Docker.Progress;

/// <summary>Draws <c>progressDetail</c>.</summary>
public static class ProgressBar
{
    // Below these widths the bar, then the remaining time, are left out.
    private const int WidthForBar = 110;
    private const int WidthForTime = 50;
    private const int BarLength = 50;
    private const int NumberWidth = 8;

    /// <summary>The bar, the amounts and the time left, as far as <paramref name="width"/> has room.</summary>
    public static string Draw(JsonElement detail, int width, DateTimeOffset now)
    {
        long current = detail.Number("current");
        long total = detail.Number("total");
        string units = detail.Text("units");
        if (current <= 0 && total <= 0)
            return "";
        if (total <= 0)
            return units.Length == 0 ? ByteSize.Human(current).PadLeft(NumberWidth) : $"{current} {units}";

        int filled = Math.Min(BarLength, (int)((double)current / total * 100) / 2);
        string bar = width > WidthForBar ? $"[{new string('=', filled)}>{new string(' ', BarLength - filled)}] " : "";
        string numbers = "";
        if (!detail.Flag("hidecounts"))
        {
            if (units.Length == 0)
                numbers = ByteSize.Human(current).PadLeft(NumberWidth) + (current > total ? "" : "/" + ByteSize.Human(total));
            else
                numbers = current > total ? $"{current} {units}" : $"{current}/{total} {units}";
        }

        string left = "";
        long start = detail.Number("start");
        if (width > WidthForTime && current > 0 && start > 0 && filled < BarLength)
        {
            double perUnit = (now - DateTimeOffset.FromUnixTimeSeconds(start)).TotalSeconds / current;
            left = " " + GoDuration.Format((long)Math.Round((total - current) * perUnit) * 1_000_000_000);
        }
        return bar + numbers + left;
    }
}
