using System.Globalization;
using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Formatting;
using AotRuntime.Docker.References;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary><c>docker ps</c>.</summary>
public static class PsCommand
{
    private const string Table = "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";
    private const int CommandWidth = 20;
    private const int MountWidth = 15;

    /// <summary>Its place in the tree.</summary>
    public static Command Create() => new("ps", "[OPTIONS]", "List containers", ArgumentRule.None, static flags =>
    {
        Flag<bool> all = flags.Bool("all", 'a', "Show all containers, not only running ones");
        ListFlag filter = flags.List("filter", 'f', "Show only what matches", FlagValues.Filter, "filter");
        Flag<string> format = flags.String("format", '\0', Formats.ListHelp);
        Flag<long> last = flags.Int("last", 'n', "Show the n containers created last, in whatever state", -1);
        Flag<bool> latest = flags.Bool("latest", 'l', "Show the container created last, in whatever state");
        Flag<bool> noTrunc = flags.Bool("no-trunc", '\0', "Don't shorten what is shown");
        Flag<bool> quiet = flags.Bool("quiet", 'q', "Show IDs only");
        Flag<bool> size = flags.Bool("size", 's', "Show sizes");
        return async (context, _) =>
        {
            string template = format.Value;
            if (template.Length == 0)
                template = context.Config.Text("psFormat");
            else if (quiet.Value)
                context.Error.Write("WARNING: Ignoring custom format, because both --format and --quiet are set.\n");
            ListFormat<JsonElement> list = List(!noTrunc.Value);
            bool sizes = size.Value;
            if (template.Length > 0)
            {
                HashSet<string> used = list.Probe(template, default);
                sizes |= !quiet.Value && !size.Changed && used.Contains("Size");
            }
            long limit = latest.Value && last.Value == -1 ? 1 : last.Value;
            Query query = new Query("/containers/json").AddIf("all", all.Value);
            if (limit > 0)
                query.Add("limit", limit);
            query.AddIf("size", sizes).AddFilters(filter.Values);
            using JsonDocument containers = await context.Engine.GetJsonAsync(query.ToString()).ConfigureAwait(false);
            context.Out.Write(list.Print(Format(template, quiet.Value, sizes), containers.RootElement.Items()));
            return 0;
        };
    })
    {
        FullNames = "docker container ls, docker container list, docker container ps, docker ps",
        CommonRank = 3,
    };

    private static string Format(string template, bool quiet, bool size)
    {
        switch (template)
        {
            case "" or "table":
                return quiet ? "{{.ID}}" : size ? Table + "\t{{.Size}}" : Table;
            case "raw":
                return quiet
                    ? "container_id: {{.ID}}"
                    : "container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: {{.CreatedAt}}\nstate: {{- pad .State 1 0}}\nstatus: {{- pad .Status 1 0}}\nnames: {{.Names}}\nlabels: {{- pad .Labels 1 0}}\nports: {{- pad .Ports 1 0}}\n"
                        + (size ? "size: {{.Size}}\n" : "");
            default:
                return quiet ? "{{.ID}}" : template;
        }
    }

    /// <summary>The columns; sizes with the image's unless <paramref name="rootSize"/> is false.</summary>
    public static ListFormat<JsonElement> List(bool trunc, bool rootSize = true) => new("*formatter.ContainerContext",
    [
        new("Command", "COMMAND", c => GoText.Quote(trunc ? Text.Ellipsis(c.Text("Command"), CommandWidth) : c.Text("Command"))),
        new("CreatedAt", "CREATED AT", static c => GoTime.Text(c.Number("Created"))),
        new("ID", "CONTAINER ID", c => trunc ? Text.ShortId(c.Text("Id")) : c.Text("Id")),
        new("Image", "IMAGE", c => Image(c, trunc)),
        new("Labels", "LABELS", static c => LabelText.Join(c)),
        new("LocalVolumes", "LOCAL VOLUMES", LocalVolumes),
        new("Mounts", "MOUNTS", c => Mounts(c, trunc)),
        new("Names", "NAMES", c => Names(c, trunc)),
        new("Networks", "NETWORKS", Networks),
        new("Platform", "PLATFORM", Platform),
        new("Ports", "PORTS", static c => PortsText.Show(c.Items("Ports"))),
        new("RunningFor", "CREATED", static c => GoDuration.Human(DateTimeOffset.UtcNow - DateTimeOffset.FromUnixTimeSeconds(c.Number("Created"))) + " ago"),
        new("Size", "SIZE", c => Size(c, rootSize)),
        new("State", "STATE", static c => c.Text("State")),
        new("Status", "STATUS", static c => c.Text("Status")),
    ])
    {
        MethodName = "Label",
        Method = static (c, _, args) => args.Count == 1 && args[0] is string name ? c.Member("Labels").Text(name) : "",
    };

    private static string Names(JsonElement container, bool trunc)
    {
        List<string> names = container.Texts("Names").ConvertAll(static n => n.Length > 0 ? n[1..] : n);
        // Links of other containers show as names with a slash.
        if (trunc && names.Find(static n => !n.Contains('/')) is { } own)
            return own;
        return string.Join(',', names);
    }

    private static string Image(JsonElement container, bool trunc)
    {
        string image = container.Text("Image");
        if (image.Length == 0)
            return "<no image>";
        if (!trunc)
            return image;
        string id = Text.ShortId(container.Text("ImageID"));
        if (id == Text.ShortId(image))
            return id;
        return ImageName.TryParse(image) is { } name ? (name with { Digest = "" }).Familiar : image;
    }


    private static string LocalVolumes(JsonElement container)
    {
        int count = 0;
        foreach (JsonElement mount in container.Items("Mounts"))
            count += mount.Text("Driver") == "local" ? 1 : 0;
        return count.ToString(CultureInfo.InvariantCulture);
    }

    private static string Mounts(JsonElement container, bool trunc)
    {
        List<string> mounts = [];
        foreach (JsonElement mount in container.Items("Mounts"))
        {
            string name = mount.Text("Name") is { Length: > 0 } volume ? volume : mount.Text("Source");
            mounts.Add(trunc ? Text.Ellipsis(name, MountWidth) : name);
        }
        return string.Join(',', mounts);
    }

    private static string Networks(JsonElement container)
    {
        List<string> names = [];
        foreach (JsonProperty network in container.Member("NetworkSettings").Members("Networks"))
            names.Add(network.Name);
        return string.Join(',', names);
    }

    private static object? Platform(JsonElement container)
    {
        JsonElement platform = container.Member("ImageManifestDescriptor").Member("platform");
        return platform.ValueKind == JsonValueKind.Object ? Templates.JsonValue.Of(platform) : null;
    }

    private static string Size(JsonElement container, bool withRoot)
    {
        string own = ByteSize.HumanShort(container.Number("SizeRw"));
        long root = container.Number("SizeRootFs");
        return withRoot && root > 0 ? $"{own} (virtual {ByteSize.HumanShort(root)})" : own;
    }
}
