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

    /// <summary>How a container of the image runs.</summary>
    public ContainerDefaults? Config { get; init; }

    /// <summary>The layers' diff ids.</summary>
    public RootFs? Rootfs { get; init; }

    /// <summary>How each layer came to be.</summary>
    public HistoryEntry[]? History { get; init; }
}

/// <summary>How a container of an image runs, unless told otherwise. Names are Docker's own, in Pascal case.</summary>
public sealed record ContainerDefaults
{
    /// <summary>User (and group).</summary>
    [JsonPropertyName("User")]
    public string? User { get; init; }

    /// <summary>Ports, <c>80/tcp</c>.</summary>
    [JsonPropertyName("ExposedPorts")]
    public Dictionary<string, JsonElement>? ExposedPorts { get; init; }

    /// <summary>Environment, <c>NAME=value</c>.</summary>
    [JsonPropertyName("Env")]
    public string[]? Env { get; init; }

    /// <summary>The program and its first arguments.</summary>
    [JsonPropertyName("Entrypoint")]
    public string[]? Entrypoint { get; init; }

    /// <summary>The program, or the arguments of the entry point.</summary>
    [JsonPropertyName("Cmd")]
    public string[]? Cmd { get; init; }

    /// <summary>Folders that become volumes.</summary>
    [JsonPropertyName("Volumes")]
    public Dictionary<string, JsonElement>? Volumes { get; init; }

    /// <summary>Working directory.</summary>
    [JsonPropertyName("WorkingDir")]
    public string? WorkingDir { get; init; }

    /// <summary>Labels.</summary>
    [JsonPropertyName("Labels")]
    public Dictionary<string, string>? Labels { get; init; }

    /// <summary>The signal that stops the program.</summary>
    [JsonPropertyName("StopSignal")]
    public string? StopSignal { get; init; }

    /// <summary>Windows: arguments are escaped already.</summary>
    [JsonPropertyName("ArgsEscaped")]
    public bool? ArgsEscaped { get; init; }

    /// <summary>Instructions for images built on this one.</summary>
    [JsonPropertyName("OnBuild")]
    public string[]? OnBuild { get; init; }

    /// <summary>Shell of shell-form instructions.</summary>
    [JsonPropertyName("Shell")]
    public string[]? Shell { get; init; }

    /// <summary>Health check, as Docker stores it.</summary>
    [JsonPropertyName("Healthcheck")]
    public JsonElement? Healthcheck { get; init; }
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
