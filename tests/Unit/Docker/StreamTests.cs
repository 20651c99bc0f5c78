using System.Text;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Streams;
using AotRuntime.Docker.Terminals;

namespace AotRuntime.Tests.Unit.Docker;

public sealed class StreamTests
{
    private static byte[] Frame(byte stream, string payload) =>
        [stream, 0, 0, 0, 0, 0, 0, (byte)payload.Length, .. Encoding.ASCII.GetBytes(payload)];

    [Fact]
    public void Frames_cut_anywhere_come_out_the_same()
    {
        byte[] wire = [.. Frame(1, "out"), .. Frame(2, "err"), .. Frame(1, ""), .. Frame(0, "in"), .. Frame(2, "!")];
        for (int cut = 0; cut <= wire.Length; cut++)
        {
            StringBuilder stdout = new();
            StringBuilder stderr = new();
            StreamDemultiplexer frames = new(b => stdout.Append(Encoding.ASCII.GetString(b)), b => stderr.Append(Encoding.ASCII.GetString(b)));
            frames.Feed(wire.AsSpan(0, cut));
            frames.Feed(wire.AsSpan(cut));
            Assert.Equal("outin", stdout.ToString());
            Assert.Equal("err!", stderr.ToString());
        }
    }

    [Fact]
    public void What_is_no_frame_is_an_error()
    {
        StreamDemultiplexer frames = new(static _ => { }, static _ => { });
        Assert.Equal("Unrecognized input header: 104", Assert.Throws<IOException>(() => frames.Feed("hello, world"u8)).Message);
    }

    [Fact]
    public void An_error_of_the_daemon_in_the_stream_is_reported()
    {
        StreamDemultiplexer frames = new(static _ => { }, static _ => { });
        Assert.Equal("error from daemon in stream: gone", Assert.Throws<IOException>(() => frames.Feed(Frame(3, "gone"))).Message);
    }

    [Theory]
    [InlineData("ctrl-p,ctrl-q", new byte[] { 16, 17 })]
    [InlineData("a,ctrl-@,ctrl-_", new byte[] { (byte)'a', 0, 31 })]
    public void Detach_keys_are_read(string text, byte[] keys) => Assert.Equal(keys, DetachKeys.Parse(text));

    [Theory]
    [InlineData("ctrl-1")]
    [InlineData("ab")]
    [InlineData("")]
    public void Keys_that_nobody_can_type_are_refused(string text) => Assert.Throws<CommandException>(() => DetachKeys.Parse(text));

    [Fact]
    public void Keys_that_only_begin_the_sequence_are_sent_on()
    {
        DetachKeys keys = DetachKeys.Of("");
        List<byte> sent = [];
        Assert.False(keys.Filter([1, 16], sent));
        Assert.Equal([1], sent);
        Assert.False(keys.Filter([16, 2], sent));
        Assert.Equal([1, 16, 16, 2], sent);
        Assert.True(keys.Filter([16, 17, 3], sent));
        Assert.Equal([1, 16, 16, 2], sent);
    }
}
