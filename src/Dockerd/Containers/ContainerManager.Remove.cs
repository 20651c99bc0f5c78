using AotRuntime.Dockerd.Api;
using AotRuntime.EngineApi;
using AotRuntime.Json;
using AotRuntime.Linux;
using AotRuntime.Rpc;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Dockerd.Containers;

internal sealed partial class ContainerManager
{
    /// <summary>Removes a container for a client, which called it <paramref name="calledBy"/>.</summary>
    /// <exception cref="ApiException">409: it runs, and <paramref name="force"/> was not given; or it is being removed.</exception>
    public async Task RemoveAsync(Container container, string calledBy, bool force, bool volumes, CancellationToken cancellationToken)
    {
        await container.Lock.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (container.Record.Removing)
                throw ApiException.Conflict($"removal of container {container.Record.Name} is already in progress");
            if (container.State.Running && !force)
            {
                string state = container.State.Paused ? "paused" : container.State.Restarting ? "restarting" : "running";
                string hint = state == "paused" ? "unpause and then stop the container before removing or force remove" : "stop the container before removing or force remove";
                throw ApiException.Conflict($"cannot remove container \"{calledBy}\": container is {state}: {hint}");
            }
            container.Record.Removing = true;
            _store.Save(container.Record);
        }
        finally
        {
            container.Lock.Release();
        }
        try
        {
            if (container.State.Running)
            {
                await container.Lock.WaitAsync(cancellationToken).ConfigureAwait(false);
                bool waiting;
                try
                {
                    container.StopRequested = true;
                    waiting = CancelRestart(container);
                }
                finally
                {
                    container.Lock.Release();
                }
                Task stopped = container.WaitAsync(WaitCondition.NotRunning);
                if (!waiting && container.State.Running)
                {
                    await SignalAsync(container, Signals.SIGKILL).ConfigureAwait(false);
                    if (!await EndedAsync(stopped, s_killLimit, cancellationToken).ConfigureAwait(false))
                        throw ApiException.Internal($"cannot remove container \"{calledBy}\": could not kill container: tried to kill container, but did not receive an exit event");
                }
            }
            await RemoveStoppedAsync(container, volumes).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            container.Record.Removing = false;
            if (_containers.ContainsKey(container.Id))
                _store.Save(container.Record);
            if (e is RpcException rpc)
                throw ApiException.Internal($"cannot remove container \"{calledBy}\": {rpc.Message}", rpc);
            throw;
        }
    }

    private async Task RemoveStoppedAsync(Container container, bool volumes)
    {
        await container.Lock.WaitAsync().ConfigureAwait(false);
        try
        {
            ContainerRecord record = container.Record;
            // A start that failed because containerd was away may have left a task behind.
            if (record.State.Error.Length > 0)
                await _services.Containerd.ForceDeleteTaskAsync(record.Id).ConfigureAwait(false);
            await _services.Containerd.DeleteContainerAsync(record.Id).ConfigureAwait(false);
            await _services.Containerd.RemoveSnapshotAsync(record.Snapshotter, record.Id).ConfigureAwait(false);
            container.Log.Dispose();
            if (Directory.Exists(container.Folder))
            {
                AotRuntime.Linux.MountTable.UnmountTree(container.Folder, detach: true);
                Directory.Delete(container.Folder, recursive: true);
            }
            string streams = Path.Combine(StreamsFolder, record.Id);
            if (Directory.Exists(streams))
                Directory.Delete(streams, recursive: true);
            _store.Remove(record.Id);
            _containers.TryRemove(record.Id, out _);
            foreach (ExecSession exec in container.Execs.Values)
                _execs.TryRemove(exec.Id, out _);
            if (volumes)
                RemoveAnonymousVolumes(record);
        }
        finally
        {
            container.Lock.Release();
        }
        Publish(container, "destroy");
        container.NotifyRemoved();
    }

    private void RemoveAnonymousVolumes(ContainerRecord record)
    {
        foreach (MountRecord mount in record.Mounts)
        {
            if (mount.Type != "volume" || !mount.Anonymous || UsersOfVolume(mount.Name).Count > 0)
                continue;
            try
            {
                _services.Volumes.Remove(mount.Name, force: true);
            }
            catch (Exception e) when (e is ApiException or IOException)
            {
                LogVolumeKept(Log, mount.Name, e);
            }
        }
    }

    /// <summary><c>--rm</c>: the daemon itself removes.</summary>
    private async Task AutoRemoveAsync(Container container)
    {
        try
        {
            await RemoveAsync(container, container.Id, force: true, volumes: true, CancellationToken.None).ConfigureAwait(false);
        }
        catch (ApiException e) when (e.StatusCode == 409)
        {
            return; // a client was faster
        }
        catch (Exception e)
        {
            LogAutoRemoveFailed(Log, container.Id, e);
        }
    }

    /// <summary>Removes every container that does not run.</summary>
    public async Task<ContainersPruneReport> PruneAsync(Filters filters, CancellationToken cancellationToken)
    {
        if (filters.FirstUnknown("label", "label!", "until") is { } unknown)
            throw ApiException.BadRequest($"invalid filter '{unknown}'");
        DateTimeOffset? until = null;
        if (filters.Get("until") is [string text, ..])
            until = GoTime.TryParseTimestamp(text, DateTimeOffset.UtcNow, out DateTimeOffset time) ? time : throw ApiException.BadRequest($"invalid filter 'until={text}'");
        ContainersPruneReport report = new() { ContainersDeleted = [] };
        foreach (Container container in All())
        {
            ContainerRecord record = container.Record;
            if (container.State.Running || (until is { } limit && Rfc3339.TryParse(record.Created, out DateTimeOffset created) && created > limit)
                || !filters.MatchLabels("label", record.Config.Labels)
                || (filters.Contains("label!") && filters.MatchLabels("label!", record.Config.Labels)))
            {
                continue;
            }
            try
            {
                long size = await _services.Containerd.SnapshotUsageAsync(record.Snapshotter, record.Id, cancellationToken).ConfigureAwait(false);
                await RemoveAsync(container, record.Id, force: false, volumes: false, cancellationToken).ConfigureAwait(false);
                report.ContainersDeleted.Add(record.Id);
                report.SpaceReclaimed += (ulong)Math.Max(0, size);
            }
            catch (Exception e) when (e is ApiException or RpcException)
            {
                LogPruneFailed(Log, record.Id, e);
            }
        }
        _services.Events.Publish("container", "prune", "", new Dictionary<string, string> { ["reclaimed"] = report.SpaceReclaimed.ToString(System.Globalization.CultureInfo.InvariantCulture) });
        return report;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "volume {name} stays")]
    private static partial void LogVolumeKept(ILogger log, string name, Exception error);

    [LoggerMessage(Level = LogLevel.Error, Message = "can't remove container {id}")]
    private static partial void LogAutoRemoveFailed(ILogger log, string id, Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "failed to prune container {id}")]
    private static partial void LogPruneFailed(ILogger log, string id, Exception error);
}
