using AotRuntime.Http;
using Google.Protobuf;

namespace AotRuntime.Rpc;

/// <summary>Options of one call.</summary>
public readonly struct RpcCallOptions
{
    /// <summary>Metadata to send, <c>containerd-namespace</c> for one.</summary>
    public HttpHeaders? Metadata { get; init; }

    /// <summary>Whether to send messages in gzip (gRPC only).</summary>
    public bool Compress { get; init; }

    /// <summary>How long to wait; null for ever.</summary>
    public TimeSpan? Timeout { get; init; }
}

/// <summary>A client's side of a call with streams.</summary>
public abstract class RpcCall<TRequest, TResponse> : IRpcWriter<TRequest>, IRpcReader<TResponse>, IAsyncDisposable
{
    /// <inheritdoc/>
    public abstract ValueTask WriteAsync(TRequest message, CancellationToken cancellationToken = default);

    /// <summary>Says that no more requests follow.</summary>
    public abstract ValueTask CompleteAsync();

    /// <inheritdoc/>
    /// <exception cref="RpcException">The call ended with another status than OK.</exception>
    public abstract ValueTask<TResponse?> ReadAsync(CancellationToken cancellationToken = default);

    /// <summary>Cancels the call if it has not ended.</summary>
    public abstract ValueTask DisposeAsync();
}

/// <summary>Calls methods of a peer. Thread-safe; reconnects when a call finds the connection lost.</summary>
public abstract class RpcChannel : IAsyncDisposable
{
    /// <summary>One request, one response.</summary>
    /// <exception cref="RpcException">The call ended with another status than OK; Unavailable where there is no connection.</exception>
    public abstract ValueTask<TResponse> UnaryAsync<TRequest, TResponse>(
        RpcMethod<TRequest, TResponse> method, TRequest request, RpcCallOptions options = default, CancellationToken cancellationToken = default)
        where TRequest : class, IMessage<TRequest> where TResponse : class, IMessage<TResponse>;

    /// <summary>A call with streams in one or both directions.</summary>
    public abstract ValueTask<RpcCall<TRequest, TResponse>> OpenAsync<TRequest, TResponse>(
        RpcMethod<TRequest, TResponse> method, RpcCallOptions options = default, CancellationToken cancellationToken = default)
        where TRequest : class, IMessage<TRequest> where TResponse : class, IMessage<TResponse>;

    /// <summary>A call with one request and many responses: sends the request and nothing after it.</summary>
    public virtual async ValueTask<RpcCall<TRequest, TResponse>> ServerStreamAsync<TRequest, TResponse>(
        RpcMethod<TRequest, TResponse> method, TRequest request, RpcCallOptions options = default, CancellationToken cancellationToken = default)
        where TRequest : class, IMessage<TRequest> where TResponse : class, IMessage<TResponse>
    {
        RpcCall<TRequest, TResponse> call = await OpenAsync(method, options, cancellationToken).ConfigureAwait(false);
        try
        {
            await call.WriteAsync(request, cancellationToken).ConfigureAwait(false);
            await call.CompleteAsync().ConfigureAwait(false);
            return call;
        }
        catch
        {
            await call.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Closes the connection.</summary>
    public abstract ValueTask DisposeAsync();
}
