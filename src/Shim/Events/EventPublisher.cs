using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Events;
using AotRuntime.Rpc.Containerd.Types;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Shim.Events;

/// <summary>
/// Forwards events to containerd, one after another. While containerd is down they wait, so that it learns of every exit when
/// it is back; the order never changes.
/// </summary>
internal sealed class EventPublisher : IAsyncDisposable
{
    /// <summary>How many events wait at most; beyond that the oldest are dropped.</summary>
    private const int MaxQueue = 2048;

    /// <summary>How often an event is sent that containerd is there for, but does not take.</summary>
    private const int MaxRefusals = 5;

    private static readonly TimeSpan SendTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    private readonly RpcChannel? _channel;
    private readonly string _namespace;
    private readonly ILogger _log;
    private readonly LinkedList<Envelope> _queue = [];
    private readonly SemaphoreSlim _queued = new(0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _worker;
    private bool _closing;

    /// <summary>Forwards to the socket that TTRPC_ADDRESS names; nowhere where it names none.</summary>
    public EventPublisher(string? address, string ns, ILogger log)
        : this(string.IsNullOrEmpty(address) ? null : RpcChannels.TtrpcUnix(address.StartsWith("unix://", StringComparison.Ordinal) ? address["unix://".Length..] : address), ns, log)
    {
    }

    internal EventPublisher(RpcChannel? channel, string ns, ILogger log)
    {
        _channel = channel;
        _namespace = ns;
        _log = log;
        _worker = channel is null ? Task.CompletedTask : RunAsync();
    }

    /// <summary>Puts an event at the end of the queue.</summary>
    public void Publish(string topic, string typeUrl, IMessage message)
    {
        if (_channel is null)
            return;
        var envelope = new Envelope
        {
            Timestamp = Timestamp.FromDateTimeOffset(DateTimeOffset.UtcNow),
            Namespace = _namespace,
            Topic = topic,
            Event = TypeUrls.Wrap(typeUrl, message),
        };
        lock (_queue)
        {
            _queue.AddLast(envelope);
            if (_queue.Count > MaxQueue)
            {
                ShimLog.EventDropped(_log, _queue.First!.Value.Topic, "too many wait");
                _queue.RemoveFirst();
                return;
            }
        }
        _queued.Release();
    }

    /// <summary>Sends what waits, for as long as that takes but no longer than <paramref name="patience"/>.</summary>
    public async Task CloseAsync(TimeSpan patience)
    {
        _closing = true;
        _queued.Release();
        await Task.WhenAny(_worker, Task.Delay(patience)).ConfigureAwait(false);
        await _stop.CancelAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        if (_channel is not null)
            await _channel.DisposeAsync().ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        TimeSpan pause = FirstPause;
        int refusals = 0;
        while (true)
        {
            try
            {
                await _queued.WaitAsync(_stop.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            Envelope? envelope;
            lock (_queue)
                envelope = _queue.First?.Value;
            if (envelope is null)
            {
                if (_closing)
                    return;
                continue;
            }
            bool done = false;
            try
            {
                await _channel!.UnaryAsync(
                    TtrpcEventsMethods.Forward, new ForwardRequest { Envelope = envelope }, new RpcCallOptions { Timeout = SendTimeout }, _stop.Token).ConfigureAwait(false);
                done = true;
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (RpcException e) when (e.Status is RpcStatus.Unavailable or RpcStatus.DeadlineExceeded or RpcStatus.Cancelled)
            {
                ShimLog.EventWaits(_log, envelope.Topic, e.Message);
            }
            catch (Exception e) when (e is RpcException or IOException or OperationCanceledException)
            {
                done = ++refusals >= MaxRefusals;
                if (done)
                    ShimLog.EventDropped(_log, envelope.Topic, e.Message);
                else
                    ShimLog.EventWaits(_log, envelope.Topic, e.Message);
            }

            if (done)
            {
                lock (_queue)
                {
                    if (ReferenceEquals(_queue.First?.Value, envelope))
                        _queue.RemoveFirst();
                }
                pause = FirstPause;
                refusals = 0;
                if (_closing)
                    _queued.Release();
            }
            else
            {
                await Task.Delay(pause, CancellationToken.None).ConfigureAwait(false);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
                _queued.Release();
            }
        }
    }
}
