using System.Net;
using System.Net.Sockets;
using AotRuntime.Linux;

namespace AotRuntime.Http;

/// <summary>Connects sockets by the loop: the framework's own way would have its event thread woken for each of the connection's later events.</summary>
internal sealed class SocketConnector : IIoWatcher
{
    /// <summary>A unix socket whose listener's backlog is full refuses for now (EAGAIN), without telling when to come again.</summary>
    private static readonly TimeSpan s_backlogPause = TimeSpan.FromMilliseconds(2);

    private readonly TaskCompletionSource _told = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private SocketConnector()
    {
    }

    /// <exception cref="LinuxException">The kernel or the peer refused.</exception>
    public static async ValueTask ConnectAsync(Socket socket, EndPoint address, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        socket.Blocking = false;
        SocketAddress raw = address.Serialize();
        Errno errno;
        while ((errno = Sys.TryConnect(socket.SafeHandle, raw.Buffer.Span[..raw.Size])) == Errno.EAGAIN)
            await Task.Delay(s_backlogPause, cancellationToken).ConfigureAwait(false);
        if (errno is Errno.EINPROGRESS or Errno.EINTR)
            errno = await FinishAsync(socket, cancellationToken).ConfigureAwait(false);
        if (errno != 0)
            throw new LinuxException("connect", "", errno);
    }

    void IIoWatcher.OnReady(EpollEvents events)
    {
        if ((events & (EpollEvents.Out | EpollEvents.Error | EpollEvents.HangUp)) != 0)
            _told.TrySetResult();
    }

    /// <summary><c>man 2 connect</c>: "After … writability, use getsockopt(2) to read the SO_ERROR option".</summary>
    private static async ValueTask<Errno> FinishAsync(Socket socket, CancellationToken cancellationToken)
    {
        SocketConnector waiting = new();
        IoLoop loop = IoLoop.Next();
        long key = loop.Add(socket.SafeHandle, waiting);
        try
        {
            loop.Watch(socket.SafeHandle, key, EpollEvents.In | EpollEvents.Out);
            await waiting._told.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            loop.Remove(socket.SafeHandle, key);
        }
        byte[] error = new byte[sizeof(int)];
        socket.GetRawSocketOption(SocketConstants.SOL_SOCKET, SocketConstants.SO_ERROR, error);
        return (Errno)BitConverter.ToInt32(error);
    }
}
