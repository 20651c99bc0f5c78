using System.Buffers.Binary;

namespace AotRuntime.Linux.Netlink;

/// <summary>Walks the attributes of a message; ends at the first that does not fit.</summary>
public ref struct NetlinkAttributes(ReadOnlySpan<byte> data)
{
    private ReadOnlySpan<byte> _rest = data;

    /// <summary>The type of the attribute that <see cref="Next"/> found, without its flag bits.</summary>
    public int Type { get; private set; }

    /// <summary>Its payload.</summary>
    public ReadOnlySpan<byte> Value { get; private set; }

    /// <summary>The payload as a 32-bit number in host order; 0 where it is shorter.</summary>
    public readonly uint U32 => Value.Length >= 4 ? BinaryPrimitives.ReadUInt32LittleEndian(Value) : 0;

    /// <summary>The payload as text without its NUL.</summary>
    public readonly string Text => System.Text.Encoding.UTF8.GetString(Value.TrimEnd((byte)0));

    /// <summary>Goes to the next attribute.</summary>
    public bool Next()
    {
        if (_rest.Length < 4)
            return false;
        int length = BinaryPrimitives.ReadUInt16LittleEndian(_rest);
        if (length < 4 || length > _rest.Length)
            return false;
        Type = BinaryPrimitives.ReadUInt16LittleEndian(_rest[2..]) & 0x3FFF;
        Value = _rest[4..length];
        _rest = _rest[Math.Min((length + 3) & ~3, _rest.Length)..];
        return true;
    }
}
