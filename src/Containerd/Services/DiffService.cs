using System.IO.Pipelines;
using AotRuntime.Images;
using AotRuntime.Linux;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Diff;
using AotRuntime.Rpc.Containerd.Types;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Containerd;

/// <summary>
/// containerd.services.diff.v1: unpacks a layer into what the mounts of a snapshot show. Nothing is mounted for it: the files go straight
/// into the directory that the mount would write to.
/// </summary>
internal sealed partial class DiffService(ContentService contents, ContentStore store, ILogger logger)
{
    public void Register(RpcServiceTable table)
    {
        table.Unary(DiffMethods.Apply, ApplyAsync);
        table.Unary(DiffMethods.Diff, (_, _) => throw ContainerdError.Unimplemented("diff of two mounts"));
    }

    public async ValueTask<ApplyResponse> ApplyAsync(ApplyRequest request, RpcContext context)
    {
        string digest = request.Diff?.Digest ?? "";
        // Visible in the caller's namespace, or not there at all.
        contents.Find(CallScope.Namespace(context), digest);
        if (!MediaTypes.IsLayer(request.Diff!.MediaType))
            throw ContainerdError.Unimplemented($"failed to get stream processor for {request.Diff.MediaType}: no processor for media-type");

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
