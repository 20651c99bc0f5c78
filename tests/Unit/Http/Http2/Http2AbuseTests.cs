using AotRuntime.Http;
using AotRuntime.Http.Http2;

namespace AotRuntime.Tests.Unit.Http.Http2;

public class Http2AbuseTests
{
    private static readonly HttpServerOptions s_options = new()
    {
        Http2 = new Http2Options { MaxResetBurst = 20, MaxResetsPerSecond = 1, MaxIdleControlFrames = 50, MaxEmptyDataFrames = 10, MaxConcurrentStreams = 5, MaxContinuationFrames = 4, MaxQueuedControlBytes = 2000 },
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
        await serving.WaitAsync(TimeSpan.FromSeconds(10));
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
