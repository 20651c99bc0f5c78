using AotRuntime.Http;
using Google.Protobuf;

namespace AotRuntime.Rpc.Ttrpc;

/// <summary>Calls methods over ttrpc.</summary>
internal sealed class TtrpcChannel(Func<CancellationToken, ValueTask<TransportConnection>> connect, string target, TtrpcOptions options) : RpcChannel
{
    private readonly SingleConnection<TtrpcClientConnection> _connection = new(
        async cancellation => new TtrpcClientConnection(await connect(cancellation).ConfigureAwait(false), options), static c => c.IsOpen, target);

    public override async ValueTask<TResponse> UnaryAsync<TRequest, TResponse>(
        RpcMethod<TRequest, TResponse> method, TRequest request, RpcCallOptions callOptions = default, CancellationToken cancellationToken = default)
    {
        using CallDeadline deadline = new(callOptions.Timeout, cancellationToken);
        var call = new TtrpcUnaryCall(method.ResponseParser);
        TtrpcClientConnection? connection = null;
        try
        {
            connection = await _connection.GetAsync(deadline.Token).ConfigureAwait(false);
            await connection.BeginAsync(call, TtrpcFlags.None, method.Service, method.Name, request, callOptions).ConfigureAwait(false);
            return (TResponse)await call.Answer.WaitAsync(deadline.Token).ConfigureAwait(false);
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

    public override ValueTask<RpcCall<TRequest, TResponse>> OpenAsync<TRequest, TResponse>(
        RpcMethod<TRequest, TResponse> method, RpcCallOptions callOptions = default, CancellationToken cancellationToken = default) =>
        BeginAsync(method, TtrpcFlags.RemoteOpen, null, callOptions, cancellationToken);

    /// <summary>Servers take the one request of such a method from the first frame.</summary>
    public override ValueTask<RpcCall<TRequest, TResponse>> ServerStreamAsync<TRequest, TResponse>(
        RpcMethod<TRequest, TResponse> method, TRequest request, RpcCallOptions callOptions = default, CancellationToken cancellationToken = default) =>
        BeginAsync(method, TtrpcFlags.RemoteClosed, request, callOptions, cancellationToken);

    private async ValueTask<RpcCall<TRequest, TResponse>> BeginAsync<TRequest, TResponse>(
        RpcMethod<TRequest, TResponse> method, TtrpcFlags flags, TRequest? request, RpcCallOptions callOptions, CancellationToken cancellationToken)
        where TRequest : class, IMessage<TRequest> where TResponse : class, IMessage<TResponse>
    {
        TtrpcClientConnection connection = await _connection.GetAsync(cancellationToken).ConfigureAwait(false);
        var call = new TtrpcStreamCall(connection, method.ResponseParser, options);
        await connection.BeginAsync(call, flags, method.Service, method.Name, request, callOptions).ConfigureAwait(false);
        return new Call<TRequest, TResponse>(connection, call, new CallDeadline(callOptions.Timeout, cancellationToken));
    }

    public override ValueTask DisposeAsync() => _connection.DisposeAsync();

    private sealed class Call<TRequest, TResponse>(TtrpcClientConnection connection, TtrpcStreamCall call, CallDeadline deadline) : RpcCall<TRequest, TResponse>
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        public override ValueTask WriteAsync(TRequest message, CancellationToken cancellationToken = default) =>
            connection.SendDataAsync(call, TtrpcFlags.None, message);

        public override ValueTask CompleteAsync() => connection.SendDataAsync(call, TtrpcFlags.RemoteClosed, null);

        public override async ValueTask<TResponse?> ReadAsync(CancellationToken cancellationToken = default)
        {
            using var linked = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
            try
            {
                return (TResponse?)await call.ReadAsync(linked.Token).ConfigureAwait(false);
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
