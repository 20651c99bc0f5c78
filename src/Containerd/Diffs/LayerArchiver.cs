using System.IO.Pipelines;
using AotRuntime.Images.Tar;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Containerd.Diffs;

/// <summary>
/// Writes what a tree has that another has not as a layer (image-spec layer.md): new and changed entries, whiteouts for removed ones. Where
/// there is nothing to compare with, the tree is a layer already: overlayfs's own whiteouts become the layer's.
/// </summary>
internal sealed class LayerArchiver(PipeWriter output, TimeSpec? latest, CancellationToken cancelled)
{
    /// <summary>Each level holds up to two descriptors.</summary>
    private const int MaxDepth = 512;

    private const int ChunkBytes = 128 * 1024;
    private const uint TypeMask = 0xf000;

    private readonly TarWriter _tar = new(output);
    private readonly Dictionary<(ulong Device, ulong Inode), byte[]> _linked = [];
    private readonly List<(FileStatus Status, byte[] Name)> _pending = [];

    /// <summary>Writes the whole layer.</summary>
    /// <param name="tree">The tree.</param>
    /// <param name="before">What it is compared with; null where it holds changes only.</param>
    public async Task WriteAsync(string tree, string? before)
    {
        using SafeFileHandle right = Sys.Open(tree, OpenFlags.ReadOnly | OpenFlags.Directory);
        using SafeFileHandle? left = before is null ? null : Sys.Open(before, OpenFlags.ReadOnly | OpenFlags.Directory);
        await FolderAsync(right, left, [], 0).ConfigureAwait(false);
        _tar.Finish();
        await output.CompleteAsync().ConfigureAwait(false);
    }

    private async Task FolderAsync(SafeFileHandle right, SafeFileHandle? left, byte[] prefix, int depth)
    {
        if (depth > MaxDepth)
            throw new LinuxException("open", TarPath.Display(prefix), Errno.ENAMETOOLONG);
        HashSet<string> present = [];
        foreach (byte[] entry in Sorted(right))
        {
            cancelled.ThrowIfCancellationRequested();
            byte[] bare = entry[..^1];
            present.Add(Convert.ToHexString(bare));
            Check(Sys.TryStatAt(right, entry, out FileStatus status), "stat", bare);
            if (IsOverlayWhiteout(status))
                Whiteout(prefix, bare);
            else
                await EntryAsync(right, left, entry, status, [.. prefix, .. bare], depth).ConfigureAwait(false);
            if (output.UnflushedBytes >= ChunkBytes)
                await output.FlushAsync(cancelled).ConfigureAwait(false);
        }
        if (left is null)
            return;
        foreach (byte[] entry in Sorted(left))
        {
            if (!present.Contains(Convert.ToHexString(entry.AsSpan(0, entry.Length - 1))))
                Whiteout(prefix, entry[..^1]);
        }
    }

    private async Task EntryAsync(SafeFileHandle right, SafeFileHandle? left, byte[] entry, FileStatus status, byte[] name, int depth)
    {
        FileStatus old = default;
        bool known = left is not null && Sys.TryStatAt(left, entry, out old) == Errno.None;
        if (status.IsDirectory)
        {
            await DirectoryAsync(right, known && old.IsDirectory ? left : null, entry, status, old, name, depth).ConfigureAwait(false);
            return;
        }
        if (known && IsSame(right, left!, entry, status, old))
            return;
        Flush();
        if (status.Links > 1 && !status.IsSymlink && !_linked.TryAdd((status.Device, status.Inode), name))
        {
            _tar.Write(Header(status, name, TarEntry.TypeHardLink) with { LinkName = _linked[(status.Device, status.Inode)] });
            return;
        }
        switch (status.Mode & TypeMask)
        {
            case 0x8000:
                await FileAsync(right, entry, name).ConfigureAwait(false);
                break;
            case 0xa000:
                byte[] target = new byte[4096];
                Check(Sys.TryReadLinkAt(right, entry, target, out int length), "readlink", name);
                _tar.Write(Header(status, name, TarEntry.TypeSymlink) with { LinkName = target[..length] });
                break;
            case 0x2000 or 0x6000:
                byte type = (status.Mode & TypeMask) == 0x2000 ? TarEntry.TypeCharacterDevice : TarEntry.TypeBlockDevice;
                _tar.Write(Header(status, name, type) with { Device = (Major(status.NodeDevice), Minor(status.NodeDevice)) });
                break;
            case 0x1000:
                _tar.Write(Header(status, name, TarEntry.TypeFifo));
                break;
            default:
                break; // a socket means nothing elsewhere
        }
    }

    /// <param name="left">The parent to compare with; null where it has no such directory, or nothing is compared.</param>
    private async Task DirectoryAsync(
        SafeFileHandle right, SafeFileHandle? left, byte[] entry, FileStatus status, FileStatus old, byte[] name, int depth)
    {
        byte[] slashed = [.. name, (byte)'/'];
        Check(Sys.TryOpenAt(right, entry, OpenFlags.ReadOnly | OpenFlags.Directory | OpenFlags.NoFollow, 0, out SafeFileHandle? inner), "open", name);
        SafeFileHandle? innerLeft = null;
        if (left is not null)
            Check(Sys.TryOpenAt(left, entry, OpenFlags.ReadOnly | OpenFlags.Directory | OpenFlags.NoFollow, 0, out innerLeft), "open", name);
        using (inner)
        using (innerLeft)
        {
            // Its header is written when it is known that the directory, or something below it, has changed.
            _pending.Add((status, slashed));
            if (left is null || !SameOwnerAndMode(status, old))
                Flush();
            if (IsOpaque(inner!))
                Whiteout(slashed, ".wh..opq"u8);
            await FolderAsync(inner!, innerLeft, slashed, depth + 1).ConfigureAwait(false);
            if (_pending.Count > 0)
                _pending.RemoveAt(_pending.Count - 1);
        }
    }

    private async Task FileAsync(SafeFileHandle folder, byte[] entry, byte[] name)
    {
        Check(Sys.TryOpenAt(folder, entry, OpenFlags.ReadOnly | OpenFlags.NoFollow | OpenFlags.NonBlock, 0, out SafeFileHandle? file), "open", name);
        using (file)
        {
            Check(Sys.TryStatAt(file!, "\0"u8, out FileStatus status), "stat", name);
            if (!status.IsRegular)
                throw new LinuxException("read", TarPath.Display(name), Errno.EINVAL);
            long size = (long)status.Size;
            _tar.Write(Header(status, name, TarEntry.TypeRegular) with { Size = size, Xattrs = Capability(file!) });
            for (long left = size; left > 0;)
            {
                Memory<byte> room = output.GetMemory((int)Math.Min(left, ChunkBytes));
                Memory<byte> chunk = room[..(int)Math.Min(left, room.Length)];
                int count = Sys.TryRead(file!, chunk.Span, out Errno errno);
                Check(errno, "read", name);
                if (count == 0)
                    throw new LinuxException("read", TarPath.Display(name) + ": it became shorter", Errno.EIO);
                output.Advance(count);
                left -= count;
                await output.FlushAsync(cancelled).ConfigureAwait(false);
            }
            _tar.Pad(size);
        }
    }

    private void Whiteout(ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> name)
    {
        Flush();
        _tar.Write(new TarHeader { Name = [.. prefix, .. ".wh."u8, .. name], Type = TarEntry.TypeRegular, ModificationTime = latest ?? default });
    }

    /// <summary>Writes the headers of the directories on the way to what comes next.</summary>
    private void Flush()
    {
        for (int i = 0; i < _pending.Count; i++)
        {
            if (_pending[i].Name.Length == 0)
                continue;
            _tar.Write(Header(_pending[i].Status, _pending[i].Name, TarEntry.TypeDirectory));
            _pending[i] = (_pending[i].Status, []);
        }
    }

    private TarHeader Header(FileStatus status, byte[] name, byte type) => new()
    {
        Name = name,
        Type = type,
        Mode = status.Mode & 0xfff,
        Uid = status.Uid,
        Gid = status.Gid,
        ModificationTime = latest is { } limit && status.ModificationTime.Seconds > limit.Seconds ? limit : status.ModificationTime,
    };

    private static IEnumerable<byte[]> Sorted(SafeFileHandle folder)
    {
        List<byte[]> names = Sys.ReadDirectoryNames(folder);
        names.Sort(static (a, b) => a.AsSpan().SequenceCompareTo(b));
        return names;
    }

    // Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories".
    private static bool IsOverlayWhiteout(FileStatus status) => (status.Mode & TypeMask) == 0x2000 && status.NodeDevice == 0;

    private static bool IsOpaque(SafeFileHandle directory)
    {
        Span<byte> value = stackalloc byte[4];
        return Sys.TryFgetxattr(directory, "trusted.overlay.opaque\0"u8, value, out int size) == Errno.None && size == 1 && value[0] == 'y';
    }

    private static bool SameOwnerAndMode(FileStatus a, FileStatus b) => a.Mode == b.Mode && a.Uid == b.Uid && a.Gid == b.Gid;

    private static bool IsSame(SafeFileHandle right, SafeFileHandle left, byte[] entry, FileStatus a, FileStatus b)
    {
        if (!SameOwnerAndMode(a, b) || a.NodeDevice != b.NodeDevice || a.Size != b.Size || a.ModificationTime != b.ModificationTime)
            return false;
        if (!a.IsSymlink)
            return true;
        byte[] one = new byte[4096], other = new byte[4096];
        return Sys.TryReadLinkAt(right, entry, one, out int length) == Errno.None && Sys.TryReadLinkAt(left, entry, other, out int otherLength) == Errno.None
            && one.AsSpan(0, length).SequenceEqual(other.AsSpan(0, otherLength));
    }

    private static List<KeyValuePair<byte[], byte[]>> Capability(SafeFileHandle file)
    {
        byte[] value = new byte[256];
        return Sys.TryFgetxattr(file, "security.capability\0"u8, value, out int size) == Errno.None
            ? [new("security.capability"u8.ToArray(), value[..size])]
            : [];
    }

    private static void Check(Errno errno, string call, byte[] name)
    {
        if (errno != Errno.None)
            throw new LinuxException(call, TarPath.Display(name), errno);
    }

    // The split of the kernel's user-visible device number (glibc gnu_dev_major, gnu_dev_minor).
    private static uint Major(ulong device) => (uint)(((device >> 8) & 0xfff) | ((device >> 32) & ~0xfffUL));

    private static uint Minor(ulong device) => (uint)((device & 0xff) | ((device >> 12) & ~0xffUL));
}
