using AotRuntime.Dockerd.Networks;
using AotRuntime.EngineApi;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Types;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Dockerd.Containers;

internal sealed partial class ContainerManager
{
    /// <summary>Brings containers back after a start of the daemon: those that run are taken over, exits that were missed are collected.</summary>
    public async Task RestoreAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(ContainersFolder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute);
        foreach (ContainerRecord record in _store.Load())
        {
            try
            {
                _containers[record.Id] = new Container(record, Path.Combine(ContainersFolder, record.Id)) { RemovalWasInterrupted = record.Removing };
            }
            catch (Api.ApiException e)
            {
                // Settings that were valid once: that container is lost to this daemon, but no other one.
                LogRestoreFailed(Log, record.Id, e);
            }
        }
        AotRuntime.Linux.MountTable.UnmountTree(MountsFolder, detach: true);

        List<(Container Container, Process? Task)> wereRunning = [];
        List<NetworkAttachRequest> attached = [];
        foreach (Container container in _containers.Values)
        {
            ContainerRecord record = container.Record;
            if (!record.Starting && (!container.State.Running || container.State.Restarting))
                continue;
            Process? task = await _services.Containerd.GetAsync(container.Id, "", cancellationToken).ConfigureAwait(false);
            if (record.Starting)
            {
                if (task is null or { Status: Status.Created })
                {
                    AbandonStart(container);
                    continue;
                }
                SetRunning(record, task.ExitedAt is { } ended && task.Status == Status.Stopped ? ended.ToDateTimeOffset() : DateTimeOffset.UtcNow);
                record.State.Pid = (int)task.Pid;
                _store.SaveForSuccessor(record);
            }
            wereRunning.Add((container, task));
            if (task is { Status: not Status.Stopped } && container.Record.Network is { } network)
                attached.Add(NetworkRequest(container, (int)task.Pid) with { Previous = network });
        }
        await DeleteStrayTasksAsync(wereRunning.Select(r => r.Container.Id).ToHashSet(), cancellationToken).ConfigureAwait(false);
        await _services.Networks.StartAsync(attached, cancellationToken).ConfigureAwait(false);
        foreach ((Container container, Process? task) in wereRunning)
            await RestoreOneAsync(container, task).ConfigureAwait(false);
        RemoveStaleStreams();
    }

    /// <summary>A start that the earlier daemon had not finished, of a process that never ran.</summary>
    private void AbandonStart(Container container)
    {
        container.Record.Starting = false;
        container.Record.Network = null;
        container.State.Pid = 0;
        _store.Save(container.Record);
    }

    /// <summary>Deletes tasks of containers that do not run: what is left where the earlier daemon was killed while it started or cleaned up.</summary>
    private async Task DeleteStrayTasksAsync(HashSet<string> running, CancellationToken cancellationToken)
    {
        foreach (string id in await _services.Containerd.TaskIdsAsync(cancellationToken).ConfigureAwait(false))
        {
            // What this daemon does not know is not its own to delete.
            if (running.Contains(id) || !_containers.ContainsKey(id))
                continue;
            LogStrayTask(Log, id);
            try
            {
                await _services.Containerd.ForceDeleteTaskAsync(id, cancellationToken).ConfigureAwait(false);
                await _services.Containerd.DeleteContainerAsync(id, cancellationToken).ConfigureAwait(false);
            }
            catch (RpcException e)
            {
                LogDeleteTaskFailed(Log, id, e);
            }
        }
    }

    private void RemoveStaleStreams()
    {
        // Those of containers too that were removed since; what has another name than a container's id is not a container's.
        if (!Directory.Exists(StreamsFolder))
            return;
        foreach (string folder in Directory.EnumerateDirectories(StreamsFolder))
        {
            if (!NameGenerator.IsId(Path.GetFileName(folder)))
                continue;
            if (!_containers.TryGetValue(Path.GetFileName(folder), out Container? container) || container.Io is null)
                Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Starts what its policy says, finishes removals that a crash interrupted. Runs once clients are served.</summary>
    public async Task StartByPolicyAsync()
    {
        foreach (Container container in All().Reverse())
        {
            try
            {
                bool autoRemove = container.Record.HostConfig.AutoRemove && container.Record.StartedBefore && !container.State.Running;
                if (container.RemovalWasInterrupted || autoRemove)
                {
                    if (container.RemovalWasInterrupted)
                        container.Record.Removing = false;
                    await AutoRemoveAsync(container).ConfigureAwait(false);
                    continue;
                }
                string policy = container.Record.HostConfig.RestartPolicy?.Name ?? "no";
                bool waiting = container.State.Restarting;
                bool wanted = policy switch
                {
                    "always" => true,
                    "unless-stopped" => !container.Record.StoppedByUser,
                    "on-failure" => waiting,
                    _ => false,
                };
                if (waiting)
                {
                    container.State.Running = false;
                    container.State.Restarting = false;
                    container.State.Status = "exited";
                }
                if (wanted && !container.State.Running && container.Record.StartedBefore)
                {
                    await container.Lock.WaitAsync().ConfigureAwait(false);
                    try
                    {
                        await StartLockedAsync(container).ConfigureAwait(false);
                    }
                    finally
                    {
                        container.Lock.Release();
                    }
                }
                else if (waiting)
                {
                    _store.Save(container.Record);
                }
            }
            catch (Exception e)
            {
                LogPolicyStartFailed(Log, container.Id, e);
            }
        }
    }

    /// <summary>Asks containerd what became of a container that is thought to run; for events that were missed.</summary>
    public async Task ReconcileAsync(Container container)
    {
        try
        {
            if (!container.State.Running || container.State.Restarting)
                return;
            int pid = container.State.Pid;
            Process? task = await _services.Containerd.GetAsync(container.Id).ConfigureAwait(false);
            if (task is null or { Status: Status.Stopped })
                await OnExitAsync(container, pid, End(task)).ConfigureAwait(false);
            foreach (ExecSession exec in container.Execs.Values)
                await exec.ReconcileAsync().ConfigureAwait(false);
        }
        catch (RpcException e)
        {
            LogReconcileFailed(Log, container.Id, e);
        }
    }

    /// <summary>Asks about all of them.</summary>
    public async Task ReconcileAllAsync()
    {
        foreach (Container container in _containers.Values)
            await ReconcileAsync(container).ConfigureAwait(false);
    }

    /// <summary>Ends the daemon's work: stops the containers, or leaves them to the next daemon.</summary>
    public async Task ShutdownAsync()
    {
        _shuttingDown = true;
        foreach (Container container in _containers.Values)
            container.RestartDelay?.Cancel();
        if (Options.LiveRestore)
            return;
        await Parallel.ForEachAsync(_containers.Values.Where(c => c.State.Running && !c.State.Restarting), async (container, _) =>
        {
            bool stoppedByUser = container.Record.StoppedByUser;
            try
            {
                await StopForGoodAsync(container, null, null, CancellationToken.None).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                LogShutdownStopFailed(Log, container.Id, e);
            }
            // The daemon's end is not the user's wish: the next daemon starts it again if its policy says so.
            container.Record.StoppedByUser = stoppedByUser;
            if (_containers.ContainsKey(container.Id))
                _store.Save(container.Record);
        }).ConfigureAwait(false);
    }

    private async Task RestoreOneAsync(Container container, Process? task)
    {
        try
        {
            if (task is null)
            {
                await container.Lock.WaitAsync().ConfigureAwait(false);
                try
                {
                    await FinishRunAsync(container, null).ConfigureAwait(false);
                }
                finally
                {
                    container.Lock.Release();
                }
                return;
            }
            // What was written while no daemon was there waits in the FIFOs.
            container.Log.Begin();
            container.Hub.Begin(OpenStreams(container));
            container.State.Pid = (int)task.Pid;
            container.State.Paused = task.Status == Status.Paused;
            if (task.Status == Status.Stopped)
                await OnExitAsync(container, (int)task.Pid, End(task)).ConfigureAwait(false);
            else
                container.Health = HealthMonitor.Create(this, container);
        }
        catch (Exception e)
        {
            LogRestoreFailed(Log, container.Id, e);
        }
    }

    private static RunEnd? End(Process? task) =>
        task is { Status: Status.Stopped } ? new RunEnd((int)task.ExitStatus, task.ExitedAt?.ToDateTimeOffset() ?? DateTimeOffset.UtcNow) : null;

    [LoggerMessage(Level = LogLevel.Information, Message = "deleting the task of container {id}, which does not run")]
    private static partial void LogStrayTask(ILogger log, string id);

    [LoggerMessage(Level = LogLevel.Error, Message = "failed to start container {id}")]
    private static partial void LogPolicyStartFailed(ILogger log, string id, Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "failed to ask about container {id}")]
    private static partial void LogReconcileFailed(ILogger log, string id, Exception error);

    [LoggerMessage(Level = LogLevel.Error, Message = "failed to stop container {id}")]
    private static partial void LogShutdownStopFailed(ILogger log, string id, Exception error);

    [LoggerMessage(Level = LogLevel.Error, Message = "failed to restore container {id}")]
    private static partial void LogRestoreFailed(ILogger log, string id, Exception error);
}
