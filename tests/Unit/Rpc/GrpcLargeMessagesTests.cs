using System.Buffers;
using AotRuntime.Rpc.Containerd.Content;
using AotRuntime.Rpc.Grpc;
using Google.Protobuf;

namespace AotRuntime.Tests.Unit.Rpc;

/// <summary>Messages that are mostly data are parsed by hand in part: they must mean what the library says that they mean.</summary>
public sealed class GrpcLargeMessagesTests
{
    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(byte[] bytes, Segment? before)
        {
            Memory = bytes;
            RunningIndex = before is null ? 0 : before.RunningIndex + before.Memory.Length;
            if (before is not null)
                before.Next = this;
        }
    }

    private static ReadOnlySequence<byte> Cut(byte[] bytes, int size)
    {
        Segment? first = null, last = null;
        foreach (byte[] part in bytes.Chunk(size))
        {
            last = new Segment(part, last);
            first ??= last;
        }
        return first is null ? default : new(first, 0, last!, last!.Memory.Length);
    }

    private static WriteContentRequest Message(int octets)
    {
        byte[] data = new byte[octets];
        new Random(octets).NextBytes(data);
        WriteContentRequest message = new() { Action = WriteAction.Commit, Ref = "a", Total = 1 << 20, Expected = "sha256:x", Offset = -1, Data = ByteString.CopyFrom(data) };
        message.Labels.Add("k", "v");
        message.Labels.Add("l", new string('w', 300));
        return message;
    }

    [Theory, InlineData(0), InlineData(100), InlineData(32 * 1024 - 400), InlineData(32 * 1024), InlineData(100_000), InlineData(1 << 20)]
    public void Are_what_the_library_makes_of_them(int octets)
    {
        GrpcLargeMessages messages = new();
        byte[] bytes = Message(octets).ToByteArray();
        foreach (int size in (int[])[bytes.Length + 1, 64 * 1024, 4096, 1000])
            Assert.Equal(Message(octets), messages.Parse(Cut(bytes, size), WriteContentRequest.Parser));
    }

    [Fact]
    public void The_last_of_two_data_fields_counts_and_unknown_ones_are_kept()
    {
        byte[] one = Message(50_000).ToByteArray(), two = new WriteContentRequest { Data = ByteString.CopyFrom(new byte[40_000]) }.ToByteArray();
        byte[] small = new WriteContentRequest { Data = ByteString.CopyFromUtf8("small") }.ToByteArray();
        // Fields 30 to 33: a varint, 64 bits, a string, 32 bits.
        byte[] unknown = [0xF0, 0x01, 0x96, 0x01, 0xF9, 0x01, 1, 2, 3, 4, 5, 6, 7, 8, 0x82, 0x02, 2, (byte)'h', (byte)'i', 0x8D, 0x02, 1, 2, 3, 4];
        foreach (byte[] bytes in (byte[][])[[.. one, .. two], [.. two, .. one], [.. one, .. small], [.. small, .. one], [.. unknown, .. one], [.. one, .. unknown]])
            Assert.Equal(WriteContentRequest.Parser.ParseFrom(bytes), new GrpcLargeMessages().Parse(new(bytes), WriteContentRequest.Parser));
    }

    [Fact]
    public void Malformed_ones_are_refused_as_the_library_refuses_them()
    {
        byte[] good = Message(40_000).ToByteArray();
        Random random = new(1);
        for (int i = 0; i < 3000; i++)
        {
            byte[] bytes = good[..random.Next(good.Length - 50, good.Length + 1)];
            for (int change = random.Next(3); change > 0; change--)
                bytes[random.Next(2) == 0 ? random.Next(40) : bytes.Length - 1 - random.Next(330)] = (byte)random.Next(256);
            Assert.Equal(Outcome(() => WriteContentRequest.Parser.ParseFrom(bytes)), Outcome(() => (WriteContentRequest)new GrpcLargeMessages().Parse(Cut(bytes, 7000), WriteContentRequest.Parser)));
        }

        static object Outcome(Func<WriteContentRequest> parse)
        {
            try
            {
                return parse();
            }
            catch (InvalidProtocolBufferException)
            {
                return "refused";
            }
        }
    }

    [Fact]
    public void The_buffer_is_used_again()
    {
        GrpcLargeMessages messages = new();
        byte[] bytes = Message(1 << 20).ToByteArray();
        messages.Parse(new(bytes), WriteContentRequest.Parser);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
            messages.Parse(new(bytes), WriteContentRequest.Parser);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }
}
