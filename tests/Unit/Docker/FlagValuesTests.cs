using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Commands.Containers;

namespace AotRuntime.Tests.Unit.Docker;

public sealed class FlagValuesTests
{
    [Theory]
    [InlineData("512", 512)]
    [InlineData("64m", 64L << 20)]
    [InlineData("1.5GiB", 3L << 29)]
    [InlineData("2 kb", 2048)]
    [InlineData("1B", 1)]
    [InlineData("3T", 3L << 40)]
    public void Bytes_take_binary_units(string text, long bytes) => Assert.Equal(bytes, FlagValues.Bytes(text));

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("-1")]
    [InlineData("1x")]
    [InlineData("1mm")]
    [InlineData("99999999999p")]
    public void What_is_no_size_is_refused(string text) =>
        Assert.Equal($"invalid size: '{text}'", Assert.Throws<FlagValueException>(() => FlagValues.Bytes(text)).Message);

    [Theory]
    [InlineData("1.5", 1_500_000_000)]
    [InlineData("3/2", 1_500_000_000)]
    [InlineData("0.000000001", 1)]
    public void Cpus_are_counted_in_billionths(string text, long nano) => Assert.Equal(nano, FlagValues.NanoCpus(text));

    [Fact]
    public void Cpus_finer_than_billionths_are_refused() =>
        Assert.Equal("value is too precise", Assert.Throws<FlagValueException>(() => FlagValues.NanoCpus("0.0000000001")).Message);

    [Fact]
    public void Ports_with_addresses_ranges_and_protocols_are_read()
    {
        Assert.Equal([new("80/tcp", "", "")], PortSpec.Parse("80"));
        Assert.Equal([new("53/udp", "127.0.0.1", "5353")], PortSpec.Parse("127.0.0.1:5353:53/udp"));
        Assert.Equal([new("80/tcp", "::1", "8080")], PortSpec.Parse("[::1]:8080:80"));
        Assert.Equal([new("80/tcp", "", "8000"), new("81/tcp", "", "8001")], PortSpec.Parse("8000-8001:80-81"));
        Assert.Equal([new("80/tcp", "", "8000-8009")], PortSpec.Parse("8000-8009:80"));
        Assert.Equal([new("80/udp", "", "8080")], PortSpec.Parse("target=80,published=8080,protocol=udp"));
    }

    [Theory]
    [InlineData("80/foo", "invalid proto: foo")]
    [InlineData("a:80", "invalid hostPort: a")]
    [InlineData("80:65536", "invalid containerPort: 65536")]
    [InlineData("1.2.3.999:1:80", "invalid IP address: 1.2.3.999")]
    [InlineData("1-3:80-81", "invalid ranges specified for container and host Ports: 80-81 and 1-3")]
    [InlineData("80:", "no port specified: 80:<empty>")]
    [InlineData("81-80", "invalid containerPort: 81-80")]
    public void Ports_that_make_no_sense_are_refused(string text, string message) =>
        Assert.Equal(message, Assert.Throws<CommandException>(() => PortSpec.Parse(text)).Message);

    [Theory]
    [InlineData("foo", "invalid field 'foo' must be a key=value pair")]
    [InlineData("type=bind", "target is required")]
    [InlineData("type=bind,target=/x,volume-nocopy", "cannot mix 'volume-*' options with mount type 'bind'")]
    [InlineData("target=/x,foo=1", "unexpected key 'foo' in 'foo=1'")]
    [InlineData("target=/x,readonly=maybe", "invalid value for readonly: maybe")]
    [InlineData("type=tmpfs,target=/x,tmpfs-mode=9", "invalid value for tmpfs-mode: 9")]
    [InlineData("\"a", "parse error on line 1, column 3: extraneous or missing \" in quoted-field")]
    public void Mounts_that_make_no_sense_are_refused(string text, string message) =>
        Assert.Equal(message, Assert.Throws<FlagValueException>(() => MountOption.Parse(text)).Message);

    [Fact]
    public void A_quoted_field_keeps_its_commas() => Assert.Equal(["a", "b,\"c", "d"], CsvFields.Split("a,\"b,\"\"c\",d"));

    [Fact]
    public void Key_value_files_take_missing_values_from_elsewhere_and_skip_comments()
    {
        List<string> pairs = [];
        KeyValueFile.Parse("\ufeffA=1\r\n# no\n\n  B= x \nC\nD"u8, static name => name == "C" ? "c" : null, pairs);
        Assert.Equal(["A=1", "B= x ", "C=c"], pairs);
    }

    [Theory]
    [InlineData("=x", "no variable name on line '=x'")]
    [InlineData("A B=x", "variable 'A B' contains whitespaces")]
    public void Key_value_files_with_bad_names_are_refused(string line, string message) =>
        Assert.Equal(message, Assert.Throws<FlagValueException>(() => KeyValueFile.Parse(System.Text.Encoding.UTF8.GetBytes(line), static _ => null, [])).Message);
}
