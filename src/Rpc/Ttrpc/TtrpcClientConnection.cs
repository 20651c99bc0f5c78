using System.Buffers;
using AotRuntime.Http;
using Google.Protobuf;

namespace AotRuntime.Rpc.Ttrpc;

/// <summary>The client's side of one connection; any number of calls run on it at once.</summary>
internal sealed class TtrpcClientConnection : TtrpcConnection, IAsyncDisposable
{
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _callsGate = new();
    private readonly Dictionary<uint, TtrpcClientCall> _calls = []; // guarded by _callsGate
    private uint _nextStreamId = 1;                                 // guarded by _callsGate
    private bool _lost;                                             // guarded by _callsGate

    public TtrpcClientConnection(TransportConnection transport, TtrpcOptions options)
        : base(transport, options) => _ = RunAsync();

    public bool IsOpen
    {
        get
        {
            lock (_callsGate)
                return !_lost;
        }
    }

    /// <summary>Sends a request. Ids must grow on the wire, so the id is taken and its frame queued under one lock.</summary>
    public ValueTask BeginAsync(TtrpcClientCall call, TtrpcFlags flags, string service, string method, IMessage? payload, in RpcCallOptions options)
    {
        long timeout = options.Timeout is { } t ? Math.Max(1, t.Ticks * 100) : 0;
        lock (_callsGate)
        {
            if (_lost)
                throw Closed();
            call.StreamId = _nextStreamId;
            byte[] frame = TtrpcRequest.Frame(call.StreamId, flags, service, method, payload, timeout, options.Metadata, Options.MaxMessageBytes);
            _nextStreamId += 2;
            _calls.Add(call.StreamId, call);
            return GuardAsync(SendAsync(frame));
        }
    }

    public ValueTask SendDataAsync(TtrpcClientCall call, TtrpcFlags flags, IMessage? message) =>
        GuardAsync(SendAsync(TtrpcData.Frame(call.StreamId, flags, message, Options.MaxMessageBytes)));

    /// <summary>Forgets a call; an answer that still comes is ignored (the protocol cannot cancel).</summary>
    public void Forget(TtrpcClientCall call)
    {
        lock (_callsGate)
            _calls.Remove(call.StreamId);
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        await Transport.DisposeAsync().ConfigureAwait(false);
    }

    protected override async ValueTask OnFrameAsync(TtrpcFrame frame, ReadOnlySequence<byte> body)
    {
        if (Find(frame.StreamId) is { } call)
            await call.OnFrameAsync(frame, body).ConfigureAwait(false);
    }

    protected override ValueTask OnOversizedAsync(TtrpcFrame frame)
    {
        Find(frame.StreamId)?.Fail(TtrpcLimit.Exceeded(frame.Length, Options.MaxMessageBytes));
        return ValueTask.CompletedTask;
    }

    internal static RpcException Closed() => new(RpcStatus.Unavailable, "ttrpc: closed");

    private TtrpcClientCall? Find(uint streamId)
    {
        lock (_callsGate)
            return _calls.GetValueOrDefault(streamId);
    }

    private static async ValueTask GuardAsync(ValueTask send)
    {
        try
        {
            await send.ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            throw Closed();
        }
    }

    private async Task RunAsync()
    {
        try
        {
            await ReadFramesAsync(_closing.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or InvalidOperationException)
        {
            // Lost or closed: either way the calls below learn of it.
        }
        TtrpcClientCall[] calls;
        lock (_callsGate)
        {
            _lost = true;
            calls = [.. _calls.Values];
            _calls.Clear();
        }
        foreach (TtrpcClientCall call in calls)
            call.Fail(Closed());
        await Transport.DisposeAsync().ConfigureAwait(false);
    }
}
