using AotRuntime.Http.Http2;
using static AotRuntime.Http.Http2.Http2ErrorCode;
using static AotRuntime.Http.Http2.Http2FrameType;

namespace AotRuntime.Tests.Unit.Http.Http2;

/// <summary>What RFC 9113 says of frames (§3 to §6), by section. See <see cref="Http2Target"/> for the server under test.</summary>
public class Http2FrameConformanceTests
{
    private const Http2Flags End = Http2Flags.EndStream, EndHeaders = Http2Flags.EndHeaders, None = Http2Flags.None, Padded = Http2Flags.Padded;

    private static readonly byte[] s_four = [0, 0, 0, 1];

    /// <summary>Runs <paramref name="breach"/> on a fresh connection, which must end with one of the codes.</summary>
    private static async Task ConnectionErrorAsync(Func<Http2Target, Task> breach, params Http2ErrorCode[] codes)
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await breach(target);
        await target.ExpectConnectionErrorAsync(codes);
    }

    private static async Task StreamErrorAsync(int streamId, Func<Http2Target, Task> breach, params Http2ErrorCode[] codes)
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await breach(target);
        await target.ExpectStreamErrorAsync(streamId, codes);
    }

    private static async Task AcceptedAsync(Func<Http2Target, Task> harmless)
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await harmless(target);
        await target.ExpectAliveAsync();
    }

    private static Task Send(Http2Target t, Http2FrameType type, Http2Flags flags, int stream, params byte[] payload) => t.Peer.SendAsync(type, flags, stream, payload);

    private static Task Get(Http2Target t, int stream) => t.Peer.HeadersAsync(stream, t.Peer.Request("GET", "/"), end: true);

    private static Task Post(Http2Target t, int stream) => t.Peer.HeadersAsync(stream, t.Peer.Request("POST", "/"), end: false);

    [Fact]
    public async Task S3_4_The_servers_first_frame_is_Settings()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        Assert.Equal((Settings, None, 0), (target.First!.Type, target.First.Flags, target.First.StreamId));
    }

    [Fact]
    public async Task S3_4_A_wrong_preface_ends_the_connection()
    {
        await using Http2Target target = await Http2Target.OpenAsync(greet: false, preface: false);
        await target.Peer.SendRawAsync("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\nGET / HTTP/9.9\r\n\r\n"u8.ToArray());
        try
        {
            while (await target.Peer.ReadAsync() is not null)
            {
            }
        }
        catch (IOException)
        {
            return; // reset: ended as well
        }
    }

    [Fact]
    public async Task S3_4_The_clients_first_frame_must_be_Settings()
    {
        await using Http2Target target = await Http2Target.OpenAsync(greet: false);
        await Send(target, Ping, None, 0, new byte[8]);
        await target.ExpectConnectionErrorAsync(ProtocolError);
    }

    [Fact]
    public Task S4_1_Unknown_frame_types_are_ignored() => AcceptedAsync(async t =>
    {
        await Send(t, (Http2FrameType)0xb7, (Http2Flags)0xff, 0, 1, 2, 3);
        await Send(t, (Http2FrameType)0xb8, None, 99, 1, 2, 3);
    });

    [Fact]
    public Task S4_1_Undefined_flags_and_the_reserved_bit_are_ignored() => AcceptedAsync(async t =>
    {
        byte[] ping = Http2Peer.Frame(Ping, (Http2Flags)0xd6, 0, new byte[8]);
        ping[5] |= 0x80;
        await t.Peer.SendRawAsync(ping);
        Assert.Equal(Http2Flags.Ack, (await t.Peer.ExpectAsync(Ping)).Flags);
    });

    [Fact]
    public Task S4_2_A_Data_frame_beyond_the_limit_is_an_error() => ConnectionErrorAsync(async t =>
    {
        await Post(t, 1);
        await Send(t, Data, None, 1, new byte[t.MaxFrame + 1]);
    }, FrameSizeError);

    [Fact]
    public Task S4_2_A_Headers_frame_beyond_the_limit_ends_the_connection() => ConnectionErrorAsync(t =>
        Send(t, Headers, End | EndHeaders, 1, new byte[t.MaxFrame + 1]), FrameSizeError, EnhanceYourCalm);

    [Fact]
    public Task S4_2_A_Settings_frame_beyond_the_limit_ends_the_connection() => ConnectionErrorAsync(t =>
        Send(t, Settings, None, 0, new byte[(t.MaxFrame + 6) / 6 * 6]), FrameSizeError);

    [Fact]
    public Task S4_3_A_block_that_cannot_be_decoded_ends_the_connection() => ConnectionErrorAsync(t => Send(t, Headers, End | EndHeaders, 1, 0x80), CompressionError);

    [Fact]
    public Task S4_3_A_block_is_not_interrupted_by_another_stream() => ConnectionErrorAsync(async t =>
    {
        await Send(t, Headers, End, 1, 0x82);
        await Get(t, 3);
    }, ProtocolError);

    [Fact]
    public Task S4_3_A_block_is_not_interrupted_by_a_frame_of_its_stream() => ConnectionErrorAsync(async t =>
    {
        await Send(t, Headers, None, 1, 0x82);
        await Send(t, Data, End, 1);
    }, ProtocolError);

    [Fact]
    public Task S4_3_A_continuation_belongs_to_its_own_stream() => ConnectionErrorAsync(async t =>
    {
        await Send(t, Headers, End, 1, 0x82);
        await Send(t, Continuation, EndHeaders, 3, 0x86, 0x84);
    }, ProtocolError);

    [Fact]
    public Task S5_1_Idle_Data_ends_the_connection() => ConnectionErrorAsync(t => Send(t, Data, End, 1, 1), ProtocolError, StreamClosed);

    [Fact]
    public Task S5_1_Idle_RstStream_ends_the_connection() => ConnectionErrorAsync(t => Send(t, RstStream, None, 1, s_four), ProtocolError);

    [Fact]
    public Task S5_1_Idle_WindowUpdate_ends_the_connection() => ConnectionErrorAsync(t => Send(t, WindowUpdate, None, 1, s_four), ProtocolError);

    [Fact]
    public Task S5_1_Idle_Continuation_ends_the_connection() => ConnectionErrorAsync(t => Send(t, Continuation, EndHeaders, 1, 0x82), ProtocolError);

    [Fact]
    public Task S5_1_Idle_Priority_is_allowed() => AcceptedAsync(t => Send(t, Priority, None, 7, 0, 0, 0, 0, 15));

    [Fact]
    public Task S5_1_Half_closed_Data_is_an_error() => StreamErrorAsync(1, async t =>
    {
        await t.Peer.HeadersAsync(1, t.Peer.Request("GET", "/big"), end: true);
        await Send(t, Data, End, 1, 1);
    }, StreamClosed);

    [Fact]
    public Task S5_1_Half_closed_Headers_is_an_error() => StreamErrorAsync(1, async t =>
    {
        await t.Peer.HeadersAsync(1, t.Peer.Request("GET", "/big"), end: true);
        await t.Peer.HeadersAsync(1, t.Peer.Block("x-t:1"), end: true);
    }, StreamClosed);

    [Fact]
    public Task S5_1_Half_closed_WindowUpdate_Priority_and_RstStream_are_allowed() => AcceptedAsync(async t =>
    {
        await t.Peer.HeadersAsync(1, t.Peer.Request("GET", "/big"), end: true);
        await Send(t, WindowUpdate, None, 1, s_four);
        await Send(t, Priority, None, 1, 0, 0, 0, 0, 15);
        await Send(t, RstStream, None, 1, 0, 0, 0, 8);
    });

    [Fact]
    public Task S5_1_Closed_by_RstStream_Data_is_an_error() => StreamErrorAsync(1, async t =>
    {
        await Post(t, 1);
        await Send(t, RstStream, None, 1, 0, 0, 0, 8);
        await Send(t, Data, End, 1, 1);
    }, StreamClosed);

    [Fact]
    public Task S5_1_Closed_by_RstStream_Headers_is_an_error() => StreamErrorAsync(1, async t =>
    {
        await Post(t, 1);
        await Send(t, RstStream, None, 1, 0, 0, 0, 8);
        await Get(t, 1);
    }, StreamClosed, ProtocolError);

    [Fact]
    public Task S5_1_Closed_Data_is_an_error() => StreamErrorAsync(1, async t =>
    {
        await t.GetAsync(1);
        await Send(t, Data, End, 1, 1);
    }, StreamClosed);

    [Fact]
    public Task S5_1_Closed_Headers_ends_the_connection() => ConnectionErrorAsync(async t =>
    {
        await t.GetAsync(1);
        await Get(t, 1);
    }, StreamClosed, ProtocolError);

    [Fact]
    public Task S5_1_Closed_WindowUpdate_RstStream_and_Priority_are_ignored() => AcceptedAsync(async t =>
    {
        await t.GetAsync(1);
        await Send(t, WindowUpdate, None, 1, s_four);
        await Send(t, Priority, None, 1, 0, 0, 0, 0, 15);
        await Send(t, RstStream, None, 1, 0, 0, 0, 8);
    });

    [Fact]
    public Task S5_1_1_An_even_id_from_a_client_ends_the_connection() => ConnectionErrorAsync(t => Get(t, 2), ProtocolError);

    [Fact]
    public Task S5_1_1_Ids_must_grow() => ConnectionErrorAsync(async t =>
    {
        await t.GetAsync(5);
        await Get(t, 3);
    }, ProtocolError, StreamClosed);

    [Fact]
    public async Task S5_1_1_Ids_may_be_left_out()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        Assert.Equal("200", (await target.GetAsync(1)).Status);
        Assert.Equal("200", (await target.GetAsync(7777)).Status);
    }

    [Fact]
    public Task S5_5_An_unknown_frame_within_a_block_ends_the_connection() => ConnectionErrorAsync(async t =>
    {
        await Send(t, Headers, End, 1, 0x82);
        await Send(t, (Http2FrameType)0xb7, None, 1, 1);
    }, ProtocolError);

    [Fact]
    public Task S6_1_Data_on_stream_0() => ConnectionErrorAsync(t => Send(t, Data, End, 0, 1), ProtocolError);

    [Fact]
    public Task S6_1_Padding_as_long_as_the_payload() => ConnectionErrorAsync(async t =>
    {
        await Post(t, 1);
        await Send(t, Data, End | Padded, 1, 5, 1, 2, 3, 4);
    }, ProtocolError);

    [Fact]
    public async Task S6_1_Padding_is_no_data()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await Post(target, 1);
        await Send(target, Data, Padded, 1, 3, 1, 0, 0, 0);
        await Send(target, Data, End | Padded, 1, [255, .. new byte[255]]);
        Assert.Equal("200", (await target.AnswerAsync(1)).Status);
    }

    [Fact]
    public Task S6_2_Headers_on_stream_0() => ConnectionErrorAsync(t => t.Peer.HeadersAsync(0, t.Peer.Request("GET", "/"), end: true), ProtocolError);

    [Fact]
    public Task S6_2_Padding_as_long_as_the_payload() => ConnectionErrorAsync(t => Send(t, Headers, End | EndHeaders | Padded, 1, 4, 0x82, 0x86, 0x84), ProtocolError);

    [Fact]
    public async Task S6_2_Padding_and_priority_are_passed_over()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await Send(target, Headers, End | EndHeaders | Padded | Http2Flags.Priority, 1, [2, 0, 0, 0, 3, 16, .. target.Peer.Request("GET", "/"), 0, 0]);
        Assert.Equal("200", (await target.AnswerAsync(1)).Status);
    }

    [Fact]
    public Task S6_3_Priority_on_stream_0() => ConnectionErrorAsync(t => Send(t, Priority, None, 0, 0, 0, 0, 0, 15), ProtocolError);

    [Fact]
    public Task S6_3_Priority_of_another_length() => StreamErrorAsync(1, async t =>
    {
        await Post(t, 1);
        await Send(t, Priority, None, 1, 0, 0, 0, 15);
    }, FrameSizeError);

    [Fact]
    public Task S6_4_RstStream_on_stream_0() => ConnectionErrorAsync(t => Send(t, RstStream, None, 0, s_four), ProtocolError);

    [Fact]
    public Task S6_4_RstStream_of_another_length() => ConnectionErrorAsync(async t =>
    {
        await Post(t, 1);
        await Send(t, RstStream, None, 1, 0, 0, 1);
    }, FrameSizeError);

    [Fact]
    public Task S6_5_An_acknowledgement_with_payload() => ConnectionErrorAsync(t => Send(t, Settings, Http2Flags.Ack, 0, 0, 4, 0, 0, 0, 0), FrameSizeError);

    [Fact]
    public Task S6_5_Settings_on_a_stream() => ConnectionErrorAsync(t => Send(t, Settings, None, 1), ProtocolError);

    [Fact]
    public Task S6_5_Settings_of_a_length_that_is_no_multiple_of_6() => ConnectionErrorAsync(t => Send(t, Settings, None, 0, 0, 4, 0), FrameSizeError);

    [Fact]
    public Task S6_5_2_EnablePush_is_0_or_1() => ConnectionErrorAsync(t => t.Peer.SettingAsync(Http2Setting.EnablePush, 2), ProtocolError);

    [Fact]
    public Task S6_5_2_InitialWindowSize_is_at_most_2147483647() => ConnectionErrorAsync(t => t.Peer.SettingAsync(Http2Setting.InitialWindowSize, 0x80000000), FlowControlError);

    [Fact]
    public Task S6_5_2_MaxFrameSize_is_at_least_16384() => ConnectionErrorAsync(t => t.Peer.SettingAsync(Http2Setting.MaxFrameSize, 16383), ProtocolError);

    [Fact]
    public Task S6_5_2_MaxFrameSize_is_at_most_16777215() => ConnectionErrorAsync(t => t.Peer.SettingAsync(Http2Setting.MaxFrameSize, 16777216), ProtocolError);

    [Fact]
    public Task S6_5_2_Unknown_settings_are_ignored() => AcceptedAsync(t => t.Peer.SettingAsync((Http2Setting)0xb7, 1));

    [Fact]
    public async Task S6_5_3_Settings_are_acknowledged_each()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.Peer.SettingAsync(Http2Setting.MaxConcurrentStreams, 100);
        int acknowledged = 0;
        while (acknowledged < 2)
        {
            Http2Peer.Received frame = (await target.Peer.ReadAsync())!;
            acknowledged += frame is { Type: Settings, Flags: Http2Flags.Ack, Payload: [] } ? 1 : 0;
        }
    }

    [Fact]
    public Task S6_6_PushPromise_from_a_client() => ConnectionErrorAsync(async t =>
    {
        await Post(t, 1);
        await Send(t, PushPromise, EndHeaders, 1, 0, 0, 0, 2, 0x82, 0x86, 0x84);
    }, ProtocolError);

    [Fact]
    public async Task S6_7_A_Ping_is_answered_with_its_own_octets()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await Send(target, Ping, None, 0, 1, 2, 3, 4, 5, 6, 7, 8);
        Http2Peer.Received pong = await target.Peer.ExpectAsync(Ping);
        Assert.Equal((Http2Flags.Ack, 0), (pong.Flags, pong.StreamId));
        Assert.Equal<byte>([1, 2, 3, 4, 5, 6, 7, 8], pong.Payload);
    }

    [Fact]
    public Task S6_7_An_answer_to_no_Ping_is_not_answered() => AcceptedAsync(t => Send(t, Ping, Http2Flags.Ack, 0, new byte[8]));

    [Fact]
    public Task S6_7_Ping_on_a_stream() => ConnectionErrorAsync(t => Send(t, Ping, None, 1, new byte[8]), ProtocolError);

    [Fact]
    public Task S6_7_Ping_of_another_length() => ConnectionErrorAsync(t => Send(t, Ping, None, 0, 1, 2, 3), FrameSizeError);

    [Fact]
    public Task S6_8_GoAway_on_a_stream() => ConnectionErrorAsync(t => Send(t, GoAway, None, 1, new byte[8]), ProtocolError);

    [Fact]
    public async Task S6_8_What_was_begun_before_a_clients_GoAway_is_finished()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.Peer.HeadersAsync(1, target.Peer.Request("GET", "/big"), end: true);
        await Send(target, GoAway, None, 0, new byte[8]);
        Assert.True((await target.AnswerAsync(1)).Length >= 100_000);
    }

    [Fact]
    public Task S6_9_A_connection_window_update_of_0() => ConnectionErrorAsync(t => Send(t, WindowUpdate, None, 0, 0, 0, 0, 0), ProtocolError);

    [Fact]
    public Task S6_9_A_stream_window_update_of_0() => StreamErrorAsync(1, async t =>
    {
        await Post(t, 1);
        await Send(t, WindowUpdate, None, 1, 0, 0, 0, 0);
    }, ProtocolError);

    [Fact]
    public Task S6_9_A_window_update_of_another_length() => ConnectionErrorAsync(t => Send(t, WindowUpdate, None, 0, 0, 0, 1), FrameSizeError);

    [Fact]
    public Task S6_9_1_A_connection_window_beyond_2147483647() => ConnectionErrorAsync(async t =>
    {
        await Send(t, WindowUpdate, None, 0, 0x7f, 0xff, 0xff, 0xff);
        await Send(t, WindowUpdate, None, 0, 0x7f, 0xff, 0xff, 0xff);
    }, FlowControlError);

    [Fact]
    public Task S6_9_1_A_stream_window_beyond_2147483647() => StreamErrorAsync(1, async t =>
    {
        await Post(t, 1);
        await Send(t, WindowUpdate, None, 1, 0x7f, 0xff, 0xff, 0xff);
    }, FlowControlError);

    [Fact]
    public async Task S6_9_1_No_data_is_sent_beyond_the_streams_window()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.Peer.SettingAsync(Http2Setting.InitialWindowSize, 3);
        await target.Peer.HeadersAsync(1, target.Peer.Request("GET", "/big"), end: true);
        Assert.Equal(3, (await target.Peer.ExpectAsync(Data)).Payload.Length);
        await Send(target, WindowUpdate, None, 1, 0, 0, 0, 2);
        Assert.Equal(2, (await target.Peer.ExpectAsync(Data)).Payload.Length);
    }

    [Fact]
    public async Task S6_9_1_No_data_is_sent_beyond_the_connections_window()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.Peer.SettingAsync(Http2Setting.InitialWindowSize, 1_000_000);
        await target.Peer.HeadersAsync(1, target.Peer.Request("GET", "/big"), end: true);
        int sent = 0;
        while (sent < 65_535)
            sent += (await target.Peer.ExpectAsync(Data)).Payload.Length;
        Assert.Equal(65_535, sent);
        await target.ExpectAliveAsync(); // and no more of it came before the answer
        await Send(target, WindowUpdate, None, 0, 0, 0, 0, 9);
        Assert.Equal(9, (await target.Peer.ExpectAsync(Data)).Payload.Length);
    }

    [Fact]
    public async Task S6_9_2_A_new_initial_window_moves_the_windows_of_open_streams_even_below_0()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.Peer.SettingAsync(Http2Setting.InitialWindowSize, 10);
        await target.Peer.HeadersAsync(1, target.Peer.Request("GET", "/big"), end: true);
        Assert.Equal(10, (await target.Peer.ExpectAsync(Data)).Payload.Length);
        await target.Peer.SettingAsync(Http2Setting.InitialWindowSize, 2); // now at -8
        await Send(target, WindowUpdate, None, 1, 0, 0, 0, 9);
        Assert.Single((await target.Peer.ExpectAsync(Data)).Payload);
        await target.Peer.SettingAsync(Http2Setting.InitialWindowSize, 6);
        Assert.Equal(4, (await target.Peer.ExpectAsync(Data)).Payload.Length);
    }

    [Fact]
    public Task S6_9_2_A_new_initial_window_that_overflows_a_streams() => ConnectionErrorAsync(async t =>
    {
        await Post(t, 1);
        await Send(t, WindowUpdate, None, 1, 0x7f, 0xff, 0, 0);
        await t.Peer.SettingAsync(Http2Setting.InitialWindowSize, 0x7fffffff);
    }, FlowControlError);

    [Fact]
    public async Task S6_10_A_block_may_come_in_many_frames()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        byte[] block = target.Peer.Request("GET", "/");
        await Send(target, Headers, End, 1, block[..1]);
        await Send(target, Continuation, None, 1, block[1..3]);
        await Send(target, Continuation, None, 1);
        await Send(target, Continuation, EndHeaders, 1, block[3..]);
        Assert.Equal("200", (await target.AnswerAsync(1)).Status);
    }

    [Fact]
    public Task S6_10_Continuation_on_stream_0() => ConnectionErrorAsync(async t =>
    {
        await Send(t, Headers, End, 1, 0x82);
        await Send(t, Continuation, EndHeaders, 0, 0x86, 0x84);
    }, ProtocolError);

    [Fact]
    public Task S6_10_Continuation_after_the_blocks_end() => ConnectionErrorAsync(async t =>
    {
        await Post(t, 1);
        await Send(t, Continuation, EndHeaders, 1, 0x82);
    }, ProtocolError);

    [Fact]
    public Task S6_10_Continuation_after_Data() => ConnectionErrorAsync(async t =>
    {
        await Post(t, 1);
        await Send(t, Data, None, 1, 1);
        await Send(t, Continuation, EndHeaders, 1, 0x82);
    }, ProtocolError);
}
