using System.Buffers;
using System.Text;

namespace AotRuntime.Rpc.Ttrpc;

/// <summary>
/// The few pieces of protobuf's encoding that ttrpc's two envelopes need. They are read and written by hand so that the payload inside
/// is parsed where it lies, not copied into a byte field first.
/// </summary>
internal static class ProtoWire
{
    public const int Varint = 0, Fixed64 = 1, LengthDelimited = 2, Fixed32 = 5;

    public static int SizeOfVarint(ulong value)
    {
        int size = 1;
        for (; value >= 0x80; value >>= 7)
            size++;
        return size;
    }

    /// <summary>The size of a field with a one-byte tag and <paramref name="length"/> bytes.</summary>
    public static int SizeOfBytes(int length) => 1 + SizeOfVarint((uint)length) + length;

    /// <summary>The size of a string field; none where it is empty, as proto3 leaves it out.</summary>
    public static int SizeOfString(string value) => value.Length == 0 ? 0 : SizeOfBytes(Encoding.UTF8.GetByteCount(value));

    public static int WriteVarint(Span<byte> to, ulong value)
    {
        int i = 0;
        for (; value >= 0x80; value >>= 7)
            to[i++] = (byte)(value | 0x80);
        to[i++] = (byte)value;
        return i;
    }

    public static int WriteTag(Span<byte> to, int field, int wireType)
    {
        to[0] = (byte)((field << 3) | wireType);
        return 1;
    }

    public static int WriteString(Span<byte> to, int field, string value)
    {
        if (value.Length == 0)
            return 0;
        int n = WriteTag(to, field, LengthDelimited);
        n += WriteVarint(to[n..], (uint)Encoding.UTF8.GetByteCount(value));
        return n + Encoding.UTF8.GetBytes(value, to[n..]);
    }

    /// <summary>Reads a varint; false where it is cut off or longer than ten bytes.</summary>
    public static bool TryReadVarint(ref SequenceReader<byte> reader, out ulong value)
    {
        value = 0;
        for (int shift = 0; shift < 70; shift += 7)
        {
            if (!reader.TryRead(out byte b))
                return false;
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80)
                return true;
        }
        return false;
    }

    /// <summary>Reads a length and that many bytes.</summary>
    public static bool TryReadBytes(ref SequenceReader<byte> reader, out ReadOnlySequence<byte> bytes)
    {
        bytes = default;
        if (!TryReadVarint(ref reader, out ulong length) || length > (ulong)reader.Remaining)
            return false;
        bytes = reader.UnreadSequence.Slice(0, (long)length);
        reader.Advance((long)length);
        return true;
    }

    /// <summary>Passes over a field that is not known.</summary>
    public static bool TrySkip(ref SequenceReader<byte> reader, int wireType)
    {
        switch (wireType)
        {
            case Varint: return TryReadVarint(ref reader, out _);
            case LengthDelimited: return TryReadBytes(ref reader, out _);
            case Fixed64 or Fixed32:
                int size = wireType == Fixed64 ? 8 : 4;
                if (reader.Remaining < size)
                    return false;
                reader.Advance(size);
                return true;
            default: return false;
        }
    }
}
