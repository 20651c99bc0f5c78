using AotRuntime.Http;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Containers;
using AotRuntime.Rpc.Containerd.Events;
using AotRuntime.Rpc.Containerd.Snapshots;
using AotRuntime.Rpc.Containerd.Tasks;
using AotRuntime.Rpc.Containerd.Types;
using AotRuntime.Rpc.Containerd.Version;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Dockerd.Containerd;

/// <summary>containerd's services as this daemon uses them, in its namespace. Thread-safe.</summary>
internal sealed class ContainerdClient(RpcChannel channel, string ns) : IAsyncDisposable
{
    private static readonly Empty s_empty = new();

    /// <summary>The connection.</summary>
    public RpcChannel Channel { get; } = channel;

    /// <summary>The namespace of containers, images and snapshots.</summary>
    public string Namespace { get; } = ns;

    /// <summary>Options of a call in the namespace.</summary>
    public RpcCallOptions Options(TimeSpan? timeout = null) => new()
    {
        Metadata = new HttpHeaders { { "containerd-namespace", Namespace } },
        Timeout = timeout,
    };

    /// <summary>containerd's version.</summary>
    public RpcAnswer<VersionResponse> VersionAsync(TimeSpan timeout, CancellationToken cancellationToken = default) =>
        Channel.UnaryAsync(VersionMethods.Version, s_empty, Options(timeout), cancellationToken);

    /// <summary>Prepares a writable snapshot that lives until it is removed.</summary>
    public async ValueTask PrepareSnapshotAsync(string snapshotter, string key, string parent, CancellationToken cancellationToken = default)
    {
        PrepareSnapshotRequest request = new() { Snapshotter = snapshotter, Key = key, Parent = parent };
        // A container that does not run has no record in containerd that would keep its snapshot from garbage collection.
        request.Labels["containerd.io/gc.root"] = DateTimeOffset.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture);
        await Channel.UnaryAsync(SnapshotsMethods.Prepare, request, Options(), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The mounts of a snapshot.</summary>
    public async ValueTask<IReadOnlyList<Mount>> SnapshotMountsAsync(string snapshotter, string key, CancellationToken cancellationToken = default) =>
        (await Channel.UnaryAsync(SnapshotsMethods.Mounts, new MountsRequest { Snapshotter = snapshotter, Key = key }, Options(), cancellationToken).ConfigureAwait(false)).Mounts;

    /// <summary>Bytes of a snapshot's own.</summary>
    public async ValueTask<long> SnapshotUsageAsync(string snapshotter, string key, CancellationToken cancellationToken = default) =>
        (await Channel.UnaryAsync(SnapshotsMethods.Usage, new UsageRequest { Snapshotter = snapshotter, Key = key }, Options(), cancellationToken).ConfigureAwait(false)).Size;

    /// <summary>The parent of a snapshot; null where there is none.</summary>
    public async ValueTask<Info?> SnapshotStatAsync(string snapshotter, string key, CancellationToken cancellationToken = default)
    {
        try
        {
            return (await Channel.UnaryAsync(SnapshotsMethods.Stat, new StatSnapshotRequest { Snapshotter = snapshotter, Key = key }, Options(), cancellationToken).ConfigureAwait(false)).Info;
        }
        catch (RpcException e) when (e.Status == RpcStatus.NotFound)
        {
            return null;
        }
    }

    /// <summary>Removes a snapshot; one that is not there is no error.</summary>
    public ValueTask RemoveSnapshotAsync(string snapshotter, string key, CancellationToken cancellationToken = default) =>
        IgnoreMissingAsync(Channel.UnaryAsync(SnapshotsMethods.Remove, new RemoveSnapshotRequest { Snapshotter = snapshotter, Key = key }, Options(), cancellationToken));

    /// <summary>Makes a container's record; one that a crash left behind is replaced.</summary>
    public async ValueTask CreateContainerAsync(Container container, CancellationToken cancellationToken = default)
    {
        CreateContainerRequest request = new() { Container = container };
        try
        {
            await Channel.UnaryAsync(ContainersMethods.Create, request, Options(), cancellationToken).ConfigureAwait(false);
        }
        catch (RpcException e) when (e.Status == RpcStatus.AlreadyExists)
        {
            await ForceDeleteTaskAsync(container.Id, cancellationToken).ConfigureAwait(false);
            await DeleteContainerAsync(container.Id, cancellationToken).ConfigureAwait(false);
            await Channel.UnaryAsync(ContainersMethods.Create, request, Options(), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Removes a container's record; one that is not there is no error.</summary>
    public ValueTask DeleteContainerAsync(string id, CancellationToken cancellationToken = default) =>
        IgnoreMissingAsync(Channel.UnaryAsync(ContainersMethods.Delete, new DeleteContainerRequest { Id = id }, Options(), cancellationToken));

    /// <summary>Creates a task; gives its process.</summary>
    public async ValueTask<int> CreateTaskAsync(CreateTaskRequest request, CancellationToken cancellationToken = default) =>
        (int)(await Channel.UnaryAsync(TasksMethods.Create, request, Options(), cancellationToken).ConfigureAwait(false)).Pid;

    /// <summary>Starts a task, or an exec of it; gives its process.</summary>
    public async ValueTask<int> StartAsync(string id, string execId = "", CancellationToken cancellationToken = default) =>
        (int)(await Channel.UnaryAsync(TasksMethods.Start, new StartRequest { ContainerId = id, ExecId = execId }, Options(), cancellationToken).ConfigureAwait(false)).Pid;

    /// <summary>Adds a process to a task.</summary>
    public async ValueTask ExecAsync(ExecProcessRequest request, CancellationToken cancellationToken = default) =>
        await Channel.UnaryAsync(TasksMethods.Exec, request, Options(), cancellationToken).ConfigureAwait(false);

    /// <summary>Sends a signal.</summary>
    public async ValueTask KillAsync(string id, string execId, int signal, bool all = false, CancellationToken cancellationToken = default) =>
        await Channel.UnaryAsync(TasksMethods.Kill, new KillRequest { ContainerId = id, ExecId = execId, Signal = (uint)signal, All = all }, Options(), cancellationToken).ConfigureAwait(false);

    /// <summary>A task's or exec's state; null where there is none.</summary>
    public async ValueTask<Process?> GetAsync(string id, string execId = "", CancellationToken cancellationToken = default)
    {
        try
        {
            return (await Channel.UnaryAsync(TasksMethods.Get, new GetRequest { ContainerId = id, ExecId = execId }, Options(), cancellationToken).ConfigureAwait(false)).Process;
        }
        catch (RpcException e) when (e.Status == RpcStatus.NotFound)
        {
            return null;
        }
    }

    /// <summary>Ids of the containers that have a task.</summary>
    public async ValueTask<IReadOnlyList<string>> TaskIdsAsync(CancellationToken cancellationToken = default) =>
        [.. (await Channel.UnaryAsync(TasksMethods.List, new ListTasksRequest(), Options(), cancellationToken).ConfigureAwait(false)).Tasks
            .Select(t => t.Id.Length > 0 ? t.Id : t.ContainerId)];

    /// <summary>Deletes a task that has ended; gives how it ended, or null where there is none.</summary>
    public async ValueTask<DeleteResponse?> DeleteTaskAsync(string id, CancellationToken cancellationToken = default)
    {
        try
        {
            return await Channel.UnaryAsync(TasksMethods.Delete, new DeleteTaskRequest { ContainerId = id }, Options(TimeSpan.FromSeconds(30)), cancellationToken).ConfigureAwait(false);
        }
        catch (RpcException e) when (e.Status == RpcStatus.NotFound)
        {
            return null;
        }
    }

    /// <summary>Kills a task if it runs, and deletes it.</summary>
    public async ValueTask ForceDeleteTaskAsync(string id, CancellationToken cancellationToken = default)
    {
        Process? task = await GetAsync(id, "", cancellationToken).ConfigureAwait(false);
        if (task is null)
            return;
        if (task.Status != Status.Stopped)
        {
            await IgnoreMissingAsync(Channel.UnaryAsync(TasksMethods.Kill, new KillRequest { ContainerId = id, Signal = 9, All = true }, Options(), cancellationToken)).ConfigureAwait(false);
            await IgnoreMissingAsync(Channel.UnaryAsync(TasksMethods.Wait, new WaitRequest { ContainerId = id }, Options(TimeSpan.FromSeconds(10)), cancellationToken)).ConfigureAwait(false);
        }
        await DeleteTaskAsync(id, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Deletes an exec that has ended.</summary>
    public ValueTask DeleteProcessAsync(string id, string execId, CancellationToken cancellationToken = default) =>
        IgnoreMissingAsync(Channel.UnaryAsync(TasksMethods.DeleteProcess, new DeleteProcessRequest { ContainerId = id, ExecId = execId }, Options(TimeSpan.FromSeconds(30)), cancellationToken));

    /// <summary>Sets a terminal's size.</summary>
    public async ValueTask ResizeAsync(string id, string execId, int width, int height, CancellationToken cancellationToken = default) =>
        await Channel.UnaryAsync(TasksMethods.ResizePty, new ResizePtyRequest { ContainerId = id, ExecId = execId, Width = (uint)width, Height = (uint)height }, Options(), cancellationToken).ConfigureAwait(false);

    /// <summary>Makes the shim end a process's input.</summary>
    public ValueTask CloseStdinAsync(string id, string execId, CancellationToken cancellationToken = default) =>
        IgnoreMissingAsync(Channel.UnaryAsync(TasksMethods.CloseIO, new CloseIORequest { ContainerId = id, ExecId = execId, Stdin = true }, Options(), cancellationToken));

    /// <summary>Freezes a task.</summary>
    public async ValueTask PauseAsync(string id, CancellationToken cancellationToken = default) =>
        await Channel.UnaryAsync(TasksMethods.Pause, new PauseTaskRequest { ContainerId = id }, Options(), cancellationToken).ConfigureAwait(false);

    /// <summary>Thaws a task.</summary>
    public async ValueTask ResumeAsync(string id, CancellationToken cancellationToken = default) =>
        await Channel.UnaryAsync(TasksMethods.Resume, new ResumeTaskRequest { ContainerId = id }, Options(), cancellationToken).ConfigureAwait(false);

    /// <summary>Changes a task's limits; <paramref name="resources"/> is OCI's JSON.</summary>
    public async ValueTask UpdateAsync(string id, byte[] resources, CancellationToken cancellationToken = default) =>
        await Channel.UnaryAsync(TasksMethods.Update, new UpdateTaskRequest
        {
            ContainerId = id,
            Resources = new Any { TypeUrl = TypeUrls.RuntimeResources, Value = ByteString.CopyFrom(resources) },
        }, Options(), cancellationToken).ConfigureAwait(false);

    /// <summary>The processes of a task.</summary>
    public async ValueTask<IReadOnlyList<int>> PidsAsync(string id, CancellationToken cancellationToken = default) =>
        [.. (await Channel.UnaryAsync(TasksMethods.ListPids, new ListPidsRequest { ContainerId = id }, Options(), cancellationToken).ConfigureAwait(false)).Processes.Select(p => (int)p.Pid)];

    /// <summary>What a task uses; null where it has ended.</summary>
    public async ValueTask<Metric?> MetricsAsync(string id, CancellationToken cancellationToken = default)
    {
        MetricsRequest request = new();
        request.Filters.Add("id==" + id);
        MetricsResponse response = await Channel.UnaryAsync(TasksMethods.Metrics, request, Options(), cancellationToken).ConfigureAwait(false);
        return response.Metrics.FirstOrDefault(m => m.Id == id);
    }

    /// <summary>Subscribes to the tasks' events of the namespace.</summary>
    public async ValueTask<RpcCall<SubscribeRequest, Envelope>> SubscribeAsync(CancellationToken cancellationToken)
    {
        RpcCall<SubscribeRequest, Envelope> call = await Channel.OpenAsync(EventsMethods.Subscribe, Options(), cancellationToken).ConfigureAwait(false);
        SubscribeRequest request = new();
        request.Filters.Add($"namespace=={Namespace},topic~=|^/tasks/|");
        await call.WriteAsync(request, cancellationToken).ConfigureAwait(false);
        await call.CompleteAsync().ConfigureAwait(false);
        return call;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Channel.DisposeAsync();

    private static async ValueTask IgnoreMissingAsync<T>(RpcAnswer<T> call)
        where T : class, Google.Protobuf.IMessage
    {
        try
        {
            await call.ConfigureAwait(false);
        }
        catch (RpcException e) when (e.Status == RpcStatus.NotFound)
        {
            return;
        }
    }
}
