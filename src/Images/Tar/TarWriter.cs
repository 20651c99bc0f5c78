using System.Buffers;
using System.Globalization;
using System.Text;
using AotRuntime.Linux;

namespace AotRuntime.Images.Tar;

/// <summary>What a header written by <see cref="TarWriter"/> says.</summary>
public sealed record TarHeader
{
    /// <summary>Path, as it will stand in the tar; a directory's ends with a slash.</summary>
    public required byte[] Name { get; init; }

    /// <summary>One of <see cref="TarEntry"/>'s types.</summary>
    public required byte Type { get; init; }

    /// <summary>Target of a link.</summary>
    public byte[] LinkName { get; init; } = [];

    /// <summary>Permission bits, with setuid, setgid and sticky.</summary>
    public uint Mode { get; init; }

    /// <summary>Owner.</summary>
    public long Uid { get; init; }

    /// <summary>Group.</summary>
    public long Gid { get; init; }

    /// <summary>Bytes of data that will follow.</summary>
    public long Size { get; init; }

    /// <summary>Last modification; whole seconds are kept.</summary>
    public TimeSpec ModificationTime { get; init; }

    /// <summary>A device's numbers.</summary>
    public (uint Major, uint Minor) Device { get; init; }

    /// <summary>Extended attributes, names without NUL.</summary>
    public IReadOnlyList<KeyValuePair<byte[], byte[]>> Xattrs { get; init; } = [];
}

/// <summary>
/// Writes a tar as pax headers over ustar ones (POSIX.1-2001), the way Docker does: an extended header only where the plain one has no room.
/// The caller writes an entry's data itself, and <see cref="Pad"/> after it.
/// </summary>
public sealed class TarWriter(IBufferWriter<byte> output)
{
    private const int BlockSize = 512;
    private const int NameField = 100;
    private const long MaxOctal7 = 0x1fffff;
    private const long MaxOctal11 = 0x1ffffffff;

    /// <summary>Writes an entry's header.</summary>
    public void Write(TarHeader header)
    {
        ArrayBufferWriter<byte> pax = new();
        if (NeedsPax(header.Name, NameField))
            Record(pax, "path"u8, header.Name);
        if (NeedsPax(header.LinkName, NameField))
            Record(pax, "linkpath"u8, header.LinkName);
        if (header.Size > MaxOctal11)
            Record(pax, "size"u8, Decimal(header.Size));
        if (header.Uid > MaxOctal7)
            Record(pax, "uid"u8, Decimal(header.Uid));
        if (header.Gid > MaxOctal7)
            Record(pax, "gid"u8, Decimal(header.Gid));
        if (header.ModificationTime.Seconds is < 0 or > MaxOctal11)
            Record(pax, "mtime"u8, Decimal(header.ModificationTime.Seconds));
        foreach ((byte[] key, byte[] value) in header.Xattrs)
            Record(pax, [.. "SCHILY.xattr."u8, .. key], value);
        if (pax.WrittenCount > 0)
        {
            Block(new TarHeader { Name = "PaxHeaders.0/entry"u8.ToArray(), Type = (byte)'x', Mode = 0x1a4, Size = pax.WrittenCount });
            output.Write(pax.WrittenSpan);
            Pad(pax.WrittenCount);
        }
        Block(header);
    }

    /// <summary>Fills up the last block of data.</summary>
    public void Pad(long size)
    {
        int padding = (int)(-size & (BlockSize - 1));
        output.GetSpan(BlockSize)[..padding].Clear();
        output.Advance(padding);
    }

    /// <summary>Ends the tar.</summary>
    public void Finish()
    {
        output.GetSpan(2 * BlockSize)[..(2 * BlockSize)].Clear();
        output.Advance(2 * BlockSize);
    }

    private void Block(TarHeader header)
    {
        Span<byte> block = output.GetSpan(BlockSize)[..BlockSize];
        block.Clear();
        Text(block[..NameField], header.Name);
        Octal(block.Slice(100, 8), header.Mode & 0xfff);
        Octal(block.Slice(108, 8), header.Uid > MaxOctal7 ? 0 : header.Uid);
        Octal(block.Slice(116, 8), header.Gid > MaxOctal7 ? 0 : header.Gid);
        Octal(block.Slice(124, 12), header.Size > MaxOctal11 ? 0 : header.Size);
        Octal(block.Slice(136, 12), header.ModificationTime.Seconds is < 0 or > MaxOctal11 ? 0 : header.ModificationTime.Seconds);
        block[156] = header.Type;
        Text(block.Slice(157, NameField), header.LinkName);
        "ustar\000"u8.CopyTo(block[257..]);
        Octal(block.Slice(329, 8), header.Device.Major);
        Octal(block.Slice(337, 8), header.Device.Minor);
        // The sum counts its own field as spaces.
        block.Slice(148, 8).Fill((byte)' ');
        int sum = 0;
        foreach (byte b in block)
            sum += b;
        Octal(block.Slice(148, 7), sum);
        output.Advance(BlockSize);
    }

    private static bool NeedsPax(byte[] text, int room) => text.Length > room || !Ascii.IsValid(text);

    private static void Text(Span<byte> field, byte[] text) => text.AsSpan(0, Math.Min(text.Length, field.Length)).CopyTo(field);

    private static void Octal(Span<byte> field, long value)
    {
        for (int i = field.Length - 2; i >= 0; i--)
        {
            field[i] = (byte)('0' + (value & 7));
            value >>= 3;
        }
    }

    // "LENGTH KEY=VALUE\n", where the length counts its own digits.
    private static void Record(ArrayBufferWriter<byte> pax, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        int rest = key.Length + value.Length + 3;
        int length = rest + Decimal(rest).Length;
        length = rest + Decimal(length).Length;
        pax.Write(Decimal(length));
        pax.Write(" "u8);
        pax.Write(key);
        pax.Write("="u8);
        pax.Write(value);
        pax.Write("\n"u8);
    }

    private static byte[] Decimal(long value) => Encoding.ASCII.GetBytes(value.ToString(CultureInfo.InvariantCulture));
}
