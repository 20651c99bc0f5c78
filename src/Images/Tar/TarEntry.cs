using AotRuntime.Linux;

namespace AotRuntime.Images.Tar;

/// <summary>A part of a sparse file that has data.</summary>
/// <param name="Offset">Where in the file.</param>
/// <param name="Length">How long.</param>
public readonly record struct SparseRegion(long Offset, long Length);

/// <summary>An entry's header, with everything from pax and GNU extensions filled in. Names are bytes: they need not be UTF-8.</summary>
public sealed class TarEntry
{
    /// <summary>A regular file.</summary>
    public const byte TypeRegular = (byte)'0';

    /// <summary>A hard link.</summary>
    public const byte TypeHardLink = (byte)'1';

    /// <summary>A symbolic link.</summary>
    public const byte TypeSymlink = (byte)'2';

    /// <summary>A character device.</summary>
    public const byte TypeCharacterDevice = (byte)'3';

    /// <summary>A block device.</summary>
    public const byte TypeBlockDevice = (byte)'4';

    /// <summary>A directory.</summary>
    public const byte TypeDirectory = (byte)'5';

    /// <summary>A FIFO.</summary>
    public const byte TypeFifo = (byte)'6';

    /// <summary>What it is: one of the types above; others as the tar says. Old and sparse forms of files read as <see cref="TypeRegular"/>.</summary>
    public byte Type { get; internal set; }

    /// <summary>Path, as the tar has it.</summary>
    public byte[] Name { get; internal set; } = [];

    /// <summary>Target of a link, as the tar has it.</summary>
    public byte[] LinkName { get; internal set; } = [];

    /// <summary>Permission bits, with setuid, setgid and sticky.</summary>
    public uint Mode { get; internal set; }

    /// <summary>Owner.</summary>
    public long Uid { get; internal set; }

    /// <summary>Group.</summary>
    public long Gid { get; internal set; }

    /// <summary>The file's size; for a sparse file more than the tar holds.</summary>
    public long Size { get; internal set; }

    /// <summary>Last modification.</summary>
    public TimeSpec ModificationTime { get; internal set; }

    /// <summary>Last access; null where not told.</summary>
    public TimeSpec? AccessTime { get; internal set; }

    /// <summary>A device's major number.</summary>
    public long DeviceMajor { get; internal set; }

    /// <summary>A device's minor number.</summary>
    public long DeviceMinor { get; internal set; }

    /// <summary>Extended attributes (<c>SCHILY.xattr.*</c>): names without that prefix.</summary>
    public List<KeyValuePair<byte[], byte[]>> Xattrs { get; } = [];

    /// <summary>The regions that have data, for a sparse file; else null.</summary>
    public List<SparseRegion>? Sparse { get; internal set; }

    internal void Reset()
    {
        (Type, Name, LinkName, Mode, Uid, Gid, Size) = (0, [], [], 0, 0, 0, 0);
        (ModificationTime, AccessTime, DeviceMajor, DeviceMinor, Sparse) = (default, null, 0, 0, null);
        Xattrs.Clear();
    }
}
