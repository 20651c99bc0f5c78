using System.Buffers.Binary;
using AotRuntime.Http.Http2;
using static AotRuntime.Http.Http2.Http2ErrorCode;
using static AotRuntime.Http.Http2.Http2FrameType;

namespace AotRuntime.Tests.Unit.Http.Http2;

/// <summary>What RFC 9113 asks of what a server sends, and of what it takes in without sending anything, by section. See <see cref="Http2Target"/>.</summary>
public class Http2SendingConformanceTests
{
    private const Http2Flags End = Http2Flags.EndStream, EndHeaders = Http2Flags.EndHeaders, None = Http2Flags.None;

    private static Task Send(Http2Target t, Http2FrameType type, Http2Flags flags, int stream, params byte[] payload) => t.Peer.SendAsync(type, flags, stream, payload);

    /// <summary>All frames up to the answer to a PING.</summary>
    private static async Task<List<Http2Peer.Received>> FramesUntilPongAsync(Http2Target t)
    {
        byte[] opaque = "until me"u8.ToArray();
        await Send(t, Ping, None, 0, opaque);
        List<Http2Peer.Received> frames = [];
        while (true)
        {
            Http2Peer.Received frame = (await t.Peer.ReadAsync())!;
            Assert.NotEqual(GoAway, frame.Type);
            if (frame.Type == Ping && (frame.Flags & Http2Flags.Ack) != 0 && frame.Payload.AsSpan().SequenceEqual(opaque))
                return frames;
            frames.Add(frame);
        }
    }

    [Fact]
    public async Task S4_1_Undefined_flags_and_the_reserved_bit_are_never_set()
    {
        // Http2Peer looks at each frame that it reads; here is one of every kind that a server sends.
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.Peer.SettingAsync(Http2Setting.MaxConcurrentStreams, 1);
        await target.GetAsync(1, "/big");
        await target.Peer.HeadersAsync(3, target.Peer.Block(":method:GET"), end: true);
        HashSet<Http2FrameType> seen = [.. (await FramesUntilPongAsync(target)).Select(f => f.Type)];
        Assert.True(seen.Contains(RstStream) || seen.Contains(Headers));
        await target.Peer.HeadersAsync(2, target.Peer.Request("GET", "/"), end: true);
        Assert.Equal(ProtocolError, (await target.Peer.ExpectAsync(GoAway)).Error);
    }

    [Fact]
    public async Task S4_2_Frames_are_no_longer_than_the_peer_takes()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.Peer.SettingAsync(Http2Setting.InitialWindowSize, 1_000_000);
        await target.Peer.HeadersAsync(1, target.Peer.Request("GET", "/big"), end: true);
        int most = 0;
        for (int length = 0; length < 65_535;)
        {
            int one = (await target.Peer.ExpectAsync(Data)).Payload.Length;
            most = Math.Max(most, one);
            length += one;
        }
        Assert.InRange(most, 1, 16_384);
    }

    [Fact]
    public async Task S4_2_A_frame_of_16384_octets_is_taken()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.Peer.HeadersAsync(1, target.Peer.Request("POST", "/"), end: false);
        await Send(target, Data, End, 1, new byte[16_384]);
        Assert.Equal("200", (await target.AnswerAsync(1)).Status);
        byte[] head = target.Peer.Request("GET", "/");
        // Filled up with a field without indexing: its value's length needs three octets after a prefix of seven bits.
        int value = 16_384 - head.Length - 2 - 1 - 3;
        byte[] field = [0x00, 1, (byte)'x', 0x7f, (byte)(((value - 127) & 0x7f) | 0x80), (byte)((value - 127) >> 7), .. Enumerable.Repeat((byte)'v', value)];
        byte[] block = [.. head, .. field];
        Assert.Equal(16_384, block.Length);
        await Send(target, Headers, End | EndHeaders, 3, block);
        Assert.Equal("200", (await target.AnswerAsync(3)).Status);
    }

    [Theory]
    [InlineData((byte)Headers, 0x25, "00000001")] // END_HEADERS, END_STREAM, PRIORITY: five octets of priority
    [InlineData((byte)Headers, 0x0d, "")]         // PADDED without a pad length
    [InlineData((byte)GoAway, 0, "00000000000000")]
    [InlineData((byte)WindowUpdate, 0, "0000000001")]
    public async Task S4_2_A_frame_too_short_for_what_it_must_hold_ends_the_connection(byte type, byte flags, string payload)
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await Send(target, (Http2FrameType)type, (Http2Flags)flags, type == (byte)Headers ? 1 : 0, Convert.FromHexString(payload));
        await target.ExpectConnectionErrorAsync(FrameSizeError, ProtocolError);
    }

    [Fact]
    public async Task S4_3_1_A_smaller_table_is_said_first()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.GetAsync(1);
        await target.Peer.SettingAsync(Http2Setting.HeaderTableSize, 0);
        await target.ExpectAliveAsync(); // acknowledged by now
        await target.Peer.HeadersAsync(3, target.Peer.Request("GET", "/"), end: true);
        Assert.Equal(0x20, (await target.Peer.ExpectAsync(Headers)).Payload[0]); // RFC 7541 §6.3, size 0
    }

    [Fact]
    public async Task S5_1_2_Streams_beyond_the_limit_are_refused()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        Assert.InRange(target.MaxStreams, 1, 10_000);
        await target.Peer.SettingAsync(Http2Setting.InitialWindowSize, 0); // answers can't end, so no stream does
        int last = 1 + (2 * target.MaxStreams);
        Task sending = Task.Run(async () =>
        {
            for (int id = 1; id <= last; id += 2)
                await target.Peer.HeadersAsync(id, target.Peer.Request("GET", "/big"), end: true);
        });
        Http2Peer.Received refused = await target.Peer.ExpectAsync(RstStream, GoAway);
        await sending;
        Assert.Equal((RstStream, last), (refused.Type, refused.StreamId));
        Assert.Contains(refused.Error, (Http2ErrorCode[])[RefusedStream, ProtocolError]);
        await target.ExpectAliveAsync();
    }

    [Fact]
    public async Task S5_4_2_What_was_under_way_when_a_stream_was_reset_is_taken()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.Peer.HeadersAsync(1, target.Peer.Request("POST", "/"), end: false);
        await Send(target, WindowUpdate, None, 1, 0x7f, 0xff, 0xff, 0xff); // a stream's error
        await target.Peer.DataAsync(1, "under way", end: false);
        byte[] literal = [0x40, 1, (byte)'n', 1, (byte)'v']; // goes into the table, whatever became of the stream
        await Send(target, Headers, End | EndHeaders, 1, literal);
        await target.ExpectStreamErrorAsync(1, FlowControlError);
        // Newest in the table, index 62: without it this would be a decoding error, or another field.
        await Send(target, Headers, End | EndHeaders, 3, [.. target.Peer.Request("GET", "/"), 0xbe]);
        Assert.Equal("200", (await target.AnswerAsync(3)).Status);
    }

    [Fact]
    public async Task S5_4_2_RstStream_is_not_answered_with_RstStream()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.GetAsync(1);
        await Send(target, RstStream, None, 1, 0, 0, 0, 8);
        await target.Peer.HeadersAsync(3, target.Peer.Request("POST", "/"), end: false);
        await Send(target, RstStream, None, 3, 0, 0, 0, 8);
        Assert.DoesNotContain(await FramesUntilPongAsync(target), f => f.Type == RstStream);
    }

    [Fact]
    public async Task S6_4_Nothing_is_sent_on_a_stream_that_the_peer_has_reset()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.Peer.HeadersAsync(1, target.Peer.Request("GET", "/big"), end: true);
        await target.Peer.ExpectAsync(Data);
        await Send(target, RstStream, None, 1, 0, 0, 0, 8);
        await FramesUntilPongAsync(target); // what was under way
        await target.Peer.SendAsync(WindowUpdate, 0, 1_000_000);
        await target.Peer.SendAsync(WindowUpdate, 1, 1_000_000);
        Assert.DoesNotContain(await FramesUntilPongAsync(target), f => f.StreamId == 1);
    }

    [Fact]
    public async Task S6_5_2_A_server_announces_no_push_and_a_frame_size_within_the_range()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        Assert.Equal(Settings, target.First!.Type);
        Assert.InRange(target.MaxFrame, 16_384, 16_777_215);
        byte[] settings = target.First.Payload;
        Assert.Equal(0, settings.Length % 6);
        for (int i = 0; i < settings.Length; i += 6)
        {
            if (BinaryPrimitives.ReadUInt16BigEndian(settings.AsSpan(i)) == (ushort)Http2Setting.EnablePush)
                Assert.Equal(0u, BinaryPrimitives.ReadUInt32BigEndian(settings.AsSpan(i + 2)));
        }
    }

    [Fact]
    public async Task S6_5_3_Values_are_taken_in_their_order()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await Send(target, Settings, None, 0, 0, 4, 0, 0, 0, 100, 0, 4, 0, 0, 0, 7);
        await target.Peer.HeadersAsync(1, target.Peer.Request("GET", "/big"), end: true);
        Assert.Equal(7, (await target.Peer.ExpectAsync(Data)).Payload.Length);
    }

    [Fact]
    public async Task S6_9_Data_of_a_stream_that_was_reset_counts_for_the_connection()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.Peer.HeadersAsync(1, target.Peer.Request("POST", "/"), end: false);
        await Send(target, WindowUpdate, None, 1, 0x7f, 0xff, 0xff, 0xff); // resets it
        // More than any window of the connection: without credit for it the connection would have to end.
        int credit = 65_535;
        await Task.WhenAll(SendAsync(), CreditAsync()).WaitAsync(TimeSpan.FromSeconds(60));

        async Task SendAsync()
        {
            for (int sent = 0; sent < 3_000_000; sent += 16_000)
            {
                while (Volatile.Read(ref credit) < 16_000)
                    await Task.Delay(1);
                Interlocked.Add(ref credit, -16_000);
                await Send(target, Data, None, 1, new byte[16_000]);
            }
            await Send(target, Ping, None, 0, "all sent"u8.ToArray());
        }

        async Task CreditAsync()
        {
            while (true)
            {
                Http2Peer.Received frame = await target.Peer.ExpectAsync(WindowUpdate, Ping, GoAway);
                Assert.NotEqual(GoAway, frame.Type);
                if (frame.Type == Ping && (frame.Flags & Http2Flags.Ack) != 0)
                    return;
                if (frame.Type == Ping)
                    await Send(target, Ping, Http2Flags.Ack, 0, frame.Payload);
                else if (frame.StreamId == 0)
                    Interlocked.Add(ref credit, BinaryPrimitives.ReadInt32BigEndian(frame.Payload));
            }
        }
    }

    [Fact]
    public async Task S7_Unknown_error_codes_mean_nothing_special()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.Peer.HeadersAsync(1, target.Peer.Request("GET", "/big"), end: true);
        await Send(target, RstStream, None, 1, 0xde, 0xad, 0xbe, 0xef);
        await target.ExpectAliveAsync();
        await target.Peer.HeadersAsync(3, target.Peer.Request("GET", "/big"), end: true);
        await Send(target, GoAway, None, 0, 0, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef);
        Assert.True((await target.AnswerAsync(3)).Length >= 100_000);
    }
}
