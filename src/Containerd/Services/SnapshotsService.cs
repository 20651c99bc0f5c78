using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Events;
using AotRuntime.Rpc.Containerd.Snapshots;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Containerd;

/// <summary>containerd.services.snapshots.v1.</summary>
internal sealed class SnapshotsService(IReadOnlyList<SnapshotStore> stores, EventExchange events, GarbageCollector collector)
{
    private const int ListChunk = 100;

    public void Register(RpcServiceTable table)
    {
        table.Unary(SnapshotsMethods.Prepare, (r, c) => Prepare(r, c));
        table.Unary(SnapshotsMethods.View, (r, c) => View(r, c));
        table.Unary(SnapshotsMethods.Mounts, (r, c) => Mounts(r, c));
        table.Unary(SnapshotsMethods.Commit, (r, c) => Commit(r, c));
        table.Unary(SnapshotsMethods.Remove, (r, c) => Remove(r, c));
        table.Unary(SnapshotsMethods.Stat, (r, c) =>
            new StatSnapshotResponse { Info = Store(r.Snapshotter).Stat(CallScope.Namespace(c), r.Key) });
        table.Unary(SnapshotsMethods.Update, (r, c) => new UpdateSnapshotResponse
        {
            Info = Store(r.Snapshotter).Update(CallScope.Namespace(c), r.Info ?? new Info(), r.UpdateMask),
        });
        table.ServerStream(SnapshotsMethods.List, ListAsync);
        table.Unary(SnapshotsMethods.Usage, (r, c) => Usage(r, c));
        table.Unary(SnapshotsMethods.Cleanup, CleanupAsync);
    }

    public PrepareSnapshotResponse Prepare(PrepareSnapshotRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        PrepareSnapshotResponse response = new();
        response.Mounts.AddRange(
            Store(request.Snapshotter).Create(ns, CallScope.Lease(context), request.Key, request.Parent, Kind.Active, request.Labels));
        events.Publish(ns, "/snapshot/prepare", TypeUrls.SnapshotPrepare, new SnapshotPrepare
        {
            Key = request.Key,
            Parent = request.Parent,
            Snapshotter = request.Snapshotter,
        });
        return response;
    }

    public ViewSnapshotResponse View(ViewSnapshotRequest request, RpcContext context)
    {
        ViewSnapshotResponse response = new();
        response.Mounts.AddRange(Store(request.Snapshotter).Create(
            CallScope.Namespace(context), CallScope.Lease(context), request.Key, request.Parent, Kind.View, request.Labels));
        return response;
    }

    public MountsResponse Mounts(MountsRequest request, RpcContext context)
    {
        MountsResponse response = new();
        response.Mounts.AddRange(Store(request.Snapshotter).Mounts(CallScope.Namespace(context), request.Key));
        return response;
    }

    public Empty Commit(CommitSnapshotRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        Store(request.Snapshotter).Commit(ns, CallScope.Lease(context), request.Name, request.Key, request.Parent, request.Labels);
        events.Publish(ns, "/snapshot/commit", TypeUrls.SnapshotCommit, new SnapshotCommit
        {
            Key = request.Key,
            Name = request.Name,
            Snapshotter = request.Snapshotter,
        });
        return new Empty();
    }

    public Empty Remove(RemoveSnapshotRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        SnapshotStore store = Store(request.Snapshotter);
        collector.RemoveFolder(store, store.Remove(ns, request.Key));
        events.Publish(ns, "/snapshot/remove", TypeUrls.SnapshotRemove, new SnapshotRemove { Key = request.Key, Snapshotter = request.Snapshotter });
        collector.Schedule();
        return new Empty();
    }

    public async ValueTask ListAsync(ListSnapshotsRequest request, IRpcWriter<ListSnapshotsResponse> writer, RpcContext context)
    {
        Filter filter = Filter.Parse(request.Filters);
        ListSnapshotsResponse block = new();
        foreach (Info info in Store(request.Snapshotter).List(CallScope.Namespace(context)))
        {
            if (!filter.Matches(path => Field(info, path)))
                continue;
            block.Info.Add(info);
            if (block.Info.Count == ListChunk)
            {
                await writer.WriteAsync(block, context.Cancelled).ConfigureAwait(false);
                block = new ListSnapshotsResponse();
            }
        }
        if (block.Info.Count > 0)
            await writer.WriteAsync(block, context.Cancelled).ConfigureAwait(false);
    }

    public UsageResponse Usage(UsageRequest request, RpcContext context)
    {
        (long size, long inodes) = Store(request.Snapshotter).Usage(CallScope.Namespace(context), request.Key);
        return new UsageResponse { Size = size, Inodes = inodes };
    }

    private async RpcAnswer<Empty> CleanupAsync(CleanupRequest request, RpcContext context)
    {
        _ = CallScope.Namespace(context);
        _ = Store(request.Snapshotter);
        await collector.CollectAsync().ConfigureAwait(false);
        return new Empty();
    }

    private SnapshotStore Store(string name)
    {
        if (name.Length == 0)
            throw ContainerdError.InvalidArgument("snapshotter argument missing");
        foreach (SnapshotStore store in stores)
        {
            if (store.Name == name)
                return store;
        }
        throw ContainerdError.InvalidArgument($"snapshotter not loaded: {name}");
    }

    private static string? Field(Info info, ReadOnlySpan<string> path) => path switch
    {
        ["kind"] => info.Kind switch
        {
            Kind.Active => "active",
            Kind.View => "view",
            Kind.Committed => "committed",
            _ => null,
        },
        ["name"] => info.Name,
        ["parent"] => info.Parent.Length > 0 ? info.Parent : null,
        ["labels", ..] => Labels.Field(info.Labels, path),
        _ => null,
    };
}
