using System.IO.Pipelines;
using System.Text;
using AotRuntime.Http;

namespace AotRuntime.Tests.Unit.Http;

public class Http1LimitTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static string Path => System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"aotruntime-http-{Guid.NewGuid():n}.sock");

    [Theory]
    [InlineData("GET http://other.test/p?q HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "/p q other.test")]
    [InlineData("GET http://other.test?q HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "/ q other.test")]
    [InlineData("GET HTTP://other.test:80 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "/  other.test:80")]
    [InlineData("OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "*  h")]
    [InlineData("GET /a%2fb%00%zz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "/a%2fb%00%zz  h")]
    [InlineData("GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", "/  ")]
    [InlineData("GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]:80\r\nConnection: close\r\n\r\n", "/  [fe80::1%25eth0]:80")]
    public async Task Targets_in_all_forms_are_understood(string request, string seen)
    {
        string answer = await Raw.ExchangeAsync(
            exchange =>
            {
                exchange.Write($"{exchange.Path} {exchange.QueryString} {exchange.RequestHeaders["host"]}");
                return ValueTask.CompletedTask;
            },
            request);
        Assert.EndsWith($"\r\n\r\n{seen}", answer);
    }

    [Fact]
    public async Task Small_chunks_with_long_extensions_are_refused()
    {
        string chunk = $"1;{new string('e', 500)}\r\nx\r\n";
        string body = string.Concat(Enumerable.Repeat(chunk, 100));
        string answer = await Raw.ExchangeAsync(
            static async exchange => await exchange.ReadBodyAsync(), $"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{body}0\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 400 ", answer);
        Assert.Contains("too much non-data", answer);
    }

    [Fact]
    public async Task Many_one_byte_chunks_are_fine()
    {
        string body = string.Concat(Enumerable.Repeat("1\r\nx\r\n", 50_000));
        string answer = await Raw.ExchangeAsync(
            static async exchange => exchange.Write($"{(await exchange.ReadBodyAsync()).Length}"),
            $"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{body}0\r\n\r\n");
        Assert.EndsWith("\r\n\r\n50000", answer);
    }

    [Fact]
    public async Task Connections_beyond_the_limit_wait_their_turn()
    {
        string path = Path;
        using CancellationTokenSource stopping = new();
        int served = 0;
        Task serving = new HttpServer(
            exchange =>
            {
                Interlocked.Increment(ref served);
                return ValueTask.CompletedTask;
            },
            new HttpServerOptions { MaxConnections = 2 }).RunAsync(Transport.ListenUnix(path), stopping.Token);
        TransportConnection[] connections = await Task.WhenAll(Enumerable.Range(0, 3).Select(async _ => await Transport.ConnectUnixAsync(path, Token)));
        foreach (TransportConnection connection in connections)
            await connection.Output.WriteAsync("GET / HTTP/1.1\r\nHost: h\r\n\r\n"u8.ToArray(), Token);
        while (Volatile.Read(ref served) < 2)
            await Task.Delay(10, Token);
        await Task.Delay(300, Token); // the third has no turn yet
        Assert.Equal(2, Volatile.Read(ref served));
        Task<ReadResult>[] answers = [.. connections.Select(c => c.Input.ReadAsync(Token).AsTask())];
        int first = Array.IndexOf(answers, await Task.WhenAny(answers));
        await connections[first].DisposeAsync();
        while (Volatile.Read(ref served) < 3)
            await Task.Delay(10, Token);
        foreach (TransportConnection connection in connections)
            await connection.DisposeAsync();
        stopping.Cancel();
        await serving.WaitAsync(TimeSpan.FromSeconds(60), Token);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Each_direction_of_a_hijacked_connection_ends_by_itself(bool clientFirst)
    {
        string path = Path;
        using CancellationTokenSource stopping = new();
        TaskCompletionSource<string> heard = new();
        Task serving = new HttpServer(async exchange =>
        {
            IDuplexPipe pipe = await exchange.UpgradeAsync();
            if (!clientFirst)
            {
                await pipe.Output.WriteAsync("bye"u8.ToArray());
                await pipe.Output.CompleteAsync();
            }
            ReadResult all = await pipe.Input.ReadAtLeastAsync(1000);
            Assert.True(all.IsCompleted);
            heard.SetResult(Encoding.ASCII.GetString(System.Buffers.BuffersExtensions.ToArray(all.Buffer)));
            if (clientFirst)
                await pipe.Output.WriteAsync("bye"u8.ToArray());
        }).RunAsync(Transport.ListenUnix(path), stopping.Token);
        await using HttpClient client = new(HttpEndpoint.Unix(path));
        (HttpResponse response, TransportConnection? stream) = await client.UpgradeAsync(new HttpRequest { Method = "POST", Target = "/" }, Token);
        Assert.Equal(101, response.StatusCode);
        if (!clientFirst)
            Assert.True((await stream!.Input.ReadAtLeastAsync(1000, Token)).IsCompleted);
        await stream!.Output.WriteAsync("still here"u8.ToArray(), Token);
        await stream.Output.CompleteAsync();
        Assert.Equal("still here", await heard.Task.WaitAsync(TimeSpan.FromSeconds(60), Token));
        if (clientFirst)
        {
            ReadResult rest = await stream.Input.ReadAtLeastAsync(1000, Token);
            Assert.Equal((3, true), (rest.Buffer.Length, rest.IsCompleted));
        }
        await stream.DisposeAsync();
        stopping.Cancel();
        await serving.WaitAsync(TimeSpan.FromSeconds(60), Token);
    }

    [Fact]
    public async Task A_head_that_drips_is_given_up_in_time()
    {
        await using Raw raw = new(static _ => ValueTask.CompletedTask, new HttpServerOptions { HeaderTimeout = TimeSpan.FromMilliseconds(500) });
        Task<string> end = raw.ReadToEndAsync();
        for (int i = 0; i < 200 && !raw.Serving.IsCompleted; i++)
        {
            await raw.SendAsync(i == 0 ? "GET / HTTP/1.1\r\n" : "x");
            await Task.Delay(50, Token);
        }
        Assert.True(raw.Serving.IsCompleted);
        await Assert.ThrowsAnyAsync<IOException>(() => end);
    }

    [Fact]
    public async Task An_abstract_socket_serves_and_tells_who_calls()
    {
        string name = $"@aotruntime-{Guid.NewGuid():n}";
        using CancellationTokenSource stopping = new();
        Task serving = new HttpServer(static exchange =>
        {
            exchange.Write($"{exchange.Connection.Peer?.Pid}");
            return ValueTask.CompletedTask;
        }).RunAsync(Transport.ListenUnix(name), stopping.Token);
        await using HttpClient client = new(HttpEndpoint.Unix(name));
        await using (HttpResponse response = await client.SendAsync(new HttpRequest { Target = "/" }, Token))
            Assert.Equal($"{Environment.ProcessId}", await response.ReadTextAsync(cancellationToken: Token));
        stopping.Cancel();
        await serving.WaitAsync(TimeSpan.FromSeconds(60), Token);
    }

    [Fact]
    public async Task An_offer_of_h2c_is_declined_by_answering_in_HTTP_1()
    {
        string answer = await Raw.ExchangeAsync(
            static exchange => ValueTask.CompletedTask,
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200 ", answer);
    }
}
