namespace AotRuntime.Http.Http2.Hpack;

/// <summary>A header field.</summary>
internal readonly record struct HpackField(string Name, string Value)
{
    /// <summary>RFC 7541 §4.1: "the sum of its name's length in octets, its value's length in octets, and 32". One character is one octet here.</summary>
    public int Size => Name.Length + Value.Length + 32;
}

/// <summary>RFC 7541 appendix A; indices begin with 1.</summary>
internal static class HpackStaticTable
{
    public static readonly HpackField[] Fields =
    [
        new(":authority", ""), new(":method", "GET"), new(":method", "POST"), new(":path", "/"), new(":path", "/index.html"),
        new(":scheme", "http"), new(":scheme", "https"), new(":status", "200"), new(":status", "204"), new(":status", "206"),
        new(":status", "304"), new(":status", "400"), new(":status", "404"), new(":status", "500"), new("accept-charset", ""),
        new("accept-encoding", "gzip, deflate"), new("accept-language", ""), new("accept-ranges", ""), new("accept", ""),
        new("access-control-allow-origin", ""), new("age", ""), new("allow", ""), new("authorization", ""), new("cache-control", ""),
        new("content-disposition", ""), new("content-encoding", ""), new("content-language", ""), new("content-length", ""),
        new("content-location", ""), new("content-range", ""), new("content-type", ""), new("cookie", ""), new("date", ""), new("etag", ""),
        new("expect", ""), new("expires", ""), new("from", ""), new("host", ""), new("if-match", ""), new("if-modified-since", ""),
        new("if-none-match", ""), new("if-range", ""), new("if-unmodified-since", ""), new("last-modified", ""), new("link", ""),
        new("location", ""), new("max-forwards", ""), new("proxy-authenticate", ""), new("proxy-authorization", ""), new("range", ""),
        new("referer", ""), new("refresh", ""), new("retry-after", ""), new("server", ""), new("set-cookie", ""),
        new("strict-transport-security", ""), new("transfer-encoding", ""), new("user-agent", ""), new("vary", ""), new("via", ""),
        new("www-authenticate", ""),
    ];

    private static readonly Dictionary<string, int> s_byName = ByName();

    /// <summary>The first index with a name, or 0. Entries with one name stand together.</summary>
    public static int Find(string name) => s_byName.GetValueOrDefault(name);

    private static Dictionary<string, int> ByName()
    {
        Dictionary<string, int> byName = new(Fields.Length, StringComparer.Ordinal);
        for (int i = 0; i < Fields.Length; i++)
            byName.TryAdd(Fields[i].Name, i + 1);
        return byName;
    }
}

/// <summary>The fields that one direction of a connection has seen, newest first (RFC 7541 §2.3.2), in a ring.</summary>
internal sealed class HpackDynamicTable(int maxSize)
{
    private HpackField[] _ring = new HpackField[16];
    private int _newest;

    public int Count { get; private set; }

    /// <summary>Grows with each change.</summary>
    public int Version { get; private set; }

    public int Size { get; private set; }

    public int MaxSize { get; private set; } = maxSize;

    /// <summary>The field <paramref name="index"/> insertions ago.</summary>
    public HpackField this[int index] => _ring[(_newest - index + _ring.Length) & (_ring.Length - 1)];

    /// <summary>§4.4: evicts until it fits; a field larger than the table empties it and is not an error.</summary>
    public void Add(in HpackField field)
    {
        Version++;
        EvictTo(MaxSize - field.Size);
        if (field.Size > MaxSize)
            return;
        if (Count == _ring.Length)
        {
            var larger = new HpackField[_ring.Length * 2];
            for (int i = 0; i < Count; i++)
                larger[Count - 1 - i] = this[i];
            _newest = Count - 1;
            _ring = larger;
        }
        _newest = (_newest + 1) & (_ring.Length - 1);
        _ring[_newest] = field;
        Count++;
        Size += field.Size;
    }

    public void Resize(int maxSize)
    {
        Version++;
        MaxSize = maxSize;
        EvictTo(maxSize);
    }

    private void EvictTo(int size)
    {
        while (Count > 0 && Size > size)
        {
            int oldest = (_newest - (Count - 1) + _ring.Length) & (_ring.Length - 1);
            Size -= _ring[oldest].Size;
            _ring[oldest] = default;
            Count--;
        }
    }
}
