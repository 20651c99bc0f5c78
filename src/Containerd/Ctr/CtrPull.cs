using System.Globalization;
using System.Text.Json;
using AotRuntime.Images;
using AotRuntime.Images.Registry;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Content;
using AotRuntime.Rpc.Containerd.Diff;
using AotRuntime.Rpc.Containerd.Images;
using AotRuntime.Rpc.Containerd.Snapshots;
using AotRuntime.Rpc.Containerd.Types;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Platform = AotRuntime.Images.Platform;

namespace AotRuntime.Containerd.Ctr;

/// <summary><c>images pull</c>: blobs to containerd's content store, layers unpacked by its diff service.</summary>
internal static class CtrPull
{
    private const int ChunkSize = 1 << 20;
    private const string Snapshotter = "overlayfs";

    public static async Task<int> RunAsync(CtrClient client, List<string> rest)
    {
        CtrArguments args = CtrArguments.Parse(rest, "plain-http", "snapshotter=", "platform=", "all-platforms", "local", "skip-verify,k");
        if (args.Positional.Count == 0)
            throw new CtrException("please provide an image reference to pull");
        ImageReference reference = ImageReference.Parse(args.Positional[0]).WithDefaultTag();
        var options = new RegistryOptions { InsecureRegistries = args.Has("plain-http") ? [reference.Domain] : [] };
        await using var registry = new RegistryClient(reference, new RegistryAuth(), options);

        // Nothing is swept away while the parts are not yet held together by the image's name.
        await client.HoldAsync(() => PullAsync(client, registry, args.Positional[0], args.Value("snapshotter") ?? Snapshotter)).ConfigureAwait(false);
        return 0;
    }

    private static async Task PullAsync(CtrClient client, RegistryClient registry, string name, string snapshotter)
    {
        ManifestContent top = await registry.ResolveAsync().ConfigureAwait(false);
        ManifestContent manifest = top;
        Console.Out.WriteLine($"{name}: resolved {top.Descriptor.Digest}");
        if (ManifestReader.Probe(top.Content) is { Manifests: { } choices })
        {
            Descriptor chosen = Platform.Host.Choose(choices) ?? throw new CtrException("no match for platform in manifest: not found");
            manifest = await registry.GetManifestAsync(chosen).ConfigureAwait(false);
            var labels = new Dictionary<string, string>();
            for (int i = 0; i < choices.Length; i++)
                labels[string.Create(CultureInfo.InvariantCulture, $"containerd.io/gc.ref.content.m.{i}")] = choices[i].Digest.ToString();
            await WriteAsync(client, top.Descriptor, top.Content, labels).ConfigureAwait(false);
        }
        if (ManifestReader.Probe(manifest.Content) is not { Config: { } configBlob, Layers: { } layers })
            throw new CtrException($"unsupported manifest media type \"{manifest.Descriptor.MediaType}\"");

        byte[] config = await registry.GetConfigAsync(configBlob).ConfigureAwait(false);
        using JsonDocument document = JsonDocument.Parse(config);
        string chain = CtrImageConfig.ChainOf(document.RootElement);
        await WriteAsync(client, configBlob, config, new() { [$"containerd.io/gc.ref.snapshot.{snapshotter}"] = chain }).ConfigureAwait(false);
        var references = new Dictionary<string, string> { ["containerd.io/gc.ref.content.config"] = configBlob.Digest.ToString() };
        for (int i = 0; i < layers.Length; i++)
        {
            Descriptor layer = layers[i];
            references[string.Create(CultureInfo.InvariantCulture, $"containerd.io/gc.ref.content.l.{i}")] = layer.Digest.ToString();
            await CopyAsync(client, registry, layer).ConfigureAwait(false);
            Console.Out.WriteLine($"layer {layer.Digest}: done {CtrContent.BinarySize(layer.Size)}");
        }
        await WriteAsync(client, manifest.Descriptor, manifest.Content, references).ConfigureAwait(false);
        await UnpackAsync(client, document.RootElement, layers, snapshotter).ConfigureAwait(false);
        await NameAsync(client, name, top.Descriptor).ConfigureAwait(false);
        Console.Out.WriteLine("done");
    }

    private static async Task CopyAsync(CtrClient client, RegistryClient registry, Descriptor layer)
    {
        await using RpcCall<WriteContentRequest, WriteContentResponse>? call = await BeginAsync(client, layer).ConfigureAwait(false);
        if (call is null)
            return;
        long offset = 0;
        await registry.CopyBlobAsync(layer, async (data, cancel) =>
        {
            await SendAsync(call, data, offset).ConfigureAwait(false);
            offset += data.Length;
        }).ConfigureAwait(false);
        await CommitAsync(call, layer, offset, []).ConfigureAwait(false);
    }

    private static async Task WriteAsync(CtrClient client, Descriptor descriptor, byte[] content, Dictionary<string, string> labels)
    {
        await using RpcCall<WriteContentRequest, WriteContentResponse>? call = await BeginAsync(client, descriptor).ConfigureAwait(false);
        if (call is null)
            return;
        await SendAsync(call, content, 0).ConfigureAwait(false);
        await CommitAsync(call, descriptor, content.Length, labels).ConfigureAwait(false);
    }

    // Null where the blob is there already.
    private static async Task<RpcCall<WriteContentRequest, WriteContentResponse>?> BeginAsync(CtrClient client, Descriptor descriptor)
    {
        string digest = descriptor.Digest.ToString();
        RpcCall<WriteContentRequest, WriteContentResponse> call = await client.OpenAsync(ContentMethods.Write).ConfigureAwait(false);
        try
        {
            await call.WriteAsync(new WriteContentRequest { Action = WriteAction.Stat, Ref = $"ctr-{digest}", Total = descriptor.Size, Expected = digest }).ConfigureAwait(false);
            WriteContentResponse? status = await call.ReadAsync().ConfigureAwait(false);
            if (status is { Offset: > 0 })
            {
                // What an earlier, interrupted pull left is written again from its start.
                await call.WriteAsync(new WriteContentRequest { Action = WriteAction.Write, Ref = $"ctr-{digest}", Offset = 0 }).ConfigureAwait(false);
                await call.ReadAsync().ConfigureAwait(false);
            }
            return call;
        }
        catch (RpcException e) when (e.Status == RpcStatus.AlreadyExists)
        {
            await call.DisposeAsync().ConfigureAwait(false);
            return null;
        }
    }

    private static async Task SendAsync(RpcCall<WriteContentRequest, WriteContentResponse> call, ReadOnlyMemory<byte> data, long offset)
    {
        for (int at = 0; at < data.Length; at += ChunkSize)
        {
            ReadOnlyMemory<byte> chunk = data.Slice(at, Math.Min(ChunkSize, data.Length - at));
            await call.WriteAsync(new WriteContentRequest { Action = WriteAction.Write, Offset = offset + at, Data = ByteString.CopyFrom(chunk.Span) }).ConfigureAwait(false);
            await call.ReadAsync().ConfigureAwait(false);
        }
    }

    private static async Task CommitAsync(RpcCall<WriteContentRequest, WriteContentResponse> call, Descriptor descriptor, long offset, Dictionary<string, string> labels)
    {
        var commit = new WriteContentRequest { Action = WriteAction.Commit, Offset = offset, Total = descriptor.Size, Expected = descriptor.Digest.ToString() };
        foreach ((string key, string value) in labels)
            commit.Labels[key] = value;
        await call.WriteAsync(commit).ConfigureAwait(false);
        await call.ReadAsync().ConfigureAwait(false);
    }

    private static async Task UnpackAsync(CtrClient client, JsonElement config, Descriptor[] layers, string snapshotter)
    {
        Digest chain = default;
        int index = 0;
        foreach (JsonElement diffId in config.GetProperty("rootfs").GetProperty("diff_ids").EnumerateArray())
        {
            if (index == layers.Length)
                throw new CtrException("number of layers and diffIDs don't match");
            Descriptor layer = layers[index++];
            string parent = chain.ToString();
            chain = ChainId.Next(chain, Digest.Parse(diffId.GetString()!));
            try
            {
                await client.CallAsync(SnapshotsMethods.Stat, new StatSnapshotRequest { Snapshotter = snapshotter, Key = chain.ToString() }).ConfigureAwait(false);
                continue;
            }
            catch (RpcException e) when (e.Status == RpcStatus.NotFound)
            {
                Console.Out.WriteLine($"unpacking {chain}");
            }
            string key = $"extract-{Guid.NewGuid():N} {chain}";
            PrepareSnapshotResponse prepared = await client.CallAsync(
                SnapshotsMethods.Prepare, new PrepareSnapshotRequest { Snapshotter = snapshotter, Key = key, Parent = parent }).ConfigureAwait(false);
            var apply = new ApplyRequest { Diff = new OciDescriptor { MediaType = layer.MediaType, Digest = layer.Digest.ToString(), Size = layer.Size } };
            apply.Mounts.AddRange(prepared.Mounts);
            ApplyResponse applied = await client.CallAsync(DiffMethods.Apply, apply).ConfigureAwait(false);
            if (applied.Applied.Digest != diffId.GetString())
                throw new CtrException($"wrong diff id calculated on extraction \"{applied.Applied.Digest}\"");
            await client.CallAsync(SnapshotsMethods.Commit, new CommitSnapshotRequest { Snapshotter = snapshotter, Key = key, Name = chain.ToString() }).ConfigureAwait(false);
        }
    }

    private static async Task NameAsync(CtrClient client, string name, Descriptor target)
    {
        var image = new Image
        {
            Name = name,
            Target = new OciDescriptor { MediaType = target.MediaType, Digest = target.Digest.ToString(), Size = target.Size },
        };
        try
        {
            await client.CallAsync(ImagesMethods.Create, new CreateImageRequest { Image = image }).ConfigureAwait(false);
        }
        catch (RpcException e) when (e.Status == RpcStatus.AlreadyExists)
        {
            await client.CallAsync(ImagesMethods.Update, new UpdateImageRequest { Image = image, UpdateMask = new FieldMask { Paths = { "target" } } }).ConfigureAwait(false);
        }
    }
}
