using System.Text;
using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Commands.Images;
using AotRuntime.Docker.Commands.Networks;
using AotRuntime.Docker.Commands.Volumes;
using AotRuntime.Docker.Formatting;

namespace AotRuntime.Docker.Commands.Systems;

/// <summary><c>docker system prune</c>.</summary>
public static class SystemPruneCommand
{
    /// <summary>Its place in the tree.</summary>
    public static Command Create() => new("prune", "[OPTIONS]", "Remove what nothing uses", ArgumentRule.None, static flags =>
    {
        Flag<bool> all = flags.Bool("all", 'a', "Remove all unused images, not only those without a name");
        ListFlag filter = flags.List("filter", '\0', "Remove only what matches (\"label=<key>=<value>\", say)", FlagValues.Filter, "filter");
        Flag<bool> force = flags.Bool("force", 'f', "Do not ask");
        Flag<bool> volumes = flags.Bool("volumes", '\0', "Remove anonymous volumes");
        return (context, _) =>
        {
            if (volumes.Value && filter.Values.Exists(static f => f.StartsWith("until=", StringComparison.OrdinalIgnoreCase)))
                throw new CommandException("ERROR: The \"until\" filter is not supported with \"--volumes\"");
            if (!force.Value)
                Confirmation.Ask(context, Warning(all.Value, volumes.Value, filter.Values));
            return RunAsync(context, all.Value, volumes.Value, filter.Values);
        };
    });

    private static string Warning(bool all, bool volumes, List<string> filters)
    {
        StringBuilder text = new("WARNING! This will remove:\n  - all stopped containers\n  - all networks not used by at least one container\n");
        if (volumes)
            text.Append("  - all anonymous volumes not used by at least one container\n");
        text.Append(all ? "  - all images without at least one container associated to them\n" : "  - all dangling images\n");
        text.Append(all ? "  - all build cache\n" : "  - unused build cache\n");
        if (filters.Count > 0)
        {
            text.Append("\n  Items to be pruned will be filtered with:\n");
            foreach (string filter in filters)
                text.Append("  - ").Append(filter).Append('\n');
        }
        return text.ToString();
    }

    private static async Task<int> RunAsync(CliContext context, bool all, bool volumes, List<string> filters)
    {
        long total = 0;
        using (JsonDocument containers = await context.Engine.PostJsonAsync(new Query("/containers/prune").AddFilters(filters).ToString()).ConfigureAwait(false))
        {
            PruneReport.Print(context, "Deleted Containers:", containers.RootElement.Texts("ContainersDeleted"), null);
            total += containers.RootElement.Number("SpaceReclaimed");
        }
        PruneReport.Print(context, "Deleted Networks:", await NetworkCommands.PruneAsync(context, filters).ConfigureAwait(false), null);
        if (volumes)
        {
            (List<string> deleted, long space) = await VolumeCommands.PruneAsync(context, all: false, filters).ConfigureAwait(false);
            PruneReport.Print(context, "Deleted Volumes:", deleted, null);
            total += space;
        }
        (List<string> lines, long reclaimed) = await ImageCommands.PruneAsync(context, all, filters).ConfigureAwait(false);
        PruneReport.Print(context, "Deleted Images:", lines, null);
        total += reclaimed;
        total += await PruneBuildCacheAsync(context, all, filters).ConfigureAwait(false);
        context.Out.Write($"Total reclaimed space: {ByteSize.Human(total)}\n");
        return 0;
    }

    private static async Task<long> PruneBuildCacheAsync(CliContext context, bool all, List<string> filters)
    {
        try
        {
            using JsonDocument cache = await context.Engine.PostJsonAsync(new Query("/build/prune").AddIf("all", all).AddFilters(filters).ToString()).ConfigureAwait(false);
            PruneReport.Print(context, "Deleted build cache objects:", cache.RootElement.Texts("CachesDeleted"), null);
            return cache.RootElement.Number("SpaceReclaimed");
        }
        catch (EngineException e) when (e.StatusCode is 404 or 501)
        {
            // A daemon that doesn't build has no cache.
            return 0;
        }
    }
}
