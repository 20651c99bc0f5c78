using System.Buffers;
using System.IO.Pipelines;
using AotRuntime.Http;
using AotRuntime.Http.Http2;
using static AotRuntime.Http.Http2.Http2ErrorCode;
using static AotRuntime.Http.Http2.Http2FrameType;

namespace AotRuntime.Tests.Unit.Http.Http2;

/// <summary>What RFC 9113 asks of a client, by section: our client against hand-made servers.</summary>
public class Http2ClientConformanceTests
{
    private static readonly byte[] s_four = [0, 0, 0, 1];

    private static async Task<(Http2Peer Server, Task<HttpResponse> Response)> RequestAsync(string method = "GET")
    {
        (TransportConnection near, TransportConnection far) = MemoryTransport.CreatePair();
        Http2ClientConnection client = new(near, "host");
        Http2Peer server = new(far);
        ReadResult preface = await far.Input.ReadAtLeastAsync(Http2Frame.Preface.Length);
        far.Input.AdvanceTo(preface.Buffer.GetPosition(Http2Frame.Preface.Length));
        Assert.Equal(Settings, (await server.ReadAsync())!.Type); // §3.4
        await server.SendAsync(Settings, Http2Flags.None, 0, []);
        Task<HttpResponse> response = client.SendAsync(new HttpRequest { Method = method, Target = "/" }).AsTask();
        Assert.Equal(1, (await server.ExpectAsync(Headers)).StreamId);
        return (server, response);
    }

    private static async Task ConnectionErrorAsync(Func<Http2Peer, Task> breach, Http2ErrorCode code)
    {
        (Http2Peer server, Task<HttpResponse> response) = await RequestAsync();
        await breach(server);
        Assert.Equal(code, (await server.ExpectAsync(GoAway)).Error);
        await Assert.ThrowsAnyAsync<IOException>(async () => await response.WaitAsync(TimeSpan.FromSeconds(60)));
        await server.DisposeAsync();
    }

    private static async Task MalformedAsync(Func<Http2Peer, Task> answer, bool arrives = false)
    {
        (Http2Peer server, Task<HttpResponse> response) = await RequestAsync();
        await answer(server);
        Http2Peer.Received reset = await server.ExpectAsync(RstStream, GoAway);
        Assert.Equal((RstStream, 1, ProtocolError), (reset.Type, reset.StreamId, reset.Error));
        await Assert.ThrowsAnyAsync<IOException>(async () =>
        {
            HttpResponse head = await response.WaitAsync(TimeSpan.FromSeconds(60));
            Assert.True(arrives);
            await head.ReadBodyAsync();
        });
        await server.DisposeAsync();
    }

    [Fact]
    public async Task S3_4_The_servers_first_frame_must_be_Settings()
    {
        (TransportConnection near, TransportConnection far) = MemoryTransport.CreatePair();
        Http2ClientConnection client = new(near, "host");
        Http2Peer server = new(far);
        ReadResult preface = await far.Input.ReadAtLeastAsync(Http2Frame.Preface.Length);
        far.Input.AdvanceTo(preface.Buffer.GetPosition(Http2Frame.Preface.Length));
        await server.SendAsync(Ping, Http2Flags.None, 0, new byte[8]);
        Assert.Equal(ProtocolError, (await server.ExpectAsync(GoAway)).Error);
        Assert.False(client.IsOpen);
    }

    [Fact]
    public Task S4_2_A_frame_beyond_the_limit() => ConnectionErrorAsync(s => s.SendAsync(Data, Http2Flags.None, 1, new byte[(1 << 20) + 1]), FrameSizeError);

    [Fact]
    public Task S4_3_A_block_that_cannot_be_decoded() => ConnectionErrorAsync(s => s.HeadersAsync(1, [0x80], end: true), CompressionError);

    [Fact]
    public Task S5_1_Data_on_a_stream_not_begun() => ConnectionErrorAsync(s => s.DataAsync(3, "x", end: false), ProtocolError);

    [Fact]
    public Task S5_1_Headers_on_a_stream_not_begun() => ConnectionErrorAsync(s => s.HeadersAsync(3, s.Block(":status:200"), end: true), ProtocolError);

    [Fact]
    public Task S5_1_1_A_servers_own_stream() => ConnectionErrorAsync(s => s.HeadersAsync(2, s.Block(":status:200"), end: true), ProtocolError);

    [Fact]
    public Task S5_1_RstStream_on_a_stream_not_begun() => ConnectionErrorAsync(s => s.SendAsync(RstStream, Http2Flags.None, 3, s_four), ProtocolError);

    [Fact]
    public Task S6_5_2_A_server_does_not_enable_push() => ConnectionErrorAsync(s => s.SettingAsync(Http2Setting.EnablePush, 1), ProtocolError);

    [Fact]
    public Task S6_6_Push_was_refused() => ConnectionErrorAsync(s => s.SendAsync(PushPromise, Http2Flags.EndHeaders, 1, [0, 0, 0, 2, 0x82]), ProtocolError);

    [Fact]
    public Task S6_9_A_window_update_of_0() => ConnectionErrorAsync(s => s.SendAsync(WindowUpdate, Http2Flags.None, 0, new byte[4]), ProtocolError);

    [Fact]
    public Task S6_9_1_The_windows_limit() => ConnectionErrorAsync(s => s.SendAsync(WindowUpdate, 0, 0x7fffffff), FlowControlError);

    [Fact]
    public Task S8_1_Data_before_Headers() => MalformedAsync(s => s.DataAsync(1, "x", end: false));

    [Fact]
    public Task S8_1_An_interim_response_does_not_end_the_stream() => MalformedAsync(s => s.HeadersAsync(1, s.Block(":status:103"), end: true));

    [Fact]
    public Task S8_1_Trailers_end_the_stream() => MalformedAsync(async s =>
    {
        await s.HeadersAsync(1, s.Block(":status:200"), end: false);
        await s.HeadersAsync(1, s.Block("x-t:1"), end: false);
    }, arrives: true);

    [Fact]
    public Task S8_1_1_The_body_is_as_long_as_content_length_says() => MalformedAsync(async s =>
    {
        await s.HeadersAsync(1, s.Block(":status:200", "content-length:5"), end: false);
        await s.DataAsync(1, "xy", end: true);
    }, arrives: true);

    [Fact]
    public async Task S8_1_1_The_length_of_an_answer_to_Head_tells_of_no_body()
    {
        (Http2Peer server, Task<HttpResponse> response) = await RequestAsync("HEAD");
        await server.HeadersAsync(1, server.Block(":status:200", "content-length:5"), end: true);
        Assert.Equal(200, (await response).StatusCode);
        Assert.Empty(await (await response).ReadBodyAsync());
    }

    [Fact]
    public async Task S8_1_A_complete_answer_is_kept_though_the_rest_of_the_request_is_not_wanted()
    {
        (TransportConnection near, TransportConnection far) = MemoryTransport.CreatePair();
        Http2ClientConnection client = new(near, "host");
        Http2Peer server = new(far);
        ReadResult preface = await far.Input.ReadAtLeastAsync(Http2Frame.Preface.Length);
        far.Input.AdvanceTo(preface.Buffer.GetPosition(Http2Frame.Preface.Length));
        await server.SendAsync(Settings, Http2Flags.None, 0, []);
        TaskCompletionSource cancelled = new();
        Task<HttpResponse> response = client.SendAsync(new HttpRequest
        {
            Method = "POST",
            Target = "/",
            Body = async (writer, token) =>
            {
                using CancellationTokenRegistration registration = token.Register(cancelled.SetResult);
                await writer.WriteAsync("beginning"u8.ToArray(), token);
                await Task.Delay(Timeout.Infinite, token);
            },
        }).AsTask();
        await server.ExpectAsync(Data);
        await server.HeadersAsync(1, server.Block(":status:413"), end: false);
        await server.DataAsync(1, "too much", end: true);
        await server.SendAsync(RstStream, Http2Flags.None, 1, new byte[4]);
        HttpResponse arrived = await response.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal((413, "too much"), (arrived.StatusCode, await arrived.ReadTextAsync()));
        await cancelled.Task.WaitAsync(TimeSpan.FromSeconds(60)); // and the body's writer is told
        await server.DisposeAsync();
    }

    [Fact]
    public async Task S8_2_Requests_are_what_HTTP_2_has_them_be()
    {
        (TransportConnection near, TransportConnection far) = MemoryTransport.CreatePair();
        Http2ClientConnection client = new(near, "host");
        Http2Peer server = new(far);
        ReadResult preface = await far.Input.ReadAtLeastAsync(Http2Frame.Preface.Length);
        far.Input.AdvanceTo(preface.Buffer.GetPosition(Http2Frame.Preface.Length));
        await server.SendAsync(Settings, Http2Flags.None, 0, []);
        HttpHeaders headers = new()
        {
            { "X-Upper", "1" }, { "Connection", "x" }, { "Proxy-Connection", "x" }, { "Keep-Alive", "x" }, { "Transfer-Encoding", "chunked" }, { "Upgrade", "tcp" }, { "Host", "other" },
        };
        _ = client.SendAsync(new HttpRequest { Target = "/p?q", Headers = headers }).AsTask();
        Dictionary<string, string> fields = (await server.ExpectAsync(Headers)).Fields;
        // §8.2: names in lower case; §8.2.2: no connection-specific fields; §8.3.1: ":authority" and no Host.
        Assert.Equal([(":authority", "other"), (":method", "GET"), (":path", "/p?q"), (":scheme", "http"), ("x-upper", "1")], fields.Select(f => (f.Key, f.Value)).Order());
        await server.DisposeAsync();
    }

    [Theory]
    [InlineData("Upper:1")]
    [InlineData("connection:close")]
    [InlineData("transfer-encoding:chunked")]
    [InlineData("x-a: blank")]
    [InlineData(":path:/")]
    [InlineData(":status:204")]
    public Task S8_2_Malformed_fields(string field) => MalformedAsync(s => s.HeadersAsync(1, s.Block(":status:200", field), end: true));

    [Theory]
    [InlineData("x-a:1")]
    [InlineData(":status:abc")]
    [InlineData(":status:99")]
    [InlineData(":status:101")]
    public Task S8_3_2_A_status_there_must_be(string field) => MalformedAsync(s => s.HeadersAsync(1, s.Block(field), end: true));
}
