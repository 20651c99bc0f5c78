using System.Globalization;
using AotRuntime.Http;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Leases;
using Google.Protobuf;

namespace AotRuntime.Containerd.Ctr;

/// <summary>A connection to a containerd, and the namespace that commands are about.</summary>
internal sealed class CtrClient(string address, string ns) : IAsyncDisposable
{
    /// <summary>When a lease ends by itself, should this process not live to give it back.</summary>
    private static readonly TimeSpan s_leaseLife = TimeSpan.FromHours(24);

    private readonly RpcChannel _channel = RpcChannels.GrpcUnix(
        address.StartsWith("unix://", StringComparison.Ordinal) ? address["unix://".Length..] : address);

    private string? _lease;

    /// <summary>The namespace.</summary>
    public string Namespace { get; } = ns;

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

    /// <summary>Does work whose results nothing refers to yet: a lease holds them meanwhile, so that they are not swept away.</summary>
    public async Task HoldAsync(Func<Task> work)
    {
        var request = new CreateRequest { Id = $"ctr-{Guid.NewGuid():N}" };
        request.Labels["containerd.io/gc.expire"] = DateTimeOffset.UtcNow.Add(s_leaseLife).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        string lease = (await CallAsync(LeasesMethods.Create, request).ConfigureAwait(false)).Lease.Id;
        _lease = lease;
        try
        {
            await work().ConfigureAwait(false);
        }
        finally
        {
            _lease = null;
            await CallAsync(LeasesMethods.Delete, new DeleteRequest { Id = lease }).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _channel.DisposeAsync();

    private RpcCallOptions Options()
    {
        var metadata = new HttpHeaders();
        metadata.Add("containerd-namespace", Namespace);
        if (_lease is not null)
            metadata.Add("containerd-lease", _lease);
        return new RpcCallOptions { Metadata = metadata };
    }
}
