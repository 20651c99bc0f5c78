using System.Buffers;
using System.Threading.Channels;
using Google.Protobuf;

namespace AotRuntime.Rpc.Ttrpc;

/// <summary>A call that waits for its answers.</summary>
internal abstract class TtrpcClientCall(MessageParser parser)
{
    public uint StreamId { get; set; }

    /// <summary>A frame of this call, from the read loop.</summary>
    public abstract ValueTask OnFrameAsync(TtrpcFrame frame, ReadOnlySequence<byte> body);

    /// <summary>Ends the call with an error, unless it has ended.</summary>
    public abstract void Fail(RpcException why);

    protected IMessage Parse(in ReadOnlySequence<byte> payload)
    {
        try
        {
            return parser.ParseFrom(payload);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new RpcException(RpcStatus.Internal, $"ttrpc: error unmarshalling payload: {e.Message}");
        }
    }

    /// <summary>The message in a response frame.</summary>
    /// <exception cref="RpcException">The response's status, or a frame that makes no sense.</exception>
    protected IMessage ParseResponse(in ReadOnlySequence<byte> body)
    {
        if (!TtrpcResponse.TryRead(body, out TtrpcResponse response))
            throw new RpcException(RpcStatus.Internal, "ttrpc: error unmarshalling response: protocol error");
        if (response.Status != RpcStatus.OK)
            throw new RpcException(response.Status, response.Message);
        return Parse(response.Payload);
    }
}

/// <summary>A call with one answer.</summary>
internal sealed class TtrpcUnaryCall(MessageParser parser) : TtrpcClientCall(parser)
{
    private readonly TaskCompletionSource<IMessage> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<IMessage> Answer => _answer.Task;

    public override ValueTask OnFrameAsync(TtrpcFrame frame, ReadOnlySequence<byte> body)
    {
        try
        {
            if (frame.Type != TtrpcFrameType.Response)
                throw new RpcException(RpcStatus.Internal, $"unexpected \"{frame.Type.ToString().ToLowerInvariant()}\" message received: protocol error");
            _answer.TrySetResult(ParseResponse(body));
        }
        catch (RpcException e)
        {
            Fail(e);
        }
        return ValueTask.CompletedTask;
    }

    public override void Fail(RpcException why) => _answer.TrySetException(why);
}

/// <summary>A call with streams.</summary>
internal sealed class TtrpcStreamCall(TtrpcClientConnection connection, MessageParser parser, TtrpcOptions options) : TtrpcClientCall(parser)
{
    private readonly Channel<IMessage> _answers =
        Channel.CreateBounded<IMessage>(new BoundedChannelOptions(options.MaxStreamBacklog) { SingleReader = true, SingleWriter = true });

    public override async ValueTask OnFrameAsync(TtrpcFrame frame, ReadOnlySequence<byte> body)
    {
        try
        {
            if (frame.Type == TtrpcFrameType.Response)
            {
                connection.Forget(this);
                await DeliverAsync(ParseResponse(body)).ConfigureAwait(false);
                _answers.Writer.TryComplete();
                return;
            }
            if ((frame.Flags & TtrpcFlags.NoData) == 0)
                await DeliverAsync(Parse(body)).ConfigureAwait(false);
            if ((frame.Flags & TtrpcFlags.RemoteClosed) != 0)
            {
                connection.Forget(this);
                _answers.Writer.TryComplete();
            }
        }
        catch (RpcException e)
        {
            connection.Forget(this);
            Fail(e);
        }
    }

    public override void Fail(RpcException why) => _answers.Writer.TryComplete(why);

    /// <summary>The next answer, or null at the end.</summary>
    public async ValueTask<IMessage?> ReadAsync(CancellationToken cancellationToken) =>
        await _answers.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false) && _answers.Reader.TryRead(out IMessage? message) ? message : null;

    private async ValueTask DeliverAsync(IMessage message)
    {
        if (_answers.Writer.TryWrite(message))
            return;
        using var patience = new CancellationTokenSource(options.StreamBacklogPatience);
        try
        {
            await _answers.Writer.WriteAsync(message, patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            throw new RpcException(RpcStatus.ResourceExhausted, "ttrpc: stream buffer full");
        }
        catch (ChannelClosedException)
        {
            // The call has ended on our side.
        }
    }
}
