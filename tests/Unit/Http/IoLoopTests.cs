using System.Text;
using AotRuntime.Http;

namespace AotRuntime.Tests.Unit.Http;

/// <summary>Handlers run where their request came in: one that blocks there must hold up no other.</summary>
public sealed class IoLoopTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("aotruntime-loop-").FullName;
    private readonly ManualResetEventSlim _released = new();
    private readonly CancellationTokenSource _stop = new();

    private string SocketPath => Path.Combine(_directory, "s.sock");

    public void Dispose()
    {
        _released.Dispose();
        _stop.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private Task Serve() => new HttpServer(exchange =>
    {
        // More of these at once than there are loops and processors.
        if (exchange.Path == "/block")
            _released.Wait(TimeSpan.FromSeconds(60));
        else if (exchange.Path == "/release")
            _released.Set();
        exchange.Respond(200, "text/plain", Encoding.ASCII.GetBytes(exchange.Path));
        return ValueTask.CompletedTask;
    }).RunAsync(Transport.ListenUnix(SocketPath), _stop.Token, TimeSpan.FromSeconds(10));

    [Fact]
    public async Task A_handler_that_blocks_its_thread_holds_up_no_other_connection()
    {
        Task serving = Serve();
        await using HttpClient client = new(HttpEndpoint.Unix(SocketPath));
        Task<string>[] blocked = [.. Enumerable.Range(0, 40).Select(_ => GetAsync(client, "/block"))];
        Assert.Equal("/release", await GetAsync(client, "/release").WaitAsync(TimeSpan.FromSeconds(10)));
        Assert.All(await Task.WhenAll(blocked), path => Assert.Equal("/block", path));
        await _stop.CancelAsync();
        await serving;

        static async Task<string> GetAsync(HttpClient client, string path)
        {
            await using HttpResponse response = await client.SendAsync(new HttpRequest { Target = path });
            return await response.ReadTextAsync();
        }
    }

    [Fact]
    public async Task A_handler_that_blocks_its_thread_holds_up_no_other_stream_of_its_connection()
    {
        Task serving = Serve();
        Http2ClientConnection client = new(await Transport.ConnectUnixAsync(SocketPath, TestContext.Current.CancellationToken));
        Task<string>[] blocked = [.. Enumerable.Range(0, 3).Select(_ => GetAsync(client, "/block"))];
        Assert.Equal("/release", await GetAsync(client, "/release").WaitAsync(TimeSpan.FromSeconds(50)));
        Assert.All(await Task.WhenAll(blocked), path => Assert.Equal("/block", path));
        await client.DisposeAsync();
        await _stop.CancelAsync();
        await serving;

        static async Task<string> GetAsync(Http2ClientConnection client, string path)
        {
            await using HttpResponse response = await client.SendAsync(new HttpRequest { Target = path });
            return await response.ReadTextAsync();
        }
    }

    [Fact]
    public async Task An_answer_does_not_wait_for_a_pipelined_request_behind_it_that_takes_long()
    {
        TaskCompletionSource late = new(TaskCreationOptions.RunContinuationsAsynchronously);
        (int client, int other) = RawSockets.Pair();
        Task serving = new HttpServer(async exchange =>
        {
            if (exchange.Path == "/late")
                await late.Task;
            exchange.Respond(200, "text/plain", Encoding.ASCII.GetBytes(exchange.Path));
        }).ServeConnectionAsync(Transport.FromFd(other), TestContext.Current.CancellationToken);
        byte[] requests = "GET /soon1 HTTP/1.1\r\nHost: h\r\n\r\nGET /soon2 HTTP/1.1\r\nHost: h\r\n\r\nGET /late HTTP/1.1\r\nHost: h\r\n\r\nGET /after HTTP/1.1\r\nHost: h\r\n\r\n"u8.ToArray();
        RawSockets.Send(client, requests, requests.Length);
        string early = await Task.Run(() => ReceiveUntil(client, "/soon2"));
        Assert.Contains("\r\n\r\n/soon1HTTP/1.1 200", early, StringComparison.Ordinal);
        Assert.DoesNotContain("/late", early, StringComparison.Ordinal);
        late.SetResult();
        string rest = await Task.Run(() => ReceiveUntil(client, "/after"));
        Assert.Contains("\r\n\r\n/lateHTTP/1.1 200", rest, StringComparison.Ordinal);
        RawSockets.Close(client);
        await serving;

        static string ReceiveUntil(int fd, string end)
        {
            byte[] one = new byte[1];
            StringBuilder text = new();
            while (!text.ToString().EndsWith("\r\n\r\n" + end, StringComparison.Ordinal))
            {
                RawSockets.Receive(fd, one, 1);
                text.Append((char)one[0]);
            }
            return text.ToString();
        }
    }

    [Fact]
    public async Task Pipelined_answers_that_nobody_reads_do_not_pile_up()
    {
        byte[] body = new byte[4096];
        long answered = 0;
        (int client, int other) = RawSockets.Pair();
        Task serving = new HttpServer(exchange =>
        {
            Interlocked.Increment(ref answered);
            exchange.Respond(200, "text/plain", body);
            return ValueTask.CompletedTask;
        }).ServeConnectionAsync(Transport.FromFd(other), TestContext.Current.CancellationToken);
        byte[] request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"u8.ToArray();
        byte[] requests = [.. Enumerable.Repeat(request, 100).SelectMany(r => r)];
        // Until the server reads no more: what the kernel holds of them is all that is left then.
        await Task.Run(() =>
        {
            for (int i = 0; i < 1000 && RawSockets.TrySend(client, requests) == requests.Length; i++)
                Thread.Yield();
        }, TestContext.Current.CancellationToken);
        // The kernel may have taken all before the server ran at all.
        for (long seen = 0; seen == 0 || seen != Interlocked.Read(ref answered); await Task.Delay(300, TestContext.Current.CancellationToken))
            seen = Interlocked.Read(ref answered);
        Assert.InRange(Interlocked.Read(ref answered) * body.Length, 1, 8 << 20);
        RawSockets.Close(client);
        await serving.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
    }
}
