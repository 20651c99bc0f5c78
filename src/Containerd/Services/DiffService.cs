using System.IO.Compression;
using System.IO.Pipelines;
using AotRuntime.Containerd.Diffs;
using AotRuntime.Digests;
using AotRuntime.Images;
using AotRuntime.Linux;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Diff;
using AotRuntime.Rpc.Containerd.Types;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Containerd;

/// <summary>
/// containerd.services.diff.v1: unpacks a layer into what the mounts of a snapshot show, and makes a layer of what two snapshots differ in.
/// Nothing is mounted for either: files go straight into the directory that the mount would write to, and come from there.
/// </summary>
internal sealed partial class DiffService(ContentService contents, ContentStore store, ILogger logger)
{
    public void Register(RpcServiceTable table)
    {
        table.Unary(DiffMethods.Apply, ApplyAsync);
        table.Unary(DiffMethods.Diff, DiffAsync);
    }

    public async RpcAnswer<ApplyResponse> ApplyAsync(ApplyRequest request, RpcContext context)
    {
        string digest = request.Diff?.Digest ?? "";
        // Visible in the caller's namespace, or not there at all.
        string ns = CallScope.Namespace(context);
        try
        {
            contents.Find(ns, digest);
        }
        catch (RpcException e) when (e.Status == RpcStatus.NotFound)
        {
            throw new RpcException(e.Status, $"failed to get reader from content store: {e.Message}");
        }
        if (!MediaTypes.IsLayer(request.Diff!.MediaType))
            throw new RpcException(RpcStatus.Unknown, $"failed to get stream processor for {request.Diff.MediaType}: no processor for media-type");

        (string directory, bool overlay, string[] lower) = Target(request.Mounts);
        using SafeFileHandle blob = store.OpenRead(digest);
        await using FileStream stream = new(blob, FileAccess.Read, bufferSize: 0);
        UnpackOptions options = new()
        {
            Directory = directory,
            Whiteouts = overlay ? WhiteoutMode.Overlay : WhiteoutMode.Delete,
            LowerDirectories = lower,
            Sync = request.SyncFs,
            Warn = text => LogWarning(logger, text, digest),
        };
        try
        {
            UnpackResult result = await LayerUnpacker.UnpackAsync(
                PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 256 * 1024, leaveOpen: true)), options, context.Cancelled)
                .ConfigureAwait(false);
            return new ApplyResponse
            {
                Applied = new OciDescriptor { MediaType = MediaTypes.OciLayer, Digest = result.DiffId.ToString(), Size = result.TarSize },
            };
        }
        catch (Exception e) when (e is UnpackException or LinuxException)
        {
            throw new RpcException(RpcStatus.Unknown, $"failed to extract layer {digest}: {e.Message}");
        }
    }

    public async RpcAnswer<DiffResponse> DiffAsync(DiffRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        string mediaType = request.MediaType.Length > 0 ? request.MediaType : MediaTypes.OciLayerGzip;
        bool gzip = mediaType is MediaTypes.OciLayerGzip or MediaTypes.DockerLayerGzip;
        if (!gzip && mediaType is not (MediaTypes.OciLayer or MediaTypes.DockerLayer))
            throw ContainerdError.Unimplemented($"unsupported diff media type: {mediaType}");
        (string tree, string? before) = Compared(request.Left, request.Right);
        string reference = request.Ref.Length > 0 ? request.Ref : $"diff-{Guid.NewGuid():N}";
        TimeSpec? latest = request.SourceDateEpoch is { } epoch ? new TimeSpec(epoch.Seconds, 0) : null;
        try
        {
            OciDescriptor made = await contents.WriteBlobAsync(ns, CallScope.Lease(context), reference, async (content, labels) =>
            {
                Sha2Hash hash = new(Sha2Algorithm.Sha256);
                Stream compressed = gzip ? new GZipStream(content, CompressionLevel.Optimal, leaveOpen: true) : content;
                await using (HashedStream tar = new(compressed, hash))
                    await new LayerArchiver(PipeWriter.Create(tar, new StreamPipeWriterOptions(leaveOpen: true)), latest, context.Cancelled)
                        .WriteAsync(tree, before).ConfigureAwait(false);
                foreach (KeyValuePair<string, string> label in request.Labels)
                    labels[label.Key] = label.Value;
                if (gzip)
                    labels["containerd.io/uncompressed"] = $"sha256:{hash.CurrentHex()}";
            }).ConfigureAwait(false);
            made.MediaType = mediaType;
            return new DiffResponse { Diff = made };
        }
        catch (LinuxException e)
        {
            throw new RpcException(RpcStatus.Unknown, $"failed to write diff: {e.Message}");
        }
    }

    /// <summary>
    /// The tree to make a layer of, and what to compare it with. Where the right side is the left side's layers with one on top, that one
    /// holds the difference already.
    /// </summary>
    private static (string Tree, string? Before) Compared(IReadOnlyList<Mount> left, IReadOnlyList<Mount> right)
    {
        List<string> before = Layers(left), after = Layers(right);
        if (after.Count == before.Count + 1 && after.Skip(1).SequenceEqual(before))
            return (after[0], null);
        if (after.Count == 1 && before.Count == 1)
            return (after[0], before[0]);
        throw ContainerdError.Unimplemented("diff of mounts of which one is not the other's parent");
    }

    /// <summary>The directories that mounts put together, the uppermost first.</summary>
    private static List<string> Layers(IReadOnlyList<Mount> mounts)
    {
        switch (mounts)
        {
            case []:
                return [];
            case [{ Type: "bind" } bind]:
                return [bind.Source];
            case [{ Type: "overlay" } overlay]:
                List<string> layers = [.. (Option(overlay, "lowerdir=") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)];
                if (Option(overlay, "upperdir=") is { } upper)
                    layers.Insert(0, upper);
                return layers;
            default:
                throw ContainerdError.Unimplemented("diff of mounts other than one bind or one overlay");
        }
    }

    private static (string Directory, bool Overlay, string[] Lower) Target(IReadOnlyList<Mount> mounts)
    {
        if (mounts is [{ Type: "bind" } bind])
            return (bind.Source, false, []);
        if (mounts is [{ Type: "overlay" } overlay])
        {
            string? upper = Option(overlay, "upperdir=");
            string? lower = Option(overlay, "lowerdir=");
            if (upper is not null)
                return (upper, true, lower?.Split(':', StringSplitOptions.RemoveEmptyEntries) ?? []);
        }
        throw ContainerdError.Unimplemented("apply to mounts other than one bind or one writable overlay");
    }

    private static string? Option(Mount mount, string name)
    {
        foreach (string option in mount.Options)
        {
            if (option.StartsWith(name, StringComparison.Ordinal))
                return option[name.Length..];
        }
        return null;
    }

#pragma warning disable SYSLIB1015 // Values outside the text become fields of the line.
    [LoggerMessage(Level = LogLevel.Warning, Message = "{Text}")]
    private static partial void LogWarning(ILogger logger, string text, string layer);
#pragma warning restore SYSLIB1015
}
