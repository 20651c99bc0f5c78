using System.Text;
using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.Commands.Containers;
using AotRuntime.Docker.Commands.Images;
using AotRuntime.Docker.Commands.Volumes;
using AotRuntime.Docker.Formatting;
using AotRuntime.Docker.References;
using AotRuntime.Json;

namespace AotRuntime.Docker.Commands.Systems;

/// <summary>The tables of <c>docker system df -v</c>.</summary>
public static class DiskUsageDetails
{
    /// <summary>Images, containers, volumes and build cache, one table each.</summary>
    public static string Print(JsonElement usage)
    {
        StringBuilder text = new("Images space usage:\n\n");
        text.Append(ImagesCommand.List(trunc: true).Print(
            "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}", Images(usage)));
        text.Append("\nContainers space usage:\n\n");
        text.Append(PsCommand.List(trunc: true, rootSize: false).Print(
            "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}", usage.Items("Containers")));
        text.Append("\nLocal Volumes space usage:\n\n");
        text.Append(VolumeCommands.Columns().Print("table {{.Name}}\t{{.Links}}\t{{.Size}}", usage.Items("Volumes")));
        long cache = 0;
        foreach (JsonElement record in usage.Items("BuildCache"))
            cache += record.Flag("Shared") ? 0 : record.Number("Size");
        text.Append("\nBuild cache usage: ").Append(ByteSize.Human(cache)).Append("\n\n");
        text.Append(CacheColumns().Print("table {{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}", usage.Items("BuildCache")));
        return text.ToString();
    }

    private static List<ImageRow> Images(JsonElement usage)
    {
        List<ImageRow> rows = [];
        foreach (JsonElement image in usage.Items("Images"))
        {
            List<string> tags = image.Texts("RepoTags");
            ImageName? name = tags.Count > 0 ? ImageName.TryParse(tags[0]) : null;
            rows.Add(new ImageRow(image, name?.FamiliarName ?? "<none>", name?.Tag ?? "<none>", ""));
        }
        return rows;
    }

    private static ListFormat<JsonElement> CacheColumns() => new("*formatter.buildCacheContext",
    [
        new("CacheType", "CACHE TYPE", static r => r.Text("Type")),
        new("CreatedSince", "CREATED", static r => Since(r.Text("CreatedAt"))),
        new("ID", "CACHE ID", static r => Text.ShortId(r.Text("ID"))),
        new("LastUsedSince", "LAST USED", static r => Since(r.Text("LastUsedAt"))),
        new("Shared", "SHARED", static r => r.Flag("Shared") ? "true" : "false"),
        new("Size", "SIZE", static r => ByteSize.HumanShort(r.Number("Size"))),
        new("UsageCount", "USAGE", static r => r.Number("UsageCount")),
    ]);

    private static string Since(string rfc3339) => Rfc3339.TryParse(rfc3339, out DateTimeOffset moment) ? GoDuration.Human(DateTimeOffset.UtcNow - moment) + " ago" : "";
}
