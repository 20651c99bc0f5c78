using System.Buffers;
using AotRuntime.Rpc.Containerd.Content;
using Google.Protobuf;

namespace AotRuntime.Rpc.Grpc;

/// <summary>
/// Parses the messages of one call. Where a message is little more than its data (content that is uploaded), the data goes to a buffer that
/// the call's next message uses again: a new array for each would be most of the work, for the garbage collector and the kernel.
/// </summary>
internal sealed class GrpcLargeMessages
{
    private const int MinBytes = 32 * 1024;

    private byte[] _data = [];

    /// <summary>Parses a message. Its data is valid until the next one is parsed.</summary>
    public IMessage Parse(in ReadOnlySequence<byte> body, MessageParser parser)
    {
        if (body.Length >= MinBytes && ReferenceEquals(parser, WriteContentRequest.Parser)
            && TryFind(body, WriteContentRequest.DataFieldNumber, out long start, out ReadOnlySequence<byte> data))
        {
            byte[] rest = [.. body.Slice(0, start).ToArray(), .. body.Slice(data.End).ToArray()];
            var message = (WriteContentRequest)parser.ParseFrom(rest);
            // A second one of the field would count, not this one.
            if (message.Data.IsEmpty)
            {
                int length = (int)data.Length;
                if (_data.Length < length)
                    _data = GC.AllocateUninitializedArray<byte>(length);
                data.CopyTo(_data);
                message.Data = UnsafeByteOperations.UnsafeWrap(_data.AsMemory(0, length));
                return message;
            }
        }
        return parser.ParseFrom(body);
    }

    /// <summary>The first field of this number that is long, and where it begins. False where the message is none such, or malformed.</summary>
    private static bool TryFind(in ReadOnlySequence<byte> body, int field, out long start, out ReadOnlySequence<byte> data)
    {
        SequenceReader<byte> reader = new(body);
        data = default;
        while (true)
        {
            start = reader.Consumed;
            if (!TryReadVarint(ref reader, out ulong tag))
                return false;
            // Protocol Buffers, "Message Structure": the type of what follows is in the tag's last three bits.
            ulong length = 0;
            switch (tag & 7)
            {
                case 0 when TryReadVarint(ref reader, out _):
                    break;
                case 1:
                    length = 8;
                    break;
                case 2 when TryReadVarint(ref reader, out length):
                    break;
                case 5:
                    length = 4;
                    break;
                default:
                    return false;
            }
            if (length > (ulong)reader.Remaining)
                return false;
            if (tag == (((ulong)field << 3) | 2) && length >= MinBytes)
            {
                data = reader.UnreadSequence.Slice(0, (long)length);
                return true;
            }
            reader.Advance((long)length);
        }
    }

    private static bool TryReadVarint(ref SequenceReader<byte> reader, out ulong value)
    {
        value = 0;
        for (int shift = 0; shift < 64 && reader.TryRead(out byte octet); shift += 7)
        {
            value |= (ulong)(octet & 0x7f) << shift;
            if (octet < 0x80)
                return true;
        }
        return false;
    }
}
