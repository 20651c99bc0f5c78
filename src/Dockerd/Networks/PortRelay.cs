using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace AotRuntime.Dockerd.Networks;

/// <summary>
/// Holds a host port and passes on, in user space, what the firewall does not: IPv6 clients, and everything where there are no
/// rules. The socket also keeps other programs off the port, and tells at once that they have it.
/// </summary>
public sealed class PortRelay : IDisposable
{
    /// <summary>How long a UDP client may be silent before its way back is forgotten.</summary>
    public static readonly TimeSpan UdpIdle = TimeSpan.FromSeconds(90);

    private const int MaxDatagram = 65_507;
    private const int MaxUdpClients = 4096;
    private readonly Socket _socket;
    private readonly CancellationTokenSource _stop = new();
    private readonly IPEndPoint _target;
    private readonly ConcurrentDictionary<SocketAddress, UdpClient> _clients = new();

    /// <summary>Binds the host port (0: a free one) and begins to relay.</summary>
    /// <exception cref="SocketException">AddressAlreadyInUse, AddressNotAvailable, AccessDenied.</exception>
    public PortRelay(PortProtocol protocol, IPEndPoint host, IPEndPoint target)
        : this(Bind(protocol, host), protocol, target)
    {
    }

    /// <summary>Relays for a socket that is bound (and, for TCP, listening).</summary>
    public PortRelay(Socket bound, PortProtocol protocol, IPEndPoint target)
    {
        _target = target;
        _socket = bound;
        HostPort = (ushort)((IPEndPoint)_socket.LocalEndPoint!).Port;
        Completion = protocol == PortProtocol.Tcp ? AcceptAsync() : ReceiveAsync();
    }

    /// <summary>The port that is held.</summary>
    public ushort HostPort { get; }

    /// <summary>Ends when the relay is disposed.</summary>
    public Task Completion { get; }

    /// <summary>Gives the port up and ends what goes through it.</summary>
    public void Dispose()
    {
        _stop.Cancel();
        _socket.Dispose();
        foreach (UdpClient client in _clients.Values)
            client.Socket.Dispose();
    }

    private static Socket Bind(PortProtocol protocol, IPEndPoint host)
    {
        bool tcp = protocol == PortProtocol.Tcp;
        Socket socket = new(host.AddressFamily, tcp ? SocketType.Stream : SocketType.Dgram, tcp ? ProtocolType.Tcp : ProtocolType.Udp);
        try
        {
            if (host.AddressFamily == AddressFamily.InterNetworkV6)
                socket.DualMode = false;
            // Not ReuseAddress: .NET sets SO_REUSEPORT with it, and two could hold one port. SO_REUSEADDR is set for TCP anyway.
            socket.Bind(host);
            if (tcp)
                socket.Listen(512);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            Socket client;
            try
            {
                client = await _socket.AcceptAsync(_stop.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException)
            {
                // One connection that was gone before it was taken, or no descriptor left: neither may end the relay, nor spin.
                await Task.Delay(50).ConfigureAwait(false);
                continue;
            }
            _ = RelayAsync(client);
        }
    }

    private async Task RelayAsync(Socket client)
    {
        using Socket server = new(_target.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using (client)
        {
            try
            {
                client.NoDelay = true;
                await server.ConnectAsync(_target, _stop.Token).ConfigureAwait(false);
                using CancellationTokenSource both = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
                await Task.WhenAll(PumpAsync(client, server, both), PumpAsync(server, client, both)).ConfigureAwait(false);
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                // The container does not listen, a side hung up hard, or the port is given up: both sockets close, which tells the other.
                client.LingerState = new LingerOption(true, 0);
            }
        }
    }

    /// <summary>Passes on until the end of <paramref name="from"/>; a failure ends both directions, which would else wait for each other.</summary>
    private static async Task PumpAsync(Socket from, Socket to, CancellationTokenSource both)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(32 * 1024);
        try
        {
            int n;
            while ((n = await from.ReceiveAsync(buffer, both.Token).ConfigureAwait(false)) > 0)
            {
                for (int sent = 0; sent < n;)
                    sent += await to.SendAsync(buffer.AsMemory(sent, n - sent), both.Token).ConfigureAwait(false);
            }
            to.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            await both.CancelAsync().ConfigureAwait(false);
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task ReceiveAsync()
    {
        byte[] buffer = new byte[MaxDatagram];
        SocketAddress from = new(_socket.AddressFamily);
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                int n = await _socket.ReceiveFromAsync(buffer, SocketFlags.None, from, _stop.Token).ConfigureAwait(false);
                if (!_clients.TryGetValue(from, out UdpClient? client))
                {
                    if (_clients.Count >= MaxUdpClients)
                        continue;
                    SocketAddress key = new(from.Family, from.Size);
                    from.Buffer[..from.Size].CopyTo(key.Buffer);
                    client = new UdpClient(_target);
                    _clients[key] = client;
                    _ = AnswerAsync(client, key);
                }
                client.LastUse = Environment.TickCount64;
                await client.Socket.SendAsync(buffer.AsMemory(0, n), _stop.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException && _stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The container's "port unreachable" for an earlier datagram, or a client just forgotten: datagrams may be lost.
                continue;
            }
        }
    }

    private async Task AnswerAsync(UdpClient client, SocketAddress to)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(MaxDatagram);
        try
        {
            while (!_stop.IsCancellationRequested)
            {
                using CancellationTokenSource idle = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
                idle.CancelAfter(UdpIdle);
                int n;
                try
                {
                    n = await client.Socket.ReceiveAsync(buffer, idle.Token).ConfigureAwait(false);
                }
                catch (OperationCanceledException) when (!_stop.IsCancellationRequested && Environment.TickCount64 - client.LastUse < UdpIdle.TotalMilliseconds)
                {
                    continue;
                }
                await _socket.SendToAsync(buffer.AsMemory(0, n), SocketFlags.None, to, _stop.Token).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Silent for long, or unreachable: the next datagram of this client begins anew.
        }
        finally
        {
            _clients.TryRemove(to, out _);
            client.Socket.Dispose();
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private sealed class UdpClient
    {
        public UdpClient(IPEndPoint target)
        {
            Socket = new Socket(target.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            Socket.Connect(target);
        }

        public Socket Socket { get; }

        public long LastUse { get; set; }
    }
}
