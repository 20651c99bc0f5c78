using System.Net;
using AotRuntime.Dockerd.Networks;

namespace AotRuntime.Tests.Unit.Dockerd.Networks;

public sealed class PortProtocolsTests
{
    [Theory]
    [InlineData("80", 80, PortProtocol.Tcp)]
    [InlineData("80/tcp", 80, PortProtocol.Tcp)]
    [InlineData("53/udp", 53, PortProtocol.Udp)]
    [InlineData("65535/udp", 65535, PortProtocol.Udp)]
    public void Reads(string text, int number, PortProtocol protocol)
    {
        Assert.True(PortProtocols.TryParse(text, out ushort n, out PortProtocol p));
        Assert.Equal((number, protocol), (n, p));
    }

    [Theory]
    [InlineData("")]
    [InlineData("/tcp")]
    [InlineData("80/")]
    [InlineData("80/sctp")]
    [InlineData("80/TCP/udp")]
    [InlineData("65536/tcp")]
    [InlineData("-1/tcp")]
    [InlineData("+80/tcp")]
    [InlineData(" 80/tcp")]
    [InlineData("80 /tcp")]
    [InlineData("0x50")]
    public void Refuses(string text) => Assert.False(PortProtocols.TryParse(text, out _, out _));

    [Fact]
    public void Has_the_protocols_own_numbers_and_names()
    {
        Assert.Equal((6, 17), (PortProtocol.Tcp.Number(), PortProtocol.Udp.Number()));
        Assert.Equal(
            "127.0.0.1:8080:172.17.0.2:80/tcp",
            new PublishedPort(PortProtocol.Tcp, IPAddress.Loopback, 8080, IPAddress.Parse("172.17.0.2"), 80).ToString());
        Assert.Equal(
            "[::]:53:172.17.0.2:53/udp", new PublishedPort(PortProtocol.Udp, IPAddress.IPv6Any, 53, IPAddress.Parse("172.17.0.2"), 53).ToString());
    }
}
