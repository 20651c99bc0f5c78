using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using AotRuntime.EngineApi;
using AotRuntime.Json;

namespace AotRuntime.Tests.Unit.EngineApi;

public class FormatsTests
{
    [Theory]
    [InlineData("10", 10L)]
    [InlineData("6m", 6L << 20)]
    [InlineData("1.5g", 3L << 29)]
    [InlineData("2GiB", 2L << 30)]
    [InlineData("4kb", 4096L)]
    [InlineData("7b", 7L)]
    public void Memory_sizes_are_powers_of_1024(string text, long bytes)
    {
        Assert.True(ByteSize.TryParseRam(text, out long parsed));
        Assert.Equal(bytes, parsed);
    }

    [Theory]
    [InlineData("")]
    [InlineData("m")]
    [InlineData("-1m")]
    [InlineData("1x")]
    [InlineData("1mx")]
    [InlineData("1bb")]
    [InlineData("1 mbb")]
    [InlineData(" 1")]
    [InlineData("1,5m")]
    [InlineData("9000p")]
    [InlineData("1e30")]
    public void Other_texts_are_no_memory_size(string text) => Assert.False(ByteSize.TryParseRam(text, out _));

    [Theory]
    [InlineData(0, "0B")]
    [InlineData(532, "532B")]
    [InlineData(2205000, "2.205MB")]
    [InlineData(4261574, "4.262MB")]
    [InlineData(1000, "1kB")]
    [InlineData(717123456, "717.1MB")]
    [InlineData(999, "999B")]
    [InlineData(1_982_345, "1.982MB")]
    [InlineData(2_000_000_000_000, "2TB")]
    [InlineData(1e28, "1e+04YB")]
    public void Sizes_print_as_dockers(double size, string text) => Assert.Equal(text, ByteSize.Human(size));

    [Theory]
    [InlineData("1h30m", 5400L * GoDuration.Second, "1h30m0s")]
    [InlineData("1.5s", 1_500_000_000L, "1.5s")]
    [InlineData("250ms", 250_000_000L, "250ms")]
    [InlineData("-2us", -2000L, "-2\u00b5s")]
    [InlineData("0", 0L, "0s")]
    public void Durations_read_and_print_as_gos(string text, long nanos, string printed)
    {
        Assert.True(GoDuration.TryParse(text, out long parsed));
        Assert.Equal(nanos, parsed);
        Assert.Equal(printed, GoDuration.Format(parsed));
    }

    [Theory]
    [InlineData("5")]
    [InlineData("s")]
    [InlineData("1d")]
    [InlineData("")]
    public void Other_texts_are_no_duration(string text) => Assert.False(GoDuration.TryParse(text, out _));

    [Fact]
    public void Times_lose_trailing_zeros_and_keep_nanoseconds()
    {
        Assert.Equal("1970-01-01T00:00:01.500000001Z", GoTime.FormatUnixNano(1_500_000_001));
        Assert.Equal("1970-01-01T00:00:01Z", GoTime.FormatUnixNano(1_000_000_000));
        Assert.Equal(GoTime.Zero, GoTime.Format(default));
        Assert.True(Rfc3339.TryParse("2024-02-29T12:00:00.123456789+01:00", out DateTimeOffset time));
        Assert.Equal("2024-02-29T11:00:00.1234567Z", GoTime.Format(time));
    }

    [Theory]
    [InlineData("1136073600.000000001", "2006-01-01T00:00:00Z")]
    [InlineData("1136073600.5", "2006-01-01T00:00:00.5Z")]
    [InlineData("10m", "2019-12-31T23:50:00Z")]
    [InlineData("2006-01-01T00:00:00Z", "2006-01-01T00:00:00Z")]
    [InlineData("2006-01-01Z", "2006-01-01T00:00:00Z")]
    [InlineData("2006-01-01-07:00", "2006-01-01T07:00:00Z")]
    [InlineData("2006-01-01T10Z", "2006-01-01T10:00:00Z")]
    [InlineData("2006-01-01T10:20+02:00", "2006-01-01T08:20:00Z")]
    [InlineData("2006-01-01T10:20:30.5z", "2006-01-01T10:20:30.5Z")]
    public void Since_and_until_take_three_forms(string text, string expected)
    {
        Assert.True(GoTime.TryParseTimestamp(text, new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero), out DateTimeOffset time));
        Assert.Equal(expected, GoTime.Format(time));
    }

    [Theory]
    [InlineData("Jan 1 2006")]
    [InlineData("2006-01-01 10:00:00")]
    [InlineData("2006-02-30T00:00:00Z")]
    [InlineData("2006-01-01T24:00:00Z")]
    [InlineData("2006-01-01T00:00:00.Z")]
    [InlineData("2006-01-01T00:00:00+1:00")]
    [InlineData("0001-01-01T00:00:00+01:00")]
    [InlineData("2006-01-01T")]
    [InlineData("T")]
    [InlineData("---")]
    public void Other_texts_are_no_moment(string text)
    {
        Assert.False(GoTime.TryParseMoment(text, out _));
        Assert.False(Rfc3339.TryParse(text, out _));
    }

    [Fact]
    public void A_moment_without_a_zone_is_local()
    {
        Assert.True(GoTime.TryParseMoment("2006-07-01T10:20", out DateTimeOffset time));
        Assert.Equal(new DateTime(2006, 7, 1, 10, 20, 0, DateTimeKind.Local), time.LocalDateTime);
    }

    [Fact]
    public void Filters_come_as_map_or_as_list()
    {
        Assert.Equal(["a=b"], Filters.Parse("""{"label":{"a=b":true,"c":false}}""").Get("label"));
        Filters list = Filters.Parse("""{"label":["a=b","c"]}""");
        Assert.True(list.MatchLabels("label", new Dictionary<string, string> { ["a"] = "b", ["c"] = "" }));
        Assert.False(list.MatchLabels("label", new Dictionary<string, string> { ["a"] = "x", ["c"] = "" }));
        Assert.Equal("""{"label":{"a=b":true,"c":true}}""", list.ToString());
        Assert.Throws<FormatException>(() => Filters.Parse("[1]"));
        Assert.Throws<FormatException>(() => Filters.Parse("{\"a\":3}"));
    }

    [Theory]
    [InlineData("80", "80/tcp", "", "")]
    [InlineData("8080:80/udp", "80/udp", "", "8080")]
    [InlineData("127.0.0.1::80", "80/tcp", "127.0.0.1", "")]
    [InlineData("127.0.0.1:0:80", "80/tcp", "127.0.0.1", "0")]
    [InlineData("[::1]:90:80", "80/tcp", "::1", "90")]
    public void Publish_specs(string spec, string port, string ip, string host)
    {
        Dictionary<string, EmptyObject> exposed = [];
        Dictionary<string, List<PortBinding>?> bindings = [];
        PublishSpec.Add(spec, exposed, bindings);
        Assert.Equal(port, Assert.Single(exposed).Key);
        PortBinding binding = Assert.Single(bindings[port]!);
        Assert.Equal(ip, binding.HostIp);
        Assert.Equal(host, binding.HostPort);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("1:2:3:4:5")]
    [InlineData("80-82:90-91")]
    [InlineData("99999")]
    [InlineData("80/xyz")]
    [InlineData("80:")]
    public void Bad_publish_specs(string spec) =>
        Assert.Throws<FormatException>(() => PublishSpec.Add(spec, [], []));

    [Fact]
    public async Task Frames_split_at_every_byte_come_together_again()
    {
        ArrayBufferWriter<byte> framed = new();
        StdCopy.Write(framed, StdStream.Stdout, "out"u8);
        StdCopy.Write(framed, StdStream.Stderr, "error"u8);
        StdCopy.Write(framed, StdStream.Stdout, ""u8);
        for (int split = 0; split <= framed.WrittenCount; split++)
        {
            Pipe pipe = new();
            StringBuilder output = new(), error = new();
            ValueTask reading = StdCopy.DemultiplexAsync(pipe.Reader, (stream, piece) =>
            {
                (stream == StdStream.Stdout ? output : error).Append(Encoding.ASCII.GetString(piece.Span));
                return default;
            }, TestContext.Current.CancellationToken);
            await pipe.Writer.WriteAsync(framed.WrittenMemory[..split], TestContext.Current.CancellationToken);
            await pipe.Writer.WriteAsync(framed.WrittenMemory[split..], TestContext.Current.CancellationToken);
            await pipe.Writer.CompleteAsync();
            await reading;
            Assert.Equal("out", output.ToString());
            Assert.Equal("error", error.ToString());
        }
    }

    [Fact]
    public void Detach_keys_are_found_across_reads_and_other_bytes_pass()
    {
        DetachScanner scanner = new(DetachKeys.Parse(DetachKeys.Default));
        ArrayBufferWriter<byte> passed = new();
        Assert.False(scanner.Scan("a\u0010b\u0010"u8, passed));
        Assert.Equal("a\u0010b", Encoding.ASCII.GetString(passed.WrittenSpan));
        Assert.False(scanner.Scan("\u0010"u8, passed));
        Assert.True(scanner.Scan("\u0011rest"u8, passed));
        Assert.Equal("a\u0010b\u0010", Encoding.ASCII.GetString(passed.WrittenSpan));
        Assert.Throws<FormatException>(() => DetachKeys.Parse("ctrl-1"));
    }

    [Theory]
    [InlineData("1.9", "1.24", -1)]
    [InlineData("1.51", "1.51", 0)]
    [InlineData("1.100", "1.51", 1)]
    public void Versions_compare_by_number(string a, string b, int sign) => Assert.Equal(sign, Math.Sign(ApiVersions.Compare(a, b)));
}
