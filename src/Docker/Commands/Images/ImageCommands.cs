using System.Globalization;
using System.Text;
using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Formatting;
using AotRuntime.Docker.References;

namespace AotRuntime.Docker.Commands.Images;

/// <summary><c>docker rmi</c>, <c>tag</c>, <c>history</c>, <c>image prune</c>.</summary>
public static class ImageCommands
{
    private const int CreatedByWidth = 45;

    /// <summary><c>docker rmi</c>.</summary>
    public static Command Remove() => new("rmi", "[OPTIONS] IMAGE [IMAGE...]", "Remove images", ArgumentRule.AtLeast(1), static flags =>
    {
        Flag<bool> force = flags.Bool("force", 'f', "Remove the image even if containers use it");
        Flag<bool> noPrune = flags.Bool("no-prune", '\0', "Keep parents that lose their last child");
        ListFlag platform = flags.List("platform", '\0', "Remove only this platform of the image, \"os[/arch[/variant]]\" (\"linux/amd64\", say)", null, "strings");
        return (context, args) => RemoveAsync(context, args, force.Value, noPrune.Value, platform.Values);
    })
    {
        FullNames = "docker image rm, docker image remove, docker rmi",
    };

    private static async Task<int> RemoveAsync(CliContext context, string[] names, bool force, bool noPrune, List<string> platforms)
    {
        List<string> errors = [];
        bool fatal = false;
        foreach (string name in names)
        {
            Query query = new Query($"/images/{Query.ImagePath(name)}").AddIf("force", force).AddIf("noprune", noPrune);
            foreach (string platform in platforms)
                query.Add("platforms", PlatformJson(platform));
            try
            {
                byte[] answer = await context.Engine.DeleteAsync(query.ToString()).ConfigureAwait(false);
                using JsonDocument deletions = JsonDocument.Parse(answer.Length == 0 ? "[]"u8.ToArray() : answer);
                foreach (JsonElement deletion in deletions.RootElement.Items())
                {
                    string deleted = deletion.Text("Deleted");
                    context.Out.Write(deleted.Length > 0 ? $"Deleted: {deleted}\n" : $"Untagged: {deletion.Text("Untagged")}\n");
                }
            }
            catch (EngineException e)
            {
                fatal |= !e.IsNotFound;
                errors.Add(e.Message);
            }
        }
        if (errors.Count > 0 && (!force || fatal))
            throw new CommandException(string.Join('\n', errors));
        if (errors.Count > 0)
            context.Error.Write(string.Join('\n', errors) + "\n");
        return 0;
    }

    private static string PlatformJson(string platform)
    {
        string[] parts = platform.Split('/');
        return Encoding.UTF8.GetString(JsonBody.Object(writer =>
        {
            writer.WriteString("architecture", parts.Length > 1 ? parts[1] : Product.Architecture);
            writer.WriteString("os", parts[0]);
            writer.Text("variant", parts.Length > 2 ? parts[2] : "");
        }));
    }

    /// <summary><c>docker tag</c>.</summary>
    public static Command Tag() => new("tag", "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", "Give an image another name", ArgumentRule.Exactly(2), static _ => async (context, args) =>
    {
        ImageName? target = ImageName.TryParse(args[1]) ?? throw new CommandException($"Error parsing reference: {GoText.Quote(args[1])} is not a valid repository/tag: {ImageName.WhyInvalid(args[1])}");
        if (target.Digest.Length > 0)
            throw new CommandException("refusing to create a tag with a digest reference");
        string path = new Query($"/images/{Query.ImagePath(args[0])}/tag")
            .Add("repo", $"{target.Domain}/{target.Path}")
            .Add("tag", target.WithDefaultTag.Tag)
            .ToString();
        await context.Engine.PostAsync(path).ConfigureAwait(false);
        return 0;
    })
    {
        FullNames = "docker image tag, docker tag",
    };

    /// <summary><c>docker history</c>.</summary>
    public static Command History() => new("history", "[OPTIONS] IMAGE", "Show how an image came to be", ArgumentRule.Exactly(1), static flags =>
    {
        Flag<string> format = flags.String("format", '\0', Formats.ListHelp);
        Flag<bool> human = flags.Bool("human", 'H', "Show sizes and dates for people", value: true);
        Flag<bool> noTrunc = flags.Bool("no-trunc", '\0', "Don't shorten what is shown");
        Flag<bool> quiet = flags.Bool("quiet", 'q', "Show IDs only");
        return async (context, args) =>
        {
            string template = format.Value;
            if (template is "" or "table")
                template = quiet.Value ? "{{.ID}}" : $"table {{{{.ID}}}}\t{{{{.{(human.Value ? "CreatedSince" : "CreatedAt")}}}}}\t{{{{.CreatedBy}}}}\t{{{{.Size}}}}\t{{{{.Comment}}}}";
            using JsonDocument history = await context.Engine.GetJsonAsync($"/images/{Query.ImagePath(args[0])}/history").ConfigureAwait(false);
            context.Out.Write(HistoryList(!noTrunc.Value, human.Value).Print(template, history.RootElement.Items()));
            return 0;
        };
    })
    {
        FullNames = "docker image history, docker history",
    };

    private static ListFormat<JsonElement> HistoryList(bool trunc, bool human) => new("*image.historyContext",
    [
        new("Comment", "COMMENT", static h => h.Text("Comment")),
        new("CreatedAt", "CREATED AT", static h => CreatedAt(h)),
        new("CreatedBy", "CREATED BY", h => h.Text("CreatedBy").Replace('\t', ' ') is var by && trunc ? Text.Ellipsis(by, CreatedByWidth) : by),
        new("CreatedSince", "CREATED", h => human ? Since(h.Number("Created")) : CreatedAt(h)),
        new("ID", "IMAGE", h => trunc ? Text.ShortId(h.Text("Id")) : h.Text("Id")),
        new("Size", "SIZE", h => human ? ByteSize.HumanShort(h.Number("Size")) : h.Number("Size").ToString(CultureInfo.InvariantCulture)),
    ]);

    private static string CreatedAt(JsonElement layer) =>
        DateTimeOffset.FromUnixTimeSeconds(layer.Number("Created")).ToLocalTime() is var moment && moment.Offset == TimeSpan.Zero
            ? moment.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)
            : moment.ToString("yyyy-MM-dd'T'HH:mm:sszzz", CultureInfo.InvariantCulture);

    // Builders that want the same bits each time set dates of long ago.
    private static string Since(long created) => created <= new DateTimeOffset(2000, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeSeconds()
        ? "N/A"
        : GoDuration.Human(DateTimeOffset.UtcNow - DateTimeOffset.FromUnixTimeSeconds(created)) + " ago";

    /// <summary><c>docker image prune</c>.</summary>
    public static Command Prune() => new("prune", "[OPTIONS]", "Remove unused images", ArgumentRule.None, static flags =>
    {
        Flag<bool> all = flags.Bool("all", 'a', "Remove all unused images, not only those without a name");
        ListFlag filter = flags.List("filter", '\0', "Remove only what matches (\"until=<timestamp>\", say)", FlagValues.Filter, "filter");
        Flag<bool> force = flags.Bool("force", 'f', "Do not ask");
        return async (context, _) =>
        {
            if (!force.Value)
            {
                Confirmation.Ask(context, all.Value
                    ? "WARNING! This will remove all images without at least one container associated to them."
                    : "WARNING! This will remove all dangling images.");
            }
            (List<string> lines, long reclaimed) = await PruneAsync(context, all.Value, filter.Values).ConfigureAwait(false);
            PruneReport.Print(context, "Deleted Images:", lines, reclaimed);
            return 0;
        };
    });

    /// <summary>Prunes images; gives the lines to show and the space that was freed.</summary>
    public static async Task<(List<string> Lines, long Reclaimed)> PruneAsync(CliContext context, bool all, List<string> filters)
    {
        string path = new Query("/images/prune").AddFilters([.. filters, $"dangling={(all ? "false" : "true")}"]).ToString();
        using JsonDocument answer = await context.Engine.PostJsonAsync(path).ConfigureAwait(false);
        List<string> lines = [];
        foreach (JsonElement image in answer.RootElement.Items("ImagesDeleted"))
        {
            string untagged = image.Text("Untagged");
            lines.Add(untagged.Length > 0 ? $"untagged: {untagged}" : $"deleted: {image.Text("Deleted")}");
        }
        return (lines, answer.RootElement.Number("SpaceReclaimed"));
    }
}
