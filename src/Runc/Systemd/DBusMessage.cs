using System.Buffers.Binary;

namespace AotRuntime.Runc.Systemd;

/// <summary>"Message Types".</summary>
internal enum DBusMessageType : byte
{
    Call = 1,
    Return = 2,
    Error = 3,
    Signal = 4,
}

/// <summary>
/// A message (D-Bus specification, "Message Format"): byte order, type, flags, version 1, the body's length, a serial number, an array of
/// header fields (a code and a variant each), padding to eight bytes, the body.
/// </summary>
internal sealed class DBusMessage
{
    /// <summary>The start whose numbers tell how long the rest is.</summary>
    public const int PrefixLength = 16;

    // Far above what systemd answers, far below the specification's 128 MiB.
    private const int MaxLength = 1 << 20;

    public DBusMessageType Type { get; init; }

    public uint Serial { get; init; }

    public uint ReplySerial { get; private set; }

    public string Path { get; init; } = "";

    public string Interface { get; init; } = "";

    public string Member { get; private set; } = "";

    public string ErrorName { get; private set; } = "";

    public string Destination { get; init; } = "";

    /// <summary>The types of the body's values.</summary>
    public string Signature { get; private set; } = "";

    private byte[] Content { get; set; } = [];

    /// <summary>Of a method call.</summary>
    public static DBusMessage Call(uint serial, string destination, string path, string @interface, string member, ReadOnlySpan<DBusValue> arguments)
    {
        var body = new DBusWriter();
        string signature = "";
        foreach (DBusValue argument in arguments)
        {
            signature += argument.Signature;
            body.Write(argument);
        }
        return new DBusMessage
        {
            Type = DBusMessageType.Call,
            Serial = serial,
            Destination = destination,
            Path = path,
            Interface = @interface,
            Member = member,
            Signature = signature,
            Content = body.ToArray(),
        };
    }

    /// <summary>The body's values.</summary>
    /// <exception cref="DBusFormatException">They are not what the signature says.</exception>
    public List<DBusValue> Body() => new DBusReader(Content).Values(Signature);

    public byte[] ToArray()
    {
        var fields = new List<DBusValue>();
        Field(fields, 1, "o", Path);
        Field(fields, 2, "s", Interface);
        Field(fields, 3, "s", Member);
        Field(fields, 6, "s", Destination);
        Field(fields, 8, "g", Signature);
        var writer = new DBusWriter();
        foreach (byte one in (ReadOnlySpan<byte>)[(byte)'l', (byte)Type, 0, 1])
            writer.Write(new DBusValue("y", one));
        writer.Write(DBusValue.UInt32((uint)Content.Length));
        writer.Write(DBusValue.UInt32(Serial));
        writer.Write(DBusValue.Array("(yv)", fields));
        writer.Pad(8);
        return [.. writer.ToArray(), .. Content];
    }

    /// <summary>How long a message is that begins so.</summary>
    /// <exception cref="DBusFormatException">None begins so, or it is too long.</exception>
    public static int LengthOf(ReadOnlySpan<byte> prefix)
    {
        // Who answers is on this machine, and writes its byte order.
        if (prefix[0] != (byte)'l' || prefix[3] != 1)
            throw new DBusFormatException("byte order or version");
        ulong body = BinaryPrimitives.ReadUInt32LittleEndian(prefix[4..]), fields = BinaryPrimitives.ReadUInt32LittleEndian(prefix[12..]);
        ulong length = PrefixLength + ((fields + 7) & ~7ul) + body;
        return length <= MaxLength ? (int)length : throw new DBusFormatException($"message of {length} bytes");
    }

    /// <summary>Reads a whole one.</summary>
    public static DBusMessage Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < PrefixLength || LengthOf(bytes) != bytes.Length)
            throw new DBusFormatException("length");
        int body = bytes.Length - (int)BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
        var reader = new DBusReader(bytes[..body]);
        reader.Values("yyyyuu");
        List<DBusValue> fields = reader.Value("a(yv)", 0).Items!;
        reader.Align(8);
        if (!reader.AtEnd)
            throw new DBusFormatException("header");
        var message = new DBusMessage { Type = (DBusMessageType)bytes[1], Serial = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]), Content = bytes[body..].ToArray() };
        foreach (DBusValue field in fields)
            message.Take(field.Items![0].Number, field.Items[1].Items![0]);
        return message;
    }

    // "Header Fields"; "implementations must ignore fields they do not understand".
    private void Take(ulong code, DBusValue value)
    {
        switch (code, value.Signature)
        {
            case (3, "s"): Member = value.Text!; break;
            case (4, "s"): ErrorName = value.Text!; break;
            case (5, "u"): ReplySerial = (uint)value.Number; break;
            case (8, "g"): Signature = value.Text!; break;
        }
    }

    private static void Field(List<DBusValue> fields, byte code, string type, string text)
    {
        if (text.Length > 0)
            fields.Add(DBusValue.Struct(new DBusValue("y", code), DBusValue.Variant(new DBusValue(type, Text: text))));
    }
}
