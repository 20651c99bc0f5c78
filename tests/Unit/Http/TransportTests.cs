using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using AotRuntime.Http;
using AotRuntime.Linux;

namespace AotRuntime.Tests.Unit.Http;

public sealed class TransportTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("aotruntime-http-").FullName;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string SocketPath => Path.Combine(_directory, "s.sock");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static async Task<string> ReadAllAsync(PipeReader reader)
    {
        StringBuilder text = new();
        while (true)
        {
            ReadResult read = await reader.ReadAsync(Token);
            text.Append(Encoding.Latin1.GetString(read.Buffer.ToArray()));
            reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
                return text.ToString();
        }
    }

    private async Task<(TransportListener, TransportConnection Client, TransportConnection Server)> PairAsync(string kind)
    {
        switch (kind)
        {
            case "unix":
                TransportListener unix = Transport.ListenUnix(SocketPath);
                TransportConnection client = await Transport.ConnectUnixAsync(SocketPath, Token);
                return (unix, client, (await unix.AcceptAsync(Token))!);
            case "abstract":
                string name = $"@aotruntime-test-{Guid.NewGuid():n}";
                TransportListener named = Transport.ListenUnix(name);
                client = await Transport.ConnectUnixAsync(name, Token);
                return (named, client, (await named.AcceptAsync(Token))!);
            default:
                TransportListener tcp = Transport.ListenTcp(kind, 0);
                client = await Transport.ConnectTcpAsync(kind, new Uri(tcp.Address).Port, Token);
                return (tcp, client, (await tcp.AcceptAsync(Token))!);
        }
    }

    [Theory]
    [InlineData("unix")]
    [InlineData("abstract")]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public async Task Bytes_go_both_ways_and_each_way_ends_by_itself(string kind)
    {
        (TransportListener listener, TransportConnection client, TransportConnection server) = await PairAsync(kind);
        await client.Output.WriteAsync("to the server"u8.ToArray(), Token);
        await client.Output.CompleteAsync();
        Assert.Equal("to the server", await ReadAllAsync(server.Input));
        await server.Output.WriteAsync("and back"u8.ToArray(), Token);
        await server.Output.CompleteAsync();
        Assert.Equal("and back", await ReadAllAsync(client.Input));
        // Both directions have ended on both sides, with nobody having disposed anything.
        await Task.Delay(Timeout.Infinite, client.Closed).ContinueWith(_ => { }, Token);
        await Task.Delay(Timeout.Infinite, server.Closed).ContinueWith(_ => { }, Token);
        if (kind is "unix" or "abstract")
            Assert.Equal(Environment.ProcessId, server.Peer?.Pid);
        else
            Assert.StartsWith(kind == "::1" ? "[::1]:" : "127.0.0.1:", server.RemoteAddress);
        await client.DisposeAsync();
        await server.DisposeAsync();
        await listener.DisposeAsync();
        Assert.Null(await listener.AcceptAsync(Token));
    }

    [Fact]
    public async Task Megabytes_pass_unchanged_in_both_directions_at_once()
    {
        (TransportListener listener, TransportConnection client, TransportConnection server) = await PairAsync("unix");
        byte[] up = new byte[5_000_001], down = new byte[3_000_001];
        new Random(1).NextBytes(up);
        new Random(2).NextBytes(down);
        Task<byte[]> atServer = CollectAsync(server.Input), atClient = CollectAsync(client.Input);
        await Task.WhenAll(SendAsync(client.Output, up), SendAsync(server.Output, down));
        Assert.Equal(up, await atServer);
        Assert.Equal(down, await atClient);
        await client.DisposeAsync();
        await server.DisposeAsync();
        await listener.DisposeAsync();

        static async Task SendAsync(PipeWriter writer, byte[] bytes)
        {
            for (int at = 0; at < bytes.Length; at += 9999)
                await writer.WriteAsync(bytes.AsMemory(at, Math.Min(9999, bytes.Length - at)), Token);
            await writer.CompleteAsync();
        }

        static async Task<byte[]> CollectAsync(PipeReader reader)
        {
            MemoryStream all = new();
            Random random = new(3);
            while (true)
            {
                ReadResult read = await reader.ReadAsync(Token);
                // Consume a random part, so that positions within and across segments are met.
                long take = read.IsCompleted ? read.Buffer.Length : random.NextInt64(read.Buffer.Length + 1);
                ReadOnlySequence<byte> taken = read.Buffer.Slice(0, take);
                all.Write(taken.ToArray());
                reader.AdvanceTo(taken.End, read.Buffer.Length - take < 100_000 && random.Next(2) == 0 ? read.Buffer.End : taken.End);
                if (read.IsCompleted)
                    return all.ToArray();
            }
        }
    }

    [Fact]
    public async Task A_cancelled_read_loses_no_byte()
    {
        (TransportListener listener, TransportConnection client, TransportConnection server) = await PairAsync("unix");
        for (int i = 0; i < 20; i++)
        {
            ValueTask<ReadResult> pending = server.Input.ReadAsync(Token);
            server.Input.CancelPendingRead();
            ReadResult cancelled = await pending;
            Assert.True(cancelled.IsCanceled);
            server.Input.AdvanceTo(cancelled.Buffer.Start);
            using CancellationTokenSource source = new();
            pending = server.Input.ReadAsync(source.Token);
            source.Cancel();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await pending);
            await client.Output.WriteAsync("x"u8.ToArray(), Token);
            ReadResult read = await server.Input.ReadAsync(Token);
            Assert.Equal(1, read.Buffer.Length);
            server.Input.AdvanceTo(read.Buffer.End);
        }
        await client.DisposeAsync();
        Assert.True((await server.Input.ReadAsync(Token)).IsCompleted);
        await server.DisposeAsync();
        await listener.DisposeAsync();
    }

    [Fact]
    public async Task Abort_ends_a_pending_read_and_tells_the_token()
    {
        (TransportListener listener, TransportConnection client, TransportConnection server) = await PairAsync("127.0.0.1");
        Task<ReadResult> pending = server.Input.ReadAsync(Token).AsTask();
        server.Abort();
        await Assert.ThrowsAnyAsync<IOException>(() => pending);
        await Task.Delay(Timeout.Infinite, server.Closed).ContinueWith(_ => { }, Token);
        // The peer sees a reset, not an orderly end.
        LinuxException reset = await Assert.ThrowsAsync<LinuxException>(async () => await client.Input.ReadAsync(Token));
        Assert.Equal(Errno.ECONNRESET, reset.Errno);
        await client.DisposeAsync();
        await listener.DisposeAsync();
    }

    [Fact]
    public async Task A_flush_to_a_peer_that_is_gone_says_so()
    {
        (TransportListener listener, TransportConnection client, TransportConnection server) = await PairAsync("unix");
        await client.DisposeAsync();
        FlushResult flushed = default;
        for (int i = 0; i < 100 && !flushed.IsCompleted; i++)
            flushed = await server.Output.WriteAsync(new byte[1000], Token);
        Assert.True(flushed.IsCompleted);
        await server.DisposeAsync();
        await listener.DisposeAsync();
    }

    [Fact]
    public async Task The_socket_file_has_its_mode_and_is_removed_at_the_end()
    {
        UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite;
        TransportListener listener = Transport.ListenUnix(SocketPath, mode);
        Assert.Equal(mode, File.GetUnixFileMode(SocketPath));
        Assert.Equal($"unix://{SocketPath}", listener.Address);
        LinuxException taken = Assert.Throws<LinuxException>(() => Transport.ListenUnix(SocketPath));
        Assert.Equal($"listen unix {SocketPath}: bind: address already in use", taken.Message);
        await listener.DisposeAsync();
        Assert.False(File.Exists(SocketPath));

        // A successor's socket under the same name is not ours to remove.
        TransportListener old = Transport.ListenUnix(SocketPath);
        File.Delete(SocketPath);
        TransportListener successor = Transport.ListenUnix(SocketPath);
        await old.DisposeAsync();
        Assert.True(File.Exists(SocketPath));
        await successor.DisposeAsync();
    }

    [Fact]
    public async Task A_stale_socket_is_replaced_and_another_file_is_not()
    {
        using (System.Net.Sockets.Socket stale = new(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, 0))
        {
            // The framework removes the file that it bound; under another name it stays, as after a crash.
            stale.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(SocketPath + ".bound"));
            File.Move(SocketPath + ".bound", SocketPath);
        }
        Assert.True(File.Exists(SocketPath));
        await Transport.ListenUnix(SocketPath).DisposeAsync();
        await File.WriteAllTextAsync(SocketPath, "precious", Token);
        Assert.Throws<LinuxException>(() => Transport.ListenUnix(SocketPath));
        Assert.Equal("precious", await File.ReadAllTextAsync(SocketPath, Token));
    }

    [Fact]
    public async Task Failures_read_like_gos()
    {
        string missing = Path.Combine(_directory, "missing.sock");
        LinuxException e = await Assert.ThrowsAsync<LinuxException>(async () => await Transport.ConnectUnixAsync(missing, Token));
        Assert.Equal($"dial unix {missing}: connect: no such file or directory", e.Message);
        await File.WriteAllTextAsync(SocketPath, "", Token);
        e = await Assert.ThrowsAsync<LinuxException>(async () => await Transport.ConnectUnixAsync(SocketPath, Token));
        Assert.Equal($"dial unix {SocketPath}: connect: connection refused", e.Message);
        e = await Assert.ThrowsAsync<LinuxException>(async () => await Transport.ConnectTcpAsync("127.0.0.1", 1, Token));
        Assert.Equal("dial tcp 127.0.0.1:1: connect: connection refused", e.Message);
        e = Assert.Throws<LinuxException>(() => Transport.ListenUnix(Path.Combine(_directory, new string('x', 200))));
        Assert.Equal(Errno.EINVAL, e.Errno);
    }

    [Fact]
    public async Task Requests_are_served_over_a_real_socket()
    {
        TransportListener listener = Transport.ListenUnix(SocketPath);
        using CancellationTokenSource stopping = new();
        Task serving = new HttpServer(async exchange =>
        {
            byte[] body = await exchange.ReadBodyAsync(20_000_000);
            exchange.Write(body);
        }).RunAsync(listener, stopping.Token);
        await using HttpClient client = new(HttpEndpoint.Unix(SocketPath));
        byte[] large = new byte[2_000_000];
        new Random(4).NextBytes(large);
        foreach (long? length in (long?[])[large.Length, null])
        {
            HttpRequest request = new()
            {
                Method = "POST",
                Target = "/",
                ContentLength = length,
                Body = async (writer, token) => await writer.WriteAsync(large, token),
            };
            await using HttpResponse response = await client.SendAsync(request, Token);
            Assert.Equal(large, await response.ReadBodyAsync(cancellationToken: Token));
        }
        stopping.Cancel();
        await serving.WaitAsync(TimeSpan.FromSeconds(60), Token);
    }

    [Theory]
    [InlineData("123", "2", "a.socket:b.socket", 123, 2)]
    [InlineData("124", "2", null, 123, 0)]
    [InlineData(null, "2", null, 123, 0)]
    [InlineData("123", "many", null, 123, 0)]
    [InlineData("123", "999999", null, 123, 0)]
    public void Inherited_sockets_are_this_processs_only(string? listenPid, string? fds, string? names, int pid, int count)
    {
        IReadOnlyList<(int Fd, string Name)> inherited = SystemdSockets.Parse(listenPid, fds, names, pid);
        Assert.Equal(count, inherited.Count);
        if (count == 2)
            Assert.Equal((4, "b.socket"), inherited[1]);
    }
}
