using AotRuntime.Runc;
using AotRuntime.Runc.Criu;

namespace AotRuntime.Tests.Unit.Runc;

public sealed class CriuMessageTests
{
    [Fact]
    public void FieldsAreEncodedAsProtobufDoes()
    {
        // The examples of protobuf.dev, "Encoding", and a field number that needs two bytes.
        Assert.Equal("089601", Hex(new CriuMessage().Number(1, 150)));
        Assert.Equal("120774657374696E67", Hex(new CriuMessage().Text(2, "testing")));
        Assert.Equal("1A03089601", Hex(new CriuMessage().Message(3, new CriuMessage().Number(1, 150))));
        Assert.Equal("B002FEFFFFFFFFFFFFFFFF01", Hex(new CriuMessage().Number(38, -2)));
        Assert.Equal("900301", Hex(new CriuMessage().Flag(50, true)));
        Assert.Equal("900300", Hex(new CriuMessage().Flag(50, false)));
    }

    [Fact]
    public void WhatIsWrittenIsRead()
    {
        byte[] message = new CriuMessage().Number(1, -1).Text(300, "übung").Number(2, int.MaxValue).ToArray();
        var fields = new CriuFields(message);
        Assert.True(fields.Next());
        Assert.Equal((1, -1), (fields.Field, fields.Number));
        Assert.True(fields.Next());
        Assert.Equal((300, "übung"), (fields.Field, fields.Text));
        Assert.True(fields.Next());
        Assert.Equal((2, int.MaxValue), (fields.Field, fields.Number));
        Assert.False(fields.Next());
    }

    [Fact]
    public void ARepliesFieldsAreFound()
    {
        CriuReply reply = CriuReply.Parse(new CriuMessage().Number(1, 6).Flag(2, true).Number(7, 22)
            .Message(5, new CriuMessage().Text(1, "post-restore").Number(2, 4711)).Message(8, new CriuMessage().Flag(1, true)).Text(99, "later").ToArray());
        Assert.Equal((CriuKind.Notify, true, 22, "post-restore", 4711, true, false),
            (reply.Kind, reply.Success, reply.Errno, reply.Script, reply.NotifyPid, reply.MemTrack, reply.LazyPages));
    }

    [Theory]
    [InlineData(3, 17, 0, false, 31700)]
    [InlineData(4, 2, 1, false, 40201)]
    [InlineData(3, 11, 5, true, 31200)]
    public void AVersionIsOneNumber(int major, int minor, int sub, bool git, int expected)
    {
        CriuMessage version = new CriuMessage().Number(1, major).Number(2, minor).Number(4, sub);
        if (git)
            version.Text(3, "v3.11-5-gabcdef");
        Assert.Equal(expected, CriuReply.Parse(new CriuMessage().Number(1, 10).Flag(2, true).Message(10, version).ToArray()).Version);
    }

    [Theory]
    [InlineData("08")]
    [InlineData("0A05AA")]
    [InlineData("0B")]
    [InlineData("09AA")]
    [InlineData("08FFFFFFFFFFFFFFFFFFFFFF01")]
    [InlineData("0AFFFFFFFFFFFFFFFFFF01")]
    public void WhatIsNoMessageIsRefused(string hex) =>
        Assert.Throws<RuncException>(() => CriuReply.Parse(Convert.FromHexString(hex)));

    private static string Hex(CriuMessage message) => Convert.ToHexString(message.ToArray());
}
