using AotRuntime.Dockerd.Containers;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Events;
using AotRuntime.Rpc.Containerd.Types;
using Google.Protobuf;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Dockerd.Containerd;

/// <summary>Hears from containerd what becomes of tasks; after each interruption it asks for what it missed.</summary>
internal sealed partial class TaskEvents(ContainerdClient client, ContainerManager containers, ILogger log)
{
    /// <summary>Runs until <paramref name="stopping"/>.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await using RpcCall<SubscribeRequest, Envelope> call = await client.SubscribeAsync(stopping).ConfigureAwait(false);
                // Only now: an exit between asking and listening would be lost otherwise.
                _ = containers.ReconcileAllAsync();
                while (await call.ReadAsync(stopping).ConfigureAwait(false) is { } envelope)
                    Dispatch(envelope);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is RpcException or IOException or InvalidProtocolBufferException)
            {
                LogInterrupted(log, e);
            }
            try
            {
                await Task.Delay(200, stopping).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    // Handlers take their container's lock; the stream itself never waits for one of them.
    private void Dispatch(Envelope envelope)
    {
        if (TypeUrls.Is(envelope.Event, TypeUrls.TaskExit))
        {
            TaskExit exit = TaskExit.Parser.ParseFrom(envelope.Event.Value);
            _ = HandleAsync(exit.Id == exit.ContainerId || exit.Id.Length == 0
                ? containers.OnTaskExitAsync(exit.ContainerId, (int)exit.Pid, new RunEnd((int)exit.ExitStatus, exit.ExitedAt?.ToDateTimeOffset() ?? DateTimeOffset.UtcNow))
                : containers.OnExecExitAsync(exit.Id, (int)exit.ExitStatus));
        }
        else if (TypeUrls.Is(envelope.Event, TypeUrls.TaskOOM))
        {
            containers.OnTaskOom(TaskOOM.Parser.ParseFrom(envelope.Event.Value).ContainerId);
        }
    }

    private async Task HandleAsync(Task handling)
    {
        try
        {
            await handling.ConfigureAwait(false);
        }
        catch (Exception e)
        {
            LogFailed(log, e);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "the event stream of containerd was interrupted, subscribing again")]
    private static partial void LogInterrupted(ILogger log, Exception error);

    [LoggerMessage(Level = LogLevel.Error, Message = "failed to process an event of containerd")]
    private static partial void LogFailed(ILogger log, Exception error);
}
