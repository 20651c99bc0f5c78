using AotRuntime.Rpc.Containerd.Snapshots;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Rpc;

/// <summary>Snapshots of every snapshotter.</summary>
public static class SnapshotsMethods
{
    /// <summary>The service's full name.</summary>
    public const string Service = "containerd.services.snapshots.v1.Snapshots";

    /// <summary><c>Prepare</c>.</summary>
    public static readonly RpcMethod<PrepareSnapshotRequest, PrepareSnapshotResponse> Prepare = new(Service, "Prepare", PrepareSnapshotRequest.Parser, PrepareSnapshotResponse.Parser);

    /// <summary><c>View</c>.</summary>
    public static readonly RpcMethod<ViewSnapshotRequest, ViewSnapshotResponse> View = new(Service, "View", ViewSnapshotRequest.Parser, ViewSnapshotResponse.Parser);

    /// <summary><c>Mounts</c>.</summary>
    public static readonly RpcMethod<MountsRequest, MountsResponse> Mounts = new(Service, "Mounts", MountsRequest.Parser, MountsResponse.Parser);

    /// <summary><c>Commit</c>.</summary>
    public static readonly RpcMethod<CommitSnapshotRequest, Empty> Commit = new(Service, "Commit", CommitSnapshotRequest.Parser, Empty.Parser);

    /// <summary><c>Remove</c>.</summary>
    public static readonly RpcMethod<RemoveSnapshotRequest, Empty> Remove = new(Service, "Remove", RemoveSnapshotRequest.Parser, Empty.Parser);

    /// <summary><c>Stat</c>.</summary>
    public static readonly RpcMethod<StatSnapshotRequest, StatSnapshotResponse> Stat = new(Service, "Stat", StatSnapshotRequest.Parser, StatSnapshotResponse.Parser);

    /// <summary><c>Update</c>.</summary>
    public static readonly RpcMethod<UpdateSnapshotRequest, UpdateSnapshotResponse> Update = new(Service, "Update", UpdateSnapshotRequest.Parser, UpdateSnapshotResponse.Parser);

    /// <summary><c>List</c>: streams its answers.</summary>
    public static readonly RpcMethod<ListSnapshotsRequest, ListSnapshotsResponse> List = new(Service, "List", ListSnapshotsRequest.Parser, ListSnapshotsResponse.Parser);

    /// <summary><c>Usage</c>.</summary>
    public static readonly RpcMethod<UsageRequest, UsageResponse> Usage = new(Service, "Usage", UsageRequest.Parser, UsageResponse.Parser);

    /// <summary><c>Cleanup</c>.</summary>
    public static readonly RpcMethod<CleanupRequest, Empty> Cleanup = new(Service, "Cleanup", CleanupRequest.Parser, Empty.Parser);
}
