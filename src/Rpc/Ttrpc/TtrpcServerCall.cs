using System.Threading.Channels;
using AotRuntime.Http;
using Google.Protobuf;

namespace AotRuntime.Rpc.Ttrpc;

/// <summary>One call that a server answers. It is its own work item on the thread pool.</summary>
internal sealed class TtrpcServerCall : RpcServerCall, IThreadPoolWorkItem
{
    private readonly TtrpcServerConnection _connection;
    private readonly HttpHeaders _metadata;
    private readonly CancellationToken _gone;
    private readonly long _timeoutNanoseconds;
    private IMessage? _response;

    public TtrpcServerCall(
        TtrpcServerConnection connection, uint streamId, RpcHandler handler, HttpHeaders metadata, long timeoutNanoseconds, int backlog, CancellationToken gone)
    {
        _connection = connection;
        _metadata = metadata;
        _timeoutNanoseconds = timeoutNanoseconds;
        _gone = gone;
        StreamId = streamId;
        Handler = handler;
        Requests = Channel.CreateBounded<IMessage>(new BoundedChannelOptions(handler.StreamsRequests ? backlog : 1) { SingleReader = true, SingleWriter = true });
    }

    public uint StreamId { get; }

    public RpcHandler Handler { get; }

    /// <summary>Request messages that have come and were not read yet.</summary>
    public Channel<IMessage> Requests { get; }

    public override async ValueTask<IMessage?> ReadAsync(MessageParser parser, CancellationToken cancellationToken) =>
        await Requests.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false) && Requests.Reader.TryRead(out IMessage? message) ? message : null;

    public override ValueTask WriteAsync(IMessage message, CancellationToken cancellationToken)
    {
        if (!Handler.IsUnary)
            return _connection.SendDataAsync(StreamId, TtrpcFlags.None, message);
        _response = message;
        return ValueTask.CompletedTask;
    }

    void IThreadPoolWorkItem.Execute() => _ = RunAsync();

    private async Task RunAsync()
    {
        CancellationTokenSource? deadline = null;
        try
        {
            CancellationToken cancelled = _gone;
            DateTimeOffset? when = null;
            if (_timeoutNanoseconds > 0)
            {
                TimeSpan timeout = TimeSpan.FromMilliseconds(Math.Min(_timeoutNanoseconds / 1e6, int.MaxValue));
                when = DateTimeOffset.UtcNow + timeout;
                deadline = CancellationTokenSource.CreateLinkedTokenSource(_gone);
                deadline.CancelAfter(timeout);
                cancelled = deadline.Token;
            }
            RpcException? failure = await RpcOutcome.OfAsync(Handler, this, new RpcContext { Metadata = _metadata, Cancelled = cancelled, ClientGone = _gone, Deadline = when }).ConfigureAwait(false);
            if (Handler.IsUnary || failure is not null)
                await _connection.RespondAsync(StreamId, failure?.Status ?? RpcStatus.OK, failure?.Message ?? "", failure is null ? _response : null).ConfigureAwait(false);
            else
                await _connection.SendDataAsync(StreamId, TtrpcFlags.RemoteClosed, null).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or ObjectDisposedException)
        {
            // The connection went away before its answer could leave: nobody waits for it.
        }
        finally
        {
            deadline?.Dispose();
            _connection.Ended(this);
        }
    }
}
