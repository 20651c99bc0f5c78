using System.Globalization;
using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Formatting;
using AotRuntime.Docker.References;

namespace AotRuntime.Docker.Commands.Images;

/// <summary>A row of the list: an image under one of its names.</summary>
public sealed record ImageRow(JsonElement Image, string Repository, string Tag, string Digest);

/// <summary><c>docker images</c>.</summary>
public static class ImagesCommand
{
    private const string None = "<none>";
    private const string Table = "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
    private const string DigestTable = "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";

    /// <summary>Its place in the tree.</summary>
    public static Command Create() => new("images", "[OPTIONS] [REPOSITORY[:TAG]]", "List images", ArgumentRule.AtMost(1), static flags =>
    {
        Flag<bool> all = flags.Bool("all", 'a', "Show all images, intermediate ones too");
        Flag<bool> digests = flags.Bool("digests", '\0', "Show digests");
        ListFlag filter = flags.List("filter", 'f', "Show only what matches", FlagValues.Filter, "filter");
        Flag<string> format = flags.String("format", '\0', Formats.ListHelp);
        Flag<bool> noTrunc = flags.Bool("no-trunc", '\0', "Don't shorten what is shown");
        Flag<bool> quiet = flags.Bool("quiet", 'q', "Show IDs only");
        return async (context, args) =>
        {
            List<string> filters = filter.Values;
            if (args.Length > 0)
                filters = [.. filters, $"reference={args[0]}"];
            string template = format.Value;
            if (template.Length == 0)
                template = !quiet.Value && context.Config.Text("imagesFormat") is { Length: > 0 } told ? told : "table";
            template = Format(template, quiet.Value, digests.Value);
            string path = new Query("/images/json").AddIf("all", all.Value).AddFilters(filters).ToString();
            using JsonDocument images = await context.Engine.GetJsonAsync(path).ConfigureAwait(false);
            bool byDigest = digests.Value || template.Contains("{{.Digest}}");
            context.Out.Write(List(!noTrunc.Value).Print(template, Rows(images.RootElement, byDigest, digests.Value)));
            return 0;
        };
    })
    {
        FullNames = "docker image ls, docker image list, docker images",
        CommonRank = 7,
    };

    private static string Format(string template, bool quiet, bool digests)
    {
        switch (template)
        {
            case "table":
                return quiet ? "{{.ID}}" : digests ? DigestTable : Table;
            case "raw":
                return quiet ? "image_id: {{.ID}}"
                    : "repository: {{ .Repository }}\ntag: {{.Tag}}\n" + (digests ? "digest: {{.Digest}}\n" : "")
                        + "image_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n";
        }
        return digests && template.StartsWith("table", StringComparison.Ordinal) && !template.Contains("{{.Digest}}") ? template + "\t{{.Digest}}" : template;
    }

    /// <summary>The columns.</summary>
    public static ListFormat<ImageRow> List(bool trunc) => new("*formatter.imageContext",
    [
        new("Containers", "CONTAINERS", static r => r.Image.Number("Containers") is var n && n == -1 ? "N/A" : n.ToString(CultureInfo.InvariantCulture)),
        new("CreatedAt", "CREATED AT", static r => GoTime.Text(r.Image.Number("Created"))),
        new("CreatedSince", "CREATED", static r => Since(r.Image.Number("Created"))),
        new("Digest", "DIGEST", static r => r.Digest),
        new("ID", "IMAGE ID", r => trunc ? Text.ShortId(r.Image.Text("Id")) : r.Image.Text("Id")),
        new("Repository", "REPOSITORY", static r => r.Repository),
        new("SharedSize", "SHARED SIZE", static r => Shared(r.Image) is var n && n == -1 ? "N/A" : ByteSize.Human(n)),
        new("Size", "SIZE", static r => ByteSize.HumanShort(r.Image.Number("Size"))),
        new("Tag", "TAG", static r => r.Tag),
        new("UniqueSize", "UNIQUE SIZE", static r => r.Image.Number("Size") == -1 || Shared(r.Image) == -1 ? "N/A" : ByteSize.Human(r.Image.Number("Size") - Shared(r.Image))),
        new("VirtualSize", "SIZE", static r => ByteSize.Human(r.Image.Number("Size"))),
    ]);

    private static long Shared(JsonElement image) => image.Number("SharedSize");

    // Go's zero time is long before the epoch; the API gives it as that many seconds.
    private static string Since(long created) =>
        created <= DateTimeOffset.MinValue.ToUnixTimeSeconds() ? "" : GoDuration.Human(DateTimeOffset.UtcNow - DateTimeOffset.FromUnixTimeSeconds(created)) + " ago";

    private static List<ImageRow> Rows(JsonElement images, bool byDigest, bool digestRows)
    {
        List<ImageRow> rows = [];
        foreach (JsonElement image in images.Items())
        {
            List<string> tags = image.Texts("RepoTags");
            List<string> digests = image.Texts("RepoDigests");
            bool dangling = (tags.Count == 0 && digests.Count == 0) || (tags is ["<none>:<none>"] && digests is ["<none>@<none>"]);
            if (dangling)
                rows.Add(new ImageRow(image, None, None, None));
            else
                AddNamed(rows, image, tags, digests, byDigest, digestRows);
        }
        return rows;
    }

    private static void AddNamed(List<ImageRow> rows, JsonElement image, List<string> tags, List<string> digests, bool byDigest, bool digestRows)
    {
        Dictionary<string, List<string>> digestsOf = new(StringComparer.Ordinal);
        List<string> digestOrder = [];
        foreach (string text in digests)
        {
            if (ImageName.TryParse(text) is not { Digest.Length: > 0 } name)
                continue;
            if (!digestsOf.TryGetValue(name.FamiliarName, out List<string>? list))
            {
                digestsOf[name.FamiliarName] = list = [];
                digestOrder.Add(name.FamiliarName);
            }
            list.Add(name.Digest);
        }
        HashSet<string> tagged = new(StringComparer.Ordinal);
        foreach (string text in tags)
        {
            if (ImageName.TryParse(text) is not { Tag.Length: > 0 } name)
                continue;
            tagged.Add(name.FamiliarName);
            if (byDigest && digestsOf.TryGetValue(name.FamiliarName, out List<string>? own))
            {
                foreach (string digest in own)
                    rows.Add(new ImageRow(image, name.FamiliarName, name.Tag, digest));
            }
            else
            {
                rows.Add(new ImageRow(image, name.FamiliarName, name.Tag, None));
            }
        }
        foreach (string repository in digestOrder)
        {
            if (tagged.Contains(repository))
                continue;
            if (!digestRows)
            {
                rows.Add(new ImageRow(image, repository, None, ""));
                continue;
            }
            foreach (string digest in digestsOf[repository])
                rows.Add(new ImageRow(image, repository, None, digest));
        }
    }
}
