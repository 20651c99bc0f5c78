using System.Text.Json.Serialization;

namespace AotRuntime.Images;

/// <summary>Points to content: what it is, its digest and its size (image-spec, descriptor.md).</summary>
public sealed record Descriptor
{
    /// <summary>What the content is.</summary>
    public string MediaType { get; init; } = "";

    /// <summary>The content's digest.</summary>
    public Digest Digest { get; init; }

    /// <summary>The content's size in bytes.</summary>
    public long Size { get; init; }

    /// <summary>Where else the content may be had.</summary>
    public string[]? Urls { get; init; }

    /// <summary>Free notes.</summary>
    public Dictionary<string, string>? Annotations { get; init; }

    /// <summary>In an index: what the image runs on.</summary>
    public Platform? Platform { get; init; }

    /// <summary>The type of an artifact.</summary>
    public string? ArtifactType { get; init; }
}

/// <summary>A manifest of one image, OCI's or Docker's schema 2 (image-spec, manifest.md).</summary>
public sealed record Manifest
{
    /// <summary>Always 2.</summary>
    public int SchemaVersion { get; init; }

    /// <summary>The manifest's own media type; may be missing in OCI's.</summary>
    public string? MediaType { get; init; }

    /// <summary>The image configuration.</summary>
    public Descriptor? Config { get; init; }

    /// <summary>The layers, base first.</summary>
    public Descriptor[]? Layers { get; init => field = OciList.Whole(value); }

    /// <summary>Free notes.</summary>
    public Dictionary<string, string>? Annotations { get; init; }
}

/// <summary>Manifests of one image for several platforms, or the content of a layout (image-spec, image-index.md).</summary>
public sealed record ImageIndex
{
    /// <summary>Always 2.</summary>
    public int SchemaVersion { get; init; }

    /// <summary>The index's own media type; may be missing in OCI's.</summary>
    public string? MediaType { get; init; }

    /// <summary>The manifests.</summary>
    public Descriptor[]? Manifests { get; init => field = OciList.Whole(value); }

    /// <summary>Free notes.</summary>
    public Dictionary<string, string>? Annotations { get; init; }
}

/// <summary>What every manifest-like document has in common: enough to tell which it is.</summary>
public sealed record ManifestProbe
{
    /// <summary>1 for the refused old manifests, else 2.</summary>
    public int SchemaVersion { get; init; }

    /// <summary>The document's own media type.</summary>
    public string? MediaType { get; init; }

    /// <summary>There in manifests of one image.</summary>
    public Descriptor? Config { get; init; }

    /// <summary>There in manifests of one image.</summary>
    public Descriptor[]? Layers { get; init => field = OciList.Whole(value); }

    /// <summary>There in indexes.</summary>
    public Descriptor[]? Manifests { get; init => field = OciList.Whole(value); }

    /// <summary>There in schema 1 only.</summary>
    [JsonPropertyName("fsLayers")]
    public System.Text.Json.JsonElement? FsLayers { get; init; }
}

/// <summary>Lists of documents that come from elsewhere.</summary>
internal static class OciList
{
    /// <summary>A list without holes: a null among its items makes the document malformed.</summary>
    public static T[]? Whole<T>(T[]? list) where T : class =>
        list is not null && Array.IndexOf(list, null) >= 0 ? throw new System.Text.Json.JsonException("null in a list") : list;
}
