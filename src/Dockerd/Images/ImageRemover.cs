using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Events;
using AotRuntime.EngineApi;
using AotRuntime.Images;

namespace AotRuntime.Dockerd.Images;

/// <summary>Takes names away, and images with their last name. What nothing refers to any more containerd's garbage collector removes.</summary>
internal sealed class ImageRemover(ImageCatalog catalog, ImageQueries queries, EventBus events)
{
    /// <summary>Removes by name or id, with Docker's conflicts.</summary>
    public async ValueTask<List<ImageDeleteItem>> DeleteAsync(
        string reference, bool force, Func<string, IReadOnlyList<ImageUser>> users, CancellationToken cancellationToken)
    {
        (NamedImage image, bool byId) = await queries.RequireAsync(reference, cancellationToken).ConfigureAwait(false);
        List<NamedImage> all = await queries.SameIdAsync(image.Content.Id, cancellationToken).ConfigureAwait(false);
        IReadOnlyList<ImageUser> inUse = users(image.Content.Id.ToString());
        if (byId)
        {
            CheckConflicts(image.Content.Id, all, inUse, force);
            return await RemoveAllAsync(image.Content, all, cancellationToken).ConfigureAwait(false);
        }

        List<NamedImage> same = SameReferences(image, all);
        if (same.Count < all.Count(i => !i.IsDangling))
            return await UntagAsync(same, cancellationToken).ConfigureAwait(false);
        if (inUse.Count > 0)
        {
            if (!force)
            {
                throw ApiException.Conflict(
                    $"conflict: unable to remove repository reference \"{reference}\" (must force) - container {Short(inUse[0].Id)} is using its referenced image {image.Content.Id.Short}");
            }
            // The container needs the image still: it stays, without a name.
            await catalog.SetAsync(NamedImage.DanglingName(image.Target.Digest), image.Target, cancellationToken).ConfigureAwait(false);
            return await UntagAsync(same, cancellationToken).ConfigureAwait(false);
        }
        return await RemoveAllAsync(image.Content, all, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Removes images without a name, or (dangling=false) all that no container uses.</summary>
    public async ValueTask<ImagesPruneReport> PruneAsync(Filters filters, Func<string, IReadOnlyList<ImageUser>> users, CancellationToken cancellationToken)
    {
        if (filters.FirstUnknown("dangling", "label", "label!", "until") is { } unknown)
            throw ApiException.BadRequest($"invalid filter '{unknown}'");
        bool danglingOnly;
        try
        {
            danglingOnly = filters.GetBool("dangling", true);
        }
        catch (FormatException error)
        {
            throw ApiException.BadRequest(error.Message);
        }
        Filters others = new();
        foreach (string key in filters.Keys.Where(k => k != "dangling"))
        {
            foreach (string value in filters.Get(key))
                others.Add(key, value);
        }
        Func<NamedImage, bool> matches = await queries.MatcherAsync(others, cancellationToken).ConfigureAwait(false);
        ImagesPruneReport report = new();
        foreach (IGrouping<Digest, NamedImage> group in (await catalog.AllAsync(cancellationToken).ConfigureAwait(false)).GroupBy(i => i.Content.Id))
        {
            List<NamedImage> names = [.. group];
            if ((danglingOnly && !names.TrueForAll(n => n.IsDangling)) || !names.TrueForAll(n => matches(n)) || users(group.Key.ToString()).Count > 0)
                continue;
            long size = await queries.SizeAsync(names[0].Content, cancellationToken).ConfigureAwait(false);
            (report.ImagesDeleted ??= []).AddRange(await RemoveAllAsync(names[0].Content, names, cancellationToken).ConfigureAwait(false));
            report.SpaceReclaimed += (ulong)size;
        }
        events.Publish("image", "prune", "", new Dictionary<string, string> { ["reclaimed"] = report.SpaceReclaimed.ToString(System.Globalization.CultureInfo.InvariantCulture) });
        return report;
    }

    /// <summary>Tells what happened to an image; its labels are attributes, as in Docker.</summary>
    public static void Publish(EventBus events, string action, ImageContent content, string name)
    {
        Dictionary<string, string> attributes = content.Defaults.Labels is { } labels ? new(labels) : [];
        attributes["name"] = name;
        events.Publish("image", action, content.Id.ToString(), attributes);
    }

    private static void CheckConflicts(Digest id, List<NamedImage> all, IReadOnlyList<ImageUser> users, bool force)
    {
        foreach (ImageUser user in users)
        {
            if (user.Running)
                throw ApiException.Conflict($"conflict: unable to delete {id.Short} (cannot be forced) - image is being used by running container {Short(user.Id)}");
        }
        if (force)
            return;
        if (all.Where(i => !i.IsDangling).Select(i => i.Reference?.Name ?? i.Name).Distinct().Count() > 1)
            throw ApiException.Conflict($"conflict: unable to delete {id.Short} (must be forced) - image is referenced in multiple repositories");
        if (users.Count > 0)
            throw ApiException.Conflict($"conflict: unable to delete {id.Short} (must be forced) - image is being used by stopped container {Short(users[0].Id)}");
    }

    /// <summary>The name itself, and names by digest of the same repository where no other tag of it is left.</summary>
    private static List<NamedImage> SameReferences(NamedImage image, List<NamedImage> all)
    {
        string? repository = image.Reference?.Name;
        bool otherTags = all.Exists(i => i.Name != image.Name && i.Reference is { Tag: not null } other && other.Name == repository);
        return [.. all.Where(i => i.Name == image.Name || (!otherTags && i.Reference is { Tag: null } byDigest && byDigest.Name == repository))];
    }

    private async ValueTask<List<ImageDeleteItem>> UntagAsync(List<NamedImage> names, CancellationToken cancellationToken)
    {
        List<ImageDeleteItem> items = [];
        foreach (NamedImage name in names)
        {
            await catalog.RemoveAsync(name.Name, collect: false, cancellationToken).ConfigureAwait(false);
            items.Add(new ImageDeleteItem { Untagged = name.Familiar });
            Publish(events, "untag", name.Content, name.Familiar);
        }
        return items;
    }

    private async ValueTask<List<ImageDeleteItem>> RemoveAllAsync(ImageContent content, List<NamedImage> all, CancellationToken cancellationToken)
    {
        List<ImageDeleteItem> items = [];
        List<string> digests = ImageQueries.Names(all).Digests;
        for (int i = 0; i < all.Count; i++)
        {
            await catalog.RemoveAsync(all[i].Name, collect: i == all.Count - 1, cancellationToken).ConfigureAwait(false);
            if (all[i].IsDangling)
                continue;
            items.Add(new ImageDeleteItem { Untagged = all[i].Familiar });
            Publish(events, "untag", content, all[i].Familiar);
        }
        foreach (string digest in digests.Where(d => !items.Exists(i => i.Untagged == d)))
            items.Add(new ImageDeleteItem { Untagged = digest });
        items.Add(new ImageDeleteItem { Deleted = content.Id.ToString() });
        Publish(events, "delete", content, content.Id.ToString());

        // Layers that another image has stay; the list is as Docker gives it, from the top down.
        HashSet<Digest> kept = [.. (await catalog.AllAsync(cancellationToken).ConfigureAwait(false)).SelectMany(i => i.Content.Chain)];
        for (int i = content.Chain.Length - 1; i >= 0 && !kept.Contains(content.Chain[i]); i--)
            items.Add(new ImageDeleteItem { Deleted = content.Chain[i].ToString() });
        return items;
    }

    private static string Short(string id) => id.Length > 12 ? id[..12] : id;
}
