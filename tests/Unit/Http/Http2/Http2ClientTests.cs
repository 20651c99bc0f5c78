using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography;
using AotRuntime.Http;
using AotRuntime.Http.Http2;

namespace AotRuntime.Tests.Unit.Http.Http2;

public class Http2ClientTests
{
    private static Http2ClientConnection Connect(HttpRequestHandler handler, HttpServerOptions? options = null)
    {
        (TransportConnection client, TransportConnection server) = MemoryTransport.CreatePair();
        _ = Http2Server.RunAsync(server, handler, options ?? new HttpServerOptions(), CancellationToken.None);
        return new Http2ClientConnection(client, "host");
    }

    private static async Task<(Http2ClientConnection Client, Http2Peer Server)> ConnectRawAsync()
    {
        (TransportConnection client, TransportConnection server) = MemoryTransport.CreatePair();
        Http2ClientConnection connection = new(client, "host");
        Http2Peer peer = new(server);
        ReadResult preface = await server.Input.ReadAtLeastAsync(Http2Frame.Preface.Length);
        Assert.True(preface.Buffer.Slice(0, Http2Frame.Preface.Length).ToArray().AsSpan().SequenceEqual(Http2Frame.Preface));
        server.Input.AdvanceTo(preface.Buffer.GetPosition(Http2Frame.Preface.Length));
        await peer.SendAsync(Http2FrameType.Settings, Http2Flags.None, 0, []);
        return (connection, peer);
    }

    private static async ValueTask EchoAsync(HttpExchange exchange)
    {
        while (true)
        {
            ReadResult read = await exchange.RequestBody.ReadAsync();
            foreach (ReadOnlyMemory<byte> segment in read.Buffer)
                exchange.ResponseBody.Write(segment.Span);
            exchange.RequestBody.AdvanceTo(read.Buffer.End);
            await exchange.ResponseBody.FlushAsync();
            if (read.IsCompleted)
                return;
        }
    }

    [Fact]
    public async Task Many_large_bodies_go_both_ways_at_once()
    {
        await using Http2ClientConnection client = Connect(EchoAsync, new HttpServerOptions { Http2 = new Http2Options { StreamWindow = 70_000, ConnectionWindow = 100_000 } });
        await Task.WhenAll(Enumerable.Range(0, 20).Select(async seed =>
        {
            byte[] sent = new byte[1_000_000 + seed];
            new Random(seed).NextBytes(sent);
            await using HttpResponse response = await client.SendAsync(new HttpRequest
            {
                Method = "POST",
                Target = "/",
                Body = async (writer, cancellation) =>
                {
                    for (int i = 0; i < sent.Length; i += 33_333)
                        await writer.WriteAsync(sent.AsMemory(i, Math.Min(33_333, sent.Length - i)), cancellation);
                },
            });
            ReadResult all = await response.Body.ReadAtLeastAsync(sent.Length + 1);
            Assert.Equal(SHA256.HashData(sent), SHA256.HashData(all.Buffer.ToArray()));
        })).WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Thousands_of_small_requests_run_side_by_side()
    {
        await using Http2ClientConnection client = Connect(exchange =>
        {
            exchange.ResponseBody.Write(System.Text.Encoding.ASCII.GetBytes(exchange.Path));
            return ValueTask.CompletedTask;
        });
        await Task.WhenAll(Enumerable.Range(0, 50).Select(async worker =>
        {
            for (int i = 0; i < 100; i++)
            {
                await using HttpResponse response = await client.SendAsync(new HttpRequest { Target = $"/{worker}/{i}" });
                ReadResult body = await response.Body.ReadAtLeastAsync(100);
                Assert.Equal($"/{worker}/{i}", System.Text.Encoding.ASCII.GetString(body.Buffer.ToArray()));
            }
        })).WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Interim_responses_are_passed_over()
    {
        (Http2ClientConnection client, Http2Peer server) = await ConnectRawAsync();
        ValueTask<HttpResponse> sending = client.SendAsync(new HttpRequest { Target = "/" });
        await server.ExpectAsync(Http2FrameType.Headers);
        await server.HeadersAsync(1, server.Block(":status:103", "link:x"), end: false);
        await server.HeadersAsync(1, server.Block(":status:204"), end: true);
        await using HttpResponse response = await sending;
        Assert.Equal(204, response.StatusCode);
        Assert.Null(response.Headers["link"]);
    }

    [Fact]
    public async Task The_servers_limit_on_streams_makes_requests_wait()
    {
        (Http2ClientConnection client, Http2Peer server) = await ConnectRawAsync();
        await server.SettingAsync(Http2Setting.MaxConcurrentStreams, 2);
        await server.ExpectAsync(Http2FrameType.Settings);
        while (await server.ReadAsync() is not { Type: Http2FrameType.Settings })
        {
        }
        while (await server.ReadAsync() is not { Type: Http2FrameType.Settings })
        {
        }
        ValueTask<HttpResponse>[] sending = [.. Enumerable.Range(0, 4).Select(i => client.SendAsync(new HttpRequest { Target = $"/{i}" }))];
        await server.ExpectAsync(Http2FrameType.Headers);
        await server.ExpectAsync(Http2FrameType.Headers);
        await server.SendAsync(Http2FrameType.Ping, Http2Flags.None, 0, new byte[8]);
        Assert.Equal(Http2FrameType.Ping, (await server.ExpectAsync(Http2FrameType.Headers, Http2FrameType.Ping)).Type);
        await server.HeadersAsync(3, server.Block(":status:200"), end: true);
        Assert.Equal(5, (await server.ExpectAsync(Http2FrameType.Headers)).StreamId);
        await server.HeadersAsync(1, server.Block(":status:200"), end: true);
        Assert.Equal(7, (await server.ExpectAsync(Http2FrameType.Headers)).StreamId);
        await server.HeadersAsync(5, server.Block(":status:200"), end: true);
        await server.HeadersAsync(7, server.Block(":status:200"), end: true);
        foreach (ValueTask<HttpResponse> one in sending)
            Assert.Equal(200, (await one).StatusCode);
    }

    [Fact]
    public async Task Goaway_fails_what_was_not_processed_and_finishes_the_rest()
    {
        (Http2ClientConnection client, Http2Peer server) = await ConnectRawAsync();
        ValueTask<HttpResponse> first = client.SendAsync(new HttpRequest { Target = "/1" });
        await server.ExpectAsync(Http2FrameType.Headers);
        ValueTask<HttpResponse> second = client.SendAsync(new HttpRequest { Target = "/2" });
        await server.ExpectAsync(Http2FrameType.Headers);
        await server.SendAsync(Http2FrameType.GoAway, Http2Flags.None, 0, [0, 0, 0, 1, 0, 0, 0, 0]);
        Http2StreamException lost = await Assert.ThrowsAsync<Http2StreamException>(async () => await second);
        Assert.True(lost.NotProcessed);
        Assert.False(client.IsOpen);
        await server.HeadersAsync(1, server.Block(":status:200"), end: true);
        Assert.Equal(200, (await first).StatusCode);
        await Assert.ThrowsAsync<Http2StreamException>(async () => await client.SendAsync(new HttpRequest { Target = "/3" }));
    }

    [Fact]
    public async Task Cancelling_and_disposing_reset_the_stream()
    {
        (Http2ClientConnection client, Http2Peer server) = await ConnectRawAsync();
        using CancellationTokenSource cancel = new();
        ValueTask<HttpResponse> sending = client.SendAsync(new HttpRequest { Target = "/" }, cancel.Token);
        await server.ExpectAsync(Http2FrameType.Headers);
        cancel.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await sending);
        Assert.Equal(Http2ErrorCode.Cancel, (await server.ExpectAsync(Http2FrameType.RstStream)).Error);

        ValueTask<HttpResponse> other = client.SendAsync(new HttpRequest { Target = "/" });
        await server.ExpectAsync(Http2FrameType.Headers);
        await server.HeadersAsync(3, server.Block(":status:200"), end: false);
        await (await other).DisposeAsync();
        Http2Peer.Received reset = await server.ExpectAsync(Http2FrameType.RstStream);
        Assert.Equal((3, Http2ErrorCode.Cancel), (reset.StreamId, reset.Error));
    }

    [Fact]
    public async Task A_request_that_was_begun_and_not_sent_when_the_connection_went_fails()
    {
        (TransportConnection near, TransportConnection far) = MemoryTransport.CreatePair();
        Http2ClientConnection client = new(near);
        Http2ClientResponse begun = client.Begin("POST", "/", new HttpHeaders(), hasBody: true);
        await far.DisposeAsync();
        await client.DisposeAsync();
        begun.SendHead();
        Http2StreamException lost = await Assert.ThrowsAsync<Http2StreamException>(() => begun.Arrived.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.True(lost.NotProcessed);
    }

    [Fact]
    public async Task A_lost_connection_fails_requests_and_bodies()
    {
        (Http2ClientConnection client, Http2Peer server) = await ConnectRawAsync();
        ValueTask<HttpResponse> waiting = client.SendAsync(new HttpRequest { Target = "/" });
        ValueTask<HttpResponse> begun = client.SendAsync(new HttpRequest { Target = "/" });
        await server.ExpectAsync(Http2FrameType.Headers);
        await server.ExpectAsync(Http2FrameType.Headers);
        await server.HeadersAsync(3, server.Block(":status:200"), end: false);
        HttpResponse response = await begun;
        await server.DisposeAsync();
        await Assert.ThrowsAsync<Http2StreamException>(async () => await waiting);
        await Assert.ThrowsAsync<Http2StreamException>(async () => await response.Body.ReadAsync());
        Assert.False(client.IsOpen);
    }
}
