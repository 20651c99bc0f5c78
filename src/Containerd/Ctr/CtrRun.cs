using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Containers;
using AotRuntime.Rpc.Containerd.Snapshots;
using AotRuntime.Rpc.Containerd.Tasks;
using AotRuntime.Rpc.Containerd.Types;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Containerd.Ctr;

/// <summary><c>run</c>.</summary>
internal static class CtrRun
{
    private const string Runtime = "io.containerd.runc.v2";

    public static async Task<int> RunAsync(CtrClient client, List<string> rest)
    {
        CtrArguments args = CtrArguments.Parse(
            rest, "rm", "detach,d", "tty,t", "null-io", "net-host", "env,e=", "cwd=", "snapshotter=", "runtime=", "read-only", "privileged", "cgroup=");
        if (args.Positional.Count < 2)
            throw new CtrException(args.Positional.Count == 0 ? "image ref must be provided" : "container id must be provided");
        string image = args.Positional[0], id = args.Positional[1];
        string snapshotter = args.Value("snapshotter") ?? "overlayfs";
        bool tty = args.Has("tty"), detach = args.Has("detach");

        (CtrImageConfig config, string chainId) = await CtrImageConfig.ReadAsync(client, image).ConfigureAwait(false);
        var container = new Container
        {
            Id = id,
            Image = image,
            Runtime = new Container.Types.Runtime { Name = args.Value("runtime") ?? Runtime },
            Snapshotter = snapshotter,
            SnapshotKey = id,
            Spec = new Any
            {
                TypeUrl = TypeUrls.RuntimeSpec,
                Value = ByteString.CopyFrom(CtrSpec.Build(new CtrSpec.Request(client.Namespace, id, config, args.Positional[2..])
                {
                    Terminal = tty,
                    HostNetwork = args.Has("net-host"),
                    ReadOnly = args.Has("read-only"),
                    Environment = args.Values("env"),
                    WorkingDirectory = args.Value("cwd"),
                    Cgroup = args.Value("cgroup"),
                })),
            },
        };
        // The snapshot belongs to nobody until the container is there, and would be swept away.
        await client.HoldAsync(() => CreateAsync(client, container, chainId)).ConfigureAwait(false);
        bool keep = detach || !args.Has("rm");
        try
        {
            return await RunTaskAsync(client, container, args.Has("null-io") || (detach && !tty), tty, detach).ConfigureAwait(false);
        }
        finally
        {
            if (!keep)
                await CtrContainers.RemoveAsync(client, id, keepSnapshot: false).ConfigureAwait(false);
        }
    }

    private static async Task CreateAsync(CtrClient client, Container container, string chainId)
    {
        var snapshot = new PrepareSnapshotRequest { Snapshotter = container.Snapshotter, Key = container.SnapshotKey, Parent = chainId };
        await client.CallAsync(SnapshotsMethods.Prepare, snapshot).ConfigureAwait(false);
        try
        {
            await client.CallAsync(ContainersMethods.Create, new CreateContainerRequest { Container = container }).ConfigureAwait(false);
        }
        catch (RpcException)
        {
            await client.CallAsync(SnapshotsMethods.Remove, new RemoveSnapshotRequest { Snapshotter = snapshot.Snapshotter, Key = snapshot.Key }).ConfigureAwait(false);
            throw;
        }
    }

    private static async Task<int> RunTaskAsync(CtrClient client, Container container, bool nullIo, bool tty, bool detach)
    {
        MountsResponse mounts = await client.CallAsync(SnapshotsMethods.Mounts, new MountsRequest { Snapshotter = container.Snapshotter, Key = container.SnapshotKey }).ConfigureAwait(false);
        using CtrStreams streams = nullIo ? CtrStreams.None() : CtrStreams.Open(container.Id, tty);
        var request = new CreateTaskRequest
        {
            ContainerId = container.Id,
            Terminal = tty,
            Stdin = streams.Stdin,
            Stdout = streams.Stdout,
            Stderr = streams.Stderr,
        };
        foreach (Mount mount in mounts.Mounts)
            request.Rootfs.Add(mount);
        streams.StartOutput();
        await client.CallAsync(TasksMethods.Create, request).ConfigureAwait(false);
        bool started = false;
        try
        {
            int code = await CtrTasks.FollowAsync(client, container.Id, "", streams, detach).ConfigureAwait(false);
            started = true;
            return code;
        }
        finally
        {
            if (!detach || !started)
                await client.CallAsync(TasksMethods.Delete, new DeleteTaskRequest { ContainerId = container.Id }).ConfigureAwait(false);
        }
    }
}
