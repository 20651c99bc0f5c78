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

/// <summary>A client's side of a call with streams, as a transport carries it.</summary>
internal abstract class RpcClientStream : IAsyncDisposable
{
    public abstract ValueTask WriteAsync(IMessage message, CancellationToken cancellationToken);

    public abstract ValueTask CompleteAsync();

    /// <summary>The next response, or null at the end.</summary>
    public abstract ValueTask<IMessage?> ReadAsync(CancellationToken cancellationToken);

    public abstract ValueTask DisposeAsync();
}

/// <summary>A client's side of a call with streams.</summary>
public sealed class RpcCall<TRequest, TResponse> : IAsyncDisposable
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>
{
    private readonly RpcClientStream _stream;

    internal RpcCall(RpcClientStream stream) => _stream = stream;

    /// <summary>Sends one message.</summary>
    public ValueTask WriteAsync(TRequest message, CancellationToken cancellationToken = default) => _stream.WriteAsync(message, cancellationToken);

    /// <summary>Says that no more requests follow.</summary>
    public ValueTask CompleteAsync() => _stream.CompleteAsync();

    /// <summary>The next message, or null at the end of the stream.</summary>
    /// <exception cref="RpcException">The call ended with another status than OK.</exception>
    public RpcAnswer<TResponse?> ReadAsync(CancellationToken cancellationToken = default) => new(_stream.ReadAsync(cancellationToken));

    /// <summary>Cancels the call if it has not ended.</summary>
    public ValueTask DisposeAsync() => _stream.DisposeAsync();
}

/// <summary>Calls methods of a peer. Thread-safe; reconnects when a call finds the connection lost.</summary>
public abstract class RpcChannel : IAsyncDisposable
{
    /// <summary>One request, one response.</summary>
    /// <exception cref="RpcException">The call ended with another status than OK; Unavailable where there is no connection.</exception>
    public RpcAnswer<TResponse> UnaryAsync<TRequest, TResponse>(
        RpcMethod<TRequest, TResponse> method, TRequest request, RpcCallOptions options = default, CancellationToken cancellationToken = default)
        where TRequest : class, IMessage<TRequest> where TResponse : class, IMessage<TResponse> =>
        new(CallAsync(method, request, options, cancellationToken));

    /// <summary>A call with streams in one or both directions.</summary>
    public async ValueTask<RpcCall<TRequest, TResponse>> OpenAsync<TRequest, TResponse>(
        RpcMethod<TRequest, TResponse> method, RpcCallOptions options = default, CancellationToken cancellationToken = default)
        where TRequest : class, IMessage<TRequest> where TResponse : class, IMessage<TResponse> =>
        new(await OpenAsync(method, null, options, cancellationToken).ConfigureAwait(false));

    /// <summary>A call with one request and many responses: sends the request and nothing after it.</summary>
    public async ValueTask<RpcCall<TRequest, TResponse>> ServerStreamAsync<TRequest, TResponse>(
        RpcMethod<TRequest, TResponse> method, TRequest request, RpcCallOptions options = default, CancellationToken cancellationToken = default)
        where TRequest : class, IMessage<TRequest> where TResponse : class, IMessage<TResponse> =>
        new(await OpenAsync(method, request, options, cancellationToken).ConfigureAwait(false));

    /// <summary>One request, one response, of any type.</summary>
    private protected abstract ValueTask<IMessage?> CallAsync(RpcMethod method, IMessage request, RpcCallOptions options, CancellationToken cancellationToken);

    /// <summary>A call with streams, of any type; <paramref name="only"/> is the one request and the end of requests, where there is one.</summary>
    private protected abstract ValueTask<RpcClientStream> OpenAsync(RpcMethod method, IMessage? only, RpcCallOptions options, CancellationToken cancellationToken);

    /// <summary>Closes the connection.</summary>
    public abstract ValueTask DisposeAsync();
}
