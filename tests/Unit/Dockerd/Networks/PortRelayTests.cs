using System.Net;
using System.Net.Sockets;
using System.Text;
using AotRuntime.Dockerd.Networks;

namespace AotRuntime.Tests.Unit.Dockerd.Networks;

/// <summary>The relay between sockets of the loopback interface, on ports that the kernel picks.</summary>
public sealed class PortRelayTests : IDisposable
{
    private static readonly IPEndPoint s_free = new(IPAddress.Loopback, 0);
    private readonly Socket _target = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromSeconds(30));

    public PortRelayTests()
    {
        _target.Bind(s_free);
        _target.Listen();
    }

    public void Dispose()
    {
        _target.Dispose();
        _limit.Dispose();
    }

    private PortRelay Relay(IPEndPoint? host = null) => new(PortProtocol.Tcp, host ?? s_free, (IPEndPoint)_target.LocalEndPoint!);

    private async Task<(Socket Client, Socket Server)> ConnectAsync(PortRelay relay)
    {
        Socket client = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await client.ConnectAsync(new IPEndPoint(IPAddress.Loopback, relay.HostPort), _limit.Token);
        return (client, await _target.AcceptAsync(_limit.Token));
    }

    private async Task<string> ReadToEndAsync(Socket socket)
    {
        MemoryStream all = new();
        byte[] buffer = new byte[4096];
        int n;
        while ((n = await socket.ReceiveAsync(buffer, _limit.Token)) > 0)
            all.Write(buffer, 0, n);
        return Encoding.ASCII.GetString(all.ToArray());
    }

    [Fact]
    public async Task The_end_of_one_direction_leaves_the_other_open()
    {
        using PortRelay relay = Relay();
        (Socket client, Socket server) = await ConnectAsync(relay);
        using (client)
        using (server)
        {
            await client.SendAsync("question"u8.ToArray(), _limit.Token);
            client.Shutdown(SocketShutdown.Send);
            Assert.Equal("question", await ReadToEndAsync(server));
            await server.SendAsync("answer"u8.ToArray(), _limit.Token);
            await server.SendAsync(" and more"u8.ToArray(), _limit.Token);
            server.Shutdown(SocketShutdown.Send);
            Assert.Equal("answer and more", await ReadToEndAsync(client));
        }
    }

    [Fact]
    public async Task All_bytes_of_a_slow_reader_arrive()
    {
        using PortRelay relay = Relay();
        (Socket client, Socket server) = await ConnectAsync(relay);
        using (client)
        using (server)
        {
            byte[] data = new byte[4 << 20];
            new Random(1).NextBytes(data);
            Task send = Task.Run(
                async () =>
                {
                    for (int at = 0; at < data.Length;)
                        at += await client.SendAsync(data.AsMemory(at), _limit.Token);
                    client.Shutdown(SocketShutdown.Send);
                }, _limit.Token);
            await Task.Delay(50, _limit.Token);
            MemoryStream all = new();
            byte[] buffer = new byte[1 << 16];
            int n;
            while ((n = await server.ReceiveAsync(buffer, _limit.Token)) > 0)
                all.Write(buffer, 0, n);
            await send;
            Assert.Equal(data, all.ToArray());
        }
    }

    [Fact]
    public async Task A_client_is_told_when_the_target_hangs_up_hard()
    {
        using PortRelay relay = Relay();
        (Socket client, Socket server) = await ConnectAsync(relay);
        using (client)
        {
            server.LingerState = new LingerOption(true, 0);
            server.Dispose();
            await EndsAsync(client);
        }
    }

    [Fact]
    public async Task A_client_is_told_when_nobody_listens()
    {
        using PortRelay relay = Relay();
        _target.Dispose();
        using Socket client = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await EndsAsync(client, new IPEndPoint(IPAddress.Loopback, relay.HostPort));
    }

    private async Task EndsAsync(Socket client, IPEndPoint? connectTo = null)
    {
        try
        {
            // The end may come as early as this.
            if (connectTo is not null)
                await client.ConnectAsync(connectTo, _limit.Token);
            Assert.Equal(0, await client.ReceiveAsync(new byte[1], _limit.Token));
        }
        catch (SocketException e)
        {
            Assert.Equal(SocketError.ConnectionReset, e.SocketErrorCode);
        }
    }

    [Fact]
    public async Task Disposing_frees_the_port_and_ends_connections()
    {
        PortRelay relay = Relay();
        (Socket client, Socket server) = await ConnectAsync(relay);
        using (client)
        using (server)
        {
            relay.Dispose();
            await relay.Completion.WaitAsync(_limit.Token);
            await EndsAsync(client);
            using PortRelay next = Relay(new IPEndPoint(IPAddress.Loopback, relay.HostPort));
            Assert.Equal(relay.HostPort, next.HostPort);
        }
    }

    [Fact]
    public void A_port_that_is_held_cannot_be_held_again()
    {
        using PortRelay relay = Relay();
        SocketException e = Assert.Throws<SocketException>(() => Relay(new IPEndPoint(IPAddress.Loopback, relay.HostPort)));
        Assert.Equal(SocketError.AddressAlreadyInUse, e.SocketErrorCode);
    }

    [Fact]
    public async Task Datagrams_go_both_ways_and_back_to_their_own_client()
    {
        using Socket target = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        target.Bind(s_free);
        using PortRelay relay = new(PortProtocol.Udp, s_free, (IPEndPoint)target.LocalEndPoint!);
        using Socket a = Datagrams(relay), b = Datagrams(relay);
        await a.SendAsync("from a"u8.ToArray(), _limit.Token);
        (string text, EndPoint way) = await ReceiveAsync(target);
        Assert.Equal("from a", text);
        await b.SendAsync("from b"u8.ToArray(), _limit.Token);
        (string text2, EndPoint way2) = await ReceiveAsync(target);
        Assert.Equal("from b", text2);
        Assert.NotEqual(way, way2);
        await target.SendToAsync("to b"u8.ToArray(), SocketFlags.None, way2, _limit.Token);
        await target.SendToAsync("to a"u8.ToArray(), SocketFlags.None, way, _limit.Token);
        Assert.Equal("to a", (await ReceiveAsync(a)).Text);
        Assert.Equal("to b", (await ReceiveAsync(b)).Text);
        // An empty datagram is a datagram.
        await a.SendAsync(Array.Empty<byte>(), _limit.Token);
        Assert.Equal(("", way), await ReceiveAsync(target));
    }

    [Fact]
    public async Task Datagrams_to_a_target_that_is_not_there_yet_do_not_end_the_relay()
    {
        using Socket target = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        target.Bind(s_free);
        var place = (IPEndPoint)target.LocalEndPoint!;
        target.Dispose();
        using PortRelay relay = new(PortProtocol.Udp, s_free, place);
        using Socket client = Datagrams(relay);
        for (int i = 0; i < 5; i++)
        {
            await client.SendAsync("lost"u8.ToArray(), _limit.Token);
            await Task.Delay(10, _limit.Token);
        }
        using Socket later = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        later.Bind(place);
        Task<(string Text, EndPoint From)> received = ReceiveAsync(later);
        // One datagram may still meet the refusal of an earlier one.
        while (!received.IsCompleted)
        {
            await client.SendAsync("here"u8.ToArray(), _limit.Token);
            await Task.WhenAny(received, Task.Delay(20, _limit.Token));
        }
        Assert.Equal("here", (await received).Text);
        Assert.False(relay.Completion.IsCompleted);
    }

    private static Socket Datagrams(PortRelay relay)
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Connect(new IPEndPoint(IPAddress.Loopback, relay.HostPort));
        return socket;
    }

    private async Task<(string Text, EndPoint From)> ReceiveAsync(Socket socket)
    {
        byte[] buffer = new byte[100];
        SocketReceiveFromResult result = await socket.ReceiveFromAsync(buffer, SocketFlags.None, s_free, _limit.Token);
        return (Encoding.ASCII.GetString(buffer, 0, result.ReceivedBytes), result.RemoteEndPoint);
    }
}
