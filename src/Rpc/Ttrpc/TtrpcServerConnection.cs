using System.Buffers;
using System.Threading.Channels;
using AotRuntime.Http;
using Google.Protobuf;

namespace AotRuntime.Rpc.Ttrpc;

/// <summary>The server's side of one connection.</summary>
internal sealed class TtrpcServerConnection(TransportConnection transport, RpcServiceTable services, TtrpcOptions options)
    : TtrpcConnection(transport, options)
{
    private readonly CancellationTokenSource _gone = new();
    private readonly Lock _callsGate = new();
    private readonly Dictionary<uint, TtrpcServerCall> _streams = []; // guarded by _callsGate; the calls that may get data
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _running;  // guarded by _callsGate
    private bool _stopping; // guarded by _callsGate
    private uint _lastStreamId; // read loop only

    /// <summary>Serves until the peer closes, or until <paramref name="stopping"/> and then until the running calls end.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        Task reading = ReadFramesAsync(_gone.Token);
        try
        {
            if (await EndedBeforeAsync(reading, stopping).ConfigureAwait(false))
            {
                await reading.ConfigureAwait(false);
                return;
            }
            lock (_callsGate)
            {
                _stopping = true;
                if (_running == 0)
                    _idle.TrySetResult();
            }
            await Task.WhenAny(_idle.Task, reading, Task.Delay(Options.Drain, CancellationToken.None)).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // The peer is gone: its calls are cancelled below, and there is no one to tell.
        }
        finally
        {
            await _gone.CancelAsync().ConfigureAwait(false);
            await Transport.DisposeAsync().ConfigureAwait(false);
        }
    }

    protected override ValueTask OnOversizedAsync(TtrpcFrame frame)
    {
        RpcException e = TtrpcLimit.Exceeded(frame.Length, Options.MaxMessageBytes);
        return RespondAsync(frame.StreamId, e.Status, e.Message, null);
    }

    protected override ValueTask OnFrameAsync(TtrpcFrame frame, ReadOnlySequence<byte> body)
    {
        if ((frame.StreamId & 1) == 0)
            return RefuseAsync(frame, "StreamID must be odd for client initiated streams");
        return frame.Type switch
        {
            TtrpcFrameType.Request => OnRequestAsync(frame, body),
            TtrpcFrameType.Data => OnDataAsync(frame, body),
            _ => ValueTask.CompletedTask, // unknown types are for later versions of the protocol
        };
    }

    private ValueTask OnRequestAsync(TtrpcFrame frame, in ReadOnlySequence<byte> body)
    {
        if (frame.StreamId <= _lastStreamId)
            return RefuseAsync(frame, "StreamID cannot be re-used and must increment");
        _lastStreamId = frame.StreamId;
        if (!TtrpcRequest.TryRead(body, out TtrpcRequest request))
            return RefuseAsync(frame, "unmarshal request error: proto: cannot parse invalid wire-format data");
        if (services.Find($"/{request.Service}/{request.Method}") is not { } handler)
        {
            return RespondAsync(
                frame.StreamId, RpcStatus.Unimplemented,
                services.HasService(request.Service) ? $"method {request.Method}" : $"service {request.Service}", null);
        }

        var call = new TtrpcServerCall(this, frame.StreamId, handler, request.Metadata, request.TimeoutNanoseconds, Options.MaxStreamBacklog, _gone.Token);
        bool closed = (frame.Flags & TtrpcFlags.RemoteOpen) == 0;
        // A client that streams leaves the payload out; an empty message has no payload either, and is one where nothing else will come.
        if (request.Payload is not null || closed)
        {
            if (Parse(handler, request.Payload ?? default) is not { } message)
                return RespondAsync(frame.StreamId, RpcStatus.Internal, "ttrpc: error unmarshalling payload: proto: cannot parse invalid wire-format data", null);
            call.Requests.Writer.TryWrite(message);
        }
        if (closed)
            call.Requests.Writer.TryComplete();
        lock (_callsGate)
        {
            if (_stopping || _running >= Options.MaxConcurrentCalls)
                return RespondAsync(frame.StreamId, _stopping ? RpcStatus.Unavailable : RpcStatus.ResourceExhausted, _stopping ? "ttrpc: server closed" : "too many calls on one connection", null);
            _running++;
            if (!closed)
                _streams[frame.StreamId] = call;
        }
        ThreadPool.UnsafeQueueUserWorkItem(call, preferLocal: false);
        return ValueTask.CompletedTask;
    }

    private ValueTask OnDataAsync(TtrpcFrame frame, in ReadOnlySequence<byte> body)
    {
        TtrpcServerCall? call;
        lock (_callsGate)
            _streams.TryGetValue(frame.StreamId, out call);
        if (call is null)
            return RefuseAsync(frame, "StreamID is no longer active");
        IMessage? message = null;
        if ((frame.Flags & TtrpcFlags.NoData) == 0 && (message = Parse(call.Handler, body)) is null)
            return RefuseAsync(frame, "data handling error: proto: cannot parse invalid wire-format data");
        bool last = (frame.Flags & TtrpcFlags.RemoteClosed) != 0;
        if (message is null || call.Requests.Writer.TryWrite(message))
        {
            if (last)
                call.Requests.Writer.TryComplete();
            return ValueTask.CompletedTask;
        }
        return WaitForRoomAsync(call, message, last);
    }

    /// <summary>The protocol has no flow control: a stream that nobody reads holds all up, so it may do so for a moment only.</summary>
    private async ValueTask WaitForRoomAsync(TtrpcServerCall call, IMessage message, bool last)
    {
        using var patience = new CancellationTokenSource(Options.StreamBacklogPatience);
        try
        {
            await call.Requests.Writer.WriteAsync(message, patience.Token).ConfigureAwait(false);
            if (last)
                call.Requests.Writer.TryComplete();
        }
        catch (OperationCanceledException)
        {
            call.Requests.Writer.TryComplete(new RpcException(RpcStatus.ResourceExhausted, "ttrpc: stream buffer full"));
        }
        catch (ChannelClosedException)
        {
            await RespondAsync(call.StreamId, RpcStatus.InvalidArgument, "data handling error: ttrpc: stream closed", null).ConfigureAwait(false);
        }
    }

    internal ValueTask RespondAsync(uint streamId, RpcStatus status, string message, IMessage? payload)
    {
        byte[] frame;
        try
        {
            frame = TtrpcResponse.Frame(streamId, status, message, payload, Options.MaxMessageBytes);
        }
        catch (RpcException e)
        {
            frame = TtrpcResponse.Frame(streamId, e.Status, e.Message, null, Options.MaxMessageBytes);
        }
        return SendAsync(frame);
    }

    internal ValueTask SendDataAsync(uint streamId, TtrpcFlags flags, IMessage? message) =>
        SendAsync(TtrpcData.Frame(streamId, flags, message, Options.MaxMessageBytes));

    internal void Ended(TtrpcServerCall call)
    {
        lock (_callsGate)
        {
            _streams.Remove(call.StreamId);
            if (--_running == 0 && _stopping)
                _idle.TrySetResult();
        }
    }

    private ValueTask RefuseAsync(TtrpcFrame frame, string why) => RespondAsync(frame.StreamId, RpcStatus.InvalidArgument, why, null);

    private static IMessage? Parse(RpcHandler handler, in ReadOnlySequence<byte> payload)
    {
        try
        {
            return handler.RequestParser.ParseFrom(payload);
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    private static async Task<bool> EndedBeforeAsync(Task task, CancellationToken stopping)
    {
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using CancellationTokenRegistration registration = stopping.UnsafeRegister(static s => ((TaskCompletionSource)s!).TrySetResult(), stop);
        return await Task.WhenAny(task, stop.Task).ConfigureAwait(false) == task;
    }
}
