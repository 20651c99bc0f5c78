using System.Net.Sockets;
using AotRuntime.Linux;

namespace AotRuntime.Rpc;

/// <summary>Keeps one connection, made when first asked for and again when it was lost.</summary>
internal sealed class SingleConnection<T>(Func<CancellationToken, ValueTask<T>> connect, Func<T, bool> isOpen, string target) : IAsyncDisposable
    where T : class, IAsyncDisposable
{
    private readonly SemaphoreSlim _connecting = new(1, 1);
    private volatile T? _current;
    private volatile bool _disposed;

    /// <exception cref="RpcException">Unavailable: there is no connection to be had.</exception>
    public ValueTask<T> GetAsync(CancellationToken cancellationToken) =>
        _current is { } current && isOpen(current) ? new(current) : ConnectAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        _disposed = true;
        await _connecting.WaitAsync().ConfigureAwait(false);
        T? current = _current;
        _current = null;
        _connecting.Release();
        if (current is not null)
            await current.DisposeAsync().ConfigureAwait(false);
    }

    private async ValueTask<T> ConnectAsync(CancellationToken cancellationToken)
    {
        await _connecting.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_disposed)
                throw new RpcException(RpcStatus.Cancelled, "grpc: the client connection is closing");
            if (_current is { } current)
            {
                if (isOpen(current))
                    return current;
                await current.DisposeAsync().ConfigureAwait(false);
            }
            return _current = await connect(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            string why = e is LinuxException { Errno: var errno } ? errno.Text() : e.Message;
            // grpc-go's words, which tools and people know.
            throw new RpcException(RpcStatus.Unavailable, $"connection error: desc = \"transport: Error while dialing: dial {target}: connect: {why}\"");
        }
        finally
        {
            _connecting.Release();
        }
    }
}
