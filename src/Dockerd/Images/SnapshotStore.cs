using System.Globalization;
using AotRuntime.Images;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Snapshots;
using AotRuntime.Rpc.Containerd.Types;

namespace AotRuntime.Dockerd.Images;

/// <summary>Where a layer is unpacked: a directory, and what lies below it.</summary>
/// <param name="Key">The active snapshot.</param>
/// <param name="Directory">The directory that the layer's files go into.</param>
/// <param name="Lowers">The layers below, topmost first, where the directory is an overlay's upper one.</param>
/// <param name="Whiteouts">What whiteouts become there.</param>
internal sealed record UnpackTarget(string Key, string Directory, IReadOnlyList<string> Lowers, WhiteoutMode Whiteouts);

/// <summary>containerd's snapshots of one snapshotter: layers under their chain ids.</summary>
internal sealed class SnapshotStore(ContainerdCalls calls, string snapshotter)
{
    /// <summary>Whether a layer is unpacked here.</summary>
    public async ValueTask<bool> ContainsAsync(Digest chainId, CancellationToken cancellationToken)
    {
        StatSnapshotRequest request = new() { Snapshotter = snapshotter, Key = chainId.ToString() };
        StatSnapshotResponse? found = await calls.FindAsync(SnapshotsMethods.Stat, request, cancellationToken).ConfigureAwait(false);
        return found?.Info.Kind == Kind.Committed;
    }

    /// <summary>Bytes of a layer's own; 0 where it is not here.</summary>
    public async ValueTask<long> UsageAsync(Digest chainId, CancellationToken cancellationToken)
    {
        UsageRequest request = new() { Snapshotter = snapshotter, Key = chainId.ToString() };
        return (await calls.FindAsync(SnapshotsMethods.Usage, request, cancellationToken).ConfigureAwait(false))?.Size ?? 0;
    }

    /// <summary>Prepares a snapshot for a layer on top of <paramref name="parent"/>; null where the layer came to be here meanwhile.</summary>
    public async ValueTask<UnpackTarget?> PrepareAsync(Digest parent, Digest chainId, CancellationToken cancellationToken)
    {
        // containerd's own clients name them so.
        string unique = $"{DateTimeOffset.UtcNow.Ticks.ToString(CultureInfo.InvariantCulture)}-{Guid.NewGuid().ToString("N")[..4]}";
        PrepareSnapshotRequest request = new() { Snapshotter = snapshotter, Key = $"extract-{unique} {chainId}", Parent = parent.ToString() };
        request.Labels["containerd.io/snapshot.ref"] = chainId.ToString();
        try
        {
            PrepareSnapshotResponse prepared = await calls.UnaryAsync(SnapshotsMethods.Prepare, request, cancellationToken).ConfigureAwait(false);
            return TargetOf(request.Key, prepared.Mounts);
        }
        catch (RpcException error) when (error.Status == RpcStatus.AlreadyExists)
        {
            return null;
        }
    }

    /// <summary>Makes the layer visible under its chain id.</summary>
    public async ValueTask CommitAsync(string key, Digest chainId, Digest parent, CancellationToken cancellationToken)
    {
        CommitSnapshotRequest request = new() { Snapshotter = snapshotter, Key = key, Name = chainId.ToString() };
        request.Labels["containerd.io/snapshot.ref"] = chainId.ToString();
        try
        {
            await calls.UnaryAsync(SnapshotsMethods.Commit, request, cancellationToken).ConfigureAwait(false);
        }
        catch (RpcException error) when (error.Status == RpcStatus.AlreadyExists)
        {
            // Another client unpacked the same layer meanwhile; its content is the same by the chain id.
            await RemoveAsync(key).ConfigureAwait(false);
        }
    }

    /// <summary>Removes an active snapshot; it is no error if it is not there.</summary>
    public async ValueTask RemoveAsync(string key) =>
        await calls.FindAsync(SnapshotsMethods.Remove, new RemoveSnapshotRequest { Snapshotter = snapshotter, Key = key }, CancellationToken.None).ConfigureAwait(false);

    /// <summary>Reads the mounts that a snapshotter gave: the files can be made without mounting them.</summary>
    private static UnpackTarget TargetOf(string key, IReadOnlyList<Mount> mounts)
    {
        if (mounts.Count == 1 && mounts[0].Type is "bind" or "rbind")
            return new UnpackTarget(key, mounts[0].Source, [], WhiteoutMode.Delete);
        if (mounts.Count == 1 && mounts[0].Type == "overlay")
        {
            string? upper = null;
            IReadOnlyList<string> lowers = [];
            foreach (string option in mounts[0].Options)
            {
                if (option.StartsWith("upperdir=", StringComparison.Ordinal))
                    upper = option["upperdir=".Length..];
                else if (option.StartsWith("lowerdir=", StringComparison.Ordinal))
                    lowers = option["lowerdir=".Length..].Split(':');
            }
            if (upper is not null)
                return new UnpackTarget(key, upper, lowers, WhiteoutMode.Overlay);
        }
        throw new NotSupportedException($"unpacking into mounts of type {string.Join(", ", mounts.Select(m => m.Type))} is not supported");
    }
}
