using System.Buffers.Binary;
using System.Text;

namespace AotRuntime.Runc.Systemd;

/// <summary>What came is no message, or a longer or deeper one than any that is waited for.</summary>
internal sealed class DBusFormatException(string message) : RuncException("D-Bus message: " + message);

/// <summary>Writes values as they go over the wire (D-Bus specification, "Marshaling (Wire Format)"), little-endian.</summary>
internal sealed class DBusWriter
{
    private readonly List<byte> _bytes = [];

    public int Length => _bytes.Count;

    public byte[] ToArray() => [.. _bytes];

    public void Write(DBusValue value)
    {
        switch (value.Signature[0])
        {
            case 's' or 'o':
                byte[] text = Encoding.UTF8.GetBytes(value.Text!);
                Number(4, (ulong)text.Length);
                _bytes.AddRange(text);
                _bytes.Add(0);
                break;
            case 'g':
                Signature(value.Text!);
                break;
            case 'v':
                Signature(value.Items![0].Signature);
                Write(value.Items[0]);
                break;
            case 'a':
                // "A UINT32 giving the length of the array data in bytes, followed by alignment padding to the alignment boundary of the
                // array element type, followed by each array element ... The length does not include the padding".
                Number(4, 0);
                int at = _bytes.Count - 4;
                Pad(DBusReader.Alignment(value.Signature[1]));
                int start = _bytes.Count;
                foreach (DBusValue item in value.Items!)
                    Write(item);
                for (int i = 0; i < 4; i++)
                    _bytes[at + i] = (byte)((_bytes.Count - start) >> (8 * i));
                break;
            case '(' or '{':
                Pad(8);
                foreach (DBusValue item in value.Items!)
                    Write(item);
                break;
            default:
                Number(DBusReader.Alignment(value.Signature[0]), value.Number);
                break;
        }
    }

    public void Pad(int alignment)
    {
        while (_bytes.Count % alignment != 0)
            _bytes.Add(0);
    }

    // Every number is aligned to its own size.
    private void Number(int size, ulong value)
    {
        Pad(size);
        for (int i = 0; i < size; i++)
            _bytes.Add((byte)(value >> (8 * i)));
    }

    private void Signature(string signature)
    {
        _bytes.Add((byte)signature.Length);
        _bytes.AddRange(Encoding.ASCII.GetBytes(signature));
        _bytes.Add(0);
    }
}

/// <summary>Reads values; whatever the bytes are, it ends with a value or a <see cref="DBusFormatException"/>.</summary>
internal ref struct DBusReader(ReadOnlySpan<byte> bytes)
{
    // The specification allows 32 arrays within 32 structs; systemd has no need of that.
    private const int MaxDepth = 16;
    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _at;

    public readonly bool AtEnd => _at == _bytes.Length;

    /// <summary>The values of a list of types, as a message's body has them.</summary>
    public List<DBusValue> Values(string signature)
    {
        var values = new List<DBusValue>();
        for (int at = 0; at < signature.Length;)
        {
            int length = TypeLength(signature.AsSpan(at), 0);
            values.Add(Value(signature.Substring(at, length), 0));
            at += length;
        }
        return values;
    }

    /// <summary>One value of a type.</summary>
    public DBusValue Value(string signature, int depth)
    {
        if (depth > MaxDepth)
            throw new DBusFormatException("too deep");
        switch (signature[0])
        {
            case 's' or 'o':
                return new DBusValue(signature, Text: Text(checked((int)Math.Min(Number(4), int.MaxValue))));
            case 'g':
                return new DBusValue(signature, Text: Text((int)Number(1)));
            case 'v':
                string inner = Text((int)Number(1));
                if (!IsType(inner))
                    throw new DBusFormatException($"variant of \"{inner}\"");
                return new DBusValue(signature, Items: [Value(inner, depth + 1)]);
            case 'a':
                return Array(signature, depth);
            case '(' or '{':
                Align(8);
                var fields = new List<DBusValue>();
                for (int at = 1; at < signature.Length - 1;)
                {
                    int length = TypeLength(signature.AsSpan(at), 0);
                    fields.Add(Value(signature.Substring(at, length), depth + 1));
                    at += length;
                }
                return new DBusValue(signature, Items: fields);
            default:
                ulong number = Number(Alignment(signature[0]));
                return new DBusValue(signature, signature[0] switch
                {
                    'n' => (ulong)(short)number,
                    'i' => (ulong)(int)number,
                    'b' when number > 1 => throw new DBusFormatException("boolean"),
                    _ => number,
                });
        }
    }

    /// <summary>Skips the padding before something that is aligned.</summary>
    public void Align(int alignment)
    {
        int padding = -_at & (alignment - 1);
        if (padding > _bytes.Length - _at)
            throw new DBusFormatException("ends early");
        _at += padding;
    }

    /// <summary>The alignment of a type, by the first letter of its signature; of a number it is its size too.</summary>
    public static int Alignment(char type) => type switch
    {
        'y' or 'g' or 'v' => 1,
        'n' or 'q' => 2,
        'b' or 'i' or 'u' or 'h' or 's' or 'o' or 'a' => 4,
        'x' or 't' or 'd' or '(' or '{' => 8,
        _ => throw new DBusFormatException($"type '{type}'"),
    };

    /// <summary>The length of the first complete type of a signature.</summary>
    public static int TypeLength(ReadOnlySpan<char> signature, int depth)
    {
        if (signature.IsEmpty || depth > MaxDepth)
            throw new DBusFormatException("signature");
        char first = signature[0];
        Alignment(first);
        if (first == 'a')
            return 1 + TypeLength(signature[1..], depth + 1);
        if (first is not ('(' or '{'))
            return 1;
        int length = 1, count = 0;
        char close = first == '(' ? ')' : '}';
        while (length < signature.Length && signature[length] != close)
        {
            length += TypeLength(signature[length..], depth + 1);
            count++;
        }
        if (length == signature.Length || count == 0)
            throw new DBusFormatException("signature");
        return length + 1;
    }

    /// <summary>Whether a text is one complete type.</summary>
    public static bool IsType(string text)
    {
        try
        {
            return TypeLength(text, 0) == text.Length;
        }
        catch (DBusFormatException)
        {
            return false;
        }
    }

    private DBusValue Array(string signature, int depth)
    {
        ulong length = Number(4);
        Align(Alignment(signature[1]));
        if (length > (ulong)(_bytes.Length - _at))
            throw new DBusFormatException("array ends early");
        int end = _at + (int)length;
        var items = new List<DBusValue>();
        string element = signature[1..];
        // Every type takes a byte at least, so this ends.
        while (_at < end)
            items.Add(Value(element, depth + 1));
        if (_at != end)
            throw new DBusFormatException("array");
        return new DBusValue(signature, Items: items);
    }

    private ulong Number(int size)
    {
        Align(size);
        if (size > _bytes.Length - _at)
            throw new DBusFormatException("ends early");
        ReadOnlySpan<byte> at = _bytes.Slice(_at, size);
        _at += size;
        return size switch
        {
            1 => at[0],
            2 => BinaryPrimitives.ReadUInt16LittleEndian(at),
            4 => BinaryPrimitives.ReadUInt32LittleEndian(at),
            _ => BinaryPrimitives.ReadUInt64LittleEndian(at),
        };
    }

    // The length, the bytes, a NUL.
    private string Text(int length)
    {
        if (length >= _bytes.Length - _at || _bytes[_at + length] != 0)
            throw new DBusFormatException("text");
        string text = Encoding.UTF8.GetString(_bytes.Slice(_at, length));
        _at += length + 1;
        return text;
    }
}
