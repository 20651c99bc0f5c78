using System.Text;
using AotRuntime.Docker.Formatting;
using AotRuntime.Docker.References;
using ByteSize = AotRuntime.EngineApi.ByteSize;
using GoDuration = AotRuntime.EngineApi.GoDuration;

namespace AotRuntime.Tests.Unit.Docker;

public sealed class FormattingTests
{
    [Theory]
    [InlineData(7_050_000, "7.05MB")]
    [InlineData(1_999_999, "2MB")]
    public void Short_sizes(double size, string expected) => Assert.Equal(expected, ByteSize.HumanShort(size));

    [Theory]
    [InlineData(1023, "1023B")]
    [InlineData(1536, "1.5KiB")]
    [InlineData(25_000_000_000, "23.28GiB")]
    public void Binary_sizes(double size, string expected) => Assert.Equal(expected, ByteSize.Binary(size));

    [Theory]
    [InlineData(0.4, "Less than a second")]
    [InlineData(1, "1 second")]
    [InlineData(59, "59 seconds")]
    [InlineData(60, "About a minute")]
    [InlineData(3540, "59 minutes")]
    [InlineData(3600, "About an hour")]
    [InlineData(7200, "2 hours")]
    [InlineData(86400 * 2, "2 days")]
    [InlineData(86400 * 14, "2 weeks")]
    [InlineData(86400 * 60, "2 months")]
    [InlineData(86400 * 730, "2 years")]
    public void Human_durations(double seconds, string expected) => Assert.Equal(expected, GoDuration.Human(TimeSpan.FromSeconds(seconds)));

    [Theory]
    [InlineData("1h2m3.5s", 3_723_500_000_000)]
    [InlineData("-1.5h", -5_400_000_000_000)]
    [InlineData("100ms", 100_000_000)]
    [InlineData("0", 0)]
    public void Go_durations(string text, long nanoseconds)
    {
        Assert.True(GoDuration.TryParse(text, out long parsed, out _));
        Assert.Equal(nanoseconds, parsed);
    }

    [Theory]
    [InlineData("x", "time: invalid duration \"x\"")]
    [InlineData("1", "time: missing unit in duration \"1\"")]
    [InlineData("1y", "time: unknown unit \"y\" in duration \"1y\"")]
    [InlineData("", "time: invalid duration \"\"")]
    [InlineData("999999999999h", "time: invalid duration \"999999999999h\"")]
    public void Bad_durations(string text, string message)
    {
        Assert.False(GoDuration.TryParse(text, out _, out string error));
        Assert.Equal(message, error);
    }

    [Theory]
    [InlineData(90_000_000_000, "1m30s")]
    [InlineData(3_600_000_000_000, "1h0m0s")]
    [InlineData(1_500_000, "1.5ms")]
    [InlineData(0, "0s")]
    public void Durations_as_go_prints_them(long nanoseconds, string expected) => Assert.Equal(expected, GoDuration.Format(nanoseconds));

    [Fact]
    public void Cells_under_one_another_share_a_width()
    {
        string table = TabWriter.Table().Align("ID\tNAMES\tX\nabcdefghijkl\tc1\ty\n\t日本\tz\n");
        Assert.Equal("ID             NAMES     X\nabcdefghijkl   c1        y\n               日本      z\n", table);
    }

    [Fact]
    public void A_line_without_the_cell_ends_the_column()
    {
        string table = new TabWriter(0, 1).Align("aaaa\tb\n-\nc\td");
        Assert.Equal("aaaa b\n-\nc d", table);
    }

    [Fact]
    public void Json_is_indented_without_touching_values()
    {
        StringBuilder text = new();
        GoJson.Indent(text, "[{\"a\":1.0e5,\"b\":[],\"c\":{},\"d\":[1,\"x\\\"{\"]}]");
        Assert.Equal("[\n    {\n        \"a\": 1.0e5,\n        \"b\": [],\n        \"c\": {},\n        \"d\": [\n            1,\n            \"x\\\"{\"\n        ]\n    }\n]", text.ToString());
    }

    [Theory]
    [InlineData("busybox", "busybox", "docker.io/library/busybox")]
    [InlineData("docker.io/library/busybox:1", "busybox:1", "docker.io/library/busybox:1")]
    [InlineData("a/b", "a/b", "docker.io/a/b")]
    [InlineData("localhost/b:x", "localhost/b:x", "localhost/b:x")]
    [InlineData("host:5000/a/b", "host:5000/a/b", "host:5000/a/b")]
    [InlineData("index.docker.io/a/b", "a/b", "docker.io/a/b")]
    public void Image_names_have_a_familiar_and_a_full_form(string text, string familiar, string full)
    {
        ImageName name = ImageName.Parse(text);
        Assert.Equal(familiar, name.Familiar);
        Assert.Equal(full, name.Full);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a:b:c")]
    [InlineData("-a")]
    [InlineData("a//b")]
    [InlineData("a:")]
    [InlineData("a@sha256:12")]
    [InlineData("UPPER")]
    [InlineData("a b")]
    [InlineData("a..b")]
    public void What_is_no_image_name_is_refused(string text) => Assert.Null(ImageName.TryParse(text));

    [Theory]
    [InlineData("a9", "a10", -1)]
    [InlineData("a10", "a9", 1)]
    [InlineData("80/tcp", "443/tcp", -1)]
    [InlineData("a", "a", 0)]
    public void Names_compare_with_numbers_as_numbers(string a, string b, int order) => Assert.Equal(order, Math.Sign(Text.CompareNatural(a, b)));
}
