using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Runc;
using AotRuntime.Rpc.Containerd.Shim;
using AotRuntime.Rpc.Containerd.Types;
using AotRuntime.Shim.Bootstrap;
using AotRuntime.Shim.Cgroups;
using AotRuntime.Shim.Processes;
using AotRuntime.Shim.Stdio;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Shim.Tasks;

/// <summary>containerd.task.v2.Task and v3: the containers of one shim.</summary>
internal sealed class TaskService(string ns, TaskEvents events, ILogger log, Action shutdown)
{
    // How long a container that was created and never started has to die when it is deleted.
    private static readonly TimeSpan DeathTimeout = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Container> _containers = [];
    private readonly HashSet<string> _creating = [];
    private readonly Reaper _reaper = new();
    private readonly IoLoop _loop = new();

    /// <summary>Puts all methods into the table, under both versions' names.</summary>
    public void Register(RpcServiceTable table)
    {
        foreach (ShimTaskMethods methods in new[] { ShimTaskMethods.V2, ShimTaskMethods.V3 })
        {
            table.Unary(methods.State, (r, _) => State(r));
            table.Unary(methods.Create, (r, _) => CreateAsync(r));
            table.Unary(methods.Start, (r, _) => StartAsync(r));
            table.Unary(methods.Delete, (r, _) => DeleteAsync(r));
            table.Unary(methods.Pids, (r, _) => PidsAsync(r));
            table.Unary(methods.Pause, (r, _) => PauseAsync(r));
            table.Unary(methods.Resume, (r, _) => ResumeAsync(r));
            table.Unary(methods.Checkpoint, (r, _) => CheckpointAsync(r));
            table.Unary(methods.Kill, (r, _) => KillAsync(r));
            table.Unary(methods.Exec, (r, _) => Exec(r));
            table.Unary(methods.ResizePty, (r, _) => ResizePty(r));
            table.Unary(methods.CloseIO, (r, _) => CloseIO(r));
            table.Unary(methods.Update, (r, _) => UpdateAsync(r));
            table.Unary(methods.Wait, (r, c) => WaitAsync(r, c.Cancelled));
            table.Unary(methods.Stats, (r, _) => Stats(r));
            table.Unary(methods.Connect, (r, _) => Connect(r));
            table.Unary(methods.Shutdown, (_, _) => Shutdown());
        }
    }

    private async RpcAnswer<CreateTaskResponse> CreateAsync(CreateTaskRequest request)
    {
        lock (_lock)
        {
            if (_containers.ContainsKey(request.Id) || !_creating.Add(request.Id))
                throw new RpcException(RpcStatus.AlreadyExists, $"container {request.Id}: already exists");
        }
        try
        {
            (Container container, Task<ProcessExit> exit) = await NewContainerAsync(request).ConfigureAwait(false);
            lock (_lock)
                _containers.Add(request.Id, container);
            events.Create(request, container.Init.Pid);
            WatchCgroups(container);
            _ = FollowInitAsync(container, exit);
            return new CreateTaskResponse { Pid = (uint)container.Init.Pid };
        }
        finally
        {
            lock (_lock)
                _creating.Remove(request.Id);
        }
    }

    private void WatchCgroups(Container container)
    {
        // A container to be restored has no process yet.
        if (container.Init.Pid == 0 || container.Cgroups is not null || CgroupPaths.OfProcess(container.Init.Pid) is not { } cgroups)
            return;
        container.Cgroups = cgroups;
        container.Oom = new OomWatcher(cgroups, _loop, () => events.Oom(container.Id));
    }

    private async Task<(Container Container, Task<ProcessExit> Exit)> NewContainerAsync(CreateTaskRequest request)
    {
        Options options = new();
        if (request.Options is { Value.Length: > 0 })
        {
            if (!TypeUrls.Is(request.Options, TypeUrls.RuncOptions))
                throw new RpcException(RpcStatus.InvalidArgument, $"unsupported option type \"{request.Options.TypeUrl}\": invalid argument");
            options = Options.Parser.ParseFrom(request.Options.Value);
        }
        string rootfs = "";
        try
        {
            BundleOptions.Write(request.Bundle, options);
            if (request.Rootfs.Count > 0)
            {
                rootfs = Path.Combine(request.Bundle, "rootfs");
                Directory.CreateDirectory(rootfs);
                Rootfs.Mount(request.Rootfs, rootfs);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RpcException(RpcStatus.Unknown, $"failed to mount rootfs component: {e.Message}");
        }
        catch (ShimException e)
        {
            throw new RpcException(RpcStatus.Unknown, e.Message);
        }

        var runtime = new RuncRuntime(options.BinaryName, options.Root, ns, request.Bundle, options.SystemdCgroup, _reaper);
        var paths = new StdioPaths(request.Stdin, request.Stdout, request.Stderr, request.Terminal);
        var init = new InitProcess(request.Id, request.Bundle, rootfs, runtime, options, _reaper, paths);
        try
        {
            Task<ProcessExit> exit = await init.CreateAsync(_loop, ns, request.Checkpoint).ConfigureAwait(false);
            return (new Container(request.Id, request.Bundle, init, options), exit);
        }
        catch (Exception)
        {
            init.Dispose();
            init.Unmount();
            throw;
        }
    }

    /// <summary>Tells the first process's exit: after its start has been told, and after the exits of all that was executed.</summary>
    private async Task FollowInitAsync(Container container, Task<ProcessExit> promised)
    {
        ProcessExit exit = await promised.ConfigureAwait(false);
        Task[] execs;
        await container.Init.Gate.WaitAsync().ConfigureAwait(false);
        try
        {
            execs = container.CloseEntry();
        }
        finally
        {
            container.Init.Gate.Release();
        }
        if (container.MustKillAllOnExit)
        {
            RuncResult result = await container.Init.Runtime.KillAsync(container.Id, Linux.Sys.SIGKILL, all: true).ConfigureAwait(false);
            if (!result.Succeeded)
                ShimLog.Problem(log, container.Id, "failed to kill init's children: " + container.Init.Runtime.Error("OCI runtime killall failed", result));
        }
        await Task.WhenAll(execs).ConfigureAwait(false);
        container.Oom?.Check();

        await container.Init.Gate.WaitAsync().ConfigureAwait(false);
        try
        {
            container.Init.SetExited(exit);
            events.Exit(container.Id, container.Init);
            container.Init.EndWait();
        }
        finally
        {
            container.Init.Gate.Release();
        }
    }

    private async RpcAnswer<StartResponse> StartAsync(StartRequest request)
    {
        Container container = Find(request.Id);
        TaskProcess process = container.Process(request.ExecId);
        if (process is ExecProcess exec)
            return await StartExecAsync(container, exec).ConfigureAwait(false);
        using (await EnterAsync(process).ConfigureAwait(false))
        {
            await container.Init.StartAsync().ConfigureAwait(false);
            WatchCgroups(container);
            events.Start(container.Id, process.Pid);
        }
        return new StartResponse { Pid = (uint)process.Pid };
    }

    private async RpcAnswer<StartResponse> StartExecAsync(Container container, ExecProcess exec)
    {
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        container.Enter(told.Task);
        bool following = false;
        try
        {
            using (await EnterAsync(exec).ConfigureAwait(false))
            {
                Task<ProcessExit> exit = await exec.StartAsync(_loop, ns).ConfigureAwait(false);
                events.ExecStarted(container.Id, exec.Id, exec.Pid);
                following = true;
                _ = FollowExecAsync(container, exec, exit, told);
            }
        }
        finally
        {
            if (!following)
            {
                container.Leave(told.Task);
                told.SetResult();
            }
        }
        return new StartResponse { Pid = (uint)exec.Pid };
    }

    private async Task FollowExecAsync(Container container, ExecProcess exec, Task<ProcessExit> promised, TaskCompletionSource told)
    {
        ProcessExit exit = await promised.ConfigureAwait(false);
        container.Oom?.Check();
        await exec.Gate.WaitAsync().ConfigureAwait(false);
        try
        {
            exec.SetExited(exit);
            events.Exit(container.Id, exec);
            exec.EndWait();
        }
        finally
        {
            exec.Gate.Release();
            container.Leave(told.Task);
            told.SetResult();
        }
    }

    private async RpcAnswer<DeleteResponse> DeleteAsync(DeleteRequest request)
    {
        Container container = Find(request.Id);
        TaskProcess process = container.Process(request.ExecId);
        bool neverStarted = process.Status == Status.Created;
        string? undrained;
        using (await EnterAsync(process).ConfigureAwait(false))
        {
            undrained = process is ExecProcess exec
                ? await exec.DeleteAsync().ConfigureAwait(false)
                : await container.Init.DeleteAsync().ConfigureAwait(false);
        }
        if (undrained is not null)
            ShimLog.Problem(log, container.Id, undrained);
        // The runtime has killed it: its exit is told first.
        if (neverStarted && process is InitProcess)
            await Task.WhenAny(process.Exited, Task.Delay(DeathTimeout)).ConfigureAwait(false);

        var response = new DeleteResponse
        {
            Pid = (uint)process.Pid,
            ExitStatus = (uint)process.ExitStatus,
            ExitedAt = TaskEvents.TimestampOf(process),
        };
        if (process is ExecProcess gone)
        {
            container.Remove(gone);
            return response;
        }
        lock (_lock)
            _containers.Remove(container.Id);
        events.Delete(container.Id, process);
        container.Dispose();
        return response;
    }

    private Empty Exec(ExecProcessRequest request)
    {
        Container container = Find(request.Id);
        if (request.ExecId.Length == 0 || request.ExecId.Contains('/'))
            throw new RpcException(RpcStatus.InvalidArgument, $"identifier \"{request.ExecId}\" is invalid: invalid argument");
        if (container.Init.Deleted || container.Init.Status is Status.Stopped or Status.Paused or Status.Pausing)
        {
            string state = container.Init.Deleted ? "deleted" : container.Init.Status == Status.Stopped ? "stopped" : "paused";
            throw new RpcException(RpcStatus.Unknown, $"cannot exec in a {state} state");
        }
        if (request.Spec is null)
            throw new RpcException(RpcStatus.InvalidArgument, "exec without a process: invalid argument");
        var exec = new ExecProcess(
            request.ExecId, container.Init, container.Bundle, request.Spec.Value.Memory, container.Options, _reaper,
            new StdioPaths(request.Stdin, request.Stdout, request.Stderr, request.Terminal));
        container.Add(exec);
        events.ExecAdded(container.Id, exec.Id);
        return new Empty();
    }

    private StateResponse State(StateRequest request)
    {
        Container container = Find(request.Id);
        TaskProcess process = container.Process(request.ExecId);
        Status status = process.Status;
        // What is executed in a frozen container is frozen, too.
        if (process is ExecProcess && container.Init.Status is Status.Paused or Status.Pausing)
            status = container.Init.Status;
        return new StateResponse
        {
            Id = process.Id,
            Bundle = container.Bundle,
            Pid = (uint)process.Pid,
            Status = status,
            Stdin = process.Paths.Stdin,
            Stdout = process.Paths.Stdout,
            Stderr = process.Paths.Stderr,
            Terminal = process.Paths.Terminal,
            ExitStatus = (uint)process.ExitStatus,
            ExitedAt = TaskEvents.TimestampOf(process),
        };
    }

    private async RpcAnswer<PidsResponse> PidsAsync(PidsRequest request)
    {
        Container container = Find(request.Id);
        (List<int>? pids, RuncResult result) = await container.Init.Runtime.PsAsync(container.Id).ConfigureAwait(false);
        if (pids is null)
            throw new RpcException(RpcStatus.Unknown, container.Init.Runtime.Error("OCI runtime ps failed", result));
        var response = new PidsResponse();
        foreach (int pid in pids)
        {
            var process = new ProcessInfo { Pid = (uint)pid };
            if (container.ExecOf(pid) is { } exec)
                process.Info = TypeUrls.Wrap(TypeUrls.RuncProcessDetails, new ProcessDetails { ExecId = exec.Id });
            response.Processes.Add(process);
        }
        return response;
    }

    private async RpcAnswer<Empty> PauseAsync(PauseRequest request)
    {
        Container container = Find(request.Id);
        using (await EnterAsync(container.Init).ConfigureAwait(false))
        {
            await container.Init.PauseAsync().ConfigureAwait(false);
            events.Paused(container.Id);
        }
        return new Empty();
    }

    private async RpcAnswer<Empty> ResumeAsync(ResumeRequest request)
    {
        Container container = Find(request.Id);
        using (await EnterAsync(container.Init).ConfigureAwait(false))
        {
            await container.Init.ResumeAsync().ConfigureAwait(false);
            events.Resumed(container.Id);
        }
        return new Empty();
    }

    private async RpcAnswer<Empty> CheckpointAsync(CheckpointTaskRequest request)
    {
        Container container = Find(request.Id);
        CheckpointOptions options = new();
        if (TypeUrls.Is(request.Options, TypeUrls.RuncCheckpointOptions))
            options = CheckpointOptions.Parser.ParseFrom(request.Options.Value);
        using (await EnterAsync(container.Init).ConfigureAwait(false))
            await container.Init.CheckpointAsync(request.Path, options).ConfigureAwait(false);
        events.Checkpointed(container.Id, request.Path);
        return new Empty();
    }

    private async RpcAnswer<Empty> KillAsync(KillRequest request)
    {
        Container container = Find(request.Id);
        if (container.Process(request.ExecId) is ExecProcess exec)
            exec.Kill((int)request.Signal);
        else
            await container.Init.KillAsync((int)request.Signal, request.All).ConfigureAwait(false);
        return new Empty();
    }

    private Empty ResizePty(ResizePtyRequest request)
    {
        try
        {
            Find(request.Id).Process(request.ExecId).Resize(request.Width, request.Height);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            throw new RpcException(RpcStatus.Unknown, e.Message);
        }
        return new Empty();
    }

    private Empty CloseIO(CloseIORequest request)
    {
        Find(request.Id).Process(request.ExecId).CloseInput();
        return new Empty();
    }

    private async RpcAnswer<Empty> UpdateAsync(UpdateTaskRequest request)
    {
        Container container = Find(request.Id);
        if (request.Resources is null)
            throw new RpcException(RpcStatus.InvalidArgument, "update without resources: invalid argument");
        await container.Init.UpdateAsync(request.Resources.Value.Memory).ConfigureAwait(false);
        return new Empty();
    }

    private async RpcAnswer<WaitResponse> WaitAsync(WaitRequest request, CancellationToken cancelled)
    {
        TaskProcess process = Find(request.Id).Process(request.ExecId);
        await process.Exited.WaitAsync(cancelled).ConfigureAwait(false);
        return new WaitResponse { ExitStatus = (uint)process.ExitStatus, ExitedAt = TaskEvents.TimestampOf(process) };
    }

    private StatsResponse Stats(StatsRequest request)
    {
        CgroupPaths cgroups = Find(request.Id).Cgroups ?? throw new RpcException(RpcStatus.NotFound, "cgroup does not exist: not found");
        return new StatsResponse { Stats = CgroupStats.Read(cgroups) };
    }

    private ConnectResponse Connect(ConnectRequest request)
    {
        lock (_lock)
        {
            return new ConnectResponse
            {
                ShimPid = (uint)Environment.ProcessId,
                TaskPid = _containers.TryGetValue(request.Id, out Container? container) ? (uint)container.Init.Pid : 0,
            };
        }
    }

    private Empty Shutdown()
    {
        lock (_lock)
        {
            // Others of the same group are still served.
            if (_containers.Count == 0 && _creating.Count == 0)
                shutdown();
        }
        return new Empty();
    }

    private Container Find(string id)
    {
        lock (_lock)
        {
            return _containers.TryGetValue(id, out Container? container)
                ? container
                : throw new RpcException(RpcStatus.NotFound, "container not created: not found");
        }
    }

    private static async Task<GateHolder> EnterAsync(TaskProcess process)
    {
        await process.Gate.WaitAsync().ConfigureAwait(false);
        return new GateHolder(process.Gate);
    }

    private readonly struct GateHolder(SemaphoreSlim gate) : IDisposable
    {
        public void Dispose() => gate.Release();
    }
}
