using System.Globalization;
using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Formatting;

namespace AotRuntime.Docker.Commands.Volumes;

/// <summary><c>docker volume …</c>.</summary>
public static class VolumeCommands
{
    private const string NotAvailable = "N/A";

    /// <summary>The group.</summary>
    public static Command Group() => Command.Group(
        "volume",
        "COMMAND",
        "Manage volumes",
        [
        Create(),
        InspectCommand.OfKind("volume", "[OPTIONS] VOLUME [VOLUME...]", "Show all that is known of volumes"),
        List(),
        Prune(),
        Remove(),
        ]);

    private static Command List() => new("ls", "[OPTIONS]", "List volumes", ArgumentRule.None, static flags =>
    {
        ListFlag filter = flags.List("filter", 'f', "Show only what matches (\"dangling=true\", say)", FlagValues.Filter, "filter");
        Flag<string> format = flags.String("format", '\0', Formats.ListHelp);
        Flag<bool> quiet = flags.Bool("quiet", 'q', "Show names only");
        return async (context, _) =>
        {
            string template = format.Value;
            if (template.Length == 0)
                template = !quiet.Value && context.Config.Text("volumesFormat") is { Length: > 0 } told ? told : "table";
            if (template == "table")
                template = quiet.Value ? "{{.Name}}" : "table {{.Driver}}\t{{.Name}}";
            using JsonDocument answer = await context.Engine.GetJsonAsync(new Query("/volumes").AddFilters(filter.Values).ToString()).ConfigureAwait(false);
            List<JsonElement> volumes = [.. answer.RootElement.Items("Volumes")];
            volumes.Sort(static (a, b) => Text.CompareNatural(a.Text("Name"), b.Text("Name")));
            context.Out.Write(Columns().Print(template, volumes));
            return 0;
        };
    })
    {
        Aliases = ["list"],
        FullNames = "docker volume ls, docker volume list",
    };

    /// <summary>The columns.</summary>
    public static ListFormat<JsonElement> Columns() => new("*formatter.volumeContext",
    [
        new("Availability", "AVAILABILITY", static _ => NotAvailable),
        new("Driver", "DRIVER", static v => v.Text("Driver")),
        new("Group", "GROUP", static _ => NotAvailable),
        new("Labels", "LABELS", static v => LabelText.Join(v)),
        new("Links", "LINKS", static v => v.Member("UsageData") is { ValueKind: JsonValueKind.Object } usage ? usage.Number("RefCount").ToString(CultureInfo.InvariantCulture) : NotAvailable),
        new("Mountpoint", "MOUNTPOINT", static v => v.Text("Mountpoint")),
        new("Name", "VOLUME NAME", static v => v.Text("Name")),
        new("Scope", "SCOPE", static v => v.Text("Scope")),
        new("Size", "SIZE", static v => v.Member("UsageData") is { ValueKind: JsonValueKind.Object } usage ? ByteSize.Human(usage.Number("Size")) : NotAvailable),
        new("Status", "STATUS", static _ => NotAvailable),
    ])
    {
        MethodName = "Label",
        Method = static (v, _, args) => args.Count == 1 && args[0] is string name ? v.Member("Labels").Text(name) : "",
    };

    private static Command Create() => new("create", "[OPTIONS] [VOLUME]", "Create a volume", ArgumentRule.AtMost(1), static flags =>
    {
        Flag<string> driver = flags.String("driver", 'd', "Driver of the volume", "local");
        ListFlag labels = flags.List("label", '\0', "Set a label on the volume", FlagValues.Label);
        Flag<string> name = flags.String("name", '\0', "Name of the volume", hidden: true);
        ListFlag options = flags.List("opt", 'o', "Set an option of the driver", null, "map", "map[]");
        return async (context, args) =>
        {
            if (args.Length == 1 && name.Value.Length > 0)
                throw new CommandException("conflicting options: cannot specify a volume-name through both --name and as a positional arg");
            byte[] body = JsonBody.Object(writer =>
            {
                writer.Text("Name", args.Length == 1 ? args[0] : name.Value);
                writer.WriteString("Driver", driver.Value);
                writer.Pairs("DriverOpts", options.Values, always: true);
                writer.Pairs("Labels", labels.Values, always: true);
            });
            using JsonDocument answer = await context.Engine.PostJsonAsync("/volumes/create", body).ConfigureAwait(false);
            context.Out.Write(answer.RootElement.Text("Name") + "\n");
            return 0;
        };
    });

    private static Command Remove() => new("rm", "[OPTIONS] VOLUME [VOLUME...]", "Remove volumes that nothing uses", ArgumentRule.AtLeast(1), static flags =>
    {
        Flag<bool> force = flags.Bool("force", 'f', "No error for volumes that aren't there");
        return (context, args) => EachNamed.RunAsync(context, args, name =>
            context.Engine.DeleteAsync(new Query($"/volumes/{Query.Segment(name)}").AddIf("force", force.Value).ToString()));
    })
    {
        Aliases = ["remove"],
        FullNames = "docker volume rm, docker volume remove",
    };

    private static Command Prune() => new("prune", "[OPTIONS]", "Remove unused local volumes", ArgumentRule.None, static flags =>
    {
        Flag<bool> all = flags.Bool("all", 'a', "Remove all unused volumes, not only anonymous ones");
        ListFlag filter = flags.List("filter", '\0', "Remove only what matches (\"label=<label>\", say)", FlagValues.Filter, "filter");
        Flag<bool> force = flags.Bool("force", 'f', "Do not ask");
        return async (context, _) =>
        {
            if (!force.Value)
            {
                Confirmation.Ask(context, all.Value
                    ? "WARNING! This will remove all local volumes not used by at least one container."
                    : "WARNING! This will remove anonymous local volumes not used by at least one container.");
            }
            (List<string> deleted, long reclaimed) = await PruneAsync(context, all.Value, filter.Values).ConfigureAwait(false);
            PruneReport.Print(context, "Deleted Volumes:", deleted, reclaimed);
            return 0;
        };
    });

    /// <summary>Prunes volumes; gives their names and the space that was freed.</summary>
    public static async Task<(List<string> Deleted, long Reclaimed)> PruneAsync(CliContext context, bool all, List<string> filters)
    {
        List<string> wanted = all ? [.. filters, "all=true"] : filters;
        using JsonDocument answer = await context.Engine.PostJsonAsync(new Query("/volumes/prune").AddFilters(wanted).ToString()).ConfigureAwait(false);
        return (answer.RootElement.Texts("VolumesDeleted"), answer.RootElement.Number("SpaceReclaimed"));
    }
}
