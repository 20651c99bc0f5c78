using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using AotRuntime.Http;

namespace AotRuntime.Tests.Unit.Http;

public class HttpClientTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>A client whose every connection is answered by the next of <paramref name="peers"/>.</summary>
    private static (HttpClient Client, Func<int> Connections) ClientOf(params Func<TransportConnection, Task>[] peers)
    {
        int next = 0;
        HttpClientOptions options = new()
        {
            Connect = (_, _) =>
            {
                (TransportConnection client, TransportConnection server) = MemoryTransport.CreatePair();
                _ = peers[next++](server);
                return new(client);
            },
        };
        return (new HttpClient(HttpEndpoint.Unix("/unused"), options), () => next);
    }

    private static Func<TransportConnection, Task> Serving(HttpRequestHandler handler) => connection => new HttpServer(handler).ServeConnectionAsync(connection);

    /// <summary>A peer that reads one head and answers with bytes, in pieces of <paramref name="piece"/> bytes; then closes.</summary>
    private static Func<TransportConnection, Task> Answering(string response, int piece = int.MaxValue) => async connection =>
    {
        await ReadHeadAsync(connection);
        byte[] bytes = Encoding.Latin1.GetBytes(response);
        for (int at = 0; at < bytes.Length; at += Math.Min(piece, bytes.Length - at))
            await connection.Output.WriteAsync(bytes.AsMemory(at, Math.Min(piece, bytes.Length - at)));
        await connection.DisposeAsync();
    };

    private static async Task ReadHeadAsync(TransportConnection connection)
    {
        while (true)
        {
            ReadResult read = await connection.Input.ReadAsync();
            if (Encoding.Latin1.GetString(read.Buffer.ToArray()).Contains("\r\n\r\n") || read.IsCompleted)
            {
                connection.Input.AdvanceTo(read.Buffer.End);
                return;
            }
            connection.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    [Fact]
    public async Task A_connection_whose_response_was_read_serves_the_next_request()
    {
        (HttpClient client, Func<int> connections) = ClientOf(Serving(async exchange =>
        {
            exchange.Write(exchange.Path);
            if (exchange.Path == "/chunked")
                await exchange.ResponseBody.FlushAsync();
        }));
        foreach (string path in (string[])["/a", "/chunked", "/c"])
        {
            await using HttpResponse response = await client.SendAsync(new HttpRequest { Target = path }, Token);
            Assert.Equal(200, response.StatusCode);
            Assert.Equal(path, await response.ReadTextAsync(cancellationToken: Token));
        }
        Assert.Equal(1, connections());
        await client.DisposeAsync();
    }

    [Fact]
    public async Task A_connection_that_the_server_closed_is_replaced()
    {
        (HttpClient client, Func<int> connections) = ClientOf(
            async connection =>
            {
                await ReadHeadAsync(connection);
                await connection.Output.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"u8.ToArray());
                await ReadHeadAsync(connection);
                await connection.DisposeAsync();
            },
            Answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
        await using (HttpResponse first = await client.SendAsync(new HttpRequest { Target = "/" }, Token))
            Assert.Equal("", await first.ReadTextAsync(cancellationToken: Token));
        await using HttpResponse second = await client.SendAsync(new HttpRequest { Target = "/" }, Token);
        Assert.Equal("ok", await second.ReadTextAsync(cancellationToken: Token));
        Assert.Equal(2, connections());
    }

    [Fact]
    public async Task What_is_not_idempotent_is_not_sent_twice()
    {
        (HttpClient client, _) = ClientOf(async connection =>
        {
            await ReadHeadAsync(connection);
            await connection.Output.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"u8.ToArray());
            await ReadHeadAsync(connection);
            await connection.DisposeAsync();
        });
        await using (HttpResponse first = await client.SendAsync(new HttpRequest { Target = "/" }, Token))
            await first.ReadTextAsync(cancellationToken: Token);
        IOException lost = await Assert.ThrowsAsync<IOException>(async () => await client.SendAsync(new HttpRequest { Method = "POST", Target = "/" }, Token));
        Assert.Equal("EOF", lost.Message);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nhel\r\n2\r\nlo\r\n0\r\nT: v\r\n\r\n", "hello")]
    [InlineData("HTTP/1.1 200\r\n\r\nhello", "hello")]
    [InlineData("HTTP/1.0 200 OK\r\n\r\nhello", "hello")]
    [InlineData("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok")]
    [InlineData("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "")]
    [InlineData("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "")]
    [InlineData("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", "hello")] // RFC 9112 §2.2
    public async Task Bodies_of_every_framing_arrive_in_any_pieces(string answer, string body)
    {
        foreach (int piece in (int[])[1, 2, 3, 7, int.MaxValue])
        {
            (HttpClient client, _) = ClientOf(Answering(answer, piece));
            await using HttpResponse response = await client.SendAsync(new HttpRequest { Target = "/" }, Token);
            Assert.Equal(body, await response.ReadTextAsync(cancellationToken: Token));
            if (answer.Contains("T: v"))
                Assert.Equal("v", response.Trailers["t"]);
        }
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")]
    public async Task A_body_that_is_cut_off_is_an_error(string answer)
    {
        (HttpClient client, _) = ClientOf(Answering(answer));
        await using HttpResponse response = await client.SendAsync(new HttpRequest { Target = "/" }, Token);
        IOException cut = await Assert.ThrowsAnyAsync<IOException>(async () => await response.ReadBodyAsync(cancellationToken: Token));
        Assert.Equal("unexpected EOF", cut.Message);
    }

    [Fact]
    public async Task A_folded_field_is_one_line_with_blanks()
    {
        // RFC 9112 §5.2.
        foreach (int piece in (int[])[1, 5, int.MaxValue])
        {
            (HttpClient client, _) = ClientOf(Answering("HTTP/1.1 200 OK\r\nX-A: one\r\n \ttwo \r\n three\r\nX-B: b\r\nContent-Length: 0\r\n\r\n", piece));
            await using HttpResponse response = await client.SendAsync(new HttpRequest { Target = "/" }, Token);
            Assert.Equal(("one two three", "b"), (response.Headers["x-a"], response.Headers["x-b"]));
        }
    }

    /// <summary>Sends a body that is asked for first; what the server heard after the head until the connection's end, and the answer.</summary>
    private static async Task<(string Heard, int Status, bool Kept)> ExpectAsync(string first, string? afterBody, TimeSpan patience)
    {
        TaskCompletionSource<string> heard = new();
        TaskCompletionSource ended = new();
        HttpClientOptions options = new()
        {
            ExpectContinueTimeout = patience,
            Connect = (_, _) =>
            {
                (TransportConnection near, TransportConnection far) = MemoryTransport.CreatePair();
                _ = ServeAsync(far);
                return new(near);
            },
        };
        await using HttpClient client = new(HttpEndpoint.Unix("/unused"), options);
        HttpRequest request = new()
        {
            Method = "PUT",
            Target = "/",
            ContentLength = 4,
            ExpectContinue = true,
            Body = static async (writer, token) => await writer.WriteAsync("body"u8.ToArray(), token),
        };
        int status;
        await using (HttpResponse response = await client.SendAsync(request, Token))
        {
            status = response.StatusCode;
            await response.ReadBodyAsync(cancellationToken: Token);
        }
        // A connection that is not kept ends with the response, one that is when the client is disposed of.
        bool kept = await Task.WhenAny(ended.Task, Task.Delay(200, Token)) != ended.Task;
        return (await heard.Task.WaitAsync(TimeSpan.FromSeconds(60), Token), status, kept);

        async Task ServeAsync(TransportConnection far)
        {
            StringBuilder all = new();
            int head = 3;
            bool answered = false, bodyAnswered = false;
            try
            {
                for (bool open = true; open;)
                {
                    ReadResult read = await far.Input.ReadAsync();
                    all.Append(Encoding.Latin1.GetString(read.Buffer.ToArray()));
                    far.Input.AdvanceTo(read.Buffer.End);
                    open = !read.IsCompleted;
                    head = all.ToString().IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4;
                    if (head >= 4 && !answered)
                    {
                        Assert.Contains("\r\nExpect: 100-continue\r\n", all.ToString());
                        answered = true;
                        await far.Output.WriteAsync(Encoding.Latin1.GetBytes(first));
                    }
                    if (head >= 4 && all.Length == head + 4 && afterBody is not null && !bodyAnswered)
                    {
                        bodyAnswered = true;
                        heard.TrySetResult(all.ToString(head, 4));
                        await far.Output.WriteAsync(Encoding.Latin1.GetBytes(afterBody));
                    }
                }
            }
            catch (IOException)
            {
                // The client has dropped the connection.
            }
            heard.TrySetResult(head < 4 ? all.ToString() : all.ToString(head, all.Length - head));
            ended.TrySetResult();
        }
    }

    [Fact]
    public async Task A_body_that_is_asked_for_first_is_sent_when_it_is_wanted()
    {
        const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        TimeSpan never = TimeSpan.FromMinutes(5);
        Assert.Equal(("body", 200, true), await ExpectAsync("HTTP/1.1 100 Continue\r\n\r\n", Ok, never));
        Assert.Equal(("", 401, false), await ExpectAsync("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", null, never));
        Assert.Equal(("", 417, false), await ExpectAsync("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n", null, never));
        Assert.Equal(("body", 200, true), await ExpectAsync("", Ok, TimeSpan.FromMilliseconds(100))); // a server that does not know of it
    }

    [Fact]
    public async Task Connecting_has_its_own_limit()
    {
        HttpClientOptions options = new()
        {
            ConnectTimeout = TimeSpan.FromMilliseconds(100),
            Connect = static async (_, token) =>
            {
                await Task.Delay(Timeout.Infinite, token);
                throw new InvalidOperationException();
            },
        };
        await using HttpClient client = new(new HttpEndpoint { Host = "::1", Port = 5000 }, options);
        IOException late = await Assert.ThrowsAsync<IOException>(async () => await client.SendAsync(new HttpRequest { Target = "/" }, Token));
        Assert.Equal("dial tcp [::1]:5000: i/o timeout", late.Message);
    }

    [Theory]
    [InlineData(301, "GET", "GET", false)]
    [InlineData(301, "HEAD", "HEAD", false)]
    [InlineData(301, "POST", "GET", false)]
    [InlineData(302, "POST", "GET", false)]
    [InlineData(302, "PUT", "PUT", true)]
    [InlineData(303, "POST", "GET", false)]
    [InlineData(303, "PUT", "GET", false)]
    [InlineData(303, "DELETE", "GET", false)]
    [InlineData(303, "HEAD", "HEAD", false)]
    [InlineData(307, "POST", "POST", true)]
    [InlineData(308, "POST", "POST", true)]
    [InlineData(308, "PATCH", "PATCH", true)]
    public void A_redirect_keeps_method_and_body_or_neither(int status, string method, string next, bool body)
    {
        HttpRequest request = new()
        {
            Method = method,
            Target = "/a",
            ContentLength = 4,
            BodyCanBeSentAgain = true,
            Headers = new HttpHeaders { { "Content-Type", "text/plain" }, { "Authorization", "Bearer x" }, { "X-A", "1" } },
            Body = method is "GET" or "HEAD" or "DELETE" ? null : static (_, _) => ValueTask.CompletedTask,
        };
        HttpRequest followed = HttpRedirect.Next(request, status, new Uri("https://one.test/a"), new Uri("https://one.test/b?c=%20"))!;
        Assert.Equal((next, "/b?c=%20", body, body ? 4L : null), (followed.Method, followed.Target, followed.Body is not null, followed.ContentLength));
        Assert.Equal((body ? "text/plain" : null, "Bearer x", "1"), (followed.Headers["content-type"], followed.Headers["authorization"], followed.Headers["x-a"]));
        // The first request is as it was.
        Assert.Equal("text/plain", request.Headers["content-type"]);
    }

    [Theory]
    [InlineData("https://one.test/b", true)]
    [InlineData("https://one.test:443/b", true)]
    [InlineData("http://one.test/b", false)]
    [InlineData("https://one.test:8443/b", false)]
    [InlineData("https://two.test/b", false)]
    [InlineData("https://sub.one.test/b", false)]
    public void Credentials_do_not_follow_to_another_origin(string to, bool kept)
    {
        HttpRequest request = new() { Target = "/", Headers = new HttpHeaders { { "Authorization", "Bearer x" }, { "Cookie", "a=b" }, { "Accept", "*/*" } } };
        HttpRequest followed = HttpRedirect.Next(request, 307, new Uri("https://one.test/a"), new Uri(to))!;
        Assert.Equal((kept, kept, true), (followed.Headers.Contains("Authorization"), followed.Headers.Contains("Cookie"), followed.Headers.Contains("Accept")));
    }

    [Fact]
    public void A_body_that_is_gone_is_not_sent_again()
    {
        HttpRequest request = new() { Method = "POST", Target = "/", Body = static (_, _) => ValueTask.CompletedTask };
        Assert.Null(HttpRedirect.Next(request, 307, new Uri("http://one.test/"), new Uri("http://one.test/b")));
        Assert.Equal("GET", HttpRedirect.Next(request, 303, new Uri("http://one.test/"), new Uri("http://one.test/b"))!.Method);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n 6\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\n X: 1\r\n\r\n")]
    [InlineData("HTTP/1.1 2x0 OK\r\n\r\n")]
    [InlineData("SSH-2.0-OpenSSH_9.2\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nbad header\r\n\r\n")]
    public async Task What_is_not_http_is_refused(string answer)
    {
        (HttpClient client, _) = ClientOf(Answering(answer));
        await Assert.ThrowsAsync<HttpProtocolException>(async () => await client.SendAsync(new HttpRequest { Target = "/" }, Token));
    }

    [Fact]
    public async Task Endless_fields_and_endless_interim_responses_are_refused()
    {
        (HttpClient client, _) = ClientOf(
            Answering("HTTP/1.1 200 OK\r\n" + string.Concat(Enumerable.Repeat($"X: {new string('a', 1000)}\r\n", 400))),
            Answering(string.Concat(Enumerable.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 100))));
        await Assert.ThrowsAsync<HttpProtocolException>(async () => await client.SendAsync(new HttpRequest { Target = "/" }, Token));
        await Assert.ThrowsAsync<HttpProtocolException>(async () => await client.SendAsync(new HttpRequest { Target = "/" }, Token));
    }

    [Fact]
    public async Task A_body_may_still_be_sent_while_the_response_is_read()
    {
        (HttpClient client, _) = ClientOf(Serving(async exchange =>
        {
            await exchange.StartAsync();
            while (true)
            {
                ReadResult read = await exchange.RequestBody.ReadAsync();
                foreach (ReadOnlyMemory<byte> segment in read.Buffer)
                    await exchange.ResponseBody.WriteAsync(segment);
                exchange.RequestBody.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                    return;
            }
        }));
        Pipe source = new();
        HttpRequest request = new()
        {
            Method = "POST",
            Target = "/",
            Body = async (writer, token) => await source.Reader.CopyToAsync(writer, token),
        };
        await using HttpResponse response = await client.SendAsync(request, Token);
        foreach (string word in (string[])["one", "two", "three"])
        {
            await source.Writer.WriteAsync(Encoding.ASCII.GetBytes(word), Token);
            ReadResult read = await response.Body.ReadAtLeastAsync(word.Length, Token);
            Assert.Equal(word, Encoding.ASCII.GetString(read.Buffer.ToArray()));
            response.Body.AdvanceTo(read.Buffer.End);
        }
        await source.Writer.CompleteAsync();
        Assert.True((await response.Body.ReadAsync(Token)).IsCompleted);
    }

    [Fact]
    public async Task A_body_that_fails_is_what_the_caller_hears()
    {
        (HttpClient client, _) = ClientOf(Serving(async exchange => await exchange.ReadBodyAsync()));
        HttpRequest request = new()
        {
            Method = "PUT",
            Target = "/",
            ContentLength = 10,
            Body = (_, _) => throw new IOException("open /x: permission denied"),
        };
        IOException e = await Assert.ThrowsAsync<IOException>(async () => await client.SendAsync(request, Token));
        Assert.Equal("open /x: permission denied", e.Message);
    }

    [Fact]
    public async Task An_upgrade_gives_the_raw_connection_with_the_bytes_already_read()
    {
        (HttpClient client, _) = ClientOf(
            Answering("HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nraw bytes"),
            Answering("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\nraw bytes"),
            Answering("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"));
        for (int i = 0; i < 2; i++)
        {
            (HttpResponse response, TransportConnection? stream) = await client.UpgradeAsync(new HttpRequest { Method = "POST", Target = "/" }, Token);
            await response.DisposeAsync();
            Assert.NotNull(stream);
            await using (stream)
            {
                ReadResult read = await stream.Input.ReadAtLeastAsync(9, Token);
                Assert.Equal("raw bytes", Encoding.ASCII.GetString(read.Buffer.ToArray()));
                stream.Input.AdvanceTo(read.Buffer.End);
            }
        }
        (HttpResponse refused, TransportConnection? none) = await client.UpgradeAsync(new HttpRequest { Method = "POST", Target = "/" }, Token);
        await using (refused)
        {
            Assert.Null(none);
            Assert.Equal(404, refused.StatusCode);
            Assert.Equal("none", await refused.ReadTextAsync(cancellationToken: Token));
        }
    }

    [Fact]
    public async Task Cancelling_closes_the_connection()
    {
        TaskCompletionSource gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using CancellationTokenSource source = new();
        (HttpClient client, _) = ClientOf(Serving(async exchange =>
        {
            using CancellationTokenRegistration _ = exchange.Aborted.Register(gone.SetResult);
            source.CancelAfter(10);
            await Task.Delay(Timeout.Infinite, exchange.Aborted);
        }));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await client.SendAsync(new HttpRequest { Target = "/" }, source.Token));
        await gone.Task.WaitAsync(TimeSpan.FromSeconds(60), Token);
    }

    [Fact]
    public async Task A_response_that_does_not_come_in_time_is_an_error()
    {
        HttpClientOptions options = new()
        {
            ResponseTimeout = TimeSpan.FromMilliseconds(50),
            Connect = (_, _) => new(MemoryTransport.CreatePair().Client),
        };
        HttpClient client = new(HttpEndpoint.Unix("/unused"), options);
        IOException e = await Assert.ThrowsAsync<IOException>(async () => await client.SendAsync(new HttpRequest { Target = "/" }, Token));
        Assert.Equal("net/http: timeout awaiting response headers", e.Message);
    }

    [Theory]
    [InlineData("/a b")]
    [InlineData("/a\r\nX: y")]
    [InlineData("/\u00e9")]
    public async Task A_target_that_would_break_the_request_is_refused(string target)
    {
        (HttpClient client, _) = ClientOf(Answering("HTTP/1.1 200 OK\r\n\r\n"));
        await Assert.ThrowsAsync<ArgumentException>(async () => await client.SendAsync(new HttpRequest { Target = target }, Token));
    }
}
