using System.Globalization;
using System.Text.Json;
using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Oci;
using AotRuntime.EngineApi;
using AotRuntime.Json;
using AotRuntime.Rpc;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Dockerd.Containers;

internal sealed partial class ContainerManager
{
    private const int DefaultStopSeconds = 10;

    /// <summary>How long a killed container may take to be gone before that is an error.</summary>
    private static readonly TimeSpan s_killLimit = TimeSpan.FromSeconds(10);

    /// <summary>Asks a container to end, and kills it after <paramref name="seconds"/> (negative: never).</summary>
    /// <exception cref="ApiException">304: it does not run.</exception>
    public async Task StopAsync(Container container, int? seconds, string? signal, bool publish = true, CancellationToken cancellationToken = default)
    {
        if (!container.State.Running)
            throw ApiException.NotModified();
        await StopForGoodAsync(container, seconds, signal, cancellationToken).ConfigureAwait(false);
        if (publish)
            Publish(container, "stop");
    }

    private async Task StopForGoodAsync(Container container, int? seconds, string? signal, CancellationToken cancellationToken)
    {
        string name = !string.IsNullOrEmpty(signal) ? signal : !string.IsNullOrEmpty(container.Record.Config.StopSignal) ? container.Record.Config.StopSignal : "SIGTERM";
        if (!Signals.TryParse(name, out int number))
            throw ApiException.BadRequest($"invalid signal: {name}");
        int wait = seconds ?? container.Record.Config.StopTimeout ?? DefaultStopSeconds;
        Task stopped;
        await container.Lock.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            container.Record.StoppedByUser = true;
            container.StopRequested = true;
            if (CancelRestart(container) || !container.State.Running)
                return;
            _store.Save(container.Record);
            stopped = container.WaitAsync(WaitCondition.NotRunning);
        }
        finally
        {
            container.Lock.Release();
        }
        await SignalAsync(container, number).ConfigureAwait(false);
        if (await EndedAsync(stopped, wait < 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(wait), cancellationToken).ConfigureAwait(false))
            return;
        if (number != Signals.SIGKILL)
            LogStopTimeout(Log, container.Id, wait, name);
        await SignalAsync(container, Signals.SIGKILL).ConfigureAwait(false);
        if (!await EndedAsync(stopped, s_killLimit, cancellationToken).ConfigureAwait(false))
            throw ApiException.Internal($"tried to kill container, but did not receive an exit event: {container.Id}");
    }

    /// <summary>Sends a signal for a client; SIGKILL waits for the end.</summary>
    public async Task KillAsync(Container container, string signal, CancellationToken cancellationToken)
    {
        if (!Signals.TryParse(signal.Length > 0 ? signal : "SIGKILL", out int number))
            throw ApiException.BadRequest($"invalid signal: {signal}");
        Task? stopped = null;
        await container.Lock.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (CancelRestart(container))
                return;
            if (!container.State.Running)
                throw ApiException.Conflict($"container {container.Id} is not running");
            bool ends = number == Signals.SIGKILL
                || (Signals.TryParse(container.Record.Config.StopSignal ?? "SIGTERM", out int stop) && stop == number);
            if (ends)
            {
                container.StopRequested = true;
                container.Record.StoppedByUser = true;
                _store.Save(container.Record);
            }
            if (number == Signals.SIGKILL)
                stopped = container.WaitAsync(WaitCondition.NotRunning);
        }
        finally
        {
            container.Lock.Release();
        }
        await SignalAsync(container, number).ConfigureAwait(false);
        if (stopped is not null && !await EndedAsync(stopped, s_killLimit, cancellationToken).ConfigureAwait(false))
            throw ApiException.Internal($"tried to kill container, but did not receive an exit event");
    }

    /// <summary>Stops and starts again.</summary>
    public async Task RestartAsync(Container container, int? seconds, string? signal, CancellationToken cancellationToken)
    {
        if (container.State.Running)
        {
            bool autoRemove = container.Record.HostConfig.AutoRemove;
            container.Record.HostConfig.AutoRemove = false;
            try
            {
                await StopForGoodAsync(container, seconds, signal, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                container.Record.HostConfig.AutoRemove = autoRemove;
            }
        }
        await StartAsync(container).ConfigureAwait(false);
        Publish(container, "restart");
    }

    /// <summary>Freezes a container.</summary>
    public async Task PauseAsync(Container container)
    {
        await container.Lock.WaitAsync().ConfigureAwait(false);
        try
        {
            container.RequireRunning();
            if (container.State.Paused)
                throw ApiException.Conflict($"Container {container.Id} is already paused");
            if (container.State.Restarting)
                throw ApiException.Conflict($"container {container.Id} is restarting, wait until the container is running");
            await CallAsync(_services.Containerd.PauseAsync(container.Id), $"cannot pause container {container.Id}").ConfigureAwait(false);
            container.State.Paused = true;
            container.State.Status = "paused";
            _store.Save(container.Record);
            Publish(container, "pause");
        }
        finally
        {
            container.Lock.Release();
        }
    }

    /// <summary>Thaws a container.</summary>
    public async Task UnpauseAsync(Container container)
    {
        await container.Lock.WaitAsync().ConfigureAwait(false);
        try
        {
            if (!container.State.Paused)
                throw ApiException.Conflict($"Container {container.Id} is not paused");
            await CallAsync(_services.Containerd.ResumeAsync(container.Id), $"cannot resume container {container.Id}").ConfigureAwait(false);
            container.State.Paused = false;
            container.State.Status = "running";
            _store.Save(container.Record);
            Publish(container, "unpause");
        }
        finally
        {
            container.Lock.Release();
        }
    }

    /// <summary>Changes limits and the restart policy.</summary>
    public async Task<List<string>> UpdateAsync(Container container, ContainerUpdateRequest request)
    {
        List<string> warnings = [];
        await container.Lock.WaitAsync().ConfigureAwait(false);
        try
        {
            if (container.Record.Removing || container.State.Dead)
                throw ApiException.Conflict($"Cannot update container {container.Id}: container is marked for removal and cannot be \"update\"");
            HostConfig host = container.Record.HostConfig;
            HostConfig changed = ResourceUpdate.Apply(host, request, warnings);
            if (request.RestartPolicy is { Name.Length: > 0 } policy)
            {
                if (host.AutoRemove && policy.Name != "no")
                    throw ApiException.BadRequest("Restart policy cannot be updated because AutoRemove is enabled for the container");
                host.RestartPolicy = policy;
            }
            if (container.State.Running && !container.State.Restarting)
            {
                byte[] resources = JsonText.ToBytes(ResourceLimits.Build(changed), OciJsonContext.OciResources);
                await CallAsync(_services.Containerd.UpdateAsync(container.Id, resources), $"Cannot update container {container.Id}").ConfigureAwait(false);
            }
            ResourceUpdate.Copy(changed, host);
            _store.Save(container.Record);
            Publish(container, "update");
            return warnings;
        }
        finally
        {
            container.Lock.Release();
        }
    }

    /// <summary>Sets a terminal's size.</summary>
    public async Task ResizeAsync(Container container, int height, int width)
    {
        container.RequireRunning();
        await CallAsync(_services.Containerd.ResizeAsync(container.Id, "", width, height), "cannot resize").ConfigureAwait(false);
        Publish(container, "resize", ("height", height.ToString(CultureInfo.InvariantCulture)), ("width", width.ToString(CultureInfo.InvariantCulture)));
    }

    private async Task SignalAsync(Container container, int signal)
    {
        try
        {
            await _services.Containerd.KillAsync(container.Id, "", signal).ConfigureAwait(false);
            Publish(container, "kill", ("signal", signal.ToString(CultureInfo.InvariantCulture)));
            // A frozen process gets its signal once it is thawed.
            if (container.State.Paused && signal == Signals.SIGKILL)
                await _services.Containerd.ResumeAsync(container.Id).ConfigureAwait(false);
        }
        catch (RpcException e) when (e.Status is RpcStatus.NotFound or RpcStatus.FailedPrecondition || e.Message.Contains("already finished", StringComparison.Ordinal))
        {
            // It ended before the signal came; the event is on its way, unless it was missed.
            _ = ReconcileAsync(container);
        }
        catch (RpcException e)
        {
            throw ApiException.Internal($"cannot kill container: {container.Id}: {e.Message}", e);
        }
    }

    internal static async Task CallAsync(ValueTask call, string what)
    {
        try
        {
            await call.ConfigureAwait(false);
        }
        catch (RpcException e)
        {
            throw ApiException.Internal($"{what}: {e.Message}", e);
        }
    }

    private static async Task<bool> EndedAsync(Task stopped, TimeSpan limit, CancellationToken cancellationToken)
    {
        try
        {
            await stopped.WaitAsync(limit, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Container {id} failed to exit within {seconds}s of signal {signal} - using the force")]
    private static partial void LogStopTimeout(ILogger log, string id, int seconds, string signal);
}
