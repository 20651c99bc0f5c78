using System.IO.Pipelines;
using System.Text.Json;
using AotRuntime.Dockerd.Api;
using AotRuntime.EngineApi;
using AotRuntime.Images;
using AotRuntime.Images.Registry;
using AotRuntime.Json;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Dockerd.Images;

/// <summary>What a pull brought.</summary>
/// <param name="Target">What the registry gave for the name: an index or a manifest.</param>
internal sealed record PulledImage(Descriptor Target);

/// <summary>
/// Pulls one image: socket → SHA-256 → { blob to containerd's content store, inflate → SHA-256 (the diff id) → tar → files in the snapshot's
/// upper directory }. Layers download side by side; one whose parent is there is unpacked while it streams in, the others from the content
/// store once their parents are. All is made under a lease, and only a finished image gets a name.
/// </summary>
internal sealed class ImagePuller
{
    private readonly ContentStore _content;
    private readonly SnapshotStore _snapshots;
    private readonly ImageStoreOptions _options;
    private readonly SemaphoreSlim _downloads;
    private readonly KeyedLocks _locks;
    private readonly RegistryClient _registry;
    private readonly ImageReference _reference;
    private readonly PullProgress _progress;

    private Descriptor[] _layers = [];
    private Digest[] _diffIds = [];
    private Digest[] _chain = [];
    private TaskCompletionSource[] _ready = [];
    private string? _unpackedInto;

    public ImagePuller(
        ContainerdCalls leased, ImageStoreOptions options, SemaphoreSlim downloads, KeyedLocks locks, RegistryClient registry, ImageReference reference,
        PullProgress progress)
    {
        (_options, _downloads, _locks, _registry, _reference, _progress) = (options, downloads, locks, registry, reference, progress);
        _content = new ContentStore(leased);
        _snapshots = new SnapshotStore(leased, options.Snapshotter);
    }

    /// <summary>Brings everything that the image consists of. Its name is the caller's to write.</summary>
    public async Task<PulledImage> RunAsync(Platform platform, bool platformAsked, CancellationToken cancellationToken)
    {
        ManifestContent top = await _registry.ResolveAsync(cancellationToken).ConfigureAwait(false);
        (ManifestContent manifest, int place) = await ChooseAsync(top, platform, cancellationToken).ConfigureAwait(false);
        Manifest document = Parse(manifest.Content, OciJsonContext.Manifest, "manifest");
        (Descriptor configDescriptor, _layers) = Check(document);
        _progress.Line($"Pulling from {_reference.Path}", _reference.Digest.IsEmpty ? _reference.Tag ?? "latest" : _reference.Digest.ToString());

        byte[] configContent = await _content.ReadAllAsync(configDescriptor.Digest, _options.Registry.MaxConfigBytes, cancellationToken).ConfigureAwait(false)
            ?? await _registry.GetConfigAsync(configDescriptor, cancellationToken).ConfigureAwait(false);
        ImageConfig config = Parse(configContent, OciJsonContext.ImageConfig, "image config");
        Check(config, platform, platformAsked);
        _diffIds = config.Rootfs?.DiffIds ?? [];
        if (_diffIds.Length != _layers.Length || Array.Exists(_diffIds, d => d.IsEmpty))
            throw ApiException.BadRequest("layers from manifest don't match image configuration");
        _chain = ChainId.All(_diffIds);

        await PullLayersAsync(cancellationToken).ConfigureAwait(false);
        // Everything unpacked is on the disk before anything names it: a power loss must not leave an image of empty files.
        if (_unpackedInto is { } directory)
        {
            await Task.Run(
                () =>
                {
                    using SafeFileHandle handle = OpenDirectory(directory);
                    Sys.SyncFs(handle, directory);
                },
                cancellationToken).ConfigureAwait(false);
        }
        await WriteDocumentsAsync(top, manifest, place, configDescriptor, configContent, cancellationToken).ConfigureAwait(false);
        return new PulledImage(top.Descriptor);
    }

    private async ValueTask<(ManifestContent Manifest, int Place)> ChooseAsync(ManifestContent top, Platform platform, CancellationToken cancellationToken)
    {
        if (!MediaTypes.IsIndex(top.Descriptor.MediaType))
            return (top, -1);
        ImageIndex index = Parse(top.Content, OciJsonContext.ImageIndex, "manifest list");
        Descriptor[] manifests = [.. (index.Manifests ?? []).Where(m => m is not null && !m.Digest.IsEmpty)];
        Descriptor chosen = platform.Choose(manifests)
            ?? throw ApiException.NotFound($"no matching manifest for {platform} in the manifest list entries");
        ManifestContent manifest = await _registry.GetManifestAsync(chosen, cancellationToken).ConfigureAwait(false);
        if (!MediaTypes.IsManifest(manifest.Descriptor.MediaType))
            throw ApiException.BadRequest($"unsupported media type {manifest.Descriptor.MediaType}");
        return (manifest, Array.IndexOf(index.Manifests!, chosen));
    }

    private static T Parse<T>(byte[] json, IJsonReader<T> codec, string what)
        where T : class
    {
        try
        {
            return JsonText.Parse(json, codec) ?? throw ApiException.BadRequest($"invalid {what}: null");
        }
        catch (JsonException error)
        {
            throw new ApiException(400, $"invalid {what}: {error.Message}", error);
        }
    }

    private static (Descriptor Config, Descriptor[] Layers) Check(Manifest manifest)
    {
        if (manifest.Config is not { Digest.IsEmpty: false } config)
            throw ApiException.BadRequest("invalid manifest: no config");
        if (!MediaTypes.IsConfig(config.MediaType))
            throw ApiException.BadRequest($"Encountered remote \"{config.MediaType}\"(unknown) when fetching");
        Descriptor[] layers = manifest.Layers ?? [];
        foreach (Descriptor? layer in layers)
        {
            if (layer is null || layer.Digest.IsEmpty || layer.Size < 0)
                throw ApiException.BadRequest("invalid manifest: a layer without digest or size");
            if (!MediaTypes.IsLayer(layer.MediaType))
                throw ApiException.BadRequest($"unsupported media type {layer.MediaType}");
        }
        return (config, layers);
    }

    private void Check(ImageConfig config, Platform platform, bool platformAsked)
    {
        if (!string.IsNullOrEmpty(config.Os) && config.Os != "linux")
            throw ApiException.BadRequest($"image operating system \"{config.Os}\" cannot be used on this platform");
        Platform actual = new() { Os = config.Os ?? "linux", Architecture = config.Architecture ?? "", Variant = config.Variant };
        if (platformAsked && actual.Architecture.Length > 0 && platform.Distance(actual) is null)
        {
            throw ApiException.NotFound(
                $"image with reference {_reference.Familiar} was found but does not match the specified platform: wanted {platform}, actual: {actual}");
        }
    }

    private async Task PullLayersAsync(CancellationToken cancellationToken)
    {
        int first = _layers.Length;
        while (first > 0 && !await _snapshots.ContainsAsync(_chain[first - 1], cancellationToken).ConfigureAwait(false))
            first--;
        // An image that is here in full shows no layers, as in Docker.
        if (first < _layers.Length)
        {
            for (int i = 0; i < _layers.Length; i++)
                _progress.State(_layers[i], i < first ? "Already exists" : "Pulling fs layer");
            for (int i = first + _options.MaxConcurrentDownloads; i < _layers.Length; i++)
                _progress.State(_layers[i], "Waiting");
        }
        _ready = [.. _layers.Select(_ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously))];
        for (int i = 0; i < first; i++)
            _ready[i].SetResult();

        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        List<Task> tasks = [];
        for (int i = first; i < _layers.Length; i++)
            tasks.Add(PullLayerAsync(i, stop));
        Exception? failure = null;
        foreach (Task task in tasks)
        {
            try
            {
                await task.ConfigureAwait(false);
            }
            catch (Exception error)
            {
                // The first failure cancels the others; theirs are its echo.
                if (failure is null or OperationCanceledException)
                    failure = error;
            }
        }
        cancellationToken.ThrowIfCancellationRequested();
        if (failure is not null)
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
    }

    private async Task PullLayerAsync(int i, CancellationTokenSource stop)
    {
        try
        {
            bool unpacked = await DownloadAsync(i, stop.Token).ConfigureAwait(false);
            if (!unpacked)
            {
                if (i > 0)
                    await _ready[i - 1].Task.WaitAsync(stop.Token).ConfigureAwait(false);
                Pipe pipe = NewPipe();
                Task read = _content.CopyToAsync(_layers[i].Digest, pipe.Writer, stop.Token);
                await UnpackAsync(i, pipe.Reader, Task.CompletedTask, stop.Token).ConfigureAwait(false);
                await read.ConfigureAwait(false);
            }
            _progress.State(_layers[i], "Pull complete");
            _ready[i].SetResult();
        }
        catch
        {
            await stop.CancelAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Brings a layer's blob into the content store; true where it was unpacked on the way.</summary>
    private async Task<bool> DownloadAsync(int i, CancellationToken cancellationToken)
    {
        Descriptor layer = _layers[i];
        await _downloads.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            using IDisposable one = await _locks.EnterAsync($"blob {layer.Digest}", cancellationToken).ConfigureAwait(false);
            await using ContentWriter? writer = await _content.OpenWriterAsync($"layer-{layer.Digest}", layer, cancellationToken).ConfigureAwait(false);
            if (writer is null)
            {
                _progress.State(layer, "Download complete");
                return false;
            }
            bool stream = i == 0 || _ready[i - 1].Task.IsCompletedSuccessfully;
            Pipe? pipe = stream ? NewPipe() : null;
            TaskCompletionSource verified = new(TaskCreationOptions.RunContinuationsAsynchronously);
            Task unpack = pipe is null ? Task.CompletedTask : UnpackAsync(i, pipe.Reader, verified.Task, cancellationToken);
            Exception? failure = null;
            try
            {
                await FetchAsync(layer, writer, pipe?.Writer, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception error)
            {
                failure = error;
            }
            if (pipe is not null)
                await pipe.Writer.CompleteAsync(failure).ConfigureAwait(false);
            try
            {
                if (failure is null)
                {
                    await writer.CommitAsync(SourceLabels(), cancellationToken).ConfigureAwait(false);
                    _progress.State(layer, "Download complete");
                }
            }
            catch (Exception error)
            {
                failure = error;
            }
            if (failure is null)
                verified.SetResult();
            else
                verified.SetException(failure);
            try
            {
                await unpack.ConfigureAwait(false);
            }
            catch (Exception error)
            {
                // What the unpacker says of a blob that is not what it should be is less than what the download says.
                failure ??= error;
            }
            if (failure is not null)
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
            return stream;
        }
        finally
        {
            _downloads.Release();
        }
    }

    private async Task FetchAsync(Descriptor layer, ContentWriter writer, PipeWriter? unpacker, CancellationToken cancellationToken)
    {
        PullProgress.Counter counter = _progress.Count(layer, "Downloading");
        await _registry.CopyBlobAsync(
            layer,
            async (data, token) =>
            {
                await writer.WriteAsync(data, token).ConfigureAwait(false);
                // An unpacker that gave up takes no more, but the blob is read to its end: whether it is what its digest says decides
                // whose fault it was.
                if (unpacker is not null && (await unpacker.WriteAsync(data, token).ConfigureAwait(false)).IsCompleted)
                    unpacker = null;
                counter.Add(data.Length);
            },
            cancellationToken).ConfigureAwait(false);
        counter.Finish(layer.Size);
        _progress.State(layer, "Verifying Checksum");
    }

    /// <summary>
    /// Unpacks a layer while or after it is downloaded. Its snapshot is committed after <paramref name="verified"/>: not before the
    /// blob is known to be what its digest says; and clients see "Extracting" only behind "Download complete", as they expect.
    /// </summary>
    private async Task UnpackAsync(int i, PipeReader compressed, Task verified, CancellationToken cancellationToken)
    {
        Descriptor layer = _layers[i];
        Digest parent = i == 0 ? default : _chain[i - 1];
        try
        {
            using IDisposable one = await _locks.EnterAsync($"chain {_chain[i]}", cancellationToken).ConfigureAwait(false);
            if (await _snapshots.ContainsAsync(_chain[i], cancellationToken).ConfigureAwait(false))
                return;
            if (await _snapshots.PrepareAsync(parent, _chain[i], cancellationToken).ConfigureAwait(false) is not { } target)
                return;
            try
            {
                PullProgress.Counter counter = _progress.Count(layer, "Extracting");
                UnpackResult result = await LayerUnpacker.UnpackAsync(
                    compressed,
                    _options.Unpack with
                    {
                        Directory = target.Directory,
                        LowerDirectories = target.Lowers,
                        Whiteouts = target.Whiteouts,
                        Sync = false,
                        Progress = total =>
                        {
                            if (verified.IsCompletedSuccessfully)
                                counter.Set(total);
                        },
                    },
                    cancellationToken).ConfigureAwait(false);
                await verified.ConfigureAwait(false);
                counter.Finish(layer.Size);
                if (result.DiffId != _diffIds[i])
                    throw ApiException.BadRequest("layers from manifest don't match image configuration");
                _unpackedInto = target.Directory;
                await _snapshots.CommitAsync(target.Key, _chain[i], parent, cancellationToken).ConfigureAwait(false);
            }
            catch
            {
                await _snapshots.RemoveAsync(target.Key).ConfigureAwait(false);
                throw;
            }
        }
        catch (UnpackException error)
        {
            throw ApiException.Internal($"failed to register layer: {error.Message}", error);
        }
        finally
        {
            await compressed.CompleteAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Writes config, manifest and index, with the labels by which containerd's garbage collector walks from each to the next.</summary>
    private async ValueTask WriteDocumentsAsync(
        ManifestContent top, ManifestContent manifest, int place, Descriptor configDescriptor, byte[] configContent, CancellationToken cancellationToken)
    {
        for (int i = 0; i < _layers.Length; i++)
        {
            Dictionary<string, string> layerLabels = SourceLabels();
            layerLabels["containerd.io/uncompressed"] = _diffIds[i].ToString();
            if (await _content.ContainsAsync(_layers[i].Digest, cancellationToken).ConfigureAwait(false))
                await _content.SetLabelsAsync(_layers[i].Digest, layerLabels, cancellationToken).ConfigureAwait(false);
        }

        Dictionary<string, string> labels = SourceLabels();
        if (_chain.Length > 0)
            labels[$"containerd.io/gc.ref.snapshot.{_options.Snapshotter}"] = _chain[^1].ToString();
        await _content.WriteAsync($"config-{configDescriptor.Digest}", configDescriptor, configContent, labels, cancellationToken).ConfigureAwait(false);

        labels = SourceLabels();
        labels["containerd.io/gc.ref.content.config"] = configDescriptor.Digest.ToString();
        for (int i = 0; i < _layers.Length; i++)
            labels[$"containerd.io/gc.ref.content.l.{i}"] = _layers[i].Digest.ToString();
        await _content.WriteAsync($"manifest-{manifest.Descriptor.Digest}", manifest.Descriptor, manifest.Content, labels, cancellationToken).ConfigureAwait(false);

        if (place >= 0)
        {
            labels = SourceLabels();
            labels[$"containerd.io/gc.ref.content.m.{place}"] = manifest.Descriptor.Digest.ToString();
            await _content.WriteAsync($"index-{top.Descriptor.Digest}", top.Descriptor, top.Content, labels, cancellationToken).ConfigureAwait(false);
        }
    }

    private Dictionary<string, string> SourceLabels() => new() { [$"containerd.io/distribution.source.{_reference.Domain}"] = _reference.Path };

    // A few MiB between socket and inflate: enough to keep both busy, and the same for every layer's size.
    private static Pipe NewPipe() => new(new PipeOptions(pauseWriterThreshold: 4 << 20, resumeWriterThreshold: 2 << 20, minimumSegmentSize: 64 << 10, useSynchronizationContext: false));

    private static SafeFileHandle OpenDirectory(string path)
    {
        using SafeFileHandle none = new(-100, ownsHandle: false); // AT_FDCWD: the path is absolute
        byte[] bytes = [.. System.Text.Encoding.UTF8.GetBytes(path), 0];
        Errno errno = Sys.TryOpenAt(none, bytes, OpenFlags.ReadOnly | OpenFlags.Directory, 0, out SafeFileHandle? handle);
        return errno == Errno.None ? handle! : throw new LinuxException("open", path, errno);
    }
}
