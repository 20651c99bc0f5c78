using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Images;

/// <summary>An image that is here, as far as containers need it.</summary>
public sealed record LocalImage
{
    /// <summary>Its id: the digest of its config, <c>sha256:…</c>.</summary>
    public required string Id { get; init; }

    /// <summary>Chain id of its topmost layer: the key of the committed snapshot; empty for an image without layers.</summary>
    public required string ChainId { get; init; }

    /// <summary>The defaults that the image sets for containers.</summary>
    public required ContainerConfig Config { get; init; }

    /// <summary>The name that it was found by, in full (<c>docker.io/library/busybox:latest</c>); empty when found by id.</summary>
    public string Reference { get; init; } = "";

    /// <summary><c>linux</c>.</summary>
    public string Os { get; init; } = "linux";

    /// <summary><c>amd64</c>.</summary>
    public string Architecture { get; init; } = "";

    /// <summary><c>v7</c>; null for none.</summary>
    public string? Variant { get; init; }
}

/// <summary>What to pull.</summary>
public sealed record PullRequest
{
    /// <summary>The <c>fromImage</c> parameter.</summary>
    public required string FromImage { get; init; }

    /// <summary>The <c>tag</c> parameter: a tag, a digest, or empty.</summary>
    public string Tag { get; init; } = "";

    /// <summary>The <c>platform</c> parameter; empty for the host's.</summary>
    public string Platform { get; init; } = "";

    /// <summary>Credentials from <c>X-Registry-Auth</c>.</summary>
    public AuthConfig? Auth { get; init; }
}

/// <summary>A container that stands against an image's removal.</summary>
/// <param name="Id">The container's id.</param>
/// <param name="Running">Whether it runs: then even force does not help.</param>
public readonly record struct ImageUser(string Id, bool Running);

/// <summary>The daemon's images.</summary>
public interface IImageStore
{
    /// <summary>The snapshotter that holds the layers, <c>overlayfs</c> or <c>native</c>.</summary>
    string Snapshotter { get; }

    /// <summary>An image by name, digest or id (or an id's beginning); null where there is none.</summary>
    ValueTask<LocalImage?> FindAsync(string reference, CancellationToken cancellationToken = default);

    /// <summary>
    /// Pulls, reporting each step. An error before the first report throws <see cref="Api.ApiException"/> with Docker's status code; a
    /// later one is thrown too, and the route writes it into the stream as Docker does.
    /// </summary>
    ValueTask PullAsync(PullRequest request, Func<JsonMessage, ValueTask> progress, CancellationToken cancellationToken = default);

    /// <summary>Shows credentials to their registry.</summary>
    /// <exception cref="Api.ApiException">401: it refuses them; 500: it can't be reached.</exception>
    ValueTask LoginAsync(AuthConfig auth, CancellationToken cancellationToken = default);

    /// <summary>Images for the list (<c>all</c>, filters, <c>shared-size</c>).</summary>
    ValueTask<List<ImageSummary>> ListAsync(Filters filters, bool all, bool sharedSize, CancellationToken cancellationToken = default);

    /// <summary>One image in full; null where there is none.</summary>
    ValueTask<ImageInspect?> InspectAsync(string reference, CancellationToken cancellationToken = default);

    /// <summary>An image's history; null where there is none.</summary>
    ValueTask<List<ImageHistoryItem>?> HistoryAsync(string reference, CancellationToken cancellationToken = default);

    /// <summary>Gives an image one more name.</summary>
    ValueTask TagAsync(string reference, string repository, string tag, CancellationToken cancellationToken = default);

    /// <summary>Removes a name, and the image with its last name.</summary>
    /// <param name="reference">Name or id.</param>
    /// <param name="force">Remove although stopped containers use it, or several names remain.</param>
    /// <param name="noPrune">Keep untagged parents.</param>
    /// <param name="users">The containers made from an image id.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    ValueTask<List<ImageDeleteItem>> DeleteAsync(
        string reference, bool force, bool noPrune, Func<string, IReadOnlyList<ImageUser>> users, CancellationToken cancellationToken = default);

    /// <summary>Removes images that nothing uses.</summary>
    ValueTask<ImagesPruneReport> PruneAsync(
        Filters filters, Func<string, IReadOnlyList<ImageUser>> users, CancellationToken cancellationToken = default);
}
