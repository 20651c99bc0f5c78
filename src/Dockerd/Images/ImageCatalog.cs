using System.Collections.Concurrent;
using System.Text.Json;
using AotRuntime.Dockerd.Api;
using AotRuntime.EngineApi;
using AotRuntime.Images;
using AotRuntime.Json;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Images;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Dockerd.Images;

/// <summary>An image's documents, read once: what a name's target leads to.</summary>
internal sealed record ImageContent
{
    /// <summary>The config's digest: the image's id.</summary>
    public required Digest Id { get; init; }

    /// <summary>The config.</summary>
    public required ImageConfig Config { get; init; }

    /// <summary>The defaults for containers.</summary>
    public required ContainerConfig Defaults { get; init; }

    /// <summary>The layers' chain ids, base first.</summary>
    public required Digest[] Chain { get; init; }

    /// <summary>When the image was made.</summary>
    public DateTimeOffset? Created => Config.Created is { } text && Rfc3339.TryParse(text, out DateTimeOffset time) ? time : null;
}

/// <summary>One name in containerd's image store.</summary>
/// <param name="Name">In full; <c>moby-dangling@…</c> for an image that lost its last name.</param>
/// <param name="Target">What it points to.</param>
/// <param name="Updated">When it last changed.</param>
/// <param name="Content">What the target leads to.</param>
internal sealed record NamedImage(string Name, Descriptor Target, DateTimeOffset Updated, ImageContent Content)
{
    /// <summary>The name that keeps an image which has none.</summary>
    public static string DanglingName(Digest target) => $"moby-dangling@{target}";

    /// <summary>Whether it only keeps the image.</summary>
    public bool IsDangling => Name == DanglingName(Target.Digest);

    /// <summary>The name as a reference; null for one that is none.</summary>
    public ImageReference? Reference => IsDangling ? null : ImageReference.TryParse(Name);

    /// <summary>The name as people write it.</summary>
    public string Familiar => Reference?.Familiar ?? Name;
}

/// <summary>The names in containerd's image store, and what they lead to. What content holds never changes, so it is read once.</summary>
internal sealed class ImageCatalog(ContainerdCalls calls, ImageStoreOptions options)
{
    private const int MaxCached = 4096;
    private readonly ContentStore _content = new(calls);
    private readonly ConcurrentDictionary<Digest, ImageContent> _read = new();

    /// <summary>All names whose content is here.</summary>
    public async ValueTask<List<NamedImage>> AllAsync(CancellationToken cancellationToken)
    {
        ListImagesResponse list = await calls.UnaryAsync(ImagesMethods.List, new ListImagesRequest(), cancellationToken).ConfigureAwait(false);
        List<NamedImage> images = [];
        foreach (Image image in list.Images)
        {
            if (await ReadAsync(image, cancellationToken).ConfigureAwait(false) is { } named)
                images.Add(named);
        }
        return images;
    }

    /// <summary>One name; null where it is not there or its content is not.</summary>
    public async ValueTask<NamedImage?> GetAsync(string name, CancellationToken cancellationToken)
    {
        GetImageResponse? found = await calls.FindAsync(ImagesMethods.Get, new GetImageRequest { Name = name }, cancellationToken).ConfigureAwait(false);
        return found is null ? null : await ReadAsync(found.Image, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>What a client's reference means: a name first, then an id or its beginning.</summary>
    /// <returns>The image, and whether the reference was an id; null where there is none.</returns>
    /// <exception cref="ApiException">It is no reference, or several ids begin so.</exception>
    public async ValueTask<(NamedImage Image, bool ById)?> ResolveAsync(string text, CancellationToken cancellationToken)
    {
        ImageReference? reference = null;
        if (!IsFullId(text))
        {
            try
            {
                reference = ImageReference.Parse(text);
            }
            catch (ReferenceException error)
            {
                throw ApiException.BadRequest(error.Message);
            }
            if (reference.Digest.IsEmpty)
            {
                if (await GetAsync(reference.WithDefaultTag().ToString(), cancellationToken).ConfigureAwait(false) is { } tagged)
                    return (tagged, false);
            }
            else
            {
                foreach (NamedImage image in await AllAsync(cancellationToken).ConfigureAwait(false))
                {
                    if ((image.Target.Digest == reference.Digest || image.Content.Id == reference.Digest) && image.Reference?.Name == reference.Name)
                        return (image, false);
                }
                return null;
            }
        }

        string hex = text.StartsWith("sha256:", StringComparison.Ordinal) ? text["sha256:".Length..] : text;
        if (hex.Length is 0 or > 64 || hex.AsSpan().ContainsAnyExcept("0123456789abcdef"))
            return null;
        NamedImage? match = null;
        foreach (NamedImage image in await AllAsync(cancellationToken).ConfigureAwait(false))
        {
            if (!image.Content.Id.Hex.StartsWith(hex, StringComparison.Ordinal) && image.Target.Digest.Hex != hex)
                continue;
            if (match is not null && match.Content.Id != image.Content.Id)
                throw ApiException.BadRequest($"ambiguous reference \"{text}\"");
            match = match is null || match.IsDangling ? image : match;
        }
        return match is null ? null : (match, true);
    }

    /// <summary>Points a name to an image; an image that loses its last name by that is kept without one.</summary>
    public async ValueTask SetAsync(string name, Descriptor target, CancellationToken cancellationToken)
    {
        Image image = new() { Name = name, Target = ContainerdCalls.ToMessage(target) };
        GetImageResponse? old = await calls.FindAsync(ImagesMethods.Get, new GetImageRequest { Name = name }, cancellationToken).ConfigureAwait(false);
        if (old is not null && old.Image.Target.Digest == target.Digest.ToString())
        {
            await UpdateAsync(image, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            if (old is not null)
                await KeepWithoutNameAsync(old.Image, cancellationToken).ConfigureAwait(false);
            try
            {
                await calls.UnaryAsync(ImagesMethods.Create, new CreateImageRequest { Image = image }, cancellationToken).ConfigureAwait(false);
            }
            catch (RpcException error) when (error.Status == RpcStatus.AlreadyExists)
            {
                await UpdateAsync(image, cancellationToken).ConfigureAwait(false);
            }
        }
        string dangling = NamedImage.DanglingName(target.Digest);
        if (name != dangling)
            await RemoveAsync(dangling, collect: false, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Removes a name; with <paramref name="collect"/> what only it kept is gone when this returns.</summary>
    public async ValueTask RemoveAsync(string name, bool collect, CancellationToken cancellationToken) =>
        await calls.FindAsync(ImagesMethods.Delete, new DeleteImageRequest { Name = name, Sync = collect }, cancellationToken).ConfigureAwait(false);

    private async ValueTask UpdateAsync(Image image, CancellationToken cancellationToken)
    {
        UpdateImageRequest update = new() { Image = image, UpdateMask = new FieldMask() };
        update.UpdateMask.Paths.Add("target");
        await calls.UnaryAsync(ImagesMethods.Update, update, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask KeepWithoutNameAsync(Image old, CancellationToken cancellationToken)
    {
        ListImagesResponse list = await calls.UnaryAsync(ImagesMethods.List, new ListImagesRequest(), cancellationToken).ConfigureAwait(false);
        if (list.Images.Any(i => i.Name != old.Name && i.Target.Digest == old.Target.Digest) || ContainerdCalls.FromMessage(old.Target) is not { } target)
            return;
        Image kept = new() { Name = NamedImage.DanglingName(target.Digest), Target = old.Target };
        try
        {
            await calls.UnaryAsync(ImagesMethods.Create, new CreateImageRequest { Image = kept }, cancellationToken).ConfigureAwait(false);
        }
        catch (RpcException error) when (error.Status == RpcStatus.AlreadyExists)
        {
            // It was kept so before.
        }
    }

    private async ValueTask<NamedImage?> ReadAsync(Image image, CancellationToken cancellationToken)
    {
        if (ContainerdCalls.FromMessage(image.Target) is not { } target)
            return null;
        if (!_read.TryGetValue(target.Digest, out ImageContent? content))
        {
            content = await ReadContentAsync(target, cancellationToken).ConfigureAwait(false);
            if (content is null)
                return null;
            if (_read.Count >= MaxCached)
                _read.Clear();
            _read[target.Digest] = content;
        }
        return new NamedImage(image.Name, target, image.UpdatedAt?.ToDateTimeOffset() ?? DateTimeOffset.UnixEpoch, content);
    }

    private async ValueTask<ImageContent?> ReadContentAsync(Descriptor target, CancellationToken cancellationToken)
    {
        int limit = options.Registry.MaxManifestBytes;
        if (await _content.ReadAllAsync(target.Digest, limit, cancellationToken).ConfigureAwait(false) is not { } json)
            return null;
        try
        {
            Manifest? manifest = null;
            if (MediaTypes.IsIndex(target.MediaType))
            {
                ImageIndex? index = JsonText.Parse(json, OciJsonContext.ImageIndex);
                List<Descriptor> here = [];
                foreach (Descriptor? candidate in index?.Manifests ?? [])
                {
                    if (candidate is { Digest.IsEmpty: false } && await _content.ContainsAsync(candidate.Digest, cancellationToken).ConfigureAwait(false))
                        here.Add(candidate);
                }
                Descriptor? chosen = Platform.Host.Choose(here) ?? here.FirstOrDefault(d => MediaTypes.IsManifest(d.MediaType));
                if (chosen is null || await _content.ReadAllAsync(chosen.Digest, limit, cancellationToken).ConfigureAwait(false) is not { } inner)
                    return null;
                json = inner;
            }
            manifest = JsonText.Parse(json, OciJsonContext.Manifest);
            if (manifest?.Config is not { Digest.IsEmpty: false } configDescriptor ||
                await _content.ReadAllAsync(configDescriptor.Digest, options.Registry.MaxConfigBytes, cancellationToken).ConfigureAwait(false) is not { } configJson ||
                JsonText.Parse(configJson, OciJsonContext.ImageConfig) is not { } config)
            {
                return null;
            }
            ContainerConfig? defaults = config.Config is { ValueKind: JsonValueKind.Object } element
                ? JsonText.Parse(element, EngineJson.Types.ContainerConfig)
                : null;
            return new ImageContent
            {
                Id = configDescriptor.Digest,
                Config = config,
                Defaults = defaults ?? new ContainerConfig(),
                Chain = ChainId.All(config.Rootfs?.DiffIds ?? []),
            };
        }
        catch (JsonException)
        {
            // Whatever wrote it (ctr can), it is no image to us.
            return null;
        }
    }

    private static bool IsFullId(string text) =>
        Digest.TryParse(text, out _) || (text.Length == 64 && !text.AsSpan().ContainsAnyExcept("0123456789abcdef"));
}
