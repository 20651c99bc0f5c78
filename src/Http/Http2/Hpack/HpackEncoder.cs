using System.Buffers;
using System.Text;

namespace AotRuntime.Http.Http2.Hpack;

/// <summary>Makes header blocks for one direction of a connection. Not thread-safe; blocks must be sent in the order they are made.</summary>
internal sealed class HpackEncoder
{
    /// <summary>More than this is not used even where the peer allows it: the table is searched field by field.</summary>
    public const int DefaultTableSize = 4096;

    private const int MaxKept = 16;

    private readonly HpackDynamicTable _table = new(DefaultTableSize);
    private int? _smallestSize;

    // The lists seen last, and of those seen twice the octets: the same list makes the same while the table does not change.
    private readonly (List<HpackField>? Fields, int Version, byte[] Octets)[] _seen = new (List<HpackField>?, int, byte[])[2];
    private int _nextSeen;

    /// <summary>Makes a whole block. The list must not change afterwards.</summary>
    public void WriteBlock(ArrayBufferWriter<byte> output, List<HpackField> fields)
    {
        int at = ReferenceEquals(_seen[0].Fields, fields) ? 0 : ReferenceEquals(_seen[1].Fields, fields) ? 1 : -1;
        if (at >= 0 && _seen[at].Version == _table.Version && _smallestSize is null)
        {
            output.Write(_seen[at].Octets);
            return;
        }
        Begin(output);
        int version = _table.Version, start = output.WrittenCount;
        foreach ((string name, string value) in fields)
            Write(output, name, value);
        if (at < 0)
        {
            at = _nextSeen;
            _nextSeen ^= 1;
            _seen[at] = (fields, -1, []);
        }
        else if (version == _table.Version && fields.Count <= MaxKept)
        {
            _seen[at] = (fields, version, output.WrittenSpan[start..].ToArray());
        }
    }

    /// <summary>Follows the peer's SETTINGS_HEADER_TABLE_SIZE; the next block says so (RFC 7541 §4.2).</summary>
    public void SetMaxTableSize(uint peerLimit)
    {
        int size = (int)Math.Min(peerLimit, DefaultTableSize);
        if (size == _table.MaxSize && _smallestSize is null)
            return;
        _smallestSize = Math.Min(_smallestSize ?? int.MaxValue, size);
        _table.Resize(size);
    }

    /// <summary>Starts a block.</summary>
    public void Begin(IBufferWriter<byte> output)
    {
        if (_smallestSize is not { } smallest)
            return;
        // "If the maximum size was changed more than once … the smallest … MUST be signaled", then the final one.
        if (smallest < _table.MaxSize)
            WriteInteger(output, 0x20, 5, smallest);
        WriteInteger(output, 0x20, 5, _table.MaxSize);
        _smallestSize = null;
    }

    /// <summary>Adds a field; <paramref name="name"/> is in lower case.</summary>
    public void Write(IBufferWriter<byte> output, string name, string value)
    {
        HpackField[] fields = HpackStaticTable.Fields;
        int nameIndex = HpackStaticTable.Find(name);
        for (int i = nameIndex; i > 0 && i <= fields.Length && fields[i - 1].Name == name; i++)
        {
            if (fields[i - 1].Value == value && value.Length > 0)
            {
                WriteInteger(output, 0x80, 7, i);
                return;
            }
        }
        for (int i = 0; i < _table.Count; i++)
        {
            HpackField field = _table[i];
            if (field.Name != name)
                continue;
            if (field.Value == value)
            {
                WriteInteger(output, 0x80, 7, fields.Length + 1 + i);
                return;
            }
            if (nameIndex == 0)
                nameIndex = fields.Length + 1 + i;
        }

        Indexing indexing = IndexingOf(name, value);
        (byte first, int prefix) = indexing switch
        {
            Indexing.Incremental => ((byte)0x40, 6),
            Indexing.Never => ((byte)0x10, 4),
            _ => ((byte)0, 4),
        };
        WriteInteger(output, first, prefix, nameIndex);
        if (nameIndex == 0)
            WriteString(output, name);
        WriteString(output, value);
        if (indexing == Indexing.Incremental)
            _table.Add(new(name, value));
    }

    private enum Indexing
    {
        Incremental,
        None,
        Never,
    }

    /// <summary>What repeats goes into the table; what differs each time would only push that out; secrets stay out (§7.1.3).</summary>
    private static Indexing IndexingOf(string name, string value) => name switch
    {
        "authorization" or "proxy-authorization" or "cookie" or "set-cookie" or "x-registry-auth" or "x-registry-config" => Indexing.Never,
        "content-length" or "date" or "etag" or "range" or "content-range" or "grpc-timeout" or "grpc-message" or "location" => Indexing.None,
        _ => value.Length > 256 ? Indexing.None : Indexing.Incremental,
    };

    private static void WriteInteger(IBufferWriter<byte> output, byte first, int prefixBits, int value) =>
        output.Advance(HpackInteger.Write(output.GetSpan(6), first, prefixBits, value));

    private static void WriteString(IBufferWriter<byte> output, string text)
    {
        byte[] octets = ArrayPool<byte>.Shared.Rent(text.Length);
        int length = Encoding.Latin1.GetBytes(text, octets);
        ReadOnlySpan<byte> plain = octets.AsSpan(0, length);
        int encoded = HuffmanCode.EncodedLength(plain);
        Span<byte> to = output.GetSpan(6 + Math.Min(length, encoded));
        int n;
        if (encoded < length)
        {
            n = HpackInteger.Write(to, 0x80, 7, encoded);
            HuffmanCode.Encode(plain, to.Slice(n, encoded));
            n += encoded;
        }
        else
        {
            n = HpackInteger.Write(to, 0, 7, length);
            plain.CopyTo(to[n..]);
            n += length;
        }
        output.Advance(n);
        ArrayPool<byte>.Shared.Return(octets);
    }
}
