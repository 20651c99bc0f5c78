using System.Buffers;
using System.Text;
using AotRuntime.Http.Http2;
using AotRuntime.Http.Http2.Hpack;

namespace AotRuntime.Tests.Unit.Http.Http2;

public class HpackTests
{
    private const int NoLimit = 1 << 20;

    private static byte[] Hex(string hex) => Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));

    private static string Decode(HpackDecoder decoder, string hex)
    {
        List<HpackField> fields = [];
        Assert.True(decoder.Decode(Hex(hex), fields, NoLimit));
        return string.Join('\n', fields.Select(f => $"{f.Name}: {f.Value}"));
    }

    [Theory]
    [InlineData(10, 5, "0a")] // RFC 7541 C.1.1
    [InlineData(1337, 5, "1f9a0a")] // C.1.2
    [InlineData(42, 8, "2a")] // C.1.3
    [InlineData(int.MaxValue, 7, "7f80ffffff07")]
    public void Integers_are_coded_as_in_appendix_C1(int value, int prefix, string hex)
    {
        byte[] buffer = new byte[6];
        int n = HpackInteger.Write(buffer, 0, prefix, value);
        Assert.Equal(Hex(hex), buffer[..n]);
        ReadOnlySpan<byte> block = Hex(hex);
        Assert.True(HpackInteger.TryRead(ref block, prefix, out int read));
        Assert.Equal(value, read);
        Assert.True(block.IsEmpty);
    }

    [Theory]
    [InlineData("1f")]
    [InlineData("1f9a")]
    [InlineData("1fffffffff7f")]
    [InlineData("1f8080808080808080808001")]
    public void Integers_cut_off_or_too_large_are_refused(string hex)
    {
        ReadOnlySpan<byte> block = Hex(hex);
        Assert.False(HpackInteger.TryRead(ref block, 5, out _));
    }

    [Theory]
    [InlineData( // C.3, C.4: the same requests without and with Huffman coding
        "828684410f7777772e6578616d706c652e636f6d", "828684be58086e6f2d6361636865", "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565")]
    [InlineData(
        "828684418cf1e3c2e5f23a6ba0ab90f4ff", "828684be5886a8eb10649cbf", "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf")]
    public void Requests_are_read_as_in_appendix_C(string first, string second, string third)
    {
        HpackDecoder decoder = new(4096);
        Assert.Equal(":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com", Decode(decoder, first));
        Assert.Equal(":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\ncache-control: no-cache", Decode(decoder, second));
        Assert.Equal(":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value", Decode(decoder, third));
    }

    [Theory]
    [InlineData( // C.5
        "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d",
        "4803333037c1c0bf",
        "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31")]
    [InlineData( // C.6
        "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
        "4883640effc1c0bf",
        "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007")]
    public void Responses_with_eviction_are_read_as_in_appendix_C(string first, string second, string third)
    {
        HpackDecoder decoder = new(256);
        const string Rest = "cache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com";
        Assert.Equal(":status: 302\n" + Rest, Decode(decoder, first));
        Assert.Equal(":status: 307\n" + Rest, Decode(decoder, second));
        Assert.Equal(
            ":status: 200\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:22 GMT\nlocation: https://www.example.com\ncontent-encoding: gzip\n"
            + "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1", Decode(decoder, third));
    }

    [Theory]
    [InlineData("custom-key: custom-header", "400a637573746f6d2d6b65790d637573746f6d2d686561646572", true)] // C.2.1
    [InlineData(":path: /sample/path", "040c2f73616d706c652f70617468", false)] // C.2.2
    [InlineData("password: secret", "100870617373776f726406736563726574", false)] // C.2.3
    [InlineData(":method: GET", "82", false)] // C.2.4
    public void Literals_are_read_as_in_appendix_C2(string field, string hex, bool indexed)
    {
        HpackDecoder decoder = new(4096);
        Assert.Equal(field, Decode(decoder, hex));
        if (indexed)
            Assert.Equal(field, Decode(decoder, "be"));
        else
            Assert.Throws<Http2ConnectionException>(() => Decode(decoder, "be"));
    }

    [Theory] // all the strings of C.4 and C.6
    [InlineData("www.example.com", "f1e3c2e5f23a6ba0ab90f4ff")]
    [InlineData("no-cache", "a8eb10649cbf")]
    [InlineData("custom-key", "25a849e95ba97d7f")]
    [InlineData("custom-value", "25a849e95bb8e8b4bf")]
    [InlineData("302", "6402")]
    [InlineData("307", "640eff")]
    [InlineData("private", "aec3771a4b")]
    [InlineData("Mon, 21 Oct 2013 20:13:21 GMT", "d07abe941054d444a8200595040b8166e082a62d1bff")]
    [InlineData("https://www.example.com", "9d29ad171863c78f0b97c8e9ae82ae43d3")]
    [InlineData("gzip", "9bd9ab")]
    [InlineData("foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1", "94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007")]
    public void Huffman_text_is_written_and_read_as_in_appendix_C(string text, string hex)
    {
        byte[] octets = Encoding.ASCII.GetBytes(text), encoded = new byte[HuffmanCode.EncodedLength(octets)], decoded = new byte[octets.Length * 2];
        HuffmanCode.Encode(octets, encoded);
        Assert.Equal(Hex(hex), encoded);
        Assert.Equal(octets.Length, HuffmanCode.Decode(encoded, decoded));
        Assert.Equal(octets, decoded[..octets.Length]);
    }

    [Fact]
    public void A_field_larger_than_the_table_empties_it()
    {
        HpackDecoder decoder = new(64);
        Assert.Equal("a: b", Decode(decoder, "4001610162"));
        Decode(decoder, "400161" + "28" + new string('6', 80)); // 40 octets and 33
        Assert.Throws<Http2ConnectionException>(() => Decode(decoder, "be"));
    }

    [Fact]
    public void A_table_made_smaller_and_larger_again_says_both_sizes_first()
    {
        HpackEncoder encoder = new();
        encoder.SetMaxTableSize(0);
        encoder.SetMaxTableSize(4096);
        ArrayBufferWriter<byte> block = new();
        encoder.Begin(block);
        Assert.Equal(Hex("203fe11f"), block.WrittenSpan.ToArray());
    }

    [Fact]
    public void Every_octet_survives_Huffman_coding()
    {
        Random random = new(7);
        for (int round = 0; round < 2000; round++)
        {
            byte[] text = new byte[random.Next(0, 40)];
            random.NextBytes(text);
            if (round < 256)
                text = [(byte)round];
            byte[] encoded = new byte[HuffmanCode.EncodedLength(text)];
            HuffmanCode.Encode(text, encoded);
            byte[] decoded = new byte[(encoded.Length * 8 / 5) + 1];
            int n = HuffmanCode.Decode(encoded, decoded);
            Assert.Equal(text, decoded[..Math.Max(0, n)]);
        }
    }

    [Theory]
    [InlineData("ffffffff")] // EOS
    [InlineData("1fff")] // 'a' and eleven bits of padding
    [InlineData("18")] // 'a' and padding with zeros
    [InlineData("ff")] // nothing but eight bits of padding
    public void Bad_Huffman_text_is_refused(string hex) => Assert.Equal(-1, HuffmanCode.Decode(Hex(hex), new byte[16]));

    [Theory]
    [InlineData("80")] // index 0
    [InlineData("be")] // index 62 of an empty dynamic table
    [InlineData("3fe21f")] // table size 4097
    [InlineData("8220")] // size update after a field
    [InlineData("4005616263")] // string cut off
    [InlineData("40")]
    [InlineData("0081ff00")] // bad Huffman text
    public void Malformed_blocks_are_compression_errors(string hex)
    {
        Http2ConnectionException e = Assert.Throws<Http2ConnectionException>(() => new HpackDecoder(4096).Decode(Hex(hex), [], NoLimit));
        Assert.Equal(Http2ErrorCode.CompressionError, e.Code);
    }

    [Fact]
    public void A_list_beyond_the_limit_is_told_but_the_table_follows()
    {
        HpackDecoder decoder = new(4096);
        List<HpackField> fields = [];
        Assert.False(decoder.Decode(Hex("828684410f7777772e6578616d706c652e636f6d"), fields, 100));
        Assert.Equal(":authority: www.example.com", Decode(decoder, "be"));
    }

    [Fact]
    public void What_the_encoder_writes_the_decoder_reads_whatever_the_table_sizes()
    {
        Random random = new(3);
        HpackEncoder encoder = new();
        HpackDecoder decoder = new(4096);
        string[] names = [":path", "content-type", "x-a", "x-b", "grpc-timeout", "authorization", "content-length", "a-very-long-name-that-is-not-in-any-table"];
        for (int round = 0; round < 3000; round++)
        {
            if (random.Next(20) == 0)
                encoder.SetMaxTableSize((uint)random.Next(0, 6000));
            List<HpackField> sent = [];
            for (int i = random.Next(1, 8); i > 0; i--)
                sent.Add(new(names[random.Next(names.Length)], new string((char)random.Next(32, 255), random.Next(0, 4) == 0 ? random.Next(0, 400) : random.Next(0, 3))));
            ArrayBufferWriter<byte> block = new();
            encoder.Begin(block);
            foreach ((string name, string value) in sent)
                encoder.Write(block, name, value);
            List<HpackField> received = [];
            Assert.True(decoder.Decode(block.WrittenSpan, received, NoLimit));
            Assert.Equal(sent, received);
        }
    }

    [Fact]
    public void Secrets_are_never_indexed()
    {
        HpackEncoder encoder = new();
        ArrayBufferWriter<byte> block = new();
        encoder.Write(block, "authorization", "Bearer s");
        Assert.Equal(0x1f, block.WrittenSpan[0]); // 0001xxxx, name 23
        int first = block.WrittenCount;
        encoder.Write(block, "authorization", "Bearer s");
        Assert.Equal(first * 2, block.WrittenCount);
    }

    [Fact]
    public void Random_blocks_end_in_fields_or_in_a_compression_error()
    {
        Random random = new(11);
        for (int round = 0; round < 20000; round++)
        {
            byte[] block = new byte[random.Next(0, 60)];
            random.NextBytes(block);
            try
            {
                new HpackDecoder(4096).Decode(block, [], NoLimit);
            }
            catch (Http2ConnectionException e)
            {
                Assert.Equal(Http2ErrorCode.CompressionError, e.Code);
            }
        }
    }
}
