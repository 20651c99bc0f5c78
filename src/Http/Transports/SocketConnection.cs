using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Http;

/// <summary>A connected stream socket on an <see cref="IoLoop"/>, which tells its two halves when they may go on.</summary>
internal sealed class SocketConnection : TransportConnection, IIoWatcher
{
    /// <summary>What a unix socket may hold for its reader; the kernel takes less where its limit (net.core.wmem_max) is lower.</summary>
    private const int UnixSendBuffer = 512 * 1024;

    private readonly Socket _socket;
    private readonly SocketReceiver _receiver;
    private readonly SocketSender _sender;
    private readonly IoLoop _loop = IoLoop.Next();
    private readonly long _key;
    private readonly CancellationTokenSource _closed = new();
    private EpollEvents _watched = EpollEvents.In;
    private readonly bool _saysGoodbye;
    private TransportConnection? _heir;
    private int _openHalves = 2;
    private int _disposed;

    /// <summary>Takes over a socket; <paramref name="remote"/> where the socket object does not know it.</summary>
    public SocketConnection(Socket socket, EndPoint? remote = null)
        : this(socket, remote, saysGoodbye: false)
    {
    }

    private SocketConnection(Socket socket, EndPoint? remote, bool saysGoodbye)
    {
        _socket = socket;
        _saysGoodbye = saysGoodbye;
        if (socket.AddressFamily == AddressFamily.Unix)
        {
            Peer = ReadPeer(socket);
            RemoteAddress = "@";
            // The kernel tells of room when three quarters are free (unix_writable): the reader must have enough in the rest until more comes.
            socket.SendBufferSize = UnixSendBuffer;
        }
        else
        {
            socket.NoDelay = true;
            // A peer whose machine is gone is found out in minutes, not never.
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            RemoteAddress = DescribeRemote(remote ?? socket.RemoteEndPoint);
        }
        _receiver = new SocketReceiver(socket.SafeHandle, this);
        _sender = new SocketSender(socket.SafeHandle, this);
        _key = _loop.Add(socket.SafeHandle, this);
    }

    /// <summary>
    /// One end of a pair whose other is <see cref="TlsHelper"/>'s. A stream socket's end says nothing of why; so who ends a half of this pair in
    /// order gives its own end a name before. See <c>native/tls/connection.c</c>.
    /// </summary>
    public static SocketConnection OfPair(SafeFileHandle end)
    {
        SafeSocketHandle socket = new(end.DangerousGetHandle(), ownsHandle: true);
        end.SetHandleAsInvalid();
        return new SocketConnection(new Socket(socket), null, saysGoodbye: true);
    }

    public override PipeReader Input => _receiver;

    public override PipeWriter Output => _sender;

    public override PeerCredentials? Peer { get; }

    public override string RemoteAddress { get; }

    public override CancellationToken Closed => _closed.Token;

    internal override bool IsStale
    {
        get
        {
            try
            {
                // Readable while nothing is expected: an end of file, or bytes that no request asked for.
                return _disposed != 0 || _socket.Poll(0, SelectMode.SelectRead);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return true;
            }
        }
    }

    public override void Abort()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            Volatile.Read(ref _heir)?.Abort();
            return;
        }
        // close(2) with a zero linger time sends RST: the peer learns that this was no orderly end.
        if (_socket.AddressFamily != AddressFamily.Unix)
            IgnoreSocketErrors(() => _socket.LingerState = new LingerOption(true, 0));
        Close();
    }

    public override async ValueTask DisposeAsync()
    {
        if (_disposed != 0)
            return;
        _sender.Complete();
        await _sender.FinishAsync().ConfigureAwait(false);
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            Close();
    }

    internal override SafeHandle HandOver(TransportConnection heir)
    {
        Volatile.Write(ref _heir, heir);
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            throw SocketReceiver.ClosedError();
        if (!_receiver.TryStop() || !_sender.TryStop())
        {
            Close();
            throw new IOException("tls: bytes came or went that belong to no handshake");
        }
        _loop.Remove(_socket.SafeHandle, _key);
        // Disposing the socket object might shut the connection down, which is another's now.
        SafeFileHandle file = new(_socket.SafeHandle.DangerousGetHandle(), ownsHandle: true);
        _socket.SafeHandle.SetHandleAsInvalid();
        GC.SuppressFinalize(_socket);
        return file;
    }

    /// <summary>For the sender: all is sent, and nothing follows.</summary>
    public void EndSending()
    {
        if (_saysGoodbye)
            Sys.NameUnixSocket(_socket.SafeHandle);
        Sys.ShutdownSend(_socket.SafeHandle);
    }

    /// <summary>For the receiver, at the end: why it is no orderly one; null where it is.</summary>
    public CutOffException? ExplainEnd()
    {
        if (!_saysGoodbye)
            return null;
        string? name = Sys.PeerName(_socket.SafeHandle);
        int blank = name?.IndexOf(' ') ?? -1;
        return name is null ? new CutOffException() : blank < 0 ? null : new CutOffException(name[(blank + 1)..]);
    }

    void IIoWatcher.OnReady(EpollEvents events)
    {
        const EpollEvents Ends = EpollEvents.Error | EpollEvents.HangUp;
        if ((events & (EpollEvents.Out | Ends)) != 0)
            _sender.OnRoom();
        if ((events & (EpollEvents.In | EpollEvents.ReadHangUp | Ends)) != 0)
            _receiver.OnReadable(hangUp: (events & (EpollEvents.ReadHangUp | Ends)) != 0);
    }

    /// <summary>For the sender: whether the loop is to tell of room.</summary>
    public void WatchRoom(bool on) => Watch(EpollEvents.Out, on);

    /// <summary>For the receiver: whether the loop is to tell of bytes.</summary>
    public void WatchBytes(bool on) => Watch(EpollEvents.In, on);

    private void Watch(EpollEvents events, bool on)
    {
        lock (_closed) // an object of its own would be one more for each idle connection
        {
            _watched = on ? _watched | events : _watched & ~events;
            _loop.Watch(_socket.SafeHandle, _key, _watched);
        }
    }

    /// <summary>One direction has ended, for whatever reason.</summary>
    public void HalfDone()
    {
        if (Interlocked.Decrement(ref _openHalves) == 0)
            _ = _closed.CancelAsync();
    }

    private void Close()
    {
        _receiver.Close();
        _sender.Fail();
        _loop.Remove(_socket.SafeHandle, _key);
        _socket.Dispose();
        _ = _closed.CancelAsync();
    }

    private static PeerCredentials? ReadPeer(Socket socket)
    {
        // struct ucred { pid_t pid; uid_t uid; gid_t gid; }
        Span<byte> ucred = stackalloc byte[12];
        try
        {
            socket.GetRawSocketOption(SocketConstants.SOL_SOCKET, SocketConstants.SO_PEERCRED, ucred);
        }
        catch (SocketException)
        {
            return null;
        }
        return new PeerCredentials(MemoryMarshal.Read<int>(ucred), MemoryMarshal.Read<uint>(ucred[4..]), MemoryMarshal.Read<uint>(ucred[8..]));
    }

    private static string DescribeRemote(EndPoint? address)
    {
        if (address is not IPEndPoint remote)
            return "@";
        return remote.Address.IsIPv4MappedToIPv6 ? new IPEndPoint(remote.Address.MapToIPv4(), remote.Port).ToString() : remote.ToString();
    }

    /// <summary>For steps of closing, where the peer may be gone already and nothing is left to be told.</summary>
    private static void IgnoreSocketErrors(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return;
        }
    }
}
