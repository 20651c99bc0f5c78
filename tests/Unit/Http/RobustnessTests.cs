using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using AotRuntime.Http;
using AotRuntime.Http.Http2;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Shim;
using AotRuntime.Rpc.Ttrpc;
using AotRuntime.Tests.Unit.Http.Http2;

namespace AotRuntime.Tests.Unit.Http;

/// <summary>Many clients, slow ones, and ones that vanish: what they cost, and that it comes back.</summary>
[Collection(nameof(MeasuredAlone))]
public sealed class RobustnessTests
{
    private static readonly byte[] s_ping = "GET /_ping HTTP/1.1\r\nHost: api.moby.localhost\r\nUser-Agent: Docker-Client/28.2.2 (linux)\r\nAccept-Encoding: identity\r\n\r\n"u8.ToArray();

    private const long MostPerIdleConnection = 4096;

    private static ValueTask PingAsync(HttpExchange exchange)
    {
        exchange.ResponseHeaders["Api-Version"] = "1.51";
        exchange.ResponseHeaders["Content-Type"] = "text/plain; charset=utf-8";
        exchange.ResponseHeaders["Content-Length"] = "2";
        exchange.ResponseBody.Write("OK"u8);
        return ValueTask.CompletedTask;
    }

    private static int AnswerLength()
    {
        (int client, int server) = RawSockets.Pair();
        Task serving = new HttpServer(PingAsync).ServeConnectionAsync(Transport.FromFd(server));
        RawSockets.Send(client, s_ping, s_ping.Length);
        byte[] buffer = new byte[4096];
        int length = 0;
        while (!Encoding.ASCII.GetString(buffer, 0, length).EndsWith("\r\n\r\nOK", StringComparison.Ordinal))
        {
            byte[] one = new byte[1];
            RawSockets.Receive(client, one, 1);
            buffer[length++] = one[0];
        }
        RawSockets.Close(client);
        serving.Wait(TimeSpan.FromSeconds(10));
        return length;
    }

    private static long Settled()
    {
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        // Not GetTotalMemory: it counts what is free in the youngest regions as well, some megabytes in one run and none in the next.
        GCMemoryInfo info = GC.GetGCMemoryInfo(GCKind.FullBlocking);
        return info.HeapSizeBytes - info.FragmentedBytes;
    }

    private static int Descriptors() => Directory.GetFileSystemEntries("/proc/self/fd").Length;

    private static async Task WaitForAsync(Task all) => await all.WaitAsync(TimeSpan.FromSeconds(60));

    [Fact]
    public async Task Ten_thousand_idle_connections_cost_little_and_give_it_back()
    {
        // Ten thousand where the descriptors may be had, which root always may.
        int count = Math.Min(10_000, (RawSockets.RaiseLimit(20_500) - 500) / 2);
        int answer = AnswerLength(), descriptors = Descriptors();
        byte[] buffer = new byte[answer];
        HttpServer server = new(PingAsync);
        int[] clients = new int[count];
        Task[] serving = new Task[count];
        await OpenAndCloseAsync(count / 10, null); // pools fill
        long before = 0, each = 0;
        for (int attempt = 0; attempt < 5 && each <= 0; attempt++)
        {
            // What other tests have left may go meanwhile, and then the difference says nothing.
            before = Settled();
            await OpenAndCloseAsync(count, () => each = (Settled() - before) / count);
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{each} bytes for each idle connection");
        Assert.InRange(each, 1, MostPerIdleConnection);
        Assert.InRange(Settled() - before, long.MinValue, 2 << 20);
        Assert.InRange(Descriptors(), 0, descriptors + 20);

        async Task OpenAndCloseAsync(int number, Action? whileIdle)
        {
            for (int i = 0; i < number; i++)
            {
                (clients[i], int other) = RawSockets.Pair();
                serving[i] = server.ServeConnectionAsync(Transport.FromFd(other));
                RawSockets.Send(clients[i], s_ping, s_ping.Length);
                RawSockets.Receive(clients[i], buffer, answer);
            }
            await Task.Delay(200, TestContext.Current.CancellationToken); // until the last are idle
            try
            {
                whileIdle?.Invoke();
            }
            finally
            {
                for (int i = 0; i < number; i++)
                    RawSockets.Close(clients[i]);
            }
            await WaitForAsync(Task.WhenAll(serving[..number]));
            Array.Clear(serving);
        }
    }

    [Fact]
    public async Task A_thousand_slow_readers_cost_a_bounded_buffer_each_and_give_it_back()
    {
        const int Count = 1000;
        int descriptors = Descriptors();
        HttpServer server = new(static async exchange =>
        {
            byte[] piece = new byte[16 * 1024];
            for (int i = 0; i < 1024; i++) // 16 MiB
            {
                exchange.Write(piece);
                if ((await exchange.ResponseBody.FlushAsync()).IsCompleted)
                    return;
            }
        });
        int[] clients = new int[Count];
        Task[] serving = new Task[Count];
        long before = Settled();
        for (int i = 0; i < Count; i++)
        {
            (clients[i], int other) = RawSockets.Pair();
            serving[i] = server.ServeConnectionAsync(Transport.FromFd(other));
            RawSockets.Send(clients[i], s_ping, s_ping.Length);
        }
        await Task.Delay(1000, TestContext.Current.CancellationToken);
        long each = (Settled() - before) / Count;
        TestContext.Current.TestOutputHelper?.WriteLine($"{each} bytes for each slow reader");
        bool ended = Array.Exists(serving, s => s.IsCompleted);
        foreach (int client in clients)
            RawSockets.Close(client);
        await WaitForAsync(Task.WhenAll(serving));
        Assert.False(ended);
        Assert.InRange(each, 0, 256 * 1024);
        Assert.InRange(Descriptors(), 0, descriptors + 20);
    }

    public static TheoryData<string> Protocols => new("HTTP/1.1", "HTTP/2", "ttrpc");

    /// <summary>What a client of the protocol says, and a server for it.</summary>
    private static async Task<(byte[] Request, Func<TransportConnection, Task> Serve)> ConversationAsync(string protocol)
    {
        if (protocol == "ttrpc")
        {
            RpcServiceTable table = new();
            table.Unary(ShimTaskMethods.V2.Connect, static (request, _) => new ConnectResponse { Version = request.Id });
            TtrpcServer ttrpc = new(table);
            byte[] call(uint id) => TtrpcRequest.Frame(id, TtrpcFlags.None, ShimTaskMethods.V2.Service, "Connect", new ConnectRequest { Id = "some container" }, 0, null, 1 << 20);
            return ([.. call(1), .. call(3)], c => ttrpc.ServeAsync(c));
        }
        HttpServer server = new(static async exchange => exchange.Write(await exchange.ReadBodyAsync()));
        if (protocol == "HTTP/1.1")
            return ([.. "POST /a?b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;e\r\nhello\r\n0\r\nT: v\r\n\r\n"u8, .. s_ping], c => server.ServeConnectionAsync(c));
        (TransportConnection near, TransportConnection far) = MemoryTransport.CreatePair();
        Http2Peer peer = new(near);
        await peer.SendRawAsync([.. Http2Frame.Preface]);
        await peer.SendAsync(Http2FrameType.Settings, Http2Flags.None, 0, []);
        await peer.HeadersAsync(1, peer.Request("POST", "/a?b"), end: false);
        await peer.DataAsync(1, "hello", end: false);
        await peer.HeadersAsync(3, peer.Request("GET", "/"), end: true);
        await peer.HeadersAsync(1, peer.Block("t:v"), end: true);
        await near.Output.CompleteAsync();
        return ((await far.Input.ReadAtLeastAsync(10_000)).Buffer.ToArray(), c => server.ServeConnectionAsync(c));
    }

    [Theory, MemberData(nameof(Protocols))]
    public async Task Clients_that_vanish_at_every_byte_leave_nothing(string protocol)
    {
        (byte[] request, Func<TransportConnection, Task> serve) = await ConversationAsync(protocol);
        await VanishAsync(20); // whatever is made once, pools that fill included
        int descriptors = Descriptors();
        // Pools keep something; a connection that stays would be thousands of bytes of each.
        long allowed = (256 * 1024) + (20 * request.Length * 64), left = long.MaxValue;
        // What other tests took meanwhile they took once; what a connection leaves it leaves each time.
        for (int attempt = 0; attempt < 5 && left > allowed; attempt++)
        {
            long before = Settled();
            await VanishAsync(20);
            left = Settled() - before;
        }
        Assert.InRange(left, long.MinValue, allowed);
        Assert.InRange(Descriptors(), 0, descriptors + 5);

        async Task VanishAsync(int rounds)
        {
            for (int round = 0; round < rounds; round++)
            {
                List<Task> serving = [];
                for (int length = 0; length <= request.Length; length++)
                {
                    (int client, int other) = RawSockets.Pair();
                    serving.Add(serve(Transport.FromFd(other)));
                    if (length > 0)
                        RawSockets.Send(client, request, length);
                    RawSockets.Close(client);
                }
                await WaitForAsync(Task.WhenAll(serving));
            }
        }
    }

    [Fact]
    public async Task A_ping_allocates_nothing()
    {
        const int Count = 20_000;
        int answer = AnswerLength();
        byte[] buffer = new byte[answer];
        (int client, int other) = RawSockets.Pair();
        Task serving = new HttpServer(PingAsync).ServeConnectionAsync(Transport.FromFd(other));
        Run(20_000); // pools fill, code is compiled again
        await Task.Delay(500, TestContext.Current.CancellationToken);
        Run(5_000);
        long least = long.MaxValue;
        for (int attempt = 0; attempt < 5; attempt++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            Run(Count);
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{least} bytes for {Count} requests");
        // Less than a byte for each: the Date field's text, once a second, is all there may be.
        Assert.InRange(least, 0, Count / 2);
        RawSockets.Close(client);
        await WaitForAsync(serving);

        void Run(int count)
        {
            for (int i = 0; i < count; i++)
            {
                RawSockets.Send(client, s_ping, s_ping.Length);
                RawSockets.Receive(client, buffer, answer);
            }
        }
    }
}

/// <summary>Tests that count the whole process's memory run while no others do.</summary>
[CollectionDefinition(nameof(MeasuredAlone), DisableParallelization = true)]
public sealed class MeasuredAlone;
