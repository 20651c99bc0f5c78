using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

/// <summary>What statx(2) tells of a file.</summary>
public readonly record struct FileStatus
{
    /// <summary>Type and permission bits (st_mode).</summary>
    public uint Mode { get; init; }

    /// <summary>Number of hard links.</summary>
    public uint Links { get; init; }

    /// <summary>Owner.</summary>
    public uint Uid { get; init; }

    /// <summary>Group.</summary>
    public uint Gid { get; init; }

    /// <summary>Size in bytes.</summary>
    public ulong Size { get; init; }

    /// <summary>Inode number.</summary>
    public ulong Inode { get; init; }

    /// <summary>Blocks of 512 bytes in use.</summary>
    public ulong Blocks { get; init; }

    /// <summary>The file system's device number, as <see cref="Sys.MakeDevice"/> packs it.</summary>
    public ulong Device { get; init; }

    /// <summary>What a device node stands for, as <see cref="Sys.MakeDevice"/> packs it.</summary>
    public ulong NodeDevice { get; init; }

    /// <summary>Last access.</summary>
    public TimeSpec AccessTime { get; init; }

    /// <summary>Last modification.</summary>
    public TimeSpec ModificationTime { get; init; }

    private const uint TypeMask = 0xF000;

    /// <summary>Whether this is a directory.</summary>
    public bool IsDirectory => (Mode & TypeMask) == 0x4000;

    /// <summary>Whether this is a regular file.</summary>
    public bool IsRegular => (Mode & TypeMask) == 0x8000;

    /// <summary>Whether this is a symbolic link.</summary>
    public bool IsSymlink => (Mode & TypeMask) == 0xA000;

    /// <summary>Whether this is a character device.</summary>
    public bool IsCharacterDevice => (Mode & TypeMask) == 0x2000;
}

public static unsafe partial class Sys
{
    private const int AtEmptyPath = 0x1000;
    private const uint StatxBasicStats = 0x7ff;

    [StructLayout(LayoutKind.Sequential)]
    private struct StatxTimestamp
    {
        public long Seconds;
        public uint Nanoseconds;
        public int Reserved;

        public readonly TimeSpec ToTimeSpec() => new(Seconds, Nanoseconds);
    }

    /// <summary>struct statx of linux/stat.h.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 256)]
    private struct StatxBuffer
    {
        public uint Mask, BlockSize;
        public ulong Attributes;
        public uint Links, Uid, Gid;
        public ushort Mode, Spare;
        public ulong Inode, Size, Blocks, AttributesMask;
        public StatxTimestamp Access, Birth, Change, Modification;
        public uint NodeMajor, NodeMinor, DeviceMajor, DeviceMinor;
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    private static partial int statx(SafeHandle dir, byte* path, int flags, uint mask, StatxBuffer* buffer);

    /// <summary><c>man 2 statx</c>, not following a link at the end; the path is NUL-terminated bytes, empty for the file itself.</summary>
    public static Errno TryStatAt(SafeFileHandle dir, ReadOnlySpan<byte> path, out FileStatus status)
    {
        RequireTerminated(path);
        StatxBuffer b;
        // SAFETY: the path is pinned for the call and terminated; the buffer has the size of the kernel's struct.
        fixed (byte* p = path)
        {
            if (statx(dir, p, AtSymlinkNoFollow | AtEmptyPath, StatxBasicStats, &b) < 0)
            {
                status = default;
                return LastErrno();
            }
        }
        status = new FileStatus
        {
            Mode = b.Mode,
            Links = b.Links,
            Uid = b.Uid,
            Gid = b.Gid,
            Size = b.Size,
            Inode = b.Inode,
            Blocks = b.Blocks,
            Device = MakeDevice(b.DeviceMajor, b.DeviceMinor),
            NodeDevice = MakeDevice(b.NodeMajor, b.NodeMinor),
            AccessTime = b.Access.ToTimeSpec(),
            ModificationTime = b.Modification.ToTimeSpec(),
        };
        return Errno.None;
    }
}
