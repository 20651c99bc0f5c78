using AotRuntime.Http;
using AotRuntime.Rpc;
using Google.Protobuf;

namespace AotRuntime.Containerd.Ctr;

/// <summary>A connection to a containerd, and the namespace that commands are about.</summary>
internal sealed class CtrClient(string address, string ns) : IAsyncDisposable
{
    private readonly RpcChannel _channel = RpcChannels.GrpcUnix(
        address.StartsWith("unix://", StringComparison.Ordinal) ? address["unix://".Length..] : address);

    /// <summary>The namespace.</summary>
    public string Namespace { get; } = ns;

    /// <summary>The lease that holds what is made; null for none.</summary>
    public string? Lease { get; set; }

    /// <summary>One request, one response.</summary>
    public RpcAnswer<TResponse> CallAsync<TRequest, TResponse>(RpcMethod<TRequest, TResponse> method, TRequest request, CancellationToken cancellation = default)
        where TRequest : class, IMessage<TRequest> where TResponse : class, IMessage<TResponse> =>
        _channel.UnaryAsync(method, request, Options(), cancellation);

    /// <summary>One request, and all that comes back.</summary>
    public async IAsyncEnumerable<TResponse> StreamAsync<TRequest, TResponse>(RpcMethod<TRequest, TResponse> method, TRequest request)
        where TRequest : class, IMessage<TRequest> where TResponse : class, IMessage<TResponse>
    {
        await using RpcCall<TRequest, TResponse> call = await _channel.OpenAsync(method, Options()).ConfigureAwait(false);
        await call.WriteAsync(request).ConfigureAwait(false);
        await call.CompleteAsync().ConfigureAwait(false);
        while (await call.ReadAsync().ConfigureAwait(false) is { } response)
            yield return response;
    }

    /// <summary>A call with streams in both directions.</summary>
    public ValueTask<RpcCall<TRequest, TResponse>> OpenAsync<TRequest, TResponse>(RpcMethod<TRequest, TResponse> method)
        where TRequest : class, IMessage<TRequest> where TResponse : class, IMessage<TResponse> => _channel.OpenAsync(method, Options());

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _channel.DisposeAsync();

    private RpcCallOptions Options()
    {
        var metadata = new HttpHeaders();
        metadata.Add("containerd-namespace", Namespace);
        if (Lease is not null)
            metadata.Add("containerd-lease", Lease);
        return new RpcCallOptions { Metadata = metadata };
    }
}
