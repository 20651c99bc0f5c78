using System.Collections.Concurrent;
using AotRuntime.Dockerd.Api;
using AotRuntime.EngineApi;
using AotRuntime.Images;
using AotRuntime.Json;

namespace AotRuntime.Dockerd.Images;

/// <summary>What clients ask about images.</summary>
internal sealed class ImageQueries(ImageCatalog catalog, SnapshotStore snapshots, ImageStoreOptions options)
{
    /// <summary>Sizes of layers; a committed snapshot's never changes.</summary>
    private readonly ConcurrentDictionary<Digest, long> _sizes = new();

    /// <summary>The image of a reference.</summary>
    /// <exception cref="ApiException">There is none (404, in Docker's words).</exception>
    public async ValueTask<(NamedImage Image, bool ById)> RequireAsync(string reference, CancellationToken cancellationToken) =>
        await catalog.ResolveAsync(reference, cancellationToken).ConfigureAwait(false)
        ?? throw ApiException.NotFound($"No such image: {ImageReference.TryParse(reference)?.WithDefaultTag().Familiar ?? reference}");

    /// <summary>The list, newest first.</summary>
    public async ValueTask<List<ImageSummary>> ListAsync(Filters filters, CancellationToken cancellationToken)
    {
        if (filters.FirstUnknown("dangling", "label", "label!", "before", "since", "reference", "until") is { } unknown)
            throw ApiException.BadRequest($"invalid filter '{unknown}'");
        List<NamedImage> images = await catalog.AllAsync(cancellationToken).ConfigureAwait(false);
        Func<NamedImage, bool> matches = await MatcherAsync(filters, cancellationToken).ConfigureAwait(false);
        List<ImageSummary> list = [];
        foreach (IGrouping<Digest, NamedImage> group in images.Where(matches).GroupBy(i => i.Content.Id))
        {
            ImageContent content = group.First().Content;
            (List<string> tags, List<string> digests) = Names(group);
            list.Add(new ImageSummary
            {
                Id = content.Id.ToString(),
                Created = content.Created?.ToUnixTimeSeconds() ?? 0,
                Labels = content.Defaults.Labels,
                RepoTags = tags,
                RepoDigests = digests,
                Size = await SizeAsync(content, cancellationToken).ConfigureAwait(false),
            });
        }
        list.Sort((a, b) => b.Created.CompareTo(a.Created));
        return list;
    }

    /// <summary>One image in full; null where there is none.</summary>
    public async ValueTask<ImageInspect?> InspectAsync(string reference, CancellationToken cancellationToken)
    {
        if (await catalog.ResolveAsync(reference, cancellationToken).ConfigureAwait(false) is not { } found)
            return null;
        ImageContent content = found.Image.Content;
        List<NamedImage> same = await SameIdAsync(content.Id, cancellationToken).ConfigureAwait(false);
        (List<string> tags, List<string> digests) = Names(same);
        return new ImageInspect
        {
            Id = content.Id.ToString(),
            RepoTags = tags,
            RepoDigests = digests,
            Comment = content.Config.History is { Length: > 0 } history ? history[^1]?.Comment ?? "" : "",
            Created = content.Config.Created,
            Author = content.Config.Author ?? "",
            Config = new ImageDefaults(content.Defaults),
            Architecture = content.Config.Architecture ?? "",
            Variant = content.Config.Variant,
            Os = content.Config.Os ?? "linux",
            OsVersion = content.Config.OsVersion,
            Size = await SizeAsync(content, cancellationToken).ConfigureAwait(false),
            GraphDriver = new GraphDriverData { Name = options.Snapshotter },
            RootFS = new RootFsSummary { Layers = [.. (content.Config.Rootfs?.DiffIds ?? []).Select(d => d.ToString())] },
            Metadata = new ImageMetadata { LastTagTime = GoTime.Format(same.Count == 0 ? found.Image.Updated : same.Max(i => i.Updated)) },
        };
    }

    /// <summary>How an image came to be, newest step first; null where there is none.</summary>
    public async ValueTask<List<ImageHistoryItem>?> HistoryAsync(string reference, CancellationToken cancellationToken)
    {
        if (await catalog.ResolveAsync(reference, cancellationToken).ConfigureAwait(false) is not { } found)
            return null;
        ImageContent content = found.Image.Content;
        List<ImageHistoryItem> items = [];
        int layer = 0;
        foreach (HistoryEntry? entry in content.Config.History ?? [])
        {
            if (entry is null)
                continue;
            long size = 0;
            if (entry.EmptyLayer != true && layer < content.Chain.Length)
                size = await LayerSizeAsync(content.Chain[layer++], cancellationToken).ConfigureAwait(false);
            items.Add(new ImageHistoryItem
            {
                Id = "<missing>",
                Comment = entry.Comment ?? "",
                CreatedBy = entry.CreatedBy ?? "",
                Created = entry.Created is { } text && Rfc3339.TryParse(text, out DateTimeOffset time) ? time.ToUnixTimeSeconds() : 0,
                Size = size,
            });
        }
        items.Reverse();
        if (items.Count > 0)
        {
            items[0].Id = content.Id.ToString();
            items[0].Tags = Names(await SameIdAsync(content.Id, cancellationToken).ConfigureAwait(false)).Tags;
        }
        return items;
    }

    /// <summary>All names of one image.</summary>
    public async ValueTask<List<NamedImage>> SameIdAsync(Digest id, CancellationToken cancellationToken) =>
        [.. (await catalog.AllAsync(cancellationToken).ConfigureAwait(false)).Where(i => i.Content.Id == id)];

    /// <summary>Bytes of an image's layers.</summary>
    public async ValueTask<long> SizeAsync(ImageContent content, CancellationToken cancellationToken)
    {
        long size = 0;
        foreach (Digest layer in content.Chain)
            size += await LayerSizeAsync(layer, cancellationToken).ConfigureAwait(false);
        return size;
    }

    /// <summary>Whether an image passes the filters.</summary>
    public async ValueTask<Func<NamedImage, bool>> MatcherAsync(Filters filters, CancellationToken cancellationToken)
    {
        bool? dangling = null;
        DateTimeOffset? until = null;
        try
        {
            if (filters.Contains("dangling"))
                dangling = filters.GetBool("dangling", false);
        }
        catch (FormatException error)
        {
            throw ApiException.BadRequest(error.Message);
        }
        foreach (string text in filters.Get("until"))
        {
            if (!GoTime.TryParseTimestamp(text, DateTimeOffset.UtcNow, out DateTimeOffset time))
                throw ApiException.BadRequest($"failed to parse until filter value \"{text}\"");
            until = time;
        }
        DateTimeOffset? before = await CreatedOfAsync(filters.Get("before"), cancellationToken).ConfigureAwait(false);
        DateTimeOffset? since = await CreatedOfAsync(filters.Get("since"), cancellationToken).ConfigureAwait(false);
        IReadOnlyList<string> patterns = filters.Get("reference");
        return image =>
            (dangling is null || dangling == image.IsDangling)
            && (until is null || image.Content.Created < until)
            && (before is null || image.Content.Created < before)
            && (since is null || image.Content.Created > since)
            && (!filters.Contains("label") || filters.MatchLabels("label", image.Content.Defaults.Labels))
            && (!filters.Contains("label!") || !filters.MatchLabels("label!", image.Content.Defaults.Labels))
            && (patterns.Count == 0 || patterns.Any(p => ReferencePattern.Matches(p, image)));
    }

    /// <summary>Tags and digests by which an image goes, as people write them.</summary>
    public static (List<string> Tags, List<string> Digests) Names(IEnumerable<NamedImage> images)
    {
        List<string> tags = [];
        List<string> digests = [];
        foreach (NamedImage image in images)
        {
            if (image.IsDangling)
                continue;
            if (image.Reference is not { } reference)
            {
                tags.Add(image.Name);
                continue;
            }
            if (reference.Tag is not null)
                tags.Add(reference.Familiar);
            string digest = $"{reference.FamiliarName}@{image.Target.Digest}";
            if (!digests.Contains(digest))
                digests.Add(digest);
        }
        return (tags, digests);
    }

    private async ValueTask<long> LayerSizeAsync(Digest chainId, CancellationToken cancellationToken)
    {
        if (_sizes.TryGetValue(chainId, out long size))
            return size;
        size = await snapshots.UsageAsync(chainId, cancellationToken).ConfigureAwait(false);
        if (size > 0)
            _sizes[chainId] = size;
        return size;
    }

    private async ValueTask<DateTimeOffset?> CreatedOfAsync(IReadOnlyList<string> references, CancellationToken cancellationToken) =>
        references.Count == 0 ? null : (await RequireAsync(references[0], cancellationToken).ConfigureAwait(false)).Image.Content.Created ?? DateTimeOffset.UnixEpoch;
}
