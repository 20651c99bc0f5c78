using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Containers;
using AotRuntime.Rpc.Containerd.Tasks;
using AotRuntime.Rpc.Containerd.Types;
using Google.Protobuf.WellKnownTypes;
using Shim = AotRuntime.Rpc.Containerd.Shim;

namespace AotRuntime.Containerd;

/// <summary>containerd.services.tasks.v1: hands each call on to the container's shim.</summary>
internal sealed class TasksService(ContainersService containers, ShimManager shims)
{
    // A shim that does not answer must not hold up a list of all.
    private static readonly TimeSpan s_stateTimeout = TimeSpan.FromSeconds(2);

    public void Register(RpcServiceTable table)
    {
        table.Unary(TasksMethods.Create, CreateAsync);
        table.Unary(TasksMethods.Start, StartAsync);
        table.Unary(TasksMethods.Delete, DeleteAsync);
        table.Unary(TasksMethods.DeleteProcess, DeleteProcessAsync);
        table.Unary(TasksMethods.Get, GetAsync);
        table.Unary(TasksMethods.List, ListAsync);
        table.Unary(TasksMethods.Kill, KillAsync);
        table.Unary(TasksMethods.Exec, ExecAsync);
        table.Unary(TasksMethods.ResizePty, ResizePtyAsync);
        table.Unary(TasksMethods.CloseIO, CloseIOAsync);
        table.Unary(TasksMethods.Pause, PauseAsync);
        table.Unary(TasksMethods.Resume, ResumeAsync);
        table.Unary(TasksMethods.ListPids, ListPidsAsync);
        table.Unary(TasksMethods.Checkpoint, (r, c) =>
        {
            Find(c, r.ContainerId);
            throw ContainerdError.Unimplemented("checkpoint");
        });
        table.Unary(TasksMethods.Update, UpdateAsync);
        table.Unary(TasksMethods.Metrics, MetricsAsync);
        table.Unary(TasksMethods.Wait, WaitAsync);
    }

    private async RpcAnswer<CreateTaskResponse> CreateAsync(CreateTaskRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        Container container = containers.Find(ns, request.ContainerId);
        if (request.Checkpoint is { Digest.Length: > 0 })
            throw ContainerdError.Unimplemented("restore from a checkpoint");
        uint pid = await shims.CreateAsync(ns, container, request, context.Cancelled).ConfigureAwait(false);
        return new CreateTaskResponse { ContainerId = request.ContainerId, Pid = pid };
    }

    private async RpcAnswer<StartResponse> StartAsync(StartRequest request, RpcContext context)
    {
        ShimInstance shim = Find(context, request.ContainerId);
        Shim.StartResponse response = await shim.CallAsync(
            m => m.Start, new Shim.StartRequest { Id = shim.Id, ExecId = request.ExecId }, context.Cancelled).ConfigureAwait(false);
        return new StartResponse { Pid = response.Pid };
    }

    private async RpcAnswer<DeleteResponse> DeleteAsync(DeleteTaskRequest request, RpcContext context)
    {
        ShimInstance shim = Find(context, request.ContainerId);
        Shim.DeleteResponse exit = await shims.DeleteAsync(shim, context.Cancelled).ConfigureAwait(false);
        return new DeleteResponse { Id = "", Pid = exit.Pid, ExitStatus = exit.ExitStatus, ExitedAt = exit.ExitedAt };
    }

    private async RpcAnswer<DeleteResponse> DeleteProcessAsync(DeleteProcessRequest request, RpcContext context)
    {
        ShimInstance shim = Find(context, request.ContainerId);
        Shim.DeleteResponse exit = await shim.CallAsync(
            m => m.Delete, new Shim.DeleteRequest { Id = shim.Id, ExecId = request.ExecId }, context.Cancelled).ConfigureAwait(false);
        return new DeleteResponse { Id = request.ExecId, Pid = exit.Pid, ExitStatus = exit.ExitStatus, ExitedAt = exit.ExitedAt };
    }

    private async RpcAnswer<GetResponse> GetAsync(GetRequest request, RpcContext context)
    {
        ShimInstance shim = Find(context, request.ContainerId);
        return new GetResponse { Process = await StateAsync(shim, request.ExecId, context.Cancelled).ConfigureAwait(false) };
    }

    private async RpcAnswer<ListTasksResponse> ListAsync(ListTasksRequest request, RpcContext context)
    {
        ListTasksResponse response = new();
        Task<Process?>[] states = [.. shims.List(CallScope.Namespace(context)).Select(shim => TryStateAsync(shim, context.Cancelled))];
        foreach (Process? state in await Task.WhenAll(states).ConfigureAwait(false))
        {
            if (state is not null)
                response.Tasks.Add(state);
        }
        return response;
    }

    private async RpcAnswer<Empty> KillAsync(KillRequest request, RpcContext context)
    {
        ShimInstance shim = Find(context, request.ContainerId);
        return await shim.CallAsync(
            m => m.Kill,
            new Shim.KillRequest { Id = shim.Id, ExecId = request.ExecId, Signal = request.Signal, All = request.All },
            context.Cancelled).ConfigureAwait(false);
    }

    private async RpcAnswer<Empty> ExecAsync(ExecProcessRequest request, RpcContext context)
    {
        if (request.ExecId.Length == 0)
            throw new RpcException(RpcStatus.InvalidArgument, "exec id cannot be empty");
        ShimInstance shim = Find(context, request.ContainerId);
        try
        {
            CallScope.CheckIdentifier(request.ExecId);
        }
        catch (RpcException e)
        {
            throw new RpcException(e.Status, $"invalid exec id {request.ExecId}: {e.Message}");
        }
        return await shim.CallAsync(
            m => m.Exec,
            new Shim.ExecProcessRequest
            {
                Id = shim.Id,
                ExecId = request.ExecId,
                Stdin = request.Stdin,
                Stdout = request.Stdout,
                Stderr = request.Stderr,
                Terminal = request.Terminal,
                Spec = request.Spec,
            },
            context.Cancelled).ConfigureAwait(false);
    }

    private async RpcAnswer<Empty> ResizePtyAsync(ResizePtyRequest request, RpcContext context)
    {
        ShimInstance shim = Find(context, request.ContainerId);
        return await shim.CallAsync(
            m => m.ResizePty,
            new Shim.ResizePtyRequest { Id = shim.Id, ExecId = request.ExecId, Width = request.Width, Height = request.Height },
            context.Cancelled).ConfigureAwait(false);
    }

    private async RpcAnswer<Empty> CloseIOAsync(CloseIORequest request, RpcContext context)
    {
        ShimInstance shim = Find(context, request.ContainerId);
        return await shim.CallAsync(
            m => m.CloseIO, new Shim.CloseIORequest { Id = shim.Id, ExecId = request.ExecId, Stdin = request.Stdin }, context.Cancelled)
            .ConfigureAwait(false);
    }

    private async RpcAnswer<Empty> PauseAsync(PauseTaskRequest request, RpcContext context)
    {
        ShimInstance shim = Find(context, request.ContainerId);
        return await shim.CallAsync(m => m.Pause, new Shim.PauseRequest { Id = shim.Id }, context.Cancelled).ConfigureAwait(false);
    }

    private async RpcAnswer<Empty> ResumeAsync(ResumeTaskRequest request, RpcContext context)
    {
        ShimInstance shim = Find(context, request.ContainerId);
        return await shim.CallAsync(m => m.Resume, new Shim.ResumeRequest { Id = shim.Id }, context.Cancelled).ConfigureAwait(false);
    }

    private async RpcAnswer<ListPidsResponse> ListPidsAsync(ListPidsRequest request, RpcContext context)
    {
        ShimInstance shim = Find(context, request.ContainerId);
        Shim.PidsResponse pids = await shim.CallAsync(m => m.Pids, new Shim.PidsRequest { Id = shim.Id }, context.Cancelled).ConfigureAwait(false);
        ListPidsResponse response = new();
        response.Processes.AddRange(pids.Processes);
        return response;
    }

    private async RpcAnswer<Empty> UpdateAsync(UpdateTaskRequest request, RpcContext context)
    {
        ShimInstance shim = Find(context, request.ContainerId);
        Shim.UpdateTaskRequest update = new() { Id = shim.Id, Resources = request.Resources };
        update.Annotations.Add(request.Annotations);
        return await shim.CallAsync(m => m.Update, update, context.Cancelled).ConfigureAwait(false);
    }

    private async RpcAnswer<MetricsResponse> MetricsAsync(MetricsRequest request, RpcContext context)
    {
        Filter filter = Filter.Parse(request.Filters);
        MetricsResponse response = new();
        foreach (ShimInstance shim in shims.List(CallScope.Namespace(context)))
        {
            if (!filter.Matches(path => path switch
            {
                ["id"] => shim.Id,
                ["namespace"] => shim.Namespace,
                _ => null,
            }))
            {
                continue;
            }
            try
            {
                Shim.StatsResponse stats = await shim.CallAsync(
                    m => m.Stats, new Shim.StatsRequest { Id = shim.Id }, context.Cancelled, s_stateTimeout).ConfigureAwait(false);
                response.Metrics.Add(new Metric { Id = shim.Id, Timestamp = Labels.Now(), Data = stats.Stats });
            }
            catch (RpcException e)
            {
                // One task's figures may be missing (it has just ended); the others' are still wanted.
                shims.LogNoAnswer(shim, e);
            }
        }
        return response;
    }

    private async RpcAnswer<WaitResponse> WaitAsync(WaitRequest request, RpcContext context)
    {
        ShimInstance shim = Find(context, request.ContainerId);
        Shim.WaitResponse exit = await shim.CallAsync(
            m => m.Wait, new Shim.WaitRequest { Id = shim.Id, ExecId = request.ExecId }, context.Cancelled).ConfigureAwait(false);
        return new WaitResponse { ExitStatus = exit.ExitStatus, ExitedAt = exit.ExitedAt };
    }

    private ShimInstance Find(RpcContext context, string id)
    {
        string ns = CallScope.Namespace(context);
        containers.Find(ns, id);
        return shims.Find(ns, id) ?? throw new RpcException(RpcStatus.NotFound, $"task {id} not found");
    }

    private async Task<Process?> TryStateAsync(ShimInstance shim, CancellationToken cancelled)
    {
        try
        {
            return await StateAsync(shim, "", cancelled).ConfigureAwait(false);
        }
        catch (RpcException e)
        {
            // Deleted or ended while we asked.
            shims.LogNoAnswer(shim, e);
            return null;
        }
    }

    private static async Task<Process> StateAsync(ShimInstance shim, string execId, CancellationToken cancelled)
    {
        Shim.StateResponse state = await shim.CallAsync(
            m => m.State, new Shim.StateRequest { Id = shim.Id, ExecId = execId }, cancelled, s_stateTimeout).ConfigureAwait(false);
        return new Process
        {
            Id = execId.Length > 0 ? execId : shim.Id,
            Pid = state.Pid,
            Status = state.Status,
            Stdin = state.Stdin,
            Stdout = state.Stdout,
            Stderr = state.Stderr,
            Terminal = state.Terminal,
            ExitStatus = state.ExitStatus,
            ExitedAt = state.ExitedAt,
        };
    }
}
