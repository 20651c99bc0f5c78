using System.Net.Sockets;

namespace AotRuntime.Http;

/// <summary>Accepts from a listening socket.</summary>
internal sealed class SocketListener(Socket socket, string address, string? path = null, ulong? inode = null) : TransportListener
{
    /// <summary>As large as the kernel's default of net.core.somaxconn.</summary>
    public const int Backlog = 4096;

    /// <summary>How long to wait when the process has no more descriptors: accept(2) would fail again at once.</summary>
    private static readonly TimeSpan DescriptorPause = TimeSpan.FromMilliseconds(50);

    private int _disposed;

    public override string Address => address;

    public override async ValueTask<TransportConnection?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            try
            {
                Socket accepted = await socket.AcceptAsync(cancellationToken).ConfigureAwait(false);
                try
                {
                    return new SocketConnection(accepted);
                }
                catch (SocketException)
                {
                    // The peer was gone before we looked; nothing was lost but this connection.
                    accepted.Dispose();
                }
            }
            catch (Exception e) when (_disposed != 0 && e is SocketException or ObjectDisposedException)
            {
                return null;
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable)
            {
                await Task.Delay(DescriptorPause, cancellationToken).ConfigureAwait(false);
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionAborted or SocketError.ConnectionReset or SocketError.Interrupted)
            {
                // accept(2): "treat them like EAGAIN by retrying".
                continue;
            }
            catch (SocketException e)
            {
                throw new Linux.LinuxException("accept", address, SocketErrors.ToErrno(e));
            }
        }
    }

    public override ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            // The file first: a client that finds it is to find a listener too.
            // A file that is no longer the one we made belongs to a successor.
            if (path is not null && UnixAddress.Find(path)?.Inode == inode)
                File.Delete(path);
            socket.Dispose();
        }
        return ValueTask.CompletedTask;
    }
}
