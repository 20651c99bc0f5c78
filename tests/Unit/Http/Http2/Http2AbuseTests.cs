using System.Buffers;
using AotRuntime.Http;
using AotRuntime.Http.Http2;

namespace AotRuntime.Tests.Unit.Http.Http2;

public class Http2AbuseTests
{
    private static readonly HttpServerOptions s_options = new()
    {
        Http2 = new Http2Options
        {
            MaxResetBurst = 20,
            MaxResetsPerSecond = 1,
            MaxIdleControlFrames = 50,
            MaxEmptyDataFrames = 10,
            MaxConcurrentStreams = 5,
            MaxContinuationFrames = 4,
            MaxQueuedControlBytes = 2000,
            MaxProvokedResetBurst = 20,
            MaxIdleWindowUpdates = 200,
            IdleControlFramesPerSecond = 1,
        },
    };

    private static async ValueTask Hang(HttpExchange exchange) => await Task.Delay(Timeout.Infinite, exchange.Aborted);

    private static async Task ExpectCalmAsync(Func<Http2Peer, Task> abuse)
    {
        (Http2Peer peer, Task serving) = await Http2Peer.ConnectAsync(Hang, s_options);
        try
        {
            await abuse(peer);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            // The server has hung up in the middle of it.
        }
        Assert.Equal(Http2ErrorCode.EnhanceYourCalm, (await peer.ExpectAsync(Http2FrameType.GoAway)).Error);
        await serving.WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public Task Rapid_resets() => ExpectCalmAsync(async peer =>
    {
        for (int id = 1; id < 201; id += 2)
        {
            await peer.HeadersAsync(id, peer.Request("GET", "/"), end: true);
            await peer.SendAsync(Http2FrameType.RstStream, id, (uint)Http2ErrorCode.Cancel);
            await Task.Delay(2);
        }
    });

    [Fact]
    public Task A_flood_of_pings() => ExpectCalmAsync(async peer =>
    {
        for (int i = 0; i < 100; i++)
            await peer.SendAsync(Http2FrameType.Ping, Http2Flags.None, 0, new byte[8]);
    });

    [Fact]
    public Task A_flood_of_settings() => ExpectCalmAsync(async peer =>
    {
        for (int i = 0; i < 100; i++)
            await peer.SettingAsync(Http2Setting.InitialWindowSize, 1000);
    });

    [Fact]
    public Task A_flood_of_empty_data() => ExpectCalmAsync(async peer =>
    {
        await peer.HeadersAsync(1, peer.Request("POST", "/"), end: false);
        for (int i = 0; i < 20; i++)
            await peer.DataAsync(1, "", end: false);
    });

    [Fact]
    public Task A_flood_of_continuations() => ExpectCalmAsync(async peer =>
    {
        await peer.SendAsync(Http2FrameType.Headers, Http2Flags.None, 1, [0x82]);
        for (int i = 0; i < 10; i++)
            await peer.SendAsync(Http2FrameType.Continuation, Http2Flags.None, 1, []);
    });

    [Fact]
    public Task Made_you_reset_by_bad_window_updates() => ExpectCalmAsync(async peer =>
    {
        for (int id = 1; id < 201; id += 2)
        {
            await peer.HeadersAsync(id, peer.Request("GET", "/"), end: true);
            await peer.SendAsync(Http2FrameType.WindowUpdate, id, 0);
            await Task.Delay(2); // its handler ends meanwhile, so that the next is not refused
        }
    });

    [Fact]
    public Task Made_you_reset_by_malformed_requests() => ExpectCalmAsync(async peer =>
    {
        for (int id = 1; id < 201; id += 2)
            await peer.HeadersAsync(id, peer.Request("GET", "/", "connection:close"), end: true);
    });

    [Fact]
    public async Task A_stream_that_was_reset_counts_while_its_handler_runs()
    {
        TaskCompletionSource go = new();
        int running = 0;
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(async _ =>
        {
            Interlocked.Increment(ref running);
            await go.Task;
        }, s_options);
        for (int id = 1; id < 21; id += 2)
        {
            await peer.HeadersAsync(id, peer.Request("GET", "/"), end: true);
            await peer.SendAsync(Http2FrameType.WindowUpdate, id, 0);
        }
        for (int refused = 0; refused < 5;)
            refused += (await peer.ExpectAsync(Http2FrameType.RstStream)).Error == Http2ErrorCode.RefusedStream ? 1 : 0;
        while (Volatile.Read(ref running) < 5)
            await Task.Delay(5);
        await Task.Delay(50);
        Assert.Equal(5, Volatile.Read(ref running));
        go.SetResult();
    }

    [Fact]
    public Task A_flood_of_priorities() => ExpectCalmAsync(async peer =>
    {
        for (int i = 0; i < 100; i++)
            await peer.SendAsync(Http2FrameType.Priority, Http2Flags.None, 1, new byte[5]);
    });

    [Fact]
    public Task A_flood_of_window_updates() => ExpectCalmAsync(async peer =>
    {
        for (int i = 0; i < 300; i++)
            await peer.SendAsync(Http2FrameType.WindowUpdate, 0, 1);
    });

    [Fact]
    public Task Too_many_settings_in_one_frame() => ExpectCalmAsync(peer => peer.SendAsync(Http2FrameType.Settings, Http2Flags.None, 0, new byte[6 * 65]));

    [Fact]
    public Task A_header_block_beyond_the_limit_in_one_frame() => ExpectCalmAsync(peer =>
        peer.SendAsync(Http2FrameType.Headers, Http2Flags.EndHeaders, 1, new byte[(128 * 1024) + 1]));

    [Fact]
    public Task A_header_block_beyond_the_limit_in_many_frames() => ExpectCalmAsync(async peer =>
    {
        await peer.SendAsync(Http2FrameType.Headers, Http2Flags.None, 1, new byte[100_000]);
        await peer.SendAsync(Http2FrameType.Continuation, Http2Flags.None, 1, new byte[100_000]);
    });

    [Fact]
    public async Task A_header_block_that_is_never_finished()
    {
        HttpServerOptions options = new() { Http2 = new Http2Options { HeaderBlockTimeout = TimeSpan.FromMilliseconds(200) } };
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(Hang, options);
        await peer.SendAsync(Http2FrameType.Headers, Http2Flags.None, 1, [0x82]);
        Assert.Equal(Http2ErrorCode.EnhanceYourCalm, (await peer.ExpectAsync(Http2FrameType.GoAway)).Error);
    }

    [Fact]
    public async Task Resets_that_are_not_read_do_not_pile_up()
    {
        // The transport takes almost nothing, so what the server wants to say stays with it.
        (TransportConnection client, TransportConnection server) = MemoryTransport.CreatePair(
            new System.IO.Pipelines.PipeOptions(pauseWriterThreshold: 1024, resumeWriterThreshold: 512));
        HttpServerOptions options = new() { Http2 = new Http2Options { MaxQueuedControlBytes = 2000, MaxProvokedResetBurst = 100_000, MaxConcurrentStreams = 1 } };
        Task serving = Http2Server.RunAsync(server, Hang, options, CancellationToken.None);
        Http2Peer peer = new(client);
        await peer.SendRawAsync([.. Http2Frame.Preface, .. Http2Peer.Frame(Http2FrameType.Settings, 0, 0, [])]);
        Task flood = Task.Run(async () =>
        {
            for (int id = 1; id < 200_001 && !serving.IsCompleted; id += 2)
                await peer.HeadersAsync(id, peer.Request("GET", "/"), end: true);
        });
        await serving.WaitAsync(TimeSpan.FromSeconds(60)); // it gives the connection up by itself
        await server.DisposeAsync();
        await client.DisposeAsync();
        await Task.WhenAny(flood);
    }

    [Fact]
    public async Task Data_that_gets_no_credit_is_given_up()
    {
        TaskCompletionSource ended = new();
        HttpServerOptions options = new() { Http2 = new Http2Options { SendStallTimeout = TimeSpan.FromMilliseconds(300), SendBuffer = 1000 } };
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(async exchange =>
        {
            exchange.ResponseBody.Write(new byte[5000]);
            await exchange.ResponseBody.FlushAsync();
            ended.TrySetResult();
        }, options);
        await peer.SettingAsync(Http2Setting.InitialWindowSize, 10);
        await peer.HeadersAsync(1, peer.Request("GET", "/"), end: true);
        Http2Peer.Received reset = await peer.ExpectAsync(Http2FrameType.RstStream);
        Assert.Equal((1, Http2ErrorCode.EnhanceYourCalm), (reset.StreamId, reset.Error));
        await ended.Task.WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Streams_beyond_the_limit_are_refused()
    {
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(Hang, s_options);
        for (int id = 1; id <= 11; id += 2)
            await peer.HeadersAsync(id, peer.Request("GET", "/"), end: true);
        Http2Peer.Received reset = await peer.ExpectAsync(Http2FrameType.RstStream);
        Assert.Equal((11, Http2ErrorCode.RefusedStream), (reset.StreamId, reset.Error));
        await peer.DisposeAsync();
    }

    [Fact]
    public async Task Pings_between_answers_are_no_abuse()
    {
        (Http2Peer peer, _) = await Http2Peer.ConnectAsync(static _ => ValueTask.CompletedTask, s_options);
        for (int i = 0; i < 100; i++)
        {
            for (int ping = 0; ping < 5; ping++)
                await peer.SendAsync(Http2FrameType.Ping, Http2Flags.None, 0, new byte[8]);
            int id = 1 + (2 * i);
            await peer.HeadersAsync(id, peer.Request("GET", "/"), end: true);
            Assert.Equal("200", (await peer.ResponseAsync(id)).Head[":status"]);
        }
    }
}
