namespace AotRuntime.Images.Tar;

/// <summary>The records of a pax extended header (POSIX.1-2001 pax, "Extended Header"): <c>"%d %s=%s\n", length, keyword, value</c>.</summary>
internal sealed class PaxRecords
{
    private readonly List<KeyValuePair<byte[], byte[]>> _records = [];

    /// <summary>Reads all records of a header's payload.</summary>
    /// <exception cref="TarException">A record breaks the format.</exception>
    public static PaxRecords Parse(ReadOnlySpan<byte> payload)
    {
        PaxRecords records = new();
        while (!payload.IsEmpty)
        {
            int space = payload.IndexOf((byte)' ');
            if (space <= 0)
                throw TarException.InvalidHeader();
            long length = TarNumbers.Decimal(payload[..space]);
            // The shortest record is "5 k=\n"; the length counts its own digits.
            if (length < 5 || length > payload.Length || length <= space + 1)
                throw TarException.InvalidHeader();
            ReadOnlySpan<byte> record = payload[(space + 1)..(int)length];
            payload = payload[(int)length..];
            int equals = record.IndexOf((byte)'=');
            if (record[^1] != '\n' || equals <= 0)
                throw TarException.InvalidHeader();
            ReadOnlySpan<byte> key = record[..equals];
            ReadOnlySpan<byte> value = record[(equals + 1)..^1];
            bool isText = key.SequenceEqual("path"u8) || key.SequenceEqual("linkpath"u8) || key.SequenceEqual("uname"u8) || key.SequenceEqual("gname"u8);
            if (isText ? value.Contains((byte)0) : key.Contains((byte)0))
                throw TarException.InvalidHeader();
            records._records.Add(new(key.ToArray(), value.ToArray()));
        }
        return records;
    }

    /// <summary>The records in their order; GNU's sparse 0.0 repeats keywords.</summary>
    public IReadOnlyList<KeyValuePair<byte[], byte[]>> All => _records;

    /// <summary>The last value of <paramref name="key"/>; empty where there is none, which pax takes for the same.</summary>
    public ReadOnlySpan<byte> this[ReadOnlySpan<byte> key]
    {
        get
        {
            for (int i = _records.Count - 1; i >= 0; i--)
            {
                if (key.SequenceEqual(_records[i].Key))
                    return _records[i].Value;
            }
            return default;
        }
    }
}
