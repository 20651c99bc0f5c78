using System.Buffers;
using System.Text;
using AotRuntime.Http;
using AotRuntime.Http.Http2;

namespace AotRuntime.Tests.Unit.Http.Http2;

public class Http2ServerTests
{
    private static async ValueTask EchoAsync(HttpExchange exchange)
    {
        byte[] body = await exchange.ReadBodyAsync();
        string trailers = string.Concat(exchange.RequestTrailers.Select(t => $" {t.Key}={t.Value}"));
        exchange.ResponseHeaders.Add("X-Echo", exchange.RequestHeaders["x-in"] ?? "none");
        exchange.ResponseBody.Write(Encoding.ASCII.GetBytes($"{exchange.Method} {exchange.Path} {exchange.QueryString} {exchange.RequestHeaders["host"]} [{Encoding.ASCII.GetString(body)}]{trailers}"));
        exchange.ResponseTrailers.Add("X-Sum", body.Length.ToString());
    }

    private static ValueTask Ok(HttpExchange exchange)
    {
        exchange.ResponseBody.Write("OK"u8);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_request_with_body_and_trailers_is_answered()
    {
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(EchoAsync);
        await peer.HeadersAsync(1, peer.Request("POST", "/a?b=c", "x-in:1"), end: false);
        await peer.DataAsync(1, "hello ", end: false);
        await peer.DataAsync(1, "world", end: false);
        await peer.HeadersAsync(1, peer.Block("x-t:v"), end: true);
        var (head, body, trailers) = await peer.ResponseAsync(1);
        Assert.Equal("200", head[":status"]);
        Assert.Equal("1", head["x-echo"]);
        Assert.Equal("POST /a b=c test [hello world] x-t=v", body);
        Assert.Equal("11", trailers["x-sum"]);
    }

    [Fact]
    public async Task A_request_that_comes_again_is_as_it_was_whatever_handlers_did_to_their_fields()
    {
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(exchange =>
        {
            string said = string.Join(',', exchange.RequestHeaders.Select(f => f.Key + "=" + f.Value));
            exchange.RequestHeaders["x-in"] = "changed";
            exchange.RequestHeaders.Remove("host");
            exchange.RequestHeaders.Add("y", "added");
            exchange.ResponseHeaders.Add("x-said", said);
            exchange.ResponseTrailers.Add("x-left", exchange.RequestHeaders.Count.ToString());
            exchange.ResponseBody.Write(Encoding.ASCII.GetBytes(said));
            return ValueTask.CompletedTask;
        });
        for (int id = 1; id < 17; id += 2)
        {
            await peer.HeadersAsync(id, peer.Request("GET", "/a", "x-in:1"), end: true);
            var (head, body, trailers) = await peer.ResponseAsync(id);
            Assert.Equal("x-in=1,host=test", body);
            Assert.Equal(body, head["x-said"]);
            Assert.Equal(["x-left"], trailers.Keys);
            Assert.Equal("2", trailers["x-left"]);
        }
    }

    [Fact]
    public async Task A_connection_cut_into_single_octets_is_understood_alike()
    {
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(EchoAsync, greet: false);
        byte[] block = peer.Request("POST", "/split", "x-in:2");
        byte[] all =
        [
            .. Http2Frame.Preface, .. Http2Peer.Frame(Http2FrameType.Settings, 0, 0, []),
            .. Http2Peer.Frame(Http2FrameType.Headers, 0, 1, block[..5]), .. Http2Peer.Frame(Http2FrameType.Continuation, 0, 1, block[5..7]),
            .. Http2Peer.Frame(Http2FrameType.Continuation, Http2Flags.EndHeaders, 1, block[7..]),
            .. Http2Peer.Frame(Http2FrameType.Data, Http2Flags.Padded, 1, [3, (byte)'x', 0, 0, 0]),
            .. Http2Peer.Frame((Http2FrameType)77, 0, 1, [1, 2, 3]),
            .. Http2Peer.Frame(Http2FrameType.Data, Http2Flags.EndStream, 1, [(byte)'y']),
        ];
        foreach (byte octet in all)
        {
            await peer.SendRawAsync([octet]);
            await Task.Yield();
        }
        Assert.Equal("POST /split  test [xy]", (await peer.ResponseAsync(1)).Body);
    }

    [Fact]
    public async Task A_priority_and_padding_in_headers_are_passed_over()
    {
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(EchoAsync);
        byte[] payload = [2, 0, 0, 0, 0, 16, .. peer.Request("GET", "/p"), 0, 0];
        await peer.SendAsync(Http2FrameType.Headers, Http2Flags.EndHeaders | Http2Flags.EndStream | Http2Flags.Padded | Http2Flags.Priority, 1, payload);
        Assert.Equal("GET /p  test []", (await peer.ResponseAsync(1)).Body);
    }

    public static TheoryData<string, byte[][]> ConnectionErrors
    {
        get
        {
            static byte[] F(Http2FrameType type, int flags, int stream, params byte[] payload) => Http2Peer.Frame(type, (Http2Flags)flags, stream, payload);
            byte[] settings = F(Http2FrameType.Settings, 0, 0);
            return new()
            {
                { nameof(Http2ErrorCode.ProtocolError), [F(Http2FrameType.Ping, 0, 0, new byte[8])] }, // SETTINGS must come first
                { nameof(Http2ErrorCode.ProtocolError), [settings, F(Http2FrameType.Data, 0, 0)] },
                { nameof(Http2ErrorCode.ProtocolError), [settings, F(Http2FrameType.Data, 0, 1)] }, // idle
                { nameof(Http2ErrorCode.ProtocolError), [settings, F(Http2FrameType.Headers, 5, 0, 0x82)] },
                { nameof(Http2ErrorCode.ProtocolError), [settings, F(Http2FrameType.Headers, 5, 2, 0x82, 0x86, 0x84)] }, // even id
                { nameof(Http2ErrorCode.ProtocolError), [settings, F(Http2FrameType.Headers, 1, 1, 0x82), F(Http2FrameType.Ping, 0, 0, new byte[8])] },
                { nameof(Http2ErrorCode.ProtocolError), [settings, F(Http2FrameType.Headers, 1, 1, 0x82), F(Http2FrameType.Continuation, 4, 3, 0x86)] },
                { nameof(Http2ErrorCode.ProtocolError), [settings, F(Http2FrameType.Continuation, 4, 1, 0x86)] },
                { nameof(Http2ErrorCode.ProtocolError), [settings, F(Http2FrameType.Headers, 8 | 5, 1, 9, 0x82)] }, // padding longer than the frame
                { nameof(Http2ErrorCode.ProtocolError), [settings, F(Http2FrameType.PushPromise, 4, 1, 0, 0, 0, 2)] },
                { nameof(Http2ErrorCode.ProtocolError), [settings, F(Http2FrameType.RstStream, 0, 1, 0, 0, 0, 8)] }, // idle
                { nameof(Http2ErrorCode.ProtocolError), [settings, F(Http2FrameType.WindowUpdate, 0, 0, 0, 0, 0, 0)] },
                { nameof(Http2ErrorCode.ProtocolError), [settings, F(Http2FrameType.WindowUpdate, 0, 1, 0, 0, 0, 1)] }, // idle
                { nameof(Http2ErrorCode.ProtocolError), [settings, F(Http2FrameType.Settings, 0, 1)] },
                { nameof(Http2ErrorCode.ProtocolError), [settings, F(Http2FrameType.Settings, 0, 0, 0, 2, 0, 0, 0, 2)] }, // ENABLE_PUSH 2
                { nameof(Http2ErrorCode.ProtocolError), [settings, F(Http2FrameType.Settings, 0, 0, 0, 5, 0, 0, 0, 1)] }, // MAX_FRAME_SIZE 1
                { nameof(Http2ErrorCode.FlowControlError), [settings, F(Http2FrameType.Settings, 0, 0, 0, 4, 0x80, 0, 0, 0)] },
                { nameof(Http2ErrorCode.FlowControlError), [settings, F(Http2FrameType.WindowUpdate, 0, 0, 0x7f, 0xff, 0xff, 0xff)] },
                { nameof(Http2ErrorCode.FrameSizeError), [settings, F(Http2FrameType.Settings, 0, 0, 0, 4, 0)] },
                { nameof(Http2ErrorCode.FrameSizeError), [settings, F(Http2FrameType.Settings, 1, 0, 0, 4, 0, 0, 0, 0)] }, // ACK with payload
                { nameof(Http2ErrorCode.FrameSizeError), [settings, F(Http2FrameType.Ping, 0, 0, 1, 2, 3)] },
                { nameof(Http2ErrorCode.FrameSizeError), [settings, F(Http2FrameType.WindowUpdate, 0, 0, 1, 2, 3)] },
                { nameof(Http2ErrorCode.FrameSizeError), [settings, F(Http2FrameType.GoAway, 0, 0, 1, 2, 3)] },
                { nameof(Http2ErrorCode.FrameSizeError), [settings, F(Http2FrameType.Data, 0, 1, new byte[(1 << 20) + 1])] },
                { nameof(Http2ErrorCode.CompressionError), [settings, F(Http2FrameType.Headers, 5, 1, 0x80)] },
            };
        }
    }

    [Theory, MemberData(nameof(ConnectionErrors))]
    public async Task A_breach_of_the_protocol_ends_the_connection_with_its_code(string code, byte[][] frames)
    {
        (Http2Peer peer, Task serving) = await Http2Peer.ConnectAsync(Ok, greet: false);
        await peer.SendRawAsync([.. Http2Frame.Preface, .. frames.SelectMany(f => f)]);
        Assert.Equal(code, (await peer.ExpectAsync(Http2FrameType.GoAway)).Error.ToString());
        await serving.WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Theory]
    [InlineData(":method:GET", ":scheme:http")] // no path
    [InlineData(":method:GET", ":path:/", ":scheme:http", ":path:/")] // twice
    [InlineData(":method:GET", ":path:/", ":scheme:http", ":status:200")]
    [InlineData(":method:GET", ":path:/", "x:y", ":scheme:http")] // pseudo-field after others
    [InlineData(":method:GET", ":path:/", ":scheme:http", "Upper:case")]
    [InlineData(":method:GET", ":path:/", ":scheme:http", "connection:close")]
    [InlineData(":method:GET", ":path:/", ":scheme:http", "transfer-encoding:chunked")]
    [InlineData(":method:GET", ":path:/", ":scheme:http", "te:gzip")]
    [InlineData(":method:GET", ":path:/", ":scheme:http", "x:a\nb")]
    [InlineData(":method:GET", ":path:/", ":scheme:http", "content-length:x")]
    [InlineData(":method:GET", ":path:/", ":scheme:http", "content-length:5")] // and no body
    [InlineData(":method:GET", ":path:no-slash", ":scheme:http")]
    public async Task A_malformed_request_is_reset_and_the_connection_goes_on(params string[] fields)
    {
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(Ok);
        await peer.HeadersAsync(1, peer.Block(fields), end: true);
        Http2Peer.Received reset = await peer.ExpectAsync(Http2FrameType.RstStream, Http2FrameType.GoAway);
        Assert.Equal((Http2FrameType.RstStream, 1, Http2ErrorCode.ProtocolError), (reset.Type, reset.StreamId, reset.Error));
        await peer.HeadersAsync(3, peer.Request("GET", "/"), end: true);
        Assert.Equal("OK", (await peer.ResponseAsync(3)).Body);
    }

    [Fact]
    public async Task Bodies_respect_the_streams_window_even_when_it_turns_negative()
    {
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(exchange =>
        {
            exchange.ResponseBody.Write(Encoding.ASCII.GetBytes(new string('x', 100)));
            return ValueTask.CompletedTask;
        });
        await peer.SettingAsync(Http2Setting.InitialWindowSize, 30);
        await peer.HeadersAsync(1, peer.Request("GET", "/"), end: true);
        Assert.Equal(30, (await peer.ExpectAsync(Http2FrameType.Data)).Payload.Length);
        await peer.SettingAsync(Http2Setting.InitialWindowSize, 10); // the stream's window is now -20
        await peer.SendAsync(Http2FrameType.WindowUpdate, 1, 25);
        Assert.Equal(5, (await peer.ExpectAsync(Http2FrameType.Data)).Payload.Length);
        await peer.SendAsync(Http2FrameType.Ping, Http2Flags.None, 0, new byte[8]);
        Assert.Equal(Http2FrameType.Ping, (await peer.ExpectAsync(Http2FrameType.Data, Http2FrameType.Ping)).Type);
        await peer.SendAsync(Http2FrameType.WindowUpdate, 1, 65);
        Http2Peer.Received last = await peer.ExpectAsync(Http2FrameType.Data);
        Assert.Equal((65, true), (last.Payload.Length, last.Ends));
    }

    [Fact]
    public async Task Bodies_respect_the_connections_window_and_share_it()
    {
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(async exchange =>
        {
            exchange.ResponseBody.Write(new byte[50_000]);
            await exchange.ResponseBody.FlushAsync();
        });
        await peer.HeadersAsync(1, peer.Request("GET", "/"), end: true);
        await peer.HeadersAsync(3, peer.Request("GET", "/"), end: true);
        int total = 0, ends = 0;
        while (total < 65_535)
        {
            Http2Peer.Received data = await peer.ExpectAsync(Http2FrameType.Data);
            total += data.Payload.Length;
            ends += data.Ends ? 1 : 0;
        }
        Assert.Equal(65_535, total);
        await peer.SendAsync(Http2FrameType.WindowUpdate, 0, 100_000);
        while (ends < 2)
        {
            Http2Peer.Received data = await peer.ExpectAsync(Http2FrameType.Data);
            total += data.Payload.Length;
            ends += data.Ends ? 1 : 0;
        }
        Assert.Equal(100_000, total);
    }

    [Fact]
    public async Task A_peer_that_overruns_a_streams_window_is_reset()
    {
        TaskCompletionSource go = new();
        HttpServerOptions options = new() { Http2 = new Http2Options { StreamWindow = 65_535 } };
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(async _ => await go.Task, options);
        await peer.HeadersAsync(1, peer.Request("POST", "/"), end: false);
        for (int i = 0; i < 5; i++)
            await peer.SendAsync(Http2FrameType.Data, Http2Flags.None, 1, new byte[16_000]);
        Assert.Equal(Http2ErrorCode.FlowControlError, (await peer.ExpectAsync(Http2FrameType.RstStream)).Error);
        go.SetResult();
    }

    [Fact]
    public async Task Windows_are_renewed_while_a_body_is_read()
    {
        HttpServerOptions options = new() { Http2 = new Http2Options { StreamWindow = 65_535, ConnectionWindow = 65_535 } };
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(EchoLengthAsync, options);
        await peer.HeadersAsync(1, peer.Request("POST", "/"), end: false);
        int stream = 65_535, connection = 65_535;
        for (int sent = 0; sent < 1_000_000;)
        {
            while (Math.Min(stream, connection) < 10_000)
            {
                Http2Peer.Received update = await peer.ExpectAsync(Http2FrameType.WindowUpdate);
                int increment = (int)System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(update.Payload);
                if (update.StreamId == 0)
                    connection += increment;
                else
                    stream += increment;
            }
            sent += 10_000;
            stream -= 10_000;
            connection -= 10_000;
            await peer.SendAsync(Http2FrameType.Data, sent == 1_000_000 ? Http2Flags.EndStream : 0, 1, new byte[10_000]);
        }
        Assert.Equal("1000000", (await peer.ResponseAsync(1)).Body);

        static async ValueTask EchoLengthAsync(HttpExchange exchange)
        {
            long length = 0;
            while (true)
            {
                var read = await exchange.RequestBody.ReadAsync();
                length += read.Buffer.Length;
                exchange.RequestBody.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                    break;
            }
            exchange.ResponseBody.Write(Encoding.ASCII.GetBytes(length.ToString()));
        }
    }

    [Fact]
    public async Task A_reset_cancels_its_handler_and_no_other()
    {
        TaskCompletionSource cancelled = new(), started = new();
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(async exchange =>
        {
            if (exchange.Path == "/other")
            {
                exchange.ResponseBody.Write("OK"u8);
                return;
            }
            using var registration = exchange.Aborted.Register(() => cancelled.TrySetResult());
            started.TrySetResult();
            await Assert.ThrowsAnyAsync<IOException>(async () => await exchange.RequestBody.ReadAsync());
        });
        await peer.HeadersAsync(1, peer.Request("POST", "/slow"), end: false);
        await started.Task.WaitAsync(TimeSpan.FromSeconds(60));
        await peer.SendAsync(Http2FrameType.RstStream, 1, (uint)Http2ErrorCode.Cancel);
        await cancelled.Task.WaitAsync(TimeSpan.FromSeconds(60));
        await peer.HeadersAsync(3, peer.Request("GET", "/other"), end: true);
        Assert.Equal("OK", (await peer.ResponseAsync(3)).Body);
    }

    [Fact]
    public async Task An_answer_before_the_body_is_read_ends_with_a_reset_without_error()
    {
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(Ok);
        await peer.HeadersAsync(1, peer.Request("POST", "/"), end: false);
        Assert.Equal("OK", (await peer.ResponseAsync(1)).Body);
        Assert.Equal(Http2ErrorCode.NoError, (await peer.ExpectAsync(Http2FrameType.RstStream)).Error);
        await peer.DataAsync(1, "late", end: true); // still under way; ignored
        await peer.HeadersAsync(3, peer.Request("GET", "/"), end: true);
        Assert.Equal("OK", (await peer.ResponseAsync(3)).Body);
    }

    [Fact]
    public async Task A_handler_that_throws_answers_500_or_resets_if_it_has_begun()
    {
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(async exchange =>
        {
            if (exchange.Path == "/late")
            {
                exchange.ResponseBody.Write("half"u8);
                await exchange.ResponseBody.FlushAsync();
            }
            throw new InvalidDataException("broken");
        });
        await peer.HeadersAsync(1, peer.Request("GET", "/early"), end: true);
        Assert.Equal("500", (await peer.ResponseAsync(1)).Head[":status"]);
        await peer.HeadersAsync(3, peer.Request("GET", "/late"), end: true);
        Assert.Equal(Http2ErrorCode.InternalError, (await peer.ExpectAsync(Http2FrameType.RstStream)).Error);
    }

    [Fact]
    public async Task Fields_beyond_the_limit_are_answered_431()
    {
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(Ok, new HttpServerOptions { MaxHeaderBytes = 1000 });
        await peer.HeadersAsync(1, peer.Request("GET", "/", $"x-big:{new string('a', 2000)}"), end: true);
        Assert.Equal("431", (await peer.ResponseAsync(1)).Head[":status"]);
        await peer.HeadersAsync(3, peer.Request("GET", "/"), end: true);
        Assert.Equal("OK", (await peer.ResponseAsync(3)).Body);
    }

    [Fact]
    public async Task S8_2_Fields_of_HTTP_1_become_what_HTTP_2_has_them_be()
    {
        string? cookie = null, host = null;
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(exchange =>
        {
            cookie = exchange.RequestHeaders["Cookie"];
            host = exchange.RequestHeaders["Host"];
            foreach (string name in (string[])["X-Upper", "Connection", "Proxy-Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade"])
                exchange.ResponseHeaders[name] = "v";
            return ValueTask.CompletedTask;
        });
        await peer.HeadersAsync(1, peer.Block(":method:GET", ":scheme:http", ":path:/", ":authority:test", "host:TEST", "cookie:a=1", "cookie:b=2"), end: true);
        Dictionary<string, string> head = (await peer.ResponseAsync(1)).Head;
        Assert.Equal("v", head["x-upper"]); // §8.2
        Assert.DoesNotContain(head.Keys, k => k is "connection" or "proxy-connection" or "keep-alive" or "transfer-encoding" or "upgrade"); // §8.2.2
        Assert.Equal("a=1; b=2", cookie); // §8.2.3
        Assert.Equal("test", host);       // §8.3.1
        await peer.DisposeAsync();
    }

    [Fact]
    public async Task S4_3_A_long_block_is_sent_in_frames_that_nothing_comes_between()
    {
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(static exchange =>
        {
            for (int i = 0; i < 40; i++)
                exchange.ResponseHeaders[$"x-{i}"] = new string((char)('a' + (i % 26)), 2000);
            return ValueTask.CompletedTask;
        });
        for (int i = 0; i < 20; i++)
            await peer.SendAsync(Http2FrameType.Ping, Http2Flags.None, 0, new byte[8]);
        await peer.HeadersAsync(1, peer.Request("GET", "/"), end: true);
        for (int i = 0; i < 20; i++)
            await peer.SendAsync(Http2FrameType.Ping, Http2Flags.None, 0, new byte[8]);
        List<Http2Peer.Received> block = await peer.ReadBlockAsync();
        Assert.InRange(block.Count, 2, 20);
        Assert.All(block, f => Assert.InRange(f.Payload.Length, 0, 16_384));
        await peer.DisposeAsync();
    }

    [Fact]
    public async Task Head_has_the_fields_and_no_body()
    {
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(EchoAsync);
        await peer.HeadersAsync(1, peer.Request("HEAD", "/", "x-in:7"), end: true);
        var (head, body, _) = await peer.ResponseAsync(1);
        Assert.Equal(("7", ""), (head["x-echo"], body));
    }

    [Fact]
    public async Task Stopping_lets_running_requests_finish_and_takes_those_under_way()
    {
        using CancellationTokenSource stopping = new();
        TaskCompletionSource go = new();
        (Http2Peer peer, Task serving) = await Http2Peer.ConnectAsync(async exchange =>
        {
            await go.Task;
            exchange.ResponseBody.Write("OK"u8);
        }, stopping: stopping.Token);
        await peer.HeadersAsync(1, peer.Request("GET", "/"), end: true);
        await peer.ExpectAsync(Http2FrameType.Settings);
        stopping.Cancel();
        Http2Peer.Received first = await peer.ExpectAsync(Http2FrameType.GoAway);
        Assert.Equal((Http2ErrorCode.NoError, 0x7f), (first.Error, first.Payload[0]));
        Http2Peer.Received ping = await peer.ExpectAsync(Http2FrameType.Ping);
        await peer.HeadersAsync(3, peer.Request("GET", "/"), end: true);
        await peer.SendAsync(Http2FrameType.Ping, Http2Flags.Ack, 0, ping.Payload);
        Assert.Equal(3, (await peer.ExpectAsync(Http2FrameType.GoAway)).Payload[3]);
        await peer.HeadersAsync(5, peer.Request("GET", "/"), end: true);
        Assert.Equal(Http2ErrorCode.RefusedStream, (await peer.ExpectAsync(Http2FrameType.RstStream)).Error);
        Assert.False(serving.IsCompleted);
        go.SetResult();
        int ends = 0;
        while (ends < 2)
            ends += (await peer.ExpectAsync(Http2FrameType.Data)).Ends ? 1 : 0;
        await serving.WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task A_lost_connection_cancels_its_handlers()
    {
        TaskCompletionSource started = new(), cancelled = new();
        (Http2Peer peer, Task serving) = await Http2Peer.ConnectAsync(async exchange =>
        {
            started.TrySetResult();
            await Task.Delay(Timeout.Infinite, exchange.Aborted).ContinueWith(_ => cancelled.TrySetResult(), TaskScheduler.Default);
        });
        await peer.HeadersAsync(1, peer.Request("GET", "/"), end: true);
        await started.Task.WaitAsync(TimeSpan.FromSeconds(60));
        peer.Transport.Abort();
        await cancelled.Task.WaitAsync(TimeSpan.FromSeconds(60));
        await serving.WaitAsync(TimeSpan.FromSeconds(60));
    }
}
