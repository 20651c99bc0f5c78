using System.Buffers;
using System.Text;

namespace AotRuntime.Http.Http2.Hpack;

/// <summary>Takes header blocks of one direction of a connection apart. Not thread-safe; blocks must come whole and in order.</summary>
internal sealed class HpackDecoder(int maxTableSize)
{
    private readonly HpackDynamicTable _table = new(maxTableSize);

    /// <summary>Changes whenever a block could mean something else than before.</summary>
    public int Version => _table.Version;

    /// <summary>
    /// Decodes a block and adds its fields to <paramref name="fields"/>. A list beyond <paramref name="maxListSize"/> is still decoded to
    /// its end, since the table must follow, but the result is false and the fields are incomplete.
    /// </summary>
    /// <exception cref="Http2ConnectionException">COMPRESSION_ERROR: nothing after this block could be understood.</exception>
    public bool Decode(ReadOnlySpan<byte> block, List<HpackField> fields, int maxListSize)
    {
        long listSize = 0;
        bool sizeUpdateAllowed = true;
        while (!block.IsEmpty)
        {
            byte first = block[0];
            HpackField field;
            if (first >= 0x80) // §6.1 indexed
            {
                field = At(ReadInteger(ref block, 7));
            }
            else if (first >= 0x40) // §6.2.1 literal with incremental indexing
            {
                field = ReadLiteral(ref block, 6);
                _table.Add(field);
            }
            else if (first >= 0x20) // §6.3 size update; §4.2: only at the beginning of a block
            {
                int size = ReadInteger(ref block, 5);
                if (!sizeUpdateAllowed || size > maxTableSize)
                    throw Malformed("dynamic table size update");
                _table.Resize(size);
                continue;
            }
            else // §6.2.2 without indexing, §6.2.3 never indexed
            {
                field = ReadLiteral(ref block, 4);
            }
            sizeUpdateAllowed = false;
            listSize += field.Size;
            if (listSize <= maxListSize)
                fields.Add(field);
        }
        return listSize <= maxListSize;
    }

    private HpackField At(int index)
    {
        if (index >= 1 && index <= HpackStaticTable.Fields.Length)
            return HpackStaticTable.Fields[index - 1];
        index -= HpackStaticTable.Fields.Length + 1;
        return index >= 0 && index < _table.Count ? _table[index] : throw Malformed("index");
    }

    private HpackField ReadLiteral(ref ReadOnlySpan<byte> block, int prefixBits)
    {
        int index = ReadInteger(ref block, prefixBits);
        string name = index == 0 ? ReadString(ref block) : At(index).Name;
        return new(name, ReadString(ref block));
    }

    private static int ReadInteger(ref ReadOnlySpan<byte> block, int prefixBits) =>
        HpackInteger.TryRead(ref block, prefixBits, out int value) ? value : throw Malformed("integer");

    private static string ReadString(ref ReadOnlySpan<byte> block)
    {
        bool huffman = !block.IsEmpty && block[0] >= 0x80;
        int length = ReadInteger(ref block, 7);
        if (length > block.Length)
            throw Malformed("string length");
        ReadOnlySpan<byte> octets = block[..length];
        block = block[length..];
        if (!huffman)
            return Encoding.Latin1.GetString(octets);
        byte[] text = ArrayPool<byte>.Shared.Rent((length * 8 / 5) + 1);
        try
        {
            int decoded = HuffmanCode.Decode(octets, text);
            return decoded < 0 ? throw Malformed("Huffman code") : Encoding.Latin1.GetString(text, 0, decoded);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(text);
        }
    }

    private static Http2ConnectionException Malformed(string what) => new(Http2ErrorCode.CompressionError, $"HPACK: bad {what}");
}
