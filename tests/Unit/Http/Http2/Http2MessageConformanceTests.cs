using System.Text;
using AotRuntime.Http.Http2;

namespace AotRuntime.Tests.Unit.Http.Http2;

/// <summary>What RFC 9113 §8 says of messages and RFC 7541 of header blocks, by section (S and H). See <see cref="Http2Target"/>.</summary>
public class Http2MessageConformanceTests
{
    private static readonly string[] s_good = [":method:GET", ":scheme:http", ":path:/", ":authority:test"];

    private static async Task MalformedAsync(params string[] fields)
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.Peer.HeadersAsync(1, target.Peer.Block(fields), end: true);
        await target.ExpectMalformedAsync();
    }

    private static async Task GoodAsync(params string[] fields)
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.Peer.HeadersAsync(1, target.Peer.Block(fields), end: true);
        Assert.Equal("200", (await target.AnswerAsync(1)).Status);
    }

    private static async Task CompressionErrorAsync(params byte[] block)
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.Peer.HeadersAsync(1, block, end: true);
        await target.ExpectConnectionErrorAsync(Http2ErrorCode.CompressionError);
    }

    [Fact]
    public async Task S8_1_Trailers_end_the_stream()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.Peer.HeadersAsync(1, target.Peer.Request("POST", "/"), end: false);
        await target.Peer.HeadersAsync(1, target.Peer.Block("x-t:1"), end: false);
        await target.ExpectMalformedAsync();
    }

    [Fact]
    public async Task S8_1_Trailers_are_taken()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.Peer.HeadersAsync(1, target.Peer.Request("POST", "/", "trailer:x-t"), end: false);
        await target.Peer.DataAsync(1, "x", end: false);
        await target.Peer.HeadersAsync(1, target.Peer.Block("x-t:1"), end: true);
        Assert.Equal("200", (await target.AnswerAsync(1)).Status);
    }

    [Fact]
    public async Task S8_1_Trailers_have_no_pseudo_fields()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.Peer.HeadersAsync(1, target.Peer.Request("POST", "/"), end: false);
        await target.Peer.HeadersAsync(1, target.Peer.Block(":method:POST"), end: true);
        await target.ExpectMalformedAsync();
    }

    [Theory]
    [InlineData("5", "xy")]
    [InlineData("1", "xy")]
    [InlineData("0", "xy")]
    public async Task S8_1_1_The_body_is_as_long_as_content_length_says(string length, string body)
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.Peer.HeadersAsync(1, target.Peer.Request("POST", "/", $"content-length:{length}"), end: false);
        await target.Peer.DataAsync(1, body[..1], end: false);
        await target.Peer.DataAsync(1, body[1..], end: true);
        await target.ExpectMalformedAsync();
    }

    [Fact]
    public Task S8_1_1_A_length_without_a_body() => MalformedAsync([.. s_good, "content-length:5"]);

    [Theory]
    [InlineData("X-A:1")]
    [InlineData("x a:1")]
    [InlineData("x\u007f:1")]
    [InlineData("x\u00e9:1")]
    public Task S8_2_1_Names_are_of_lower_case_tokens(string field) => MalformedAsync([.. s_good, field]);

    [Fact]
    public async Task S8_2_1_A_name_has_no_colon()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.Peer.HeadersAsync(1, [.. target.Peer.Request("GET", "/"), 0x00, 3, (byte)'x', (byte)':', (byte)'a', 1, (byte)'v'], end: true);
        await target.ExpectMalformedAsync();
    }

    [Theory]
    [InlineData("x-a:a\0b")]
    [InlineData("x-a:a\rb")]
    [InlineData("x-a:a\nb")]
    public Task S8_2_1_Values_have_no_NUL_CR_or_LF(string field) => MalformedAsync([.. s_good, field]);

    [Theory]
    [InlineData("x-a: a")]
    [InlineData("x-a:a ")]
    [InlineData("x-a:\ta")]
    [InlineData("x-a:a\t")]
    public Task S8_2_1_Values_neither_begin_nor_end_with_blanks(string field) => MalformedAsync([.. s_good, field]);

    [Theory]
    [InlineData("connection:keep-alive")]
    [InlineData("proxy-connection:keep-alive")]
    [InlineData("keep-alive:timeout=5")]
    [InlineData("transfer-encoding:chunked")]
    [InlineData("upgrade:websocket")]
    public Task S8_2_2_Connection_specific_fields(string field) => MalformedAsync([.. s_good, field]);

    [Fact]
    public Task S8_2_2_Te_says_trailers_alone() => MalformedAsync([.. s_good, "te:trailers, deflate"]);

    [Fact]
    public Task S8_2_2_Te_may_say_trailers() => GoodAsync([.. s_good, "te:trailers"]);

    [Fact]
    public Task S8_2_3_A_cookie_may_come_in_pieces() => GoodAsync([.. s_good, "cookie:a=1", "cookie:b=2"]);

    [Fact]
    public Task S8_3_An_unknown_pseudo_field() => MalformedAsync([.. s_good, ":x:1"]);

    [Fact]
    public Task S8_3_A_responses_pseudo_field_in_a_request() => MalformedAsync([.. s_good, ":status:200"]);

    [Fact]
    public Task S8_3_Pseudo_fields_come_first() => MalformedAsync(":method:GET", ":scheme:http", "x-a:1", ":path:/");

    [Theory]
    [InlineData(":method:GET")]
    [InlineData(":scheme:http")]
    [InlineData(":path:/")]
    public Task S8_3_No_pseudo_field_twice(string twice) => MalformedAsync([.. s_good, twice]);

    [Theory]
    [InlineData(":method:GET")]
    [InlineData(":scheme:http")]
    [InlineData(":path:/")]
    public Task S8_3_1_Method_scheme_and_path_are_there(string missing) => MalformedAsync([.. s_good.Where(f => f != missing)]);

    [Fact]
    public Task S8_3_1_The_path_is_not_empty() => MalformedAsync(":method:GET", ":scheme:http", ":path:", ":authority:test");

    [Fact]
    public Task S8_3_1_The_authority_has_no_userinfo() => MalformedAsync(":method:GET", ":scheme:http", ":path:/", ":authority:me@test");

    [Fact]
    public Task S8_3_1_Host_may_stand_for_the_authority() => GoodAsync(":method:GET", ":scheme:http", ":path:/", "host:test");

    [Fact]
    public Task S8_3_1_Host_does_not_differ_from_the_authority() => MalformedAsync([.. s_good, "host:other"]);

    [Fact]
    public Task S8_5_Connect_has_neither_scheme_nor_path() => MalformedAsync(":method:CONNECT", ":scheme:http", ":path:/", ":authority:test:1");

    [Fact]
    public async Task S8_5_Connect_is_refused_by_an_origin_server()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.Peer.HeadersAsync(1, target.Peer.Block(":method:CONNECT", ":authority:test:1"), end: false);
        Http2Peer.Received end = await target.Peer.ExpectAsync(Http2FrameType.Headers, Http2FrameType.RstStream);
        if (end.Type == Http2FrameType.Headers)
            Assert.True(int.Parse(end.Fields[":status"]) >= 400);
    }

    [Fact]
    public async Task H2_3_2_The_same_entry_may_be_in_the_table_twice()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        byte[] literal = [0x40, 1, (byte)'n', 1, (byte)'v'];
        await target.Peer.HeadersAsync(1, [.. target.Peer.Request("GET", "/"), .. literal, .. literal], end: true);
        Assert.Equal("200", (await target.AnswerAsync(1)).Status);
        await target.Peer.HeadersAsync(3, [0x82, 0x86, 0x84, 0x01, 4, .. "test"u8, 0xbe, 0xbf], end: true);
        Assert.Equal("200", (await target.AnswerAsync(3)).Status);
    }

    [Fact]
    public Task H2_3_3_An_index_beyond_both_tables() => CompressionErrorAsync(0x82, 0x86, 0x84, 0xff, 0x20);

    [Fact]
    public Task H4_2_A_table_size_beyond_the_setting() => CompressionErrorAsync(0x3f, 0xe2, 0x1f, 0x82, 0x86, 0x84);

    [Fact]
    public Task H4_2_A_table_size_after_a_field() => CompressionErrorAsync(0x82, 0x86, 0x84, 0x20);

    [Fact]
    public async Task H4_2_Two_table_sizes_at_the_beginning()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.Peer.HeadersAsync(1, [0x20, 0x3f, 0xe1, 0x1f, .. target.Peer.Request("GET", "/")], end: true);
        Assert.Equal("200", (await target.AnswerAsync(1)).Status);
    }

    [Fact]
    public async Task H4_2_A_smaller_table_of_ours_is_respected()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        await target.Peer.SettingAsync(Http2Setting.HeaderTableSize, 0);
        for (int stream = 1; stream < 9; stream += 2)
            Assert.Equal("200", (await target.GetAsync(stream)).Status); // the peer's decoder would refuse an index that it has not
    }

    [Fact]
    public Task H5_1_An_integer_beyond_the_limit() => CompressionErrorAsync(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01);

    [Fact]
    public Task H5_2_Huffman_text_with_EOS() => CompressionErrorAsync(0x82, 0x86, 0x84, 0x40, 0x01, (byte)'a', 0x84, 0xff, 0xff, 0xff, 0xff);

    [Fact]
    public Task H5_2_Huffman_padding_longer_than_7_bits() => CompressionErrorAsync(0x82, 0x86, 0x84, 0x40, 0x01, (byte)'a', 0x82, 0x1f, 0xff);

    [Fact]
    public Task H5_2_Huffman_padding_of_zeros() => CompressionErrorAsync(0x82, 0x86, 0x84, 0x40, 0x01, (byte)'a', 0x81, 0x18);

    [Fact]
    public Task H5_2_A_string_longer_than_the_block() => CompressionErrorAsync(0x82, 0x86, 0x84, 0x40, 0x05, (byte)'a');

    [Fact]
    public Task H6_1_Index_0() => CompressionErrorAsync(0x82, 0x86, 0x84, 0x80);

    [Fact]
    public async Task H6_2_All_three_literals_are_understood_and_the_table_follows()
    {
        await using Http2Target target = await Http2Target.OpenAsync();
        byte[] Literal(byte first) => [first, 3, .. Encoding.ASCII.GetBytes("x-n"), 1, (byte)'v'];
        byte[] authority = [0x01, 4, .. Encoding.ASCII.GetBytes("test")]; // without indexing, name 1
        await target.Peer.HeadersAsync(1, [0x82, 0x86, 0x84, .. authority, .. Literal(0x40), .. Literal(0x00), .. Literal(0x10)], end: true);
        Assert.Equal("200", (await target.AnswerAsync(1)).Status);
        await target.Peer.HeadersAsync(3, [0x82, 0x86, 0x84, .. authority, 0xbe], end: true); // 62: the one that was indexed
        Assert.Equal("200", (await target.AnswerAsync(3)).Status);
        await target.Peer.HeadersAsync(5, [0x82, 0x86, 0x84, .. authority, 0xbf], end: true); // 63: there is none
        await target.ExpectConnectionErrorAsync(Http2ErrorCode.CompressionError);
    }
}
