using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Events;
using AotRuntime.EngineApi;
using AotRuntime.Images;
using AotRuntime.Images.Registry;
using AotRuntime.Rpc;

namespace AotRuntime.Dockerd.Images;

/// <summary>
/// The daemon's images, kept in containerd: blobs in its content store, names in its image store, layers as snapshots. Nothing is kept here
/// that a restart could lose.
/// </summary>
public sealed class ImageStore : IImageStore
{
    private readonly ImageStoreOptions _options;
    private readonly EventBus _events;
    private readonly ContainerdCalls _calls;
    private readonly ImageCatalog _catalog;
    private readonly ImageQueries _queries;
    private readonly ImageRemover _remover;
    private readonly SemaphoreSlim _downloads;
    private readonly KeyedLocks _locks = new();

    /// <summary>Images of the containerd behind <paramref name="channel"/>.</summary>
    public ImageStore(RpcChannel channel, ImageStoreOptions options, EventBus events)
    {
        _options = options;
        _events = events;
        _calls = new ContainerdCalls(channel, options.Namespace);
        _catalog = new ImageCatalog(_calls, options);
        _queries = new ImageQueries(_catalog, new SnapshotStore(_calls, options.Snapshotter), options);
        _remover = new ImageRemover(_catalog, _queries, events);
        _downloads = new SemaphoreSlim(Math.Max(1, options.MaxConcurrentDownloads));
    }

    /// <inheritdoc/>
    public string Snapshotter => _options.Snapshotter;

    /// <summary>Called at the daemon's start: what pulls had made when the last daemon died is collected.</summary>
    public ValueTask RecoverAsync(CancellationToken cancellationToken = default) => _calls.EndForgottenLeasesAsync(cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<LocalImage?> FindAsync(string reference, CancellationToken cancellationToken = default)
    {
        if (await _catalog.ResolveAsync(reference, cancellationToken).ConfigureAwait(false) is not { } found)
            return null;
        ImageContent content = found.Image.Content;
        return new LocalImage
        {
            Id = content.Id.ToString(),
            ChainId = content.Chain.Length == 0 ? "" : content.Chain[^1].ToString(),
            Config = content.Defaults,
            Reference = found.ById ? "" : found.Image.Name,
            Os = content.Config.Os ?? "linux",
            Architecture = content.Config.Architecture ?? "",
            Variant = content.Config.Variant,
        };
    }

    /// <inheritdoc/>
    public async ValueTask PullAsync(PullRequest request, Func<JsonMessage, ValueTask> progress, CancellationToken cancellationToken = default)
    {
        ImageReference reference = ReferenceOf(request);
        Platform platform = Platform.Host;
        if (request.Platform.Length > 0)
        {
            try
            {
                platform = Platform.Parse(request.Platform);
            }
            catch (FormatException error)
            {
                throw ApiException.BadRequest(error.Message);
            }
        }
        RegistryAuth auth = AuthOf(request.Auth);
        try
        {
            if (!reference.IsNameOnly)
            {
                await PullOneAsync(reference, platform, request.Platform.Length > 0, auth, progress, cancellationToken).ConfigureAwait(false);
                return;
            }
            // Neither tag nor digest: all tags, as "docker pull --all-tags" asks for.
            IReadOnlyList<string> tags;
            await using (RegistryClient registry = new(reference, auth, _options.Registry))
                tags = await registry.ListTagsAsync(cancellationToken).ConfigureAwait(false);
            foreach (string tag in tags)
                await PullOneAsync(reference.WithTag(tag), platform, request.Platform.Length > 0, auth, progress, cancellationToken).ConfigureAwait(false);
        }
        catch (RegistryException error)
        {
            throw new ApiException(StatusOf(error.Failure), error.Message, error);
        }
        catch (RpcException error) when (error.Status != RpcStatus.Cancelled)
        {
            throw ApiException.Internal(error.Message, error);
        }
    }

    /// <inheritdoc/>
    public async ValueTask LoginAsync(AuthConfig auth, CancellationToken cancellationToken = default)
    {
        string server = auth.ServerAddress ?? "";
        int scheme = server.IndexOf("://", StringComparison.Ordinal);
        server = (scheme < 0 ? server : server[(scheme + 3)..]).Split('/')[0];
        // Docker Hub goes by the name of its first index.
        if (server is "" or "index.docker.io" or "registry-1.docker.io")
            server = "docker.io";
        try
        {
            await using RegistryClient registry = new(ImageReference.Parse($"{server}/login"), AuthOf(auth), _options.Registry);
            await registry.LoginAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (ReferenceException error)
        {
            throw ApiException.BadRequest(error.Message);
        }
        catch (RegistryException error)
        {
            throw new ApiException(StatusOf(error.Failure), error.Message, error);
        }
    }

    private async ValueTask PullOneAsync(
        ImageReference reference, Platform platform, bool platformAsked, RegistryAuth auth, Func<JsonMessage, ValueTask> sink, CancellationToken cancellationToken)
    {
        (string lease, ContainerdCalls leased) = await _calls.LeaseAsync(cancellationToken).ConfigureAwait(false);
        bool done = false;
        try
        {
            await using PullProgress progress = new(sink);
            await using RegistryClient registry = new(reference, auth, _options.Registry);
            ImagePuller puller = new(leased, _options, _downloads, _locks, registry, reference, progress);
            PulledImage pulled = await puller.RunAsync(platform, platformAsked, cancellationToken).ConfigureAwait(false);

            string name = reference.Canonical().ToString();
            NamedImage? before = await _catalog.GetAsync(name, cancellationToken).ConfigureAwait(false);
            await _catalog.SetAsync(name, pulled.Target, cancellationToken).ConfigureAwait(false);
            done = true;
            progress.Line($"Digest: {pulled.Target.Digest}");
            progress.Line(before?.Target.Digest == pulled.Target.Digest
                ? $"Status: Image is up to date for {reference.Familiar}"
                : $"Status: Downloaded newer image for {reference.Familiar}");
            _events.Publish("image", "pull", reference.Familiar, new Dictionary<string, string> { ["name"] = reference.FamiliarName });
        }
        finally
        {
            // A failed pull's half-made things are collected before the client hears of the failure.
            await _calls.EndLeaseAsync(lease, collect: !done).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public ValueTask<List<ImageSummary>> ListAsync(Filters filters, bool all, bool sharedSize, CancellationToken cancellationToken = default) =>
        _queries.ListAsync(filters, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ImageInspect?> InspectAsync(string reference, CancellationToken cancellationToken = default) =>
        _queries.InspectAsync(reference, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<List<ImageHistoryItem>?> HistoryAsync(string reference, CancellationToken cancellationToken = default) =>
        _queries.HistoryAsync(reference, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask TagAsync(string reference, string repository, string tag, CancellationToken cancellationToken = default)
    {
        ImageReference target;
        try
        {
            target = ImageReference.Parse(repository);
            if (!target.Digest.IsEmpty)
                throw ApiException.BadRequest("refusing to create a tag with a digest reference");
            target = tag.Length > 0 ? target.NameOnly().WithTag(tag) : target.WithDefaultTag();
        }
        catch (ReferenceException error)
        {
            throw ApiException.BadRequest(error.Message);
        }
        (NamedImage image, _) = await _queries.RequireAsync(reference, cancellationToken).ConfigureAwait(false);
        await _catalog.SetAsync(target.ToString(), image.Target, cancellationToken).ConfigureAwait(false);
        ImageRemover.Publish(_events, "tag", image.Content, target.Familiar);
    }

    /// <inheritdoc/>
    public ValueTask<List<ImageDeleteItem>> DeleteAsync(
        string reference, bool force, bool noPrune, Func<string, IReadOnlyList<ImageUser>> users, CancellationToken cancellationToken = default) =>
        _remover.DeleteAsync(reference, force, users, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ImagesPruneReport> PruneAsync(
        Filters filters, Func<string, IReadOnlyList<ImageUser>> users, CancellationToken cancellationToken = default) =>
        _remover.PruneAsync(filters, users, cancellationToken);

    private static ImageReference ReferenceOf(PullRequest request)
    {
        try
        {
            // "docker pull -a" of old clients sends a name with a colon behind it.
            string from = request.FromImage.EndsWith(':') ? request.FromImage[..^1] : request.FromImage;
            ImageReference reference = ImageReference.Parse(from);
            if (request.Tag.Length > 0)
                reference = Digest.TryParse(request.Tag, out Digest digest) ? reference.WithDigestOnly(digest) : reference.WithTag(request.Tag);
            return reference.Path == "library/scratch" && reference.Domain == "docker.io" ? throw ApiException.Forbidden("'scratch' is a reserved name") : reference;
        }
        catch (ReferenceException error)
        {
            throw ApiException.BadRequest(error.Message);
        }
    }

    private static RegistryAuth AuthOf(AuthConfig? auth) => auth is null
        ? RegistryAuth.None
        : new RegistryAuth
        {
            Username = auth.Username ?? "",
            Password = auth.Password ?? "",
            IdentityToken = auth.IdentityToken ?? "",
            RegistryToken = auth.RegistryToken ?? "",
        };

    private static int StatusOf(RegistryFailure failure) => failure switch
    {
        RegistryFailure.NotFound => 404,
        RegistryFailure.Unauthorized => 401,
        RegistryFailure.Invalid => 400,
        RegistryFailure.TooManyRequests => 429,
        _ => 500,
    };
}
