using System.Text;

namespace AotRuntime.Runc.Criu;

/// <summary>Writes a message of criu's rpc.proto: the two kinds of protobuf fields that it has.</summary>
internal sealed class CriuMessage
{
    private const int Varint = 0, Bytes = 2;
    private readonly MemoryStream _bytes = new();

    /// <summary>A field of type int32, uint32 or an enum.</summary>
    public CriuMessage Number(int field, long value)
    {
        Write((ulong)((field << 3) | Varint));
        Write((ulong)value);
        return this;
    }

    /// <summary>A field of type bool; false is written too, since some of criu's defaults are not that.</summary>
    public CriuMessage Flag(int field, bool value) => Number(field, value ? 1 : 0);

    /// <summary>A field of type string.</summary>
    public CriuMessage Text(int field, string value) => Add(field, Encoding.UTF8.GetBytes(value));

    /// <summary>A message in this one.</summary>
    public CriuMessage Message(int field, CriuMessage inner) => Add(field, inner.ToArray());

    public byte[] ToArray() => _bytes.ToArray();

    private CriuMessage Add(int field, byte[] value)
    {
        Write((ulong)((field << 3) | Bytes));
        Write((ulong)value.Length);
        _bytes.Write(value);
        return this;
    }

    private void Write(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
            _bytes.WriteByte((byte)(value | 0x80));
        _bytes.WriteByte((byte)value);
    }
}

/// <summary>Reads the fields of such a message, one after the other.</summary>
internal ref struct CriuFields(ReadOnlySpan<byte> message)
{
    private ReadOnlySpan<byte> _rest = message;

    /// <summary>The field's number.</summary>
    public int Field { get; private set; }

    /// <summary>Its value where it is a number.</summary>
    public int Number { get; private set; }

    /// <summary>Its value where it is a text or a message.</summary>
    public ReadOnlySpan<byte> Bytes { get; private set; }

    public readonly string Text => Encoding.UTF8.GetString(Bytes);

    /// <summary>Goes on to the next field; false at the end.</summary>
    /// <exception cref="RuncException">It is not protobuf.</exception>
    public bool Next()
    {
        if (_rest.IsEmpty)
            return false;
        ulong tag = Varint();
        Field = (int)(tag >> 3);
        Number = 0;
        Bytes = default;
        switch (tag & 7)
        {
            case 0:
                Number = (int)(long)Varint();
                break;
            case 1:
                Take(8);
                break;
            case 2:
                Bytes = Take(Varint());
                break;
            case 5:
                Take(4);
                break;
            default:
                throw Invalid();
        }
        return true;
    }

    private ulong Varint()
    {
        ulong value = 0;
        for (int i = 0; i < 10 && i < _rest.Length; i++)
        {
            value |= (ulong)(_rest[i] & 0x7f) << (7 * i);
            if (_rest[i] < 0x80)
            {
                _rest = _rest[(i + 1)..];
                return value;
            }
        }
        throw Invalid();
    }

    private ReadOnlySpan<byte> Take(ulong length)
    {
        if (length > (ulong)_rest.Length)
            throw Invalid();
        ReadOnlySpan<byte> taken = _rest[..(int)length];
        _rest = _rest[(int)length..];
        return taken;
    }

    private static RuncException Invalid() => new("unable to parse the response of criu");
}
