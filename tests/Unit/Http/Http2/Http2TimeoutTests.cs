using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using AotRuntime.Http;
using AotRuntime.Http.Http2;
using Microsoft.Extensions.Time.Testing;

namespace AotRuntime.Tests.Unit.Http.Http2;

/// <summary>Times, windows that grow, and large frames.</summary>
public class Http2TimeoutTests
{
    private static readonly TimeSpan s_short = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan s_minute = TimeSpan.FromMinutes(1);

    /// <summary>A minute goes by, and the quarter by which a time may be overrun, in steps that let every timer of the connection run.</summary>
    private static void Pass(FakeTimeProvider time)
    {
        for (int i = 0; i < 80; i++)
            time.Advance(TimeSpan.FromSeconds(1));
    }

    /// <summary>The server has handled all that was sent before: it answers a PING of ours in order.</summary>
    private static async Task SyncAsync(Http2Peer peer)
    {
        byte[] mark = "in-order"u8.ToArray();
        await peer.SendAsync(Http2FrameType.Ping, Http2Flags.None, 0, mark);
        while (!(await peer.ExpectAsync(Http2FrameType.Ping)).Payload.AsSpan().SequenceEqual(mark))
        {
        }
    }

    private static async ValueTask Hang(HttpExchange exchange) => await Task.Delay(Timeout.Infinite, exchange.Aborted);

    private static async ValueTask ReadAllAsync(HttpExchange exchange)
    {
        while (true)
        {
            ReadResult read = await exchange.RequestBody.ReadAsync();
            exchange.RequestBody.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
                return;
        }
    }

    private static async Task AcknowledgeAsync(Http2Peer peer)
    {
        await peer.ExpectAsync(Http2FrameType.Settings);
        await peer.SendAsync(Http2FrameType.Settings, Http2Flags.Ack, 0, []);
    }

    [Fact]
    public async Task Settings_that_are_not_acknowledged_end_the_connection()
    {
        (Http2Peer peer, Task serving) = await Http2Peer.ConnectAsync(Hang, new HttpServerOptions { Http2 = new Http2Options { SettingsTimeout = s_short } });
        Assert.Equal(Http2ErrorCode.SettingsTimeout, (await peer.ExpectAsync(Http2FrameType.GoAway)).Error);
        await serving.WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task A_silent_peer_is_asked_and_kept_while_it_answers()
    {
        FakeTimeProvider time = new();
        TaskCompletionSource gone = new();
        HttpServerOptions options = new() { Http2 = new Http2Options { KeepAliveInterval = s_minute, KeepAliveTimeout = s_minute } };
        (Http2Peer peer, Task serving) = await Http2Peer.ConnectAsync(async exchange =>
        {
            using var registration = exchange.Aborted.Register(() => gone.TrySetResult());
            await gone.Task;
        }, options, time: time);
        await AcknowledgeAsync(peer);
        await peer.HeadersAsync(1, peer.Request("GET", "/"), end: true);
        await SyncAsync(peer);
        for (int i = 0; i < 3; i++)
        {
            Pass(time);
            Http2Peer.Received ping = await peer.ExpectAsync(Http2FrameType.Ping);
            await peer.SendAsync(Http2FrameType.Ping, Http2Flags.Ack, 0, ping.Payload);
            await SyncAsync(peer);
            Assert.False(gone.Task.IsCompleted);
        }
        Pass(time);
        await peer.ExpectAsync(Http2FrameType.Ping);
        Pass(time); // the fourth is not answered
        await gone.Task.WaitAsync(TimeSpan.FromSeconds(60));
        await serving.WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task A_connection_without_requests_is_ended_in_good_order()
    {
        FakeTimeProvider time = new();
        (Http2Peer peer, Task serving) = await Http2Peer.ConnectAsync(
            static _ => ValueTask.CompletedTask, new HttpServerOptions { IdleTimeout = s_minute }, time: time);
        await AcknowledgeAsync(peer);
        await peer.HeadersAsync(1, peer.Request("GET", "/"), end: true);
        await peer.ResponseAsync(1);
        await SyncAsync(peer);
        Pass(time);
        Assert.Equal(Http2ErrorCode.NoError, (await peer.ExpectAsync(Http2FrameType.GoAway)).Error);
        Http2Peer.Received ping = await peer.ExpectAsync(Http2FrameType.Ping);
        await peer.SendAsync(Http2FrameType.Ping, Http2Flags.Ack, 0, ping.Payload);
        Assert.Equal(1, (await peer.ExpectAsync(Http2FrameType.GoAway)).Payload[3]);
        await serving.WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task An_idle_client_that_does_not_answer_is_let_go()
    {
        FakeTimeProvider time = new();
        (Http2Peer peer, Task serving) = await Http2Peer.ConnectAsync(
            static _ => ValueTask.CompletedTask, new HttpServerOptions { IdleTimeout = s_minute }, time: time);
        await AcknowledgeAsync(peer);
        await SyncAsync(peer);
        Pass(time);
        Assert.Equal(Http2ErrorCode.NoError, (await peer.ExpectAsync(Http2FrameType.GoAway)).Error);
        Assert.False(serving.IsCompleted);
        Pass(time);
        await serving.WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task A_running_request_keeps_the_connection_from_being_idle()
    {
        FakeTimeProvider time = new();
        TaskCompletionSource go = new();
        (Http2Peer peer, Task serving) = await Http2Peer.ConnectAsync(
            async _ => await go.Task, new HttpServerOptions { IdleTimeout = s_minute }, time: time);
        await AcknowledgeAsync(peer);
        await peer.HeadersAsync(1, peer.Request("GET", "/"), end: true);
        await SyncAsync(peer);
        for (int i = 0; i < 4; i++)
            Pass(time);
        await SyncAsync(peer);
        Assert.False(serving.IsCompleted);
        go.SetResult();
        Assert.Equal("200", (await peer.ResponseAsync(1)).Head[":status"]);
    }

    [Fact]
    public async Task A_foreign_answer_to_no_Ping_does_not_end_a_drain()
    {
        using CancellationTokenSource stopping = new();
        (Http2Peer peer, Task serving) = await Http2Peer.ConnectAsync(static _ => ValueTask.CompletedTask, stopping: stopping.Token);
        await AcknowledgeAsync(peer);
        stopping.Cancel();
        await peer.ExpectAsync(Http2FrameType.GoAway);
        Http2Peer.Received ping = await peer.ExpectAsync(Http2FrameType.Ping);
        await peer.SendAsync(Http2FrameType.Ping, Http2Flags.Ack, 0, new byte[8]);
        await peer.HeadersAsync(1, peer.Request("GET", "/"), end: true);
        Assert.Equal("200", (await peer.ResponseAsync(1)).Head[":status"]);
        await peer.SendAsync(Http2FrameType.Ping, Http2Flags.Ack, 0, ping.Payload);
        await serving.WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Windows_grow_to_their_limits_where_the_round_trip_holds_the_sender_back(bool slowReader)
    {
        const int Window = 65_535, Most = 250_000;
        HttpServerOptions options = new()
        {
            Http2 = new Http2Options { StreamWindow = Window, ConnectionWindow = Window, MaxStreamWindow = Most, MaxConnectionWindow = Most },
        };
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(async exchange =>
        {
            while (true)
            {
                ReadResult read = await exchange.RequestBody.ReadAsync();
                if (slowReader)
                    await Task.Delay(100);
                exchange.RequestBody.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                    return;
            }
        }, options);
        await peer.HeadersAsync(1, peer.Request("POST", "/"), end: false);
        int stream = Window, connection = Window, largestStream = 0, largestConnection = 0;
        for (int sent = 0; sent < (slowReader ? 400_000 : 4_000_000);)
        {
            int piece = Math.Min(16_384, Math.Min(stream, connection));
            if (piece > 0)
            {
                await peer.SendAsync(Http2FrameType.Data, Http2Flags.None, 1, new byte[piece]);
                (sent, stream, connection) = (sent + piece, stream - piece, connection - piece);
                continue;
            }
            Http2Peer.Received frame = await peer.ExpectAsync(Http2FrameType.WindowUpdate, Http2FrameType.Ping);
            if (frame.Type == Http2FrameType.Ping)
            {
                await Task.Delay(20); // the round trip
                await peer.SendAsync(Http2FrameType.Ping, Http2Flags.Ack, 0, frame.Payload);
                continue;
            }
            int more = BinaryPrimitives.ReadInt32BigEndian(frame.Payload);
            if (frame.StreamId == 0)
                (connection, largestConnection) = (connection + more, Math.Max(largestConnection, more));
            else
                (stream, largestStream) = (stream + more, Math.Max(largestStream, more));
        }
        // Credit is for half a window, or for that and the growth: more than 110,000 there is only once the window has Most.
        Assert.InRange(largestStream, slowReader ? 1 : 110_000, slowReader ? Window : Most);
        Assert.InRange(largestConnection, slowReader ? 1 : 110_000, Most);
    }

    [Fact]
    public async Task Frames_of_one_MiB_are_taken()
    {
        HttpServerOptions options = new() { Http2 = new Http2Options { StreamWindow = 2 << 20, ConnectionWindow = 2 << 20 } };
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(ReadAllAsync, options);
        Http2Peer.Received settings = await peer.ExpectAsync(Http2FrameType.Settings);
        Assert.Contains(Convert.ToHexString([0, 5, 0, 0x10, 0, 0]), Convert.ToHexString(settings.Payload), StringComparison.Ordinal);
        await peer.HeadersAsync(1, peer.Request("POST", "/", $"content-length:{1 << 20}"), end: false);
        await peer.SendAsync(Http2FrameType.Data, Http2Flags.EndStream, 1, new byte[1 << 20]);
        Assert.Equal("200", (await peer.ResponseAsync(1)).Head[":status"]);
    }

    [Fact]
    public async Task Frames_of_one_MiB_are_sent_where_the_peer_takes_them()
    {
        HttpServerOptions options = new() { Http2 = new Http2Options { SendBuffer = 4 << 20 } };
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(exchange =>
        {
            exchange.ResponseBody.Write(new byte[3 << 20]);
            return ValueTask.CompletedTask;
        }, options);
        await peer.SettingAsync(Http2Setting.MaxFrameSize, 1 << 20);
        await peer.SettingAsync(Http2Setting.InitialWindowSize, 4 << 20);
        await peer.SendAsync(Http2FrameType.WindowUpdate, 0, 4 << 20);
        await peer.HeadersAsync(1, peer.Request("GET", "/"), end: true);
        Assert.Equal(1 << 20, (await peer.ExpectAsync(Http2FrameType.Data)).Payload.Length);
    }

    [Fact]
    public async Task Between_our_own_ends_frames_may_be_large()
    {
        (TransportConnection client, TransportConnection server) = MemoryTransport.CreatePair();
        _ = Http2Server.RunAsync(server, ReadAllAsync, new HttpServerOptions(), CancellationToken.None);
        await using Http2ClientConnection connection = new(client, "h", new Http2Options { SendBuffer = 8 << 20 });
        await using HttpResponse response = await connection.SendAsync(new HttpRequest
        {
            Method = "POST",
            Target = "/",
            Body = static async (body, cancellation) => await body.WriteAsync(new byte[8 << 20], cancellation),
        }).AsTask().WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(200, response.StatusCode);
    }
}
