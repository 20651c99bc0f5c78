using AotRuntime.Linux;

namespace AotRuntime.Images.Tar;

/// <summary>Gives a stream's bytes block by block; a block stays valid until the next call. An empty block is the end.</summary>
public delegate ReadOnlyMemory<byte> BlockSource();

/// <summary>
/// Reads a tar from blocks of any size: ustar, pax, GNU and old V7 headers, as Go's archive/tar understands them (so that an image means here
/// what it means to Docker). Data is handed out where it lies, never copied; nothing is allocated by a size that a header claims.
/// </summary>
/// <remarks>
/// <code>
/// offset  0       100  108  116  124   136   148   156 157      257   263 265    297    329      337      345
///         name    mode uid  gid  size  mtime chksum t  linkname magic ver uname  gname  devmajor devminor prefix (155)
/// </code>
/// (POSIX.1-1988 ustar; GNU has <c>"ustar  \0"</c> as magic and its own fields from 345 on.)
/// </remarks>
public sealed class TarReader(BlockSource source, TarLimits? limits = null)
{
    private const int HeaderSize = 512;

    private readonly TarLimits _limits = limits ?? TarLimits.Default;
    private readonly byte[] _header = new byte[HeaderSize];
    private ReadOnlyMemory<byte> _block;
    private int _at;
    private long _dataLeft;
    private long _dataOffset;
    private int _padding;
    private int _sparseIndex;
    private long _sparseDone;
    private bool _ended;

    /// <summary>The current entry; overwritten by <see cref="Next"/>.</summary>
    public TarEntry Entry { get; } = new();

    /// <summary>Goes on to the next entry, over what was not read of this one; false at the tar's end.</summary>
    /// <exception cref="TarException">No tar, or it ended early.</exception>
    public bool Next()
    {
        if (_ended)
            return false;
        SkipData();
        Entry.Reset();

        PaxRecords? pax = null;
        byte[]? longName = null;
        byte[]? longLink = null;
        for (int special = 0; ; special++)
        {
            if (special > _limits.MaxSpecialHeaders)
                throw new TarException("archive/tar: too many extended headers before one entry");
            if (!ReadHeader())
            {
                // Stricter than Go: an extended header whose entry is missing was cut off.
                if (pax is not null || longName is not null || longLink is not null)
                    throw TarException.UnexpectedEnd();
                _ended = true;
                return false;
            }
            byte type = _header[156];
            switch (type)
            {
                case (byte)'x':
                    pax = PaxRecords.Parse(ReadSpecial());
                    continue;
                case (byte)'g':
                    // Checked, but without effect, as in Docker: git writes its commit there, and what else a global header may set
                    // (owners, times) Docker's tar reader ignores.
                    PaxRecords.Parse(ReadSpecial());
                    continue;
                case (byte)'L':
                    longName = UntilNul(ReadSpecial()).ToArray();
                    continue;
                case (byte)'K':
                    longLink = UntilNul(ReadSpecial()).ToArray();
                    continue;
                default:
                    FillEntry(type, pax, longName, longLink);
                    return true;
            }
        }
    }

    /// <summary>
    /// The next piece of the current entry's data, with its place in the file; false where there is no more. For a sparse file the pieces are its
    /// regions' data.
    /// </summary>
    /// <exception cref="TarException">The stream ended early.</exception>
    public bool ReadData(out long offset, out ReadOnlySpan<byte> data)
    {
        offset = 0;
        data = default;
        if (_dataLeft == 0)
            return false;
        if (_at == _block.Length && !Refill())
            throw TarException.UnexpectedEnd();

        int count = (int)Math.Min(_dataLeft, _block.Length - _at);
        if (Entry.Sparse is { } regions)
        {
            while (regions[_sparseIndex].Length == _sparseDone)
                (_sparseIndex, _sparseDone) = (_sparseIndex + 1, 0);
            SparseRegion region = regions[_sparseIndex];
            count = (int)Math.Min(count, region.Length - _sparseDone);
            offset = region.Offset + _sparseDone;
            _sparseDone += count;
        }
        else
        {
            offset = _dataOffset;
            _dataOffset += count;
        }
        data = _block.Span.Slice(_at, count);
        _at += count;
        _dataLeft -= count;
        return true;
    }

    private void FillEntry(byte type, PaxRecords? pax, byte[]? longName, byte[]? longLink)
    {
        ReadOnlySpan<byte> h = _header;
        TarEntry entry = Entry;
        ReadOnlySpan<byte> magic = h.Slice(257, 8);
        bool gnu = magic.SequenceEqual("ustar  \0"u8);
        bool ustar = !gnu && magic[..6].SequenceEqual("ustar\0"u8);
        bool star = ustar && h.Slice(508, 4).SequenceEqual("tar\0"u8);

        entry.Name = UntilNul(h[..100]).ToArray();
        entry.LinkName = UntilNul(h.Slice(157, 100)).ToArray();
        entry.Mode = (uint)(TarNumbers.Field(h.Slice(100, 8)) & 0xfff);
        entry.Uid = TarNumbers.Field(h.Slice(108, 8));
        entry.Gid = TarNumbers.Field(h.Slice(116, 8));
        long physical = TarNumbers.Field(h.Slice(124, 12));
        entry.ModificationTime = new TimeSpec(TarNumbers.Field(h.Slice(136, 12)), 0);
        if (ustar || gnu)
        {
            entry.DeviceMajor = TarNumbers.Field(h.Slice(329, 8));
            entry.DeviceMinor = TarNumbers.Field(h.Slice(337, 8));
        }
        if (ustar)
        {
            // Schilling's star keeps times behind a shorter prefix.
            ReadOnlySpan<byte> prefix = UntilNul(h.Slice(345, star ? 131 : 155));
            if (!prefix.IsEmpty)
                entry.Name = [.. prefix, (byte)'/', .. entry.Name];
        }

        if (pax is not null)
            ApplyPax(pax, ref physical);
        if (longName is not null)
            entry.Name = longName;
        if (longLink is not null)
            entry.LinkName = longLink;
        if (entry.Name.AsSpan().Contains((byte)0) || entry.LinkName.AsSpan().Contains((byte)0) || physical < 0)
            throw TarException.InvalidHeader();

        entry.Type = type;
        bool hasData = type is not (TarEntry.TypeHardLink or TarEntry.TypeSymlink or TarEntry.TypeCharacterDevice
            or TarEntry.TypeBlockDevice or TarEntry.TypeDirectory or TarEntry.TypeFifo);
        if (type is 0 or TarEntry.TypeRegular or (byte)'7' or (byte)'S')
        {
            // V7 had no type for directories but the slash.
            entry.Type = type == 0 && entry.Name.AsSpan().EndsWith("/"u8) ? TarEntry.TypeDirectory : TarEntry.TypeRegular;
        }
        entry.Size = hasData ? physical : 0;
        _dataLeft = entry.Size;
        _padding = (int)(-_dataLeft & (HeaderSize - 1));
        (_dataOffset, _sparseIndex, _sparseDone) = (0, 0, 0);

        if (type == 'S')
            ReadOldGnuSparse(gnu);
        else if (pax is not null && entry.Type == TarEntry.TypeRegular && hasData)
            ReadPaxSparse(pax);
    }

    private void ApplyPax(PaxRecords pax, ref long physical)
    {
        TarEntry entry = Entry;
        ReadOnlySpan<byte> xattr = "SCHILY.xattr."u8;
        foreach ((byte[] key, byte[] value) in pax.All)
        {
            if (value.Length == 0 && !key.AsSpan().StartsWith(xattr))
                continue;
            switch (key.AsSpan())
            {
                case var k when k.SequenceEqual("path"u8):
                    entry.Name = value;
                    break;
                case var k when k.SequenceEqual("linkpath"u8):
                    entry.LinkName = value;
                    break;
                case var k when k.SequenceEqual("uid"u8):
                    entry.Uid = TarNumbers.Decimal(value);
                    break;
                case var k when k.SequenceEqual("gid"u8):
                    entry.Gid = TarNumbers.Decimal(value);
                    break;
                case var k when k.SequenceEqual("size"u8):
                    physical = TarNumbers.Decimal(value);
                    break;
                case var k when k.SequenceEqual("mtime"u8):
                    entry.ModificationTime = TarNumbers.Time(value);
                    break;
                case var k when k.SequenceEqual("atime"u8):
                    entry.AccessTime = TarNumbers.Time(value);
                    break;
                case var k when k.StartsWith(xattr) && k.Length > xattr.Length:
                    entry.Xattrs.Add(new([.. k[xattr.Length..], 0], value));
                    break;
            }
        }
    }

    private void ReadOldGnuSparse(bool gnu)
    {
        if (!gnu)
            throw TarException.InvalidHeader();
        List<SparseRegion> regions = [];
        Entry.Size = TarNumbers.Field(_header.AsSpan(483, 12));
        SparseMaps.AddOldGnu(regions, _header.AsSpan(386, 4 * 24), _limits.MaxSparseRegions);
        bool more = _header[482] != 0;
        while (more)
        {
            if (ReadFully(_header) != HeaderSize)
                throw TarException.UnexpectedEnd();
            SparseMaps.AddOldGnu(regions, _header.AsSpan(0, 21 * 24), _limits.MaxSparseRegions);
            more = _header[504] != 0;
        }
        UseSparse(regions);
    }

    private void ReadPaxSparse(PaxRecords pax)
    {
        List<SparseRegion>? regions = null;
        ReadOnlySpan<byte> major = pax["GNU.sparse.major"u8];
        if (major.SequenceEqual("1"u8) && pax["GNU.sparse.minor"u8].SequenceEqual("0"u8))
        {
            SparseMaps.MapReader map = new(_limits.MaxSparseRegions);
            // The map fills whole blocks in front of the data, and counts as data in the header's size.
            while (!map.Done)
            {
                if (_dataLeft < HeaderSize)
                    throw TarException.InvalidHeader();
                if (ReadFully(_header) != HeaderSize)
                    throw TarException.UnexpectedEnd();
                _dataLeft -= HeaderSize;
                map.Feed(_header);
            }
            regions = map.Regions;
        }
        else if (major.IsEmpty || major.SequenceEqual("0"u8))
        {
            regions = SparseMaps.FromPax(pax, _limits.MaxSparseRegions);
        }
        if (regions is null)
            return;

        ReadOnlySpan<byte> name = pax["GNU.sparse.name"u8];
        if (!name.IsEmpty)
            Entry.Name = name.Contains((byte)0) ? throw TarException.InvalidHeader() : name.ToArray();
        ReadOnlySpan<byte> size = pax["GNU.sparse.realsize"u8];
        if (size.IsEmpty)
            size = pax["GNU.sparse.size"u8];
        if (!size.IsEmpty)
            Entry.Size = TarNumbers.Decimal(size);
        UseSparse(regions);
    }

    private void UseSparse(List<SparseRegion> regions)
    {
        SparseMaps.Validate(regions, Entry.Size, _dataLeft);
        Entry.Sparse = regions;
    }

    /// <summary>Reads one header into the buffer and checks its sum; false at the end of the tar.</summary>
    private bool ReadHeader()
    {
        for (int zeros = 0; ; zeros++)
        {
            int read = ReadFully(_header);
            if (read == 0)
                return false;
            if (read < HeaderSize)
                throw TarException.UnexpectedEnd();
            if (_header.AsSpan().ContainsAnyExcept((byte)0))
            {
                if (zeros != 0)
                    throw TarException.InvalidHeader();
                break;
            }
            if (zeros == 1)
                return false;
        }

        long unsigned = 0;
        long signed = 0;
        for (int i = 0; i < HeaderSize; i++)
        {
            // The sum's own field counts as blanks; old tars summed signed chars.
            byte b = i is >= 148 and < 156 ? (byte)' ' : _header[i];
            unsigned += b;
            signed += (sbyte)b;
        }
        long sum = TarNumbers.Octal(_header.AsSpan(148, 8));
        return sum == unsigned || sum == signed ? true : throw TarException.InvalidHeader();
    }

    /// <summary>The payload of a pax or long-name header.</summary>
    private byte[] ReadSpecial()
    {
        long size = TarNumbers.Field(_header.AsSpan(124, 12));
        if (size < 0)
            throw TarException.InvalidHeader();
        if (size > _limits.MaxSpecialBytes)
            throw new TarException("archive/tar: header field too long");
        byte[] payload = new byte[size];
        if (ReadFully(payload) != payload.Length)
            throw TarException.UnexpectedEnd();
        Skip(-size & (HeaderSize - 1));
        return payload;
    }

    private static ReadOnlySpan<byte> UntilNul(ReadOnlySpan<byte> field)
    {
        int nul = field.IndexOf((byte)0);
        return nul < 0 ? field : field[..nul];
    }

    private void SkipData()
    {
        Skip(_dataLeft + _padding);
        (_dataLeft, _padding) = (0, 0);
    }

    private void Skip(long count)
    {
        while (count > 0)
        {
            if (_at == _block.Length && !Refill())
                throw TarException.UnexpectedEnd();
            int step = (int)Math.Min(count, _block.Length - _at);
            _at += step;
            count -= step;
        }
    }

    private int ReadFully(Span<byte> target)
    {
        int done = 0;
        while (done < target.Length && (_at < _block.Length || Refill()))
        {
            int step = Math.Min(target.Length - done, _block.Length - _at);
            _block.Span.Slice(_at, step).CopyTo(target[done..]);
            _at += step;
            done += step;
        }
        return done;
    }

    private bool Refill()
    {
        _block = source();
        _at = 0;
        return !_block.IsEmpty;
    }
}
