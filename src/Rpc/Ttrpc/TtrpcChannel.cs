using AotRuntime.Http;
using Google.Protobuf;

namespace AotRuntime.Rpc.Ttrpc;

/// <summary>Calls methods over ttrpc.</summary>
internal sealed class TtrpcChannel(Func<CancellationToken, ValueTask<TransportConnection>> connect, string target, TtrpcOptions options) : RpcChannel
{
    private readonly SingleConnection<TtrpcClientConnection> _connection = new(
        async cancellation => new TtrpcClientConnection(await connect(cancellation).ConfigureAwait(false), options), static c => c.IsOpen, target);

    private protected override async ValueTask<IMessage?> CallAsync(
        RpcMethod method, IMessage request, RpcCallOptions callOptions, CancellationToken cancellationToken)
    {
        using CallDeadline deadline = new(callOptions.Timeout, cancellationToken);
        var call = new TtrpcUnaryCall(method.ResponseParser);
        TtrpcClientConnection? connection = null;
        try
        {
            connection = await _connection.GetAsync(deadline.Token).ConfigureAwait(false);
            await connection.BeginAsync(call, TtrpcFlags.None, method.Service, method.Name, request, callOptions).ConfigureAwait(false);
            return await call.Answer.WaitAsync(deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (deadline.Passed)
        {
            throw CallDeadline.Exceeded();
        }
        finally
        {
            connection?.Forget(call);
        }
    }

    // Servers take the one request of a call that streams only its answers from the first frame.
    private protected override async ValueTask<RpcClientStream> OpenAsync(
        RpcMethod method, IMessage? only, RpcCallOptions callOptions, CancellationToken cancellationToken)
    {
        TtrpcClientConnection connection = await _connection.GetAsync(cancellationToken).ConfigureAwait(false);
        var call = new TtrpcStreamCall(connection, method.ResponseParser, options);
        TtrpcFlags flags = only is null ? TtrpcFlags.RemoteOpen : TtrpcFlags.RemoteClosed;
        await connection.BeginAsync(call, flags, method.Service, method.Name, only, callOptions).ConfigureAwait(false);
        return new Stream(connection, call, new CallDeadline(callOptions.Timeout, cancellationToken));
    }

    public override ValueTask DisposeAsync() => _connection.DisposeAsync();

    private sealed class Stream(TtrpcClientConnection connection, TtrpcStreamCall call, CallDeadline deadline) : RpcClientStream
    {
        public override ValueTask WriteAsync(IMessage message, CancellationToken cancellationToken) =>
            connection.SendDataAsync(call, TtrpcFlags.None, message);

        public override ValueTask CompleteAsync() => connection.SendDataAsync(call, TtrpcFlags.RemoteClosed, null);

        public override async ValueTask<IMessage?> ReadAsync(CancellationToken cancellationToken)
        {
            using var linked = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
            try
            {
                return await call.ReadAsync(linked.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (deadline.Passed)
            {
                throw CallDeadline.Exceeded();
            }
        }

        public override ValueTask DisposeAsync()
        {
            connection.Forget(call);
            deadline.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
