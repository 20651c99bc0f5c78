using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace AotRuntime.Http;

/// <summary>
/// A connected stream socket. Input is read straight from the socket when asked for (<see cref="SocketReceiver"/>); output goes through a
/// pipe, from which one loop sends, so that a cancelled flush never leaves half a message behind.
/// </summary>
internal sealed class SocketConnection : TransportConnection
{
    /// <summary>How much may wait to be sent before a flush waits too.</summary>
    private const int SendPause = 128 * 1024;

    // The loop runs inline in FlushAsync, which saves a thread hop per response. A writer that waited for room is resumed elsewhere: if it
    // blocked, on the loop's own stack, nothing would be sent any more.
    private static readonly PipeOptions s_sendOptions = new(
        readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.ThreadPool,
        pauseWriterThreshold: SendPause, resumeWriterThreshold: SendPause / 2, useSynchronizationContext: false);

    private readonly Socket _socket;
    private readonly SocketReceiver _receiver;
    private readonly Pipe _sendPipe = new(s_sendOptions);
    private readonly CancellationTokenSource _closed = new();
    private readonly Task _sending;
    private int _openHalves = 2;
    private int _disposed;

    public SocketConnection(Socket socket)
    {
        _socket = socket;
        if (socket.AddressFamily == AddressFamily.Unix)
        {
            Peer = ReadPeer(socket);
            RemoteAddress = "@";
        }
        else
        {
            socket.NoDelay = true;
            // A peer whose machine is gone is found out in minutes, not never.
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            RemoteAddress = DescribeRemote(socket);
        }
        _receiver = new SocketReceiver(socket, HalfDone);
        _sending = SendLoopAsync();
    }

    public override PipeReader Input => _receiver;

    public override PipeWriter Output => _sendPipe.Writer;

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
            return;
        // close(2) with a zero linger time sends RST: the peer learns that this was no orderly end.
        if (_socket.AddressFamily != AddressFamily.Unix)
            IgnoreSocketErrors(() => _socket.LingerState = new LingerOption(true, 0));
        Close();
    }

    public override async ValueTask DisposeAsync()
    {
        if (_disposed != 0)
            return;
        _sendPipe.Writer.Complete();
        await _sending.ConfigureAwait(false);
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            Close();
    }

    private void Close()
    {
        _receiver.Close();
        _sendPipe.Reader.CancelPendingRead();
        _socket.Dispose();
        _ = _closed.CancelAsync();
    }

    private async Task SendLoopAsync()
    {
        PipeReader pending = _sendPipe.Reader;
        try
        {
            while (true)
            {
                ReadResult result = await pending.ReadAsync().ConfigureAwait(false);
                if (result.IsCanceled)
                    break;
                foreach (ReadOnlyMemory<byte> segment in result.Buffer)
                    await SendAllAsync(segment).ConfigureAwait(false);
                pending.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                {
                    IgnoreSocketErrors(() => _socket.Shutdown(SocketShutdown.Send));
                    break;
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The peer is gone, or this side was aborted. A writer learns it as a pipe's writer does: its flush comes back completed.
            HalfDone();
            pending.Complete();
            return;
        }
        catch (Exception)
        {
            // The writer was completed with an exception: what was to follow is lost, and the peer must not take this for the end.
            Abort();
        }
        pending.Complete();
        HalfDone();
    }

    private async ValueTask SendAllAsync(ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            int sent = await _socket.SendAsync(bytes, SocketFlags.None).ConfigureAwait(false);
            bytes = bytes[sent..];
        }
    }

    private void HalfDone()
    {
        if (Interlocked.Decrement(ref _openHalves) == 0)
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

    private static string DescribeRemote(Socket socket)
    {
        if (socket.RemoteEndPoint is not IPEndPoint remote)
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
