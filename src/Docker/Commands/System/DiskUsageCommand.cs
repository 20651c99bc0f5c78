using System.Globalization;
using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Formatting;

namespace AotRuntime.Docker.Commands.Systems;

/// <summary><c>docker system df</c>.</summary>
public static class DiskUsageCommand
{
    private sealed record Row(string Type, int Total, int Active, long Size, long Reclaimable, bool Percent);

    /// <summary>Its place in the tree.</summary>
    public static Command Create() => new("df", "[OPTIONS]", "Show how much space the daemon uses", ArgumentRule.None, static flags =>
    {
        Flag<string> format = flags.String("format", '\0', Formats.ListHelp);
        Flag<bool> verbose = flags.Bool("verbose", 'v', "Show each object");
        return async (context, _) =>
        {
            using JsonDocument usage = await context.Engine.GetJsonAsync("/system/df").ConfigureAwait(false);
            if (verbose.Value)
            {
                context.Out.Write(DiskUsageDetails.Print(usage.RootElement));
                return 0;
            }
            string template = format.Value is "" or "table" ? "table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}" : format.Value;
            context.Out.Write(Columns().Print(template, Rows(usage.RootElement)));
            return 0;
        };
    });

    private static ListFormat<Row> Columns() => new("*formatter.diskUsageContext",
    [
        new("Active", "ACTIVE", static r => r.Active.ToString(CultureInfo.InvariantCulture)),
        new("Reclaimable", "RECLAIMABLE", static r => ByteSize.Human(r.Reclaimable) + (r.Percent && r.Size > 0 ? $" ({r.Reclaimable * 100 / r.Size}%)" : "")),
        new("Size", "SIZE", static r => ByteSize.Human(r.Size)),
        new("TotalCount", "TOTAL", static r => r.Total.ToString(CultureInfo.InvariantCulture)),
        new("Type", "TYPE", static r => r.Type),
    ]);

    private static List<Row> Rows(JsonElement usage) => [Images(usage), Containers(usage), Volumes(usage), BuildCache(usage)];

    private static Row Images(JsonElement usage)
    {
        int total = 0;
        int active = 0;
        long used = 0;
        foreach (JsonElement image in usage.Items("Images"))
        {
            total++;
            long containers = image.Number("Containers");
            active += containers > 0 ? 1 : 0;
            if (containers != 0 && image.Number("Size") != -1 && image.Number("SharedSize") != -1)
                used += image.Number("Size") - image.Number("SharedSize");
        }
        long size = usage.Number("LayersSize");
        return new Row("Images", total, active, size, size - used, Percent: true);
    }

    private static Row Containers(JsonElement usage)
    {
        int total = 0;
        int active = 0;
        long size = 0;
        long idle = 0;
        foreach (JsonElement container in usage.Items("Containers"))
        {
            total++;
            bool runs = container.Text("State") is "running" or "paused" or "restarting";
            active += runs ? 1 : 0;
            size += container.Number("SizeRw");
            idle += runs ? 0 : container.Number("SizeRw");
        }
        return new Row("Containers", total, active, size, idle, Percent: true);
    }

    private static Row Volumes(JsonElement usage)
    {
        int total = 0;
        int active = 0;
        long size = 0;
        long used = 0;
        foreach (JsonElement volume in usage.Items("Volumes"))
        {
            total++;
            JsonElement data = volume.Member("UsageData");
            active += data.Number("RefCount") > 0 ? 1 : 0;
            long bytes = Math.Max(0, data.Number("Size"));
            size += bytes;
            used += data.Number("RefCount") == 0 ? 0 : bytes;
        }
        return new Row("Local Volumes", total, active, size, size - used, Percent: true);
    }

    private static Row BuildCache(JsonElement usage)
    {
        int total = 0;
        int active = 0;
        long size = 0;
        long used = 0;
        foreach (JsonElement record in usage.Items("BuildCache"))
        {
            total++;
            active += record.Flag("InUse") ? 1 : 0;
            size += record.Flag("Shared") ? 0 : record.Number("Size");
            used += record.Flag("InUse") && !record.Flag("Shared") ? record.Number("Size") : 0;
        }
        return new Row("Build Cache", total, active, size, size - used, Percent: false);
    }
}
