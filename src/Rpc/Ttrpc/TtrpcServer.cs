using AotRuntime.Http;
using AotRuntime.Rpc.Ttrpc;

namespace AotRuntime.Rpc;

/// <summary>Serves a table over ttrpc.</summary>
public sealed class TtrpcServer(RpcServiceTable services, TtrpcOptions? options = null)
{
    private readonly TtrpcOptions _options = options ?? TtrpcOptions.Default;

    /// <summary>Accepts and serves until <paramref name="stopping"/>; then the running calls may finish for <see cref="TtrpcOptions.Drain"/>.</summary>
    public async Task RunAsync(TransportListener listener, CancellationToken stopping)
    {
        var connections = new HashSet<Task>();
        try
        {
            while (await listener.AcceptAsync(stopping).ConfigureAwait(false) is { } transport)
            {
                connections.RemoveWhere(static task => task.IsCompleted);
                connections.Add(ServeAsync(transport, stopping));
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // Asked to stop: what runs is finished below.
        }
        await Task.WhenAll(connections).ConfigureAwait(false);
    }

    /// <summary>Serves one connection, which it then owns, to its end.</summary>
    public Task ServeAsync(TransportConnection transport, CancellationToken stopping = default) =>
        new TtrpcServerConnection(transport, services, _options).RunAsync(stopping);
}
