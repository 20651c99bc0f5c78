using AotRuntime.EngineApi;
using AotRuntime.Json;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Tasks;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Dockerd.Containers;

internal sealed partial class ContainerManager
{
    private static readonly TimeSpan s_firstBackOff = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_longestBackOff = TimeSpan.FromMinutes(1);

    /// <summary>How often a task's deletion is tried again when containerd dies meanwhile.</summary>
    private const int MaxDeleteRetries = 3;

    /// <summary>A run that lasted this long was a success: the next pause is short again.</summary>
    private static readonly TimeSpan s_stableRun = TimeSpan.FromSeconds(10);

    /// <summary>A container's first process has ended.</summary>
    /// <param name="container">The container.</param>
    /// <param name="pid">The process that is meant, so that late news of an earlier run does no harm.</param>
    /// <param name="end">How it ended; null where only its absence is known.</param>
    private async Task OnExitAsync(Container container, int pid, RunEnd? end)
    {
        await container.Lock.WaitAsync().ConfigureAwait(false);
        try
        {
            // Told twice: by an event and by asking.
            if (!container.State.Running || container.State.Restarting || container.State.Pid != pid)
                return;
            await FinishRunAsync(container, end).ConfigureAwait(false);
        }
        finally
        {
            container.Lock.Release();
        }
    }

    /// <summary>Ends a run; the caller holds the lock.</summary>
    private async Task FinishRunAsync(Container container, RunEnd? known)
    {
        ContainerRecord record = container.Record;
        if (known is not null && record.Ended is null)
        {
            // Before containerd forgets it: killed between the two, this daemon would leave nobody who knows.
            record.Ended = known;
            _store.SaveForSuccessor(record);
        }
        // The shim ends its copying before it answers, so that the last output is in the pipes by then.
        DeleteResponse? deleted = await DeleteEndedTaskAsync(record.Id).ConfigureAwait(false);
        RunEnd end = record.Ended
            ?? (deleted is null ? RunEnd.Unknown : new RunEnd((int)deleted.ExitStatus, deleted.ExitedAt?.ToDateTimeOffset() ?? DateTimeOffset.UtcNow));
        (int exitCode, DateTimeOffset exitedAt) = end;
        if (container.Io is { } io)
            await io.DrainAsync(s_drainLimit).ConfigureAwait(false);

        TimeSpan ran = Rfc3339.TryParse(record.State.StartedAt, out DateTimeOffset started) ? exitedAt - started : TimeSpan.Zero;
        bool restart = ShouldRestart(container, exitCode);
        record.State.Running = false;
        record.State.Paused = false;
        record.State.Pid = 0;
        record.State.ExitCode = exitCode;
        record.State.OOMKilled = container.OomInThisRun;
        record.State.FinishedAt = GoTime.Format(exitedAt);
        record.State.Restarting = restart;
        record.State.Status = restart ? "restarting" : "exited";
        if (restart)
        {
            // An API client reads "restarting" as a kind of running.
            record.State.Running = true;
            record.RestartCount++;
        }
        await ReleaseAsync(container).ConfigureAwait(false);
        record.Ended = null;
        foreach (ExecSession exec in container.Execs.Values)
            exec.OnContainerExit();
        _store.Save(record);
        Publish(container, "die", ("exitCode", exitCode.ToString(System.Globalization.CultureInfo.InvariantCulture)),
            ("execDuration", ((long)ran.TotalSeconds).ToString(System.Globalization.CultureInfo.InvariantCulture)));
        container.NotifyExit();

        if (restart)
            ScheduleRestart(container, ran);
        else if (record.HostConfig.AutoRemove)
            _ = AutoRemoveAsync(container);
    }

    private async Task<DeleteResponse?> DeleteEndedTaskAsync(string id)
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                return await _services.Containerd.DeleteTaskAsync(id).ConfigureAwait(false);
            }
            catch (RpcException e) when (e.Status == RpcStatus.Unavailable && attempt < MaxDeleteRetries)
            {
                LogDeleteTaskFailed(Log, id, e);
            }
            catch (RpcException e)
            {
                LogDeleteTaskFailed(Log, id, e);
                return null;
            }
            try
            {
                await Containerd.ContainerdSupervisor.WaitReadyAsync(_services.Containerd, CancellationToken.None).ConfigureAwait(false);
            }
            catch (TimeoutException e)
            {
                LogDeleteTaskFailed(Log, id, e);
                return null;
            }
        }
    }

    private bool ShouldRestart(Container container, int exitCode)
    {
        RestartPolicy policy = container.Record.HostConfig.RestartPolicy ?? new RestartPolicy();
        if (container.StopRequested || container.Record.StoppedByUser || container.Record.Removing || _shuttingDown)
            return false;
        return policy.Name switch
        {
            "always" or "unless-stopped" => true,
            "on-failure" => exitCode != 0 && (policy.MaximumRetryCount == 0 || container.Record.RestartCount < policy.MaximumRetryCount),
            _ => false,
        };
    }

    private void ScheduleRestart(Container container, TimeSpan ran)
    {
        container.RestartBackOff = ran > s_stableRun || container.RestartBackOff == TimeSpan.Zero
            ? s_firstBackOff
            : TimeSpan.FromTicks(Math.Min(container.RestartBackOff.Ticks * 2, s_longestBackOff.Ticks));
        CancellationTokenSource cancel = new();
        container.RestartDelay = cancel;
        _ = RestartLaterAsync(container, container.RestartBackOff, cancel);
    }

    private async Task RestartLaterAsync(Container container, TimeSpan pause, CancellationTokenSource cancel)
    {
        try
        {
            await Task.Delay(pause, cancel.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return;
        }
        await container.Lock.WaitAsync().ConfigureAwait(false);
        try
        {
            if (cancel.IsCancellationRequested || !container.State.Restarting || _shuttingDown)
                return;
            container.State.Running = false;
            await StartLockedAsync(container).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // It could not even be started: a policy does not try that again.
            LogRestartFailed(Log, container.Id, e);
            container.State.Restarting = false;
            container.State.Running = false;
            container.State.Status = "exited";
            _store.Save(container.Record);
            container.NotifyExit();
        }
        finally
        {
            container.Lock.Release();
        }
    }

    /// <summary>Ends a waiting restart; the caller holds the lock. True where there was one.</summary>
    private bool CancelRestart(Container container)
    {
        if (!container.State.Restarting)
            return false;
        container.RestartDelay?.Cancel();
        container.State.Restarting = false;
        container.State.Running = false;
        container.State.Status = "exited";
        _store.Save(container.Record);
        container.NotifyExit();
        return true;
    }

    /// <summary>containerd says that a task's first process has ended.</summary>
    public Task OnTaskExitAsync(string id, int pid, RunEnd end) =>
        _containers.TryGetValue(id, out Container? container) ? OnExitAsync(container, pid, end) : Task.CompletedTask;

    /// <summary>containerd says that a task ran out of memory.</summary>
    public void OnTaskOom(string id)
    {
        if (_containers.TryGetValue(id, out Container? container))
            OnOom(container);
    }

    /// <summary>The kernel killed one of a container's processes for want of memory.</summary>
    public void OnOom(Container container)
    {
        container.OomInThisRun = true;
        container.State.OOMKilled = true;
        Publish(container, "oom");
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "failed to delete the task of container {id}")]
    private static partial void LogDeleteTaskFailed(ILogger log, string id, Exception error);

    [LoggerMessage(Level = LogLevel.Error, Message = "failed to restart container {id}")]
    private static partial void LogRestartFailed(ILogger log, string id, Exception error);
}
