using System.Text;
using AotRuntime.Runc.Systemd;

namespace AotRuntime.Tests.Unit.Runc;

/// <summary>What goes over the wire (D-Bus specification), and what is refused there.</summary>
public class DBusTests
{
    [Fact]
    public void ACallIsHeaderFieldsAndBody()
    {
        byte[] message = DBusMessage.Call(1, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", []).ToArray();
        // "l" little-endian, 1 a call, no flags, version 1; no body; serial 1; 109 bytes of fields, each at a multiple of eight.
        Assert.Equal(
            "l\u0001\0\u0001\0\0\0\0\u0001\0\0\0m\0\0\0"
            + "\u0001\u0001o\0\u0015\0\0\0/org/freedesktop/DBus\0\0\0"
            + "\u0002\u0001s\0\u0014\0\0\0org.freedesktop.DBus\0\0\0\0"
            + "\u0003\u0001s\0\u0005\0\0\0Hello\0\0\0"
            + "\u0006\u0001s\0\u0014\0\0\0org.freedesktop.DBus\0\0\0\0",
            Encoding.Latin1.GetString(message));
        Assert.Equal(message.Length, DBusMessage.LengthOf(message));
        DBusMessage read = DBusMessage.Parse(message);
        Assert.Equal((DBusMessageType.Call, 1u, "Hello", ""), (read.Type, read.Serial, read.Member, read.Signature));
    }

    public static TheoryData<string, string> Marshaled => new()
    {
        { "byte 7", "07" },
        { "int16 -2", "feff" },
        { "uint32 258", "02010000" },
        { "true", "01000000" },
        { "uint64 1", "0100000000000000" },
        { "1.5", "000000000000f83f" },
        { "'ab'", "02000000616200" },
        { "signature 'as'", "02617300" },
        { "[byte 1, 2]", "020000000102" },
        { "['a', 'bc']", "0f000000" + "010000006100" + "0000" + "02000000626300" },
        // An array's length does not count the padding before its first element.
        { "[uint64 5]", "0800000000000000" + "0500000000000000" },
        { "@at []", "0000000000000000" },
        { "@as []", "00000000" },
    };

    [Theory]
    [MemberData(nameof(Marshaled))]
    public void ValuesAreMarshaled(string text, string hex)
    {
        DBusValue value = PropertyText.Parse(text);
        DBusWriter writer = new();
        writer.Write(value);
        Assert.Equal(hex, Convert.ToHexStringLower(writer.ToArray()));
        Assert.Equal(value.ToString(), new DBusReader(writer.ToArray()).Values(value.Signature).Single().ToString());
    }

    [Fact]
    public void PropertiesAreStructsOfNameAndVariant()
    {
        DBusValue value = DBusValue.Array("(sv)", [DBusValue.Struct(DBusValue.String("A"), DBusValue.Variant(DBusValue.UInt64(9)))]);
        DBusWriter writer = new();
        writer.Write(value);
        Assert.Equal("18000000" + "00000000" + "010000004100" + "017400" + "00000000000000" + "0900000000000000", Convert.ToHexStringLower(writer.ToArray()));
        Assert.Equal("a(sv) [[A [9]]]", value.ToString());
    }

    [Theory]
    // A text without end, one that is longer than what there is, a boolean of 2, an array that ends within an element or beyond the message.
    [InlineData("s", "02000000616263")]
    [InlineData("s", "ffffffff00")]
    [InlineData("b", "02000000")]
    [InlineData("au", "0300000001000000")]
    [InlineData("ay", "05000000ff")]
    [InlineData("v", "026969000000000000000000")]
    [InlineData("v", "00")]
    [InlineData("v", "0161000000000000")]
    [InlineData("(", "00")]
    [InlineData("()", "00")]
    [InlineData("z", "00")]
    [InlineData("u", "0100")]
    public void WhatIsBrokenIsRefused(string signature, string hex) =>
        Assert.Throws<DBusFormatException>(() => new DBusReader(Convert.FromHexString(hex)).Values(signature));

    [Fact]
    public void WhatIsTooDeepOrTooLongIsRefused()
    {
        // A variant that holds a variant that holds ...
        byte[] deep = Convert.FromHexString(string.Concat(Enumerable.Repeat("017600", 100)));
        Assert.Throws<DBusFormatException>(() => new DBusReader(deep).Values("v"));
        Assert.Throws<DBusFormatException>(() => new DBusReader(new byte[64]).Values(new string('a', 100) + "y"));
        byte[] prefix = Convert.FromHexString("6c010001ffffff7f0100000000000000");
        Assert.Throws<DBusFormatException>(() => DBusMessage.LengthOf(prefix));
        Assert.Throws<DBusFormatException>(() => DBusMessage.LengthOf(Convert.FromHexString("42010001000000000100000000000000")));
    }

    [Theory]
    [InlineData("unix:path=/run/systemd/private", "/run/systemd/private\0")]
    [InlineData("tcp:host=x;unix:abstract=/tmp/a,guid=1f;unix:path=/b%20c", "\0/tmp/a|/b c\0")]
    [InlineData("tcp:host=x", "")]
    [InlineData("unix:path=", "")]
    public void OfAddressesUnixSocketsAreTried(string addresses, string names) =>
        Assert.Equal(names, string.Join('|', DBusConnection.SocketNames(addresses).Select(Encoding.UTF8.GetString)));
}
