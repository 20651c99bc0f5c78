using System.Text.Json;
using AotRuntime.Json;

namespace AotRuntime.Images.Registry;

/// <summary>
/// The OCI image layouts (image-spec, image-layout.md) that a registry serves: one, or a folder of them. Read anew at each request, so that
/// an image copied in is there at once.
/// </summary>
public sealed class LayoutStore
{
    private const int MaxDocumentBytes = 4 << 20;
    private const int MaxDepth = 4;
    private const string RefName = "org.opencontainers.image.ref.name";
    private readonly string _root;
    private readonly bool _single;

    /// <summary>Serves what lies in <paramref name="directory"/>.</summary>
    /// <exception cref="DirectoryNotFoundException">There is no such directory.</exception>
    public LayoutStore(string directory)
    {
        _root = Path.GetFullPath(directory);
        if (!Directory.Exists(_root))
            throw new DirectoryNotFoundException($"{directory}: no such directory");
        _single = File.Exists(Path.Combine(_root, "index.json"));
    }

    /// <summary>The names of all repositories, sorted.</summary>
    public IReadOnlyList<string> Repositories()
    {
        SortedSet<string> names = new(StringComparer.Ordinal);
        if (_single)
        {
            foreach (Descriptor manifest in ReadIndex(_root))
                names.Add(SplitRefName(RefNameOf(manifest)).Repository ?? OwnName);
        }
        else
        {
            Collect(_root, "", 0, names);
        }
        return [.. names];
    }

    /// <summary>The repository of that name; null where there is none. <c>library/x</c> and <c>x</c> are the same.</summary>
    public LayoutRepository? Find(string name)
    {
        if (!IsRepositoryName(name))
            return null;
        LayoutRepository? found = FindExactly(name);
        if (found is null && name.StartsWith("library/", StringComparison.Ordinal))
            found = FindExactly(name["library/".Length..]);
        return found ?? (name.Contains('/') ? null : FindExactly("library/" + name));
    }

    /// <summary>Whether <paramref name="name"/> is a repository's name by the distribution-spec, and so a path that stays in its folder.</summary>
    public static bool IsRepositoryName(string name) =>
        name.Length <= 255 && ReferenceGrammar.TrySplit(name, out string domain, out _, out string? tag, out string? digest) &&
        tag is null && digest is null && domain.AsSpan().IndexOfAny(":[") < 0 && name.ToLowerInvariant() == name;

    private string OwnName => Path.GetFileName(_root).ToLowerInvariant();

    private LayoutRepository? FindExactly(string name)
    {
        if (!_single)
        {
            string folder = Path.Combine(_root, name);
            return File.Exists(Path.Combine(folder, "index.json")) ? new LayoutRepository(name, folder, Tags(folder, null)) : null;
        }
        Dictionary<string, Descriptor> tags = Tags(_root, name);
        return tags.Count > 0 || name == OwnName ? new LayoutRepository(name, _root, tags) : null;
    }

    /// <summary>Tags of a layout: of all its references, or (in a single layout) of those that name <paramref name="repository"/>.</summary>
    private Dictionary<string, Descriptor> Tags(string folder, string? repository)
    {
        Dictionary<string, Descriptor> tags = new(StringComparer.Ordinal);
        foreach (Descriptor manifest in ReadIndex(folder))
        {
            (string? named, string tag) = SplitRefName(RefNameOf(manifest));
            if (repository is null || (named ?? OwnName) == repository)
                tags.TryAdd(tag, manifest);
        }
        return tags;
    }

    private static string RefNameOf(Descriptor manifest) =>
        manifest.Annotations?.GetValueOrDefault(RefName) is { Length: > 0 } name ? name : "latest";

    /// <summary><c>tag</c> or <c>name:tag</c>; a registry's name in front is left out.</summary>
    private static (string? Repository, string Tag) SplitRefName(string name)
    {
        int colon = name.LastIndexOf(':');
        if (colon < 0 || colon < name.LastIndexOf('/'))
            return name.Contains('/') ? (ImageReference.TryParse(name)?.FamiliarName, "latest") : (null, name);
        return ImageReference.TryParse(name) is { } reference
            ? (reference.Domain == "docker.io" ? reference.FamiliarName : reference.Path, reference.Tag ?? "latest")
            : (null, name[(colon + 1)..]);
    }

    private static Descriptor[] ReadIndex(string folder)
    {
        byte[]? json = ReadSmall(Path.Combine(folder, "index.json"));
        if (json is null)
            return [];
        try
        {
            ImageIndex? index = JsonText.Parse(json, OciJsonContext.ImageIndex);
            return index?.Manifests?.Where(m => m is not null && !m.Digest.IsEmpty).ToArray() ?? [];
        }
        catch (JsonException)
        {
            // A layout that is being written, or is none: nothing to serve from it.
            return [];
        }
    }

    /// <summary>A document's bytes; null where it is missing or larger than any manifest may be.</summary>
    internal static byte[]? ReadSmall(string path)
    {
        try
        {
            FileInfo file = new(path);
            return file.Exists && file.Length <= MaxDocumentBytes ? File.ReadAllBytes(path) : null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static void Collect(string folder, string prefix, int depth, SortedSet<string> names)
    {
        foreach (string child in Directory.EnumerateDirectories(folder))
        {
            string name = prefix + Path.GetFileName(child);
            if (!IsRepositoryName(name))
                continue;
            if (File.Exists(Path.Combine(child, "index.json")))
                names.Add(name);
            else if (depth < MaxDepth)
                Collect(child, name + "/", depth + 1, names);
        }
    }
}

/// <summary>A repository: a layout's blobs, and the tags that name some of its manifests.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Folder">The layout.</param>
/// <param name="Tags">Manifests by tag.</param>
public sealed record LayoutRepository(string Name, string Folder, IReadOnlyDictionary<string, Descriptor> Tags)
{
    /// <summary>A blob's file; null where there is none.</summary>
    public string? BlobPath(Digest digest)
    {
        string path = Path.Combine(Folder, "blobs", digest.Algorithm, digest.Hex);
        return File.Exists(path) ? path : null;
    }

    /// <summary>A manifest by tag or digest, with its media type; null where there is none.</summary>
    public (Digest Digest, string MediaType, byte[] Content)? Manifest(string reference)
    {
        string? mediaType = null;
        if (!Digest.TryParse(reference, out Digest digest))
        {
            if (!Tags.TryGetValue(reference, out Descriptor? tagged))
                return null;
            (digest, mediaType) = (tagged.Digest, tagged.MediaType);
        }
        if (BlobPath(digest) is not { } path || LayoutStore.ReadSmall(path) is not { } content)
            return null;
        ManifestProbe? probe = ManifestReader.Probe(content);
        mediaType = probe is null ? mediaType : ManifestReader.MediaTypeOf(probe) ?? mediaType;
        return mediaType is { Length: > 0 } ? (digest, mediaType, content) : null;
    }
}
