using System.IO.Pipelines;
using System.Text;
using AotRuntime.Images.Tar;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Dockerd.Archives;

/// <summary>Writes a part of a container's filesystem as a tar. Links are archived as links: none is followed on the way down.</summary>
internal sealed class TreeArchiver(PipeWriter output, CancellationToken cancellationToken)
{
    /// <summary>A directory holds one descriptor open while it is walked.</summary>
    private const int MaxDepth = 512;

    private const int ChunkBytes = 128 * 1024;

    private readonly TarWriter _tar = new(output);
    private readonly Dictionary<(ulong Device, ulong Inode), byte[]> _linked = [];

    /// <summary>Leaves out what lies on another filesystem (volumes, /proc) than this one; null for everything.</summary>
    public ulong? OnlyDevice { get; init; }

    /// <summary>Archives what an open directory's entry is, under the name <paramref name="name"/>.</summary>
    public async Task AddAsync(SafeFileHandle parent, byte[] entry, byte[] name)
    {
        if (Sys.TryStatAt(parent, TarPath.Terminate(entry), out FileStatus status) != Errno.None)
            return; // gone meanwhile
        await AddAsync(parent, TarPath.Terminate(entry), name, status, 0).ConfigureAwait(false);
    }

    /// <summary>Archives a directory: itself as <paramref name="name"/> (left out where that is null), then what is in it below <paramref name="prefix"/>.</summary>
    public async Task AddDirectoryAsync(SafeFileHandle directory, byte[]? name, byte[] prefix)
    {
        if (name is not null && Sys.TryStatAt(directory, "\0"u8, out FileStatus status) == Errno.None)
            _tar.Write(Header(status, name, TarEntry.TypeDirectory));
        await AddChildrenAsync(directory, prefix, 0).ConfigureAwait(false);
    }

    /// <summary>Ends the archive.</summary>
    public async Task FinishAsync()
    {
        _tar.Finish();
        await output.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private async Task AddChildrenAsync(SafeFileHandle directory, byte[] prefix, int depth)
    {
        if (depth > MaxDepth)
            throw new LinuxException("open", TarPath.Display(prefix), Errno.ENAMETOOLONG);
        List<byte[]> names = Sys.ReadDirectoryNames(directory);
        names.Sort(static (a, b) => a.AsSpan().SequenceCompareTo(b));
        foreach (byte[] child in names)
        {
            if (Sys.TryStatAt(directory, child, out FileStatus status) == Errno.None)
                await AddAsync(directory, child, [.. prefix, .. child.AsSpan(0, child.Length - 1)], status, depth).ConfigureAwait(false);
        }
    }

    private async Task AddAsync(SafeFileHandle parent, byte[] entry, byte[] name, FileStatus status, int depth)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (status.IsDirectory)
        {
            byte[] slashed = [.. name, (byte)'/'];
            _tar.Write(Header(status, slashed, TarEntry.TypeDirectory));
            if ((OnlyDevice is not { } only || status.Device == only)
                && Sys.TryOpenAt(parent, entry, OpenFlags.ReadOnly | OpenFlags.Directory | OpenFlags.NoFollow, 0, out SafeFileHandle? inner) == Errno.None)
            {
                using (inner)
                    await AddChildrenAsync(inner!, slashed, depth + 1).ConfigureAwait(false);
            }
            return;
        }
        if (status.Links > 1 && !status.IsSymlink && !_linked.TryAdd((status.Device, status.Inode), name))
        {
            _tar.Write(Header(status, name, TarEntry.TypeHardLink) with { LinkName = _linked[(status.Device, status.Inode)] });
            return;
        }
        switch (status.Mode & 0xf000)
        {
            case 0x8000:
                await AddFileAsync(parent, entry, name).ConfigureAwait(false);
                break;
            case 0xa000:
                byte[] target = new byte[4096];
                if (Sys.TryReadLinkAt(parent, entry, target, out int length) == Errno.None)
                    _tar.Write(Header(status, name, TarEntry.TypeSymlink) with { LinkName = target[..length] });
                break;
            case 0x2000 or 0x6000:
                byte type = status.IsCharacterDevice ? TarEntry.TypeCharacterDevice : TarEntry.TypeBlockDevice;
                _tar.Write(Header(status, name, type) with { Device = (Major(status.NodeDevice), Minor(status.NodeDevice)) });
                break;
            case 0x1000:
                _tar.Write(Header(status, name, TarEntry.TypeFifo));
                break;
            default:
                break; // a socket means nothing elsewhere
        }
    }

    private async Task AddFileAsync(SafeFileHandle parent, byte[] entry, byte[] name)
    {
        // What was a file a moment ago may be a FIFO by now: it must not block, and is looked at again once it is open.
        if (Sys.TryOpenAt(parent, entry, OpenFlags.ReadOnly | OpenFlags.NoFollow | OpenFlags.NonBlock, 0, out SafeFileHandle? file) != Errno.None)
            return;
        using (file)
        {
            if (Sys.TryStatAt(file!, "\0"u8, out FileStatus status) != Errno.None || !status.IsRegular)
                return;
            long size = (long)status.Size;
            _tar.Write(Header(status, name, TarEntry.TypeRegular) with { Size = size, Xattrs = Capabilities(file!) });
            long left = size;
            while (left > 0)
            {
                Memory<byte> room = output.GetMemory((int)Math.Min(left, ChunkBytes));
                Memory<byte> chunk = room[..(int)Math.Min(left, room.Length)];
                int count = Sys.TryRead(file!, chunk.Span, out _);
                if (count <= 0)
                {
                    // It became shorter: its size is told already.
                    chunk.Span.Clear();
                    count = chunk.Length;
                }
                output.Advance(count);
                left -= count;
                if ((await output.FlushAsync(cancellationToken).ConfigureAwait(false)).IsCompleted)
                    throw new OperationCanceledException("the client is gone");
            }
            _tar.Pad(size);
        }
    }

    private static List<KeyValuePair<byte[], byte[]>> Capabilities(SafeFileHandle file)
    {
        byte[] value = new byte[256];
        return Sys.TryFgetxattr(file, "security.capability\0"u8, value, out int size) == Errno.None
            ? [new(Encoding.ASCII.GetBytes("security.capability"), value[..size])]
            : [];
    }

    private static TarHeader Header(FileStatus status, byte[] name, byte type) => new()
    {
        Name = name,
        Type = type,
        Mode = status.Mode & 0xfff,
        Uid = status.Uid,
        Gid = status.Gid,
        ModificationTime = status.ModificationTime,
    };

    // glibc's makedev: man 3 makedev.
    private static uint Major(ulong device) => (uint)(((device >> 8) & 0xfff) | ((device >> 32) & ~0xfffUL));

    private static uint Minor(ulong device) => (uint)((device & 0xff) | ((device >> 12) & ~0xffUL));
}
