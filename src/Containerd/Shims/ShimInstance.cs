using AotRuntime.Http;
using AotRuntime.Rpc;
using Google.Protobuf;

namespace AotRuntime.Containerd;

/// <summary>A running shim: calls to it, and a watch on its life.</summary>
internal sealed class ShimInstance : IAsyncDisposable
{
    private readonly RpcChannel _channel;
    private readonly TransportConnection _watch;
    private readonly BootstrapReply _reply;

    private ShimInstance(Bundle bundle, string binary, BootstrapReply reply, RpcChannel channel, TransportConnection watch)
    {
        Bundle = bundle;
        Binary = binary;
        _reply = reply;
        _channel = channel;
        _watch = watch;
        Gone = WatchAsync();
    }

    public Bundle Bundle { get; }

    public string Binary { get; }

    public string Namespace => Bundle.Namespace;

    public string Id => Bundle.Id;

    /// <summary>Ends when the shim has ended.</summary>
    public Task Gone { get; }

    /// <summary>Set once its end is expected: no event need tell of it.</summary>
    public bool Leaving { get; set; }

    /// <summary>Held while the task is created or deleted.</summary>
    public SemaphoreSlim Changing { get; } = new(1, 1);

    /// <summary>Connects to a shim.</summary>
    /// <exception cref="RpcException">Nobody listens.</exception>
    public static async Task<ShimInstance> ConnectAsync(Bundle bundle, string binary, BootstrapReply reply, CancellationToken cancelled)
    {
        try
        {
            // A connection that carries nothing: its end is the shim's.
            TransportConnection watch = await Transport.ConnectUnixAsync(reply.SocketPath, cancelled).ConfigureAwait(false);
            return new ShimInstance(bundle, binary, reply, RpcChannels.TtrpcUnix(reply.SocketPath), watch);
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException)
        {
            throw ContainerdError.Unavailable($"failed to create TTRPC connection: {e.Message}");
        }
    }

    /// <summary>Calls a method of its Task service.</summary>
    public RpcAnswer<TResponse> CallAsync<TRequest, TResponse>(
        Func<ShimTaskMethods, RpcMethod<TRequest, TResponse>> method, TRequest request, CancellationToken cancelled, TimeSpan? timeout = null)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        HttpHeaders metadata = [];
        metadata.Add("containerd-namespace-ttrpc", Namespace);
        return _channel.UnaryAsync(method(_reply.Methods), request, new RpcCallOptions { Metadata = metadata, Timeout = timeout }, cancelled);
    }

    public async ValueTask DisposeAsync()
    {
        await _channel.DisposeAsync().ConfigureAwait(false);
        await _watch.DisposeAsync().ConfigureAwait(false);
    }

    private async Task WatchAsync()
    {
        try
        {
            while (true)
            {
                System.IO.Pipelines.ReadResult result = await _watch.Input.ReadAsync().ConfigureAwait(false);
                _watch.Input.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                    return;
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException or OperationCanceledException)
        {
            // A reset is an end, too, and so is our own hanging up.
            return;
        }
    }
}
