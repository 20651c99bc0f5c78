using System.Text.Json;
using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Config;
using AotRuntime.Dockerd.Host;
using AotRuntime.Dockerd.Networks;
using AotRuntime.Dockerd.Oci;
using AotRuntime.Dockerd.Streams;
using AotRuntime.EngineApi;
using AotRuntime.Json;
using AotRuntime.Linux;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Tasks;
using AotRuntime.Rpc.Containerd.Types;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Dockerd.Containers;

internal sealed partial class ContainerManager
{
    private static readonly TimeSpan s_drainLimit = TimeSpan.FromSeconds(10);

    /// <summary>Starts a container for a client.</summary>
    /// <exception cref="ApiException">304: it runs; 409: it is being removed or is paused; else what the runtime said.</exception>
    public async Task StartAsync(Container container)
    {
        await container.Lock.WaitAsync().ConfigureAwait(false);
        try
        {
            if (container.State.Paused)
                throw ApiException.Conflict("cannot start a paused container, try unpause instead");
            if (container.State.Running)
                throw ApiException.NotModified();
            if (container.Record.Removing || container.State.Dead)
                throw ApiException.Conflict("container is marked for removal and cannot be started");
            container.RestartDelay?.Cancel();
            container.RestartBackOff = TimeSpan.Zero;
            container.Record.RestartCount = 0;
            container.Record.StoppedByUser = false;
            await StartLockedAsync(container).ConfigureAwait(false);
        }
        finally
        {
            container.Lock.Release();
        }
    }

    /// <summary>Starts; the caller holds the lock.</summary>
    private async Task StartLockedAsync(Container container)
    {
        ContainerRecord record = container.Record;
        container.StopRequested = false;
        container.OomInThisRun = false;
        record.State.Error = "";
        record.Ended = null;
        bool created = false;
        try
        {
            List<MountRecord> mounts = await PrepareMountsAsync(container).ConfigureAwait(false);
            OciSpec spec = await BuildSpecAsync(container, mounts).ConfigureAwait(false);
            Rpc.Containerd.Containers.Container definition = new()
            {
                Id = record.Id,
                Image = record.Config.Image,
                Snapshotter = record.Snapshotter,
                SnapshotKey = record.Id,
                Runtime = Runtime(record.HostConfig),
                Spec = new Any
                {
                    TypeUrl = TypeUrls.RuntimeSpec,
                    Value = ByteString.CopyFrom(JsonText.ToBytes(spec, OciJsonContext.OciSpec)),
                },
            };
            definition.Labels["com.docker/engine.bundle.path"] = "";
            IReadOnlyList<Mount> rootfs = await _services.Containerd.SnapshotMountsAsync(record.Snapshotter, record.Id).ConfigureAwait(false);
            await _services.Containerd.CreateContainerAsync(definition).ConfigureAwait(false);
            created = true;
            await RunTaskAsync(container, rootfs, definition.Runtime.Options).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            ApiException error = await FailStartAsync(container, e, created).ConfigureAwait(false);
            if (ReferenceEquals(error, e))
                throw;
            throw error;
        }

        SetRunning(record, DateTimeOffset.UtcNow);
        _store.Save(record);
        container.Health = HealthMonitor.Create(this, container);
        Publish(container, "start");
    }

    private static void SetRunning(ContainerRecord record, DateTimeOffset startedAt)
    {
        record.State.Status = "running";
        record.State.Running = true;
        record.State.Restarting = false;
        record.State.Paused = false;
        record.State.Dead = false;
        record.State.OOMKilled = false;
        record.State.ExitCode = 0;
        record.State.StartedAt = GoTime.Format(startedAt);
        record.StartedBefore = true;
        record.Starting = false;
    }

    private async Task RunTaskAsync(Container container, IReadOnlyList<Mount> rootfs, Any? runtimeOptions)
    {
        ContainerRecord record = container.Record;
        container.Log.Begin();
        ProcessIo io = OpenStreams(container);
        CreateTaskRequest request = new()
        {
            ContainerId = record.Id,
            Terminal = record.Config.Tty,
            Stdin = io.StdinPath,
            Stdout = io.StdoutPath,
            Stderr = io.StderrPath,
            Options = runtimeOptions,
        };
        request.Rootfs.AddRange(rootfs);
        int pid;
        try
        {
            pid = await _services.Containerd.CreateTaskAsync(request).ConfigureAwait(false);
        }
        catch (RpcException e)
        {
            throw new RpcException(e.Status, "failed to create task for container: " + e.Message);
        }
        record.State.Pid = pid;
        await ConnectNetworkAsync(container, pid).ConfigureAwait(false);
        record.Starting = true;
        _store.SaveForSuccessor(record);
        await _services.Containerd.StartAsync(record.Id).ConfigureAwait(false);
        // Input only now: before the shim has opened its end, a client that ends its input at once would take it along.
        container.Hub.Begin(io);
    }

    /// <summary>Makes (or, after a restart of the daemon, opens again) the streams of a container's run.</summary>
    private ProcessIo OpenStreams(Container container)
    {
        ContainerConfig config = container.Record.Config;
        bool log = container.Record.HostConfig.LogConfig?.Type != "none";
        ProcessIo io = new(Path.Combine(StreamsFolder, container.Id), "init", config.OpenStdin, config.Tty, async (stream, piece) =>
        {
            if (log)
                container.Log.Write(stream, piece.Span);
            await container.Hub.PublishAsync(stream, piece).ConfigureAwait(false);
        })
        {
            CloseStdinAtShim = () => _services.Containerd.CloseStdinAsync(container.Id, ""),
        };
        container.Io = io;
        return io;
    }

    private async Task ConnectNetworkAsync(Container container, int pid)
    {
        ContainerRecord record = container.Record;
        HostConfig host = record.HostConfig;
        if (Container.JoinedContainer(host.NetworkMode) is not null)
        {
            record.Network = new NetworkAttachment();
            return;
        }
        record.Network = await _services.Networks.ConnectAsync(NetworkRequest(container, pid)).ConfigureAwait(false);
        NetworkFiles.Write(container.HostsPath, NetworkFiles.Hosts(record.Config, host, record.Network.Networks.Values, GatewayForHost(), LinkedHosts(record)));
    }

    /// <summary>Lines of /etc/hosts for <c>--link</c>: the other container's address under its alias, host name and name.</summary>
    private string LinkedHosts(ContainerRecord record)
    {
        System.Text.StringBuilder lines = new();
        foreach (string link in record.HostConfig.Links ?? [])
        {
            string[] parts = link.Split(':', 2);
            Container other = Find(parts[0]);
            string alias = parts.Length > 1 ? parts[1] : other.Record.Name;
            if (other.Record.Network?.Networks.GetValueOrDefault("bridge")?.IPAddress is not { Length: > 0 } address)
                throw ApiException.BadRequest($"Cannot link to a non running container: /{other.Record.Name} AS /{record.Name}/{alias}");
            lines.Append(address).Append('\t').AppendJoin(' ', new List<string> { alias, other.Record.Config.Hostname, other.Record.Name }.Distinct()).Append('\n');
        }
        return lines.ToString();
    }

    private static NetworkAttachRequest NetworkRequest(Container container, int pid)
    {
        ContainerRecord record = container.Record;
        return new NetworkAttachRequest
        {
            ContainerId = record.Id,
            ContainerName = record.Name,
            Hostname = record.Config.Hostname,
            NetworkMode = record.Config.NetworkDisabled ? "none" : record.HostConfig.NetworkMode,
            Endpoints = record.Endpoints,
            ExposedPorts = record.Config.ExposedPorts?.Keys.ToArray() ?? [],
            PortBindings = record.HostConfig.PortBindings ?? [],
            PublishAllPorts = record.HostConfig.PublishAllPorts,
            Pid = pid,
        };
    }

    private string GatewayForHost() => _services.Networks.Find("bridge")?.Ipam.Config?.FirstOrDefault()?.Gateway ?? "";

    /// <summary>Makes volumes and binds available, and the daemon's own files.</summary>
    private async Task<List<MountRecord>> PrepareMountsAsync(Container container)
    {
        ContainerRecord record = container.Record;
        List<MountRecord> mounts = [];
        foreach (MountRecord mount in record.Mounts)
        {
            if (mount.Type == "volume")
            {
                string folder = await _services.Volumes.MountAsync(mount.Name, record.Id).ConfigureAwait(false);
                mount.Source = folder;
                if (mount.Subpath.Length > 0)
                {
                    using RootFs volume = new(folder);
                    if (!volume.Exists(mount.Subpath, out _))
                        throw ApiException.Internal($"cannot access path {mount.Subpath}: no such file or directory");
                }
            }
            else if (mount.Type == "bind" && mount.CreateSource && !Path.Exists(mount.Source))
            {
                Directory.CreateDirectory(mount.Source);
            }
            mounts.Add(mount);
        }
        HostConfig host = record.HostConfig;
        NetworkFiles.Write(container.HostnamePath, record.Config.Hostname + "\n");
        NetworkFiles.Write(container.HostsPath, NetworkFiles.Hosts(record.Config, host, [], GatewayForHost()));
        NetworkFiles.Write(container.ResolvConfPath, NetworkFiles.ResolvConf(host, Options.Dns, Options.DnsOptions, Options.DnsSearch));
        if (host.IpcMode == "shareable")
            MountShm(container);
        return mounts;
    }

    private static void MountShm(Container container)
    {
        Directory.CreateDirectory(container.ShmPath);
        if (MountTableOfHost(container.ShmPath))
            return;
        string size = container.Record.HostConfig.ShmSize.ToString(System.Globalization.CultureInfo.InvariantCulture);
        Sys.Mount("shm", container.ShmPath, "tmpfs", MountOptions.MS_NOEXEC | MountOptions.MS_NOSUID | MountOptions.MS_NODEV, $"mode=1777,size={size}");
    }

    private static bool MountTableOfHost(string path) => AotRuntime.Linux.MountTable.Points().Contains(path);

    private async Task<OciSpec> BuildSpecAsync(Container container, List<MountRecord> mounts)
    {
        ContainerRecord record = container.Record;
        HostConfig host = record.HostConfig;
        Container? network = NetworkDonor(container);
        Container? ipc = Container.JoinedContainer(host.IpcMode) is { } i ? FindRunning(i, "IPC") : null;
        Container? pids = Container.JoinedContainer(host.PidMode) is { } p ? FindRunning(p, "PID") : null;
        if (ipc is { Record.HostConfig.IpcMode: not ("shareable" or "host") })
            throw ApiException.BadRequest($"can't join IPC of container {ipc.Id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)");

        OciUser user = await InspectRootAsync(container, mounts).ConfigureAwait(false);
        Container files = network ?? container;
        return SpecBuilder.Build(new SpecInput
        {
            Container = record,
            User = user,
            Mounts = mounts,
            HostsPath = files.HostsPath,
            HostnamePath = files.HostnamePath,
            ResolvConfPath = files.ResolvConfPath,
            ShmPath = ipc is not null ? ipc.ShmPath : host.IpcMode == "shareable" ? container.ShmPath : "",
            InitPath = (host.Init ?? Options.Init) && host.PidMode != "host" ? InitBinary() : "",
            CgroupParent = Options.CgroupParent.Length > 0 ? Options.CgroupParent : "/docker",
            CgroupV2 = DaemonServices.CgroupV2,
            NetworkPid = network?.State.Pid ?? 0,
            IpcPid = ipc?.State.Pid ?? 0,
            PidPid = pids?.State.Pid ?? 0,
            Seccomp = SeccompChoice.Of(host, _services.Seccomp, TakesSeccomp(host.Runtime ?? DaemonOptions.DefaultRuntimeName)),
        });
    }

    /// <summary>The container whose network this one joins; null for one with a network of its own, which is there.</summary>
    private Container? NetworkDonor(Container container)
    {
        HostConfig host = container.Record.HostConfig;
        if (Container.JoinedContainer(host.NetworkMode) is { } donor)
        {
            try
            {
                return FindRunning(donor, "network");
            }
            catch (ApiException e)
            {
                throw new ApiException(e.StatusCode == 404 ? 500 : e.StatusCode, "joining network namespace of container: " + e.Message, e);
            }
        }
        if (container.Record.Config.NetworkDisabled)
            return null;
        foreach (string name in container.Record.Endpoints.Keys.Where(n => n != "default").Append(host.NetworkMode))
            _ = _services.Networks.Find(name) ?? throw ApiException.NotFound($"failed to set up container networking: network {name} not found");
        return null;
    }

    /// <summary>What needs a look into the root filesystem: who the user is, the working directory, content for new volumes.</summary>
    private async Task<OciUser> InspectRootAsync(Container container, List<MountRecord> mounts)
    {
        ContainerRecord record = container.Record;
        IReadOnlyList<Mount> rootfs = await _services.Containerd.SnapshotMountsAsync(record.Snapshotter, record.Id).ConfigureAwait(false);
        using SnapshotMount mounted = SnapshotMount.Open(rootfs, Path.Combine(MountsFolder, record.Id));
        using RootFs root = new(mounted.Path);
        if (!record.StartedBefore)
        {
            // What programs look for to learn that they run in Docker's container, and what mount(8) and df(1) read.
            root.Put("/", ".dockerenv");
            root.Put("/etc", "mtab", "/proc/mounts");
        }
        if (record.Config.WorkingDir is { Length: > 1 } folder)
        {
            try
            {
                root.MakeDirectories(folder);
            }
            catch (LinuxException e) when (e.Errno == Errno.ENOTDIR)
            {
                throw ApiException.Internal($"Cannot mkdir: {folder} is not a directory", e);
            }
        }
        foreach (MountRecord mount in mounts)
        {
            if (mount.Type == "volume" && mount.CopyData && mount.Subpath.Length == 0)
                await _services.Volumes.PopulateAsync(mount.Name, mounted.Path, mount.Destination).ConfigureAwait(false);
        }
        return UserLookup.Resolve(record.Config.User, root.ReadText("/etc/passwd"), root.ReadText("/etc/group"), record.HostConfig.GroupAdd);
    }

    private string InitBinary()
    {
        string path = Options.InitPath.Length > 0 ? Options.InitPath : ProcessSpawn.FindRole("docker-init") ?? "";
        return path.Length > 0 ? path : throw ApiException.Internal("exec: \"docker-init\": executable file not found in $PATH");
    }

    /// <summary>Whether kernel and runtime apply seccomp profiles; a shim that is no runc's is taken to.</summary>
    public bool TakesSeccomp(string runtime)
    {
        if (runtime.StartsWith("io.containerd.", StringComparison.Ordinal) || (Options.Runtimes.TryGetValue(runtime, out RuntimeOption? option) && option.Type.Length > 0))
            return RuntimeFeatures.KernelSeccomp;
        string binary = option is { Path.Length: > 0 } ? option.Path
            : Options.Containerd.Length == 0 ? ProcessSpawn.FindRole(DaemonOptions.DefaultRuntimeName) ?? DaemonOptions.DefaultRuntimeName
            : DaemonOptions.DefaultRuntimeName;
        return RuntimeFeatures.Seccomp(binary);
    }

    private Rpc.Containerd.Containers.Container.Types.Runtime Runtime(HostConfig host)
    {
        string name = host.Runtime ?? DaemonOptions.DefaultRuntimeName;
        if (name.StartsWith("io.containerd.", StringComparison.Ordinal))
            return new() { Name = name };
        Rpc.Containerd.Runc.Options options = new() { Root = Path.Combine(Options.ExecRoot, "runtime-" + name) };
        if (Options.Runtimes.TryGetValue(name, out RuntimeOption? runtime))
        {
            if (runtime.Type.Length > 0)
                return new() { Name = runtime.Type };
            options.BinaryName = runtime.Path;
        }
        else if (Options.Containerd.Length == 0 && ProcessSpawn.FindRole(DaemonOptions.DefaultRuntimeName) is { } found)
        {
            options.BinaryName = found;
        }
        return new() { Name = "io.containerd.runc.v2", Options = TypeUrls.Wrap(TypeUrls.RuncOptions, options) };
    }

    private async Task<ApiException> FailStartAsync(Container container, Exception error, bool created)
    {
        ContainerRecord record = container.Record;
        (int code, ApiException translated) = error is ApiException already
            ? (StartError.Unknown, already)
            : StartError.Translate(error.Message, error);
        if (created)
        {
            try
            {
                if (error is RpcException { Status: RpcStatus.Unavailable })
                    await Containerd.ContainerdSupervisor.WaitReadyAsync(_services.Containerd, CancellationToken.None).ConfigureAwait(false);
                await _services.Containerd.ForceDeleteTaskAsync(record.Id).ConfigureAwait(false);
            }
            catch (Exception e) when (e is RpcException or TimeoutException)
            {
                LogCleanupFailed(Log, record.Id, e);
            }
        }
        record.Starting = false;
        record.State.ExitCode = code;
        record.State.Error = translated.Message;
        record.State.Pid = 0;
        if (record.State.Status is "restarting")
        {
            record.State.Status = "exited";
            record.State.Restarting = false;
        }
        await ReleaseAsync(container).ConfigureAwait(false);
        // Nothing ran, so nothing ended: those who wait for an exit go on waiting, and the client learns why from its start.
        _store.Save(record);
        if (record.HostConfig.AutoRemove)
            _ = AutoRemoveAsync(container);
        return translated;
    }

    /// <summary>Takes back all that a run had: streams, network, volumes, the record in containerd.</summary>
    private async Task ReleaseAsync(Container container)
    {
        if (container.Health is { } health)
        {
            container.Health = null;
            await health.DisposeAsync().ConfigureAwait(false);
        }
        try
        {
            if (container.Io is { } io)
            {
                container.Io = null;
                await io.DisposeAsync().ConfigureAwait(false);
            }
            await _services.Containerd.DeleteContainerAsync(container.Id).ConfigureAwait(false);
            await _services.Networks.DisconnectAsync(container.Id).ConfigureAwait(false);
            container.Record.Network = null;
            AotRuntime.Linux.MountTable.UnmountTree(container.ShmPath, detach: true);
            foreach (MountRecord mount in container.Record.Mounts)
            {
                if (mount.Type == "volume")
                    await _services.Volumes.UnmountAsync(mount.Name, container.Id).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is RpcException or IOException or ApiException)
        {
            LogCleanupFailed(Log, container.Id, e);
        }
        container.Log.End();
        container.Hub.End();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "failed to clean up container {id}")]
    private static partial void LogCleanupFailed(ILogger log, string id, Exception error);
}
