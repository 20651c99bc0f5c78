namespace AotRuntime.Images.Tar;

/// <summary>The three ways in which GNU tar writes down where a sparse file has data.</summary>
internal static class SparseMaps
{
    /// <summary>Old GNU: pairs of 12-byte numbers; an empty one ends them.</summary>
    public static void AddOldGnu(List<SparseRegion> regions, ReadOnlySpan<byte> pairs, int limit)
    {
        for (; pairs.Length >= 24; pairs = pairs[24..])
        {
            if (pairs[0] == 0)
                return;
            Add(regions, TarNumbers.Field(pairs[..12]), TarNumbers.Field(pairs.Slice(12, 12)), limit);
        }
    }

    /// <summary>Format 0.0 (repeated offset and numbytes) and 0.1 (one comma-separated map); null where the records hold neither.</summary>
    public static List<SparseRegion>? FromPax(PaxRecords pax, int limit)
    {
        ReadOnlySpan<byte> map = pax["GNU.sparse.map"u8];
        List<SparseRegion> regions = [];
        if (!map.IsEmpty)
        {
            long? offset = null;
            foreach (Range range in map.Split((byte)','))
            {
                long number = TarNumbers.Decimal(map[range]);
                if (offset is { } start)
                    Add(regions, start, number, limit);
                offset = offset is null ? number : null;
            }
            return offset is null ? regions : throw TarException.InvalidHeader();
        }

        bool any = false;
        long? pending = null;
        foreach ((byte[] key, byte[] value) in pax.All)
        {
            if (key.AsSpan().SequenceEqual("GNU.sparse.offset"u8))
            {
                if (pending is not null)
                    throw TarException.InvalidHeader();
                pending = TarNumbers.Decimal(value);
            }
            else if (key.AsSpan().SequenceEqual("GNU.sparse.numbytes"u8))
            {
                Add(regions, pending ?? throw TarException.InvalidHeader(), TarNumbers.Decimal(value), limit);
                pending = null;
            }
            else
            {
                any |= key.AsSpan().SequenceEqual("GNU.sparse.numblocks"u8);
                continue;
            }
            any = true;
        }
        if (pending is not null)
            throw TarException.InvalidHeader();
        return any ? regions : null;
    }

    /// <summary>Regions lie in order, apart, inside the file, and make up all of the data.</summary>
    public static void Validate(List<SparseRegion> regions, long size, long dataSize)
    {
        if (size < 0)
            throw TarException.InvalidHeader();
        long end = 0;
        long total = 0;
        foreach (SparseRegion region in regions)
        {
            if (region.Offset < end || region.Length > size - region.Offset)
                throw TarException.InvalidHeader();
            end = region.Offset + region.Length;
            total += region.Length;
        }
        if (total != dataSize)
            throw TarException.InvalidHeader();
    }

    private static void Add(List<SparseRegion> regions, long offset, long length, int limit)
    {
        if (offset < 0 || length < 0 || offset > long.MaxValue - length)
            throw TarException.InvalidHeader();
        if (regions.Count >= limit)
            throw new TarException("archive/tar: sparse map too long");
        regions.Add(new SparseRegion(offset, length));
    }

    /// <summary>Format 1.0: decimal lines in front of the data: how many pairs, then each offset and length.</summary>
    public sealed class MapReader(int limit)
    {
        private readonly byte[] _line = new byte[20];
        private int _lineLength;
        private long _numbersLeft = -1;
        private long? _offset;

        /// <summary>What was read so far.</summary>
        public List<SparseRegion> Regions { get; } = [];

        /// <summary>Whether the whole map was read; the rest of its last block is padding.</summary>
        public bool Done => _numbersLeft == 0;

        /// <summary>Reads one more block.</summary>
        public void Feed(ReadOnlySpan<byte> block)
        {
            foreach (byte b in block)
            {
                if (Done)
                    return;
                if (b != '\n')
                {
                    if (_lineLength == _line.Length)
                        throw TarException.InvalidHeader();
                    _line[_lineLength++] = b;
                    continue;
                }
                long number = TarNumbers.Decimal(_line.AsSpan(0, _lineLength));
                _lineLength = 0;
                if (_numbersLeft < 0)
                {
                    if (number < 0 || number > limit)
                        throw TarException.InvalidHeader();
                    _numbersLeft = number * 2;
                    continue;
                }
                _numbersLeft--;
                if (_offset is { } offset)
                    Add(Regions, offset, number, limit);
                _offset = _offset is null ? number : null;
            }
        }
    }
}
