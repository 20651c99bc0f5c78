using System.Text.Json;
using System.Text.Json.Serialization;

namespace AotRuntime.Images;

/// <summary>An image's configuration (image-spec, config.md, with Docker's additions).</summary>
public sealed record ImageConfig
{
    /// <summary>When the image was made, RFC 3339.</summary>
    public string? Created { get; init; }

    /// <summary>Who made it.</summary>
    public string? Author { get; init; }

    /// <summary>Docker's free comment.</summary>
    public string? Comment { get; init; }

    /// <summary>CPU architecture, in Go's names.</summary>
    public string? Architecture { get; init; }

    /// <summary>Variant of the architecture.</summary>
    public string? Variant { get; init; }

    /// <summary>Operating system, in Go's names.</summary>
    public string? Os { get; init; }

    /// <summary>Version of the operating system, for Windows.</summary>
    [JsonPropertyName("os.version")]
    public string? OsVersion { get; init; }

    /// <summary>How a container of the image runs, in the Engine API's own form.</summary>
    public JsonElement? Config { get; init; }

    /// <summary>The layers' diff ids.</summary>
    public RootFs? Rootfs { get; init; }

    /// <summary>How each layer came to be.</summary>
    public HistoryEntry[]? History { get; init => field = OciList.Whole(value); }
}

/// <summary>The layers of an image, base first, by the digests of their plain tars.</summary>
public sealed record RootFs
{
    /// <summary>Always <c>layers</c>.</summary>
    public string? Type { get; init; }

    /// <summary>Diff ids, base first.</summary>
    [JsonPropertyName("diff_ids")]
    public Digest[]? DiffIds { get; init; }
}

/// <summary>How one layer came to be.</summary>
public sealed record HistoryEntry
{
    /// <summary>When, RFC 3339.</summary>
    public string? Created { get; init; }

    /// <summary>By which command.</summary>
    [JsonPropertyName("created_by")]
    public string? CreatedBy { get; init; }

    /// <summary>By whom.</summary>
    public string? Author { get; init; }

    /// <summary>Free comment.</summary>
    public string? Comment { get; init; }

    /// <summary>Whether the step made no layer.</summary>
    [JsonPropertyName("empty_layer")]
    public bool? EmptyLayer { get; init; }
}
