using System.Buffers.Binary;
using System.Text;

namespace AotRuntime.Linux.Netlink;

/// <summary>
/// Builds netlink messages (<c>man 7 netlink</c>): a 16-byte header {length, type, flags, sequence, port}, a family's fixed part, then
/// attributes {length:2, type:2, payload}, each padded to four bytes. Integers are in host order unless a method says otherwise.
/// </summary>
public sealed class NetlinkWriter
{
    private const int NLA_F_NESTED = 1 << 15;
    private byte[] _buffer = new byte[1024];
    private int _length;
    private int _message;

    /// <summary>All messages so far.</summary>
    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, _length);

    /// <summary>Forgets all messages.</summary>
    public void Clear() => _length = 0;

    /// <summary>Begins a message; its length is set by <see cref="End"/>.</summary>
    public void Begin(int type, int flags, uint sequence)
    {
        _message = _length;
        U32(0);
        U16((ushort)type);
        U16((ushort)flags);
        U32(sequence);
        U32(0);
    }

    /// <summary>Ends the message that was begun last.</summary>
    public void End()
    {
        BinaryPrimitives.WriteInt32LittleEndian(_buffer.AsSpan(_message), _length - _message);
        Pad();
    }

    /// <summary>One byte of a fixed part.</summary>
    public void U8(byte value) => Take(1)[0] = value;

    /// <summary>Two bytes of a fixed part.</summary>
    public void U16(ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(Take(2), value);

    /// <summary>Four bytes of a fixed part.</summary>
    public void U32(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Take(4), value);

    /// <summary>Two bytes of a fixed part, in network order.</summary>
    public void U16Network(ushort value) => BinaryPrimitives.WriteUInt16BigEndian(Take(2), value);

    /// <summary>An attribute of raw bytes.</summary>
    public void Attribute(int type, ReadOnlySpan<byte> value)
    {
        U16((ushort)(4 + value.Length));
        U16((ushort)type);
        value.CopyTo(Take(value.Length));
        Pad();
    }

    /// <summary>An attribute of four bytes in host order.</summary>
    public void AttributeU32(int type, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        Attribute(type, bytes);
    }

    /// <summary>An attribute of four bytes in network order, as all of nf_tables' are.</summary>
    public void AttributeU32Network(int type, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        Attribute(type, bytes);
    }

    /// <summary>An attribute of text with its NUL.</summary>
    public void AttributeText(int type, string value)
    {
        int length = Encoding.UTF8.GetByteCount(value);
        U16((ushort)(4 + length + 1));
        U16((ushort)type);
        Encoding.UTF8.GetBytes(value, Take(length));
        U8(0);
        Pad();
    }

    /// <summary>Opens an attribute of attributes; pass the result to <see cref="EndNested"/>.</summary>
    public int BeginNested(int type)
    {
        int start = _length;
        U16(0);
        U16((ushort)(type | NLA_F_NESTED));
        return start;
    }

    /// <summary>Closes what <see cref="BeginNested"/> opened.</summary>
    public void EndNested(int start) =>
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer.AsSpan(start), (ushort)(_length - start));

    private void Pad()
    {
        int rest = -_length & 3;
        if (rest > 0)
            Take(rest).Clear();
    }

    private Span<byte> Take(int count)
    {
        if (_length + count > _buffer.Length)
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, _length + count));
        Span<byte> span = _buffer.AsSpan(_length, count);
        _length += count;
        return span;
    }
}
