using System.Text;
using AotRuntime.Containerd;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Bootstrap;
using Google.Protobuf;

namespace AotRuntime.Tests.Unit.Containerd;

public sealed class BootstrapReplyTests
{
    [Fact]
    public void AllThreeForms_AreRead()
    {
        BootstrapReply plain = BootstrapReply.Parse("unix:///run/containerd/s/abc\n"u8);
        Assert.Equal((2, "ttrpc", "/run/containerd/s/abc"), (plain.Version, plain.Protocol, plain.SocketPath));
        BootstrapReply json = BootstrapReply.Parse("""{"version":3,"address":"unix:///run/s","protocol":"ttrpc"}"""u8);
        Assert.Equal((3, "/run/s"), (json.Version, json.SocketPath));
        Assert.Same(ShimTaskMethods.V3, json.Methods);
        BootstrapReply message = BootstrapReply.Parse(new BootstrapResult { Version = 3, Address = "unix:///run/s", Protocol = "ttrpc" }.ToByteArray());
        Assert.Equal(json, message);
        Assert.Equal(json, BootstrapReply.Parse(json.ToJson()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("{\"version\":3")]
    [InlineData("""{"version":9,"address":"unix:///x","protocol":"ttrpc"}""")]
    [InlineData("""{"version":3,"address":"unix:///x","protocol":"grpc"}""")]
    [InlineData("something else")]
    public void OtherAnswers_AreErrors(string text) =>
        Assert.Throws<RpcException>(() => BootstrapReply.Parse(Encoding.UTF8.GetBytes(text)));
}
