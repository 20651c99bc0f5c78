using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using AotRuntime.Http;

namespace AotRuntime.Tests.Unit.Http;

public class Http1ServerTests
{
    /// <summary>Answers with what it understood of the request.</summary>
    private static async ValueTask EchoAsync(HttpExchange exchange)
    {
        byte[] body = await exchange.ReadBodyAsync();
        StringBuilder text = new($"{exchange.Method} {exchange.Path}?{exchange.QueryString}\n");
        foreach ((string name, string value) in exchange.RequestHeaders)
            text.Append($"{name}={value}\n");
        text.Append(Encoding.Latin1.GetString(body)).Append('\n');
        foreach ((string name, string value) in exchange.RequestTrailers)
            text.Append($"trailer {name}={value}\n");
        exchange.Write(text.ToString());
    }

    private static ValueTask Ok(HttpExchange exchange)
    {
        exchange.Write("OK");
        return ValueTask.CompletedTask;
    }

    private static string Body(string response) => response[(response.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];

    public static TheoryData<string> Requests => new(
        "GET /a/b?c=d%20e HTTP/1.1\r\nHost: h\r\nX-One:  two  \r\n\r\n",
        "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
        "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=\"v\"\r\nhello\r\n00a\r\n0123456789\r\n0\r\nX-Trailer: t\r\n\r\n",
        "\r\nGET /after-an-empty-line HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET http://h.example:80/abs?q HTTP/1.1\r\nHost: h\r\n\r\n");

    [Theory, MemberData(nameof(Requests))]
    public async Task A_request_split_at_every_byte_is_understood_alike(string request)
    {
        string whole = await Raw.ExchangeAsync(EchoAsync, request);
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", whole);
        for (int split = 1; split < request.Length; split++)
        {
            await using Raw raw = new(EchoAsync);
            await raw.SendAsync(request[..split]);
            await Task.Yield();
            await raw.SendAsync(request[split..]);
            await raw.Client.Output.CompleteAsync();
            Assert.Equal(Body(whole), Body(await raw.ReadToEndAsync()));
        }
    }

    [Fact]
    public async Task A_chunked_body_may_come_in_any_pieces_with_trailers()
    {
        string response = await Raw.ExchangeAsync(EchoAsync,
            "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n00a\r\n0123456789\r\n0\r\nX-Trailer: t\r\n\r\n");
        Assert.Contains("\nhello0123456789\ntrailer X-Trailer=t\n", response);
    }

    public static TheoryData<string, int> Hostile => new()
    {
        { "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400 },
        { "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\nhello", 400 },
        { "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\nhello", 400 },
        { "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5\r\n\r\nhello", 400 },
        { "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501 },
        { "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501 },
        { "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501 },
        { "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n folded\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: h\r\n: empty\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\n\r\n", 400 },
        { "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
        { "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
        { "GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400 },
        { "G(T / HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
        { "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n", 501 },
        { "GET http:/// HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
        { "GET http://me@h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
        { "GET http://h#x/ HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
        { "OPTIONS h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
        { "GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 501 },
        { "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello", 400 },
        { "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\u000bchunked\r\n\r\n0\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 501 },
        { "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", 501 },
        { "POST / HTTP/1.1\r\nHost: h\r\nTransfer\u017fEncoding: x\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1 2\r\n\r\nx", 400 },
        { "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\r\n\r\nhello", 400 },
        { "POST / HTTP/1.1\r\nHost: h\r\nX: a\rContent-Length: 5\r\n\r\n", 400 },
        { "GET / HTTP/1.1\rHost: h\r\n\r\n", 400 },
        { "GET / HTTP/1.1\nHost: h\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: h\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: h\r\n\n", 400 },
        { "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: h\r\nX: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: me@h\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: h, i\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n5c\r\nGPOST / HTTP/1.1\r\n\r\n0\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n\r\n0\r\n\r\n", 501 },
        { "POST / HTTP/1.1\r\nHost: h\r\nX: y\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: h\r\n\0Content-Length: 5\r\n\r\nhello", 400 },
        { "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\0\r\n\r\nhello", 400 },
        { "GET / HTTP/11\r\nHost: h\r\n\r\n", 400 },
        { "GET relative HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
        { "GET /\r\n\r\n", 400 },
        { "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505 },
        { "GET / http/1.1\r\nHost: h\r\n\r\n", 400 },
        { "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", 505 },
        { "GET / HTTP/1.1\r\nHost: h\r\nExpect: miracles\r\n\r\n", 417 },
        { "GET /" + new string('a', 20_000) + " HTTP/1.1\r\nHost: h\r\n\r\n", 414 },
        { "GET / HTTP/1.1\r\nHost: h\r\nX: " + new string('a', 70_000) + "\r\n\r\n", 431 },
        { "GET / HTTP/1.1\r\nHost: h\r\n" + string.Concat(Enumerable.Repeat("A: b\r\n", 300)) + "\r\n", 431 },
    };

    [Theory, MemberData(nameof(Hostile))]
    public async Task What_two_readers_could_understand_differently_is_refused(string request, int status)
    {
        bool handled = false;
        string response = await Raw.ExchangeAsync(
            exchange =>
            {
                handled = true;
                return Ok(exchange);
            },
            request + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n");
        Assert.StartsWith($"HTTP/1.1 {status} ", response);
        Assert.Contains("Connection: close\r\n", response);
        Assert.Contains("{\"message\":", response);
        Assert.False(handled);
        // One response, and then the end: nothing behind it was taken for a request.
        Assert.Equal(response.IndexOf("HTTP/1.1", StringComparison.Ordinal), response.LastIndexOf("HTTP/1.1", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("5\r\nhelloXX0\r\n\r\n")]
    [InlineData("5\rhello\r\n0\r\n\r\n")]
    [InlineData("5\r\nhello\n0\r\n\r\n")]
    [InlineData("5\r\nhello0\r\n\r\n")]
    [InlineData("00000000000000005\r\nhello\r\n0\r\n\r\n")]
    [InlineData("5 \0\r\nhello\r\n0\r\n\r\n")]
    [InlineData("5\r\nhello\r\n0\r\nA: b\r\n folded\r\n\r\n")]
    [InlineData("5\nhello\r\n0\r\n\r\n")]
    [InlineData("5;ext\nhello\r\n0\r\n\r\n")]
    [InlineData("5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n")]
    [InlineData("8000000000000000\r\nhello\r\n0\r\n\r\n")]
    [InlineData("10000000000000005\r\nhello\r\n0\r\n\r\n")]
    [InlineData("100000005\r\nhello\r\n0\r\n\r\n")]
    [InlineData("5\r\nhello\r\n0\r\nA: b\n\r\n")]
    [InlineData("5\r\nhello\r\n0\r\n\n")]
    [InlineData("5\r\nhello\r\n0\r\nA : b\r\n\r\n")]
    [InlineData("-5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("0x5\r\nhello\r\n0\r\n\r\n")]
    [InlineData(" 5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("\r\n\r\n")]
    [InlineData("ffffffffffffffff\r\nhello\r\n0\r\n\r\n")]
    [InlineData("5\r\nhello\r\n0\r\nbad trailer\r\n\r\n")]
    [InlineData("5\r\nhel")]
    public async Task Broken_chunks_are_an_error_to_the_handler_and_end_the_connection(string body)
    {
        Exception? seen = null;
        string response = await Raw.ExchangeAsync(
            async exchange =>
            {
                try
                {
                    await exchange.ReadBodyAsync();
                }
                catch (Exception e)
                {
                    seen = e;
                    throw;
                }
            },
            $"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        Assert.IsType<HttpProtocolException>(seen);
        Assert.StartsWith("HTTP/1.1 400 ", response);
    }

    [Fact]
    public async Task Pipelined_requests_are_answered_in_order()
    {
        string response = await Raw.ExchangeAsync(EchoAsync,
            "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET /4 HTTP/1.1\r\nHost: h\r\n\r\n");
        int one = response.IndexOf("GET /1?", StringComparison.Ordinal), two = response.IndexOf("POST /2?", StringComparison.Ordinal);
        int three = response.IndexOf("GET /3?", StringComparison.Ordinal);
        Assert.True(one > 0 && two > one && three > two, response);
        Assert.DoesNotContain("/4", response);
    }

    [Fact]
    public async Task An_unread_body_is_skipped_before_the_next_request()
    {
        string response = await Raw.ExchangeAsync(Ok,
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nGET /POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nGET\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
        Assert.Equal(4, response.Split("HTTP/1.1 200 OK").Length);
    }

    [Fact]
    public async Task An_unread_body_that_is_too_long_ends_the_connection()
    {
        HttpServerOptions options = new() { MaxUnreadBodyBytes = 1000 };
        string response = await Raw.ExchangeAsync(Ok,
            $"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n{new string('x', 300_000)}GET / HTTP/1.1\r\nHost: h\r\n\r\n", options);
        Assert.Equal(2, response.Split("HTTP/1.1 200 OK").Length);
    }

    [Fact]
    public async Task A_whole_body_gets_a_length_and_a_flushed_one_is_chunked()
    {
        string whole = await Raw.ExchangeAsync(Ok, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        Assert.Contains("Content-Length: 2\r\n", whole);
        Assert.EndsWith("\r\n\r\nOK", whole);
        Assert.Contains("\r\nDate: ", whole);

        string flushed = await Raw.ExchangeAsync(
            async exchange =>
            {
                await exchange.ResponseBody.WriteAsync("one"u8.ToArray());
                await exchange.ResponseBody.WriteAsync(new byte[5000]);
                exchange.Write("end");
                exchange.ResponseTrailers.Add("X-T", "v");
            },
            "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        Assert.Contains("Transfer-Encoding: chunked\r\n", flushed);
        Assert.Contains("\r\n\r\n3\r\none\r\n1388\r\n\0", flushed);
        Assert.EndsWith("\r\n3\r\nend\r\n0\r\nX-T: v\r\n\r\n", flushed);
    }

    [Fact]
    public async Task Each_flush_reaches_the_client_at_once()
    {
        TaskCompletionSource go = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using Raw raw = new(async exchange =>
        {
            await exchange.StartAsync();
            await go.Task;
            await exchange.ResponseBody.WriteAsync("x"u8.ToArray());
            await Task.Delay(Timeout.Infinite, exchange.Aborted);
        });
        await raw.SendAsync("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        Assert.Contains("chunked", await raw.ReadUntilAsync("\r\n\r\n"));
        go.SetResult();
        Assert.Equal("1\r\nx\r\n", await raw.ReadUntilAsync("x\r\n"));
        // And the client's end cancels the handler, else this would wait for ever.
        await raw.Client.DisposeAsync();
        await raw.Serving.WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Head_has_the_fields_and_no_body()
    {
        string head = await Raw.ExchangeAsync(
            exchange =>
            {
                exchange.ResponseHeaders["Content-Length"] = "2";
                return Ok(exchange);
            },
            "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
        Assert.Contains("Content-Length: 2\r\n", head);
        Assert.EndsWith("\r\n\r\n", head);
    }

    [Fact]
    public async Task No_content_has_neither_body_nor_length()
    {
        string response = await Raw.ExchangeAsync(
            exchange =>
            {
                exchange.StatusCode = 204;
                return ValueTask.CompletedTask;
            },
            "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 204 No Content\r\n", response);
        Assert.DoesNotContain("Content-Length", response);
        Assert.DoesNotContain("Transfer-Encoding", response);
    }

    [Fact]
    public async Task Http_1_0_is_closed_or_kept_as_it_asks()
    {
        string closed = await Raw.ExchangeAsync(Ok, "GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n");
        Assert.Equal(2, closed.Split("200 OK").Length);
        string kept = await Raw.ExchangeAsync(Ok, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n");
        Assert.Equal(3, kept.Split("200 OK").Length);
        Assert.Contains("Connection: keep-alive", kept);
        string streamed = await Raw.ExchangeAsync(
            async exchange => await exchange.ResponseBody.WriteAsync("raw"u8.ToArray()), "GET / HTTP/1.0\r\n\r\n");
        Assert.EndsWith("\r\n\r\nraw", streamed);
        Assert.DoesNotContain("chunked", streamed);
    }

    [Fact]
    public async Task Continue_is_said_only_when_the_body_is_wanted()
    {
        await using Raw raw = new(EchoAsync);
        await raw.SendAsync("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
        Assert.Equal("HTTP/1.1 100 Continue\r\n\r\n", await raw.ReadUntilAsync("\r\n\r\n"));
        await raw.SendAsync("hi");
        Assert.StartsWith("HTTP/1.1 200 OK", await raw.ReadUntilAsync("\nhi\n"));

        string refused = await Raw.ExchangeAsync(
            exchange =>
            {
                exchange.RespondError(409, "no");
                return ValueTask.CompletedTask;
            },
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 409 Conflict\r\n", refused);
        Assert.Contains("Connection: close\r\n", refused);

        // RFC 9110 §10.1.1: an expectation in HTTP/1.0 is none.
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", await Raw.ExchangeAsync(EchoAsync, "POST / HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi"));
    }

    [Fact]
    public async Task Each_response_has_the_date()
    {
        DateTimeOffset before = DateTimeOffset.UtcNow;
        await using Raw raw = new(Ok);
        for (int i = 0; i < 2; i++)
        {
            await raw.SendAsync("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
            string head = await raw.ReadUntilAsync("\r\n\r\nOK");
            int at = head.IndexOf("\r\nDate: ", StringComparison.Ordinal) + 8;
            DateTimeOffset date = DateTimeOffset.ParseExact(head[at..(at + 29)], "R", System.Globalization.CultureInfo.InvariantCulture);
            Assert.InRange(date, before.AddSeconds(-1), DateTimeOffset.UtcNow);
            await Task.Delay(1100, TestContext.Current.CancellationToken); // the next second has its own
            before = DateTimeOffset.UtcNow;
        }
    }

    [Fact]
    public async Task A_body_that_stands_still_ends_the_connection_and_a_slow_handler_does_not()
    {
        HttpServerOptions options = new() { BodyTimeout = TimeSpan.FromSeconds(2) };
        TaskCompletionSource aborted = new();
        await using Raw still = new(
            async exchange =>
            {
                exchange.Aborted.UnsafeRegister(static t => ((TaskCompletionSource)t!).TrySetResult(), aborted);
                await exchange.ReadBodyAsync();
            }, options);
        await still.SendAsync("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
        await still.Serving.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        await aborted.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);

        await using Raw slow = new(
            async exchange =>
            {
                byte[] body = await exchange.ReadBodyAsync();
                await Task.Delay(3500); // more than the limit, and a tick of the server's timer
                exchange.Write(body);
            }, options);
        await slow.SendAsync("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
        await slow.SendAsync("hello");
        Assert.StartsWith("HTTP/1.1 200 OK", await slow.ReadUntilAsync("\r\n\r\nhello"));
    }

    [Fact]
    public async Task A_failing_handler_is_500_in_dockers_form_and_the_connection_lives()
    {
        string response = await Raw.ExchangeAsync(
            exchange => exchange.Path == "/bad" ? throw new InvalidOperationException("it \"broke\"") : Ok(exchange),
            "GET /bad HTTP/1.1\r\nHost: h\r\n\r\nGET /good HTTP/1.1\r\nHost: h\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 500 Internal Server Error\r\n", response);
        Assert.Contains("""{"message":"it \u0022broke\u0022"}""", response);
        Assert.EndsWith("OK", response);
    }

    [Fact]
    public async Task A_failure_after_the_start_leaves_the_response_unfinished()
    {
        await using Raw raw = new(async exchange =>
        {
            await exchange.ResponseBody.WriteAsync("part"u8.ToArray());
            throw new InvalidOperationException();
        });
        await raw.SendAsync("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        await raw.ReadUntilAsync("part\r\n");
        await Assert.ThrowsAsync<EndOfStreamException>(() => raw.ReadUntilAsync("0\r\n\r\n"));
    }

    [Fact]
    public async Task Hijack_with_upgrade_gives_101_and_the_bytes_already_sent()
    {
        await using Raw raw = new(EchoRawAsync);
        await raw.SendAsync("POST /attach HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n{}early");
        Assert.Equal(
            "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
            await raw.ReadUntilAsync("\r\n\r\n"));
        Assert.Equal("early", await raw.ReadUntilAsync("early"));
        await raw.SendAsync("late");
        Assert.Equal("late", await raw.ReadUntilAsync("late"));
        await raw.Client.Output.CompleteAsync();
        // After the client's half-close the server still speaks.
        Assert.Equal("bye", await raw.ReadToEndAsync());
    }

    [Fact]
    public async Task Hijack_without_upgrade_gives_200_and_a_raw_stream()
    {
        await using Raw raw = new(EchoRawAsync);
        await raw.SendAsync("POST /attach HTTP/1.1\r\nHost: h\r\n\r\n");
        Assert.Equal("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n", await raw.ReadUntilAsync("\r\n\r\n"));
        await raw.SendAsync("x");
        Assert.Equal("x", await raw.ReadUntilAsync("x"));
    }

    [Fact]
    public async Task Hijack_after_the_handler_has_waited_takes_over_from_the_watching_read()
    {
        TaskCompletionSource waited = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using Raw raw = new(async exchange =>
        {
            await waited.Task;
            await EchoRawAsync(exchange);
        });
        await raw.SendAsync("POST /attach HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
        await Task.Delay(50, TestContext.Current.CancellationToken);
        waited.SetResult();
        await raw.ReadUntilAsync("\r\n\r\n");
        await raw.SendAsync("abc");
        Assert.Equal("abc", await raw.ReadUntilAsync("abc"));
    }

    private static async ValueTask EchoRawAsync(HttpExchange exchange)
    {
        exchange.ResponseHeaders["Content-Type"] = "application/vnd.docker.raw-stream";
        IDuplexPipe raw = await exchange.UpgradeAsync();
        while (true)
        {
            ReadResult read = await raw.Input.ReadAsync();
            Assert.False(read.IsCanceled);
            foreach (ReadOnlyMemory<byte> segment in read.Buffer)
                await raw.Output.WriteAsync(segment);
            raw.Input.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
                break;
        }
        await raw.Output.WriteAsync("bye"u8.ToArray());
    }

    [Fact]
    public async Task The_clients_end_cancels_a_waiting_handler()
    {
        TaskCompletionSource cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using Raw raw = new(async exchange =>
        {
            await exchange.ReadBodyAsync();
            try
            {
                await Task.Delay(Timeout.Infinite, exchange.Aborted);
            }
            finally
            {
                cancelled.SetResult();
            }
        });
        await raw.SendAsync("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n");
        await raw.SendAsync("x");
        await raw.Client.DisposeAsync();
        await cancelled.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_slow_head_and_a_long_idle_time_end_the_connection()
    {
        HttpServerOptions options = new() { HeaderTimeout = TimeSpan.FromMilliseconds(300), IdleTimeout = TimeSpan.FromMilliseconds(600) };
        await using Raw slow = new(Ok, options);
        await slow.SendAsync("GET / HT");
        await slow.Serving.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);

        await using Raw idle = new(Ok, options);
        await idle.SendAsync("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        await idle.ReadUntilAsync("OK");
        await idle.Serving.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Stopping_closes_idle_connections_and_lets_others_finish()
    {
        MemoryListener listener = new();
        using CancellationTokenSource stopping = new();
        TaskCompletionSource inHandler = new(TaskCreationOptions.RunContinuationsAsynchronously), finish = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task running = new HttpServer(async exchange =>
        {
            inHandler.SetResult();
            await finish.Task;
            exchange.Write("done");
        }).RunAsync(listener, stopping.Token, TimeSpan.FromSeconds(20));
        await using TransportConnection idle = listener.Connect(), busy = listener.Connect();
        await busy.Output.WriteAsync("GET / HTTP/1.1\r\nHost: h\r\n\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
        await inHandler.Task;
        stopping.Cancel();
        ReadResult ended = await idle.Input.ReadAsync(TestContext.Current.CancellationToken);
        Assert.True(ended.IsCompleted && ended.Buffer.IsEmpty);
        Assert.False(running.IsCompleted);
        finish.SetResult();
        await running.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        ReadResult response = await busy.Input.ReadAtLeastAsync(1000, TestContext.Current.CancellationToken);
        string text = Encoding.ASCII.GetString(response.Buffer.ToArray());
        Assert.EndsWith("done", text);
        Assert.Contains("Connection: close\r\n", text);
    }

    [Fact]
    public void A_line_break_in_a_field_is_refused()
    {
        Assert.Throws<ArgumentException>(() => new HttpHeaders().Add("X", "a\r\nSet-Cookie: b"));
    }
}
