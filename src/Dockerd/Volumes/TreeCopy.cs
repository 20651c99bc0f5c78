using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Dockerd.Volumes;

/// <summary>
/// Copies a directory's content with owners, modes, times, extended attributes and hard links. Works on directory descriptors and
/// never follows a symbolic link, so that a link in an image cannot lead it elsewhere.
/// </summary>
internal sealed class TreeCopy
{
    /// <summary>How deep directories may nest; a path longer than PATH_MAX could not be made anyway.</summary>
    private const int MaxDepth = 2048;
    private const int MaxXattrBytes = 64 * 1024;
    private readonly Dictionary<(ulong Device, ulong Inode), byte[]> _linked = [];
    private readonly byte[] _buffer = new byte[128 * 1024];
    private readonly SafeFileHandle _root;

    private TreeCopy(SafeFileHandle root) => _root = root;

    /// <summary>Copies all that is in <paramref name="source"/>, and the directory's own owner, mode and times, to <paramref name="target"/>.</summary>
    /// <exception cref="LinuxException">A step failed; what was copied by then stays.</exception>
    public static void Run(SafeFileHandle source, SafeFileHandle target)
    {
        Check(Sys.TryStatAt(source, "\0"u8, out FileStatus status), "statx", []);
        new TreeCopy(target).Directory(source, target, status, [], 0);
    }

    private void Directory(SafeFileHandle source, SafeFileHandle target, in FileStatus status, byte[] path, int depth)
    {
        if (depth > MaxDepth)
            throw new LinuxException("copy", Text(path), Errno.ENAMETOOLONG);
        foreach (byte[] name in Sys.ReadDirectoryNames(source, Text(path)))
        {
            byte[] child = path.Length == 0 ? name : [.. path[..^1], (byte)'/', .. name];
            Check(Sys.TryStatAt(source, name, out FileStatus found), "statx", child);
            Entry(source, target, name, found, child, depth);
        }
        Finish(source, target, status, path);
    }

    private void Entry(SafeFileHandle source, SafeFileHandle target, byte[] name, in FileStatus status, byte[] path, int depth)
    {
        if (status.IsDirectory)
        {
            Check(Sys.TryMkdirAt(target, name, 0x1C0), "mkdirat", path);
            using SafeFileHandle from = Open(source, name, OpenFlags.ReadOnly | OpenFlags.Directory, path);
            using SafeFileHandle to = Open(target, name, OpenFlags.ReadOnly | OpenFlags.Directory, path);
            Directory(from, to, status, path, depth + 1);
            return;
        }
        if (status.Links > 1)
        {
            if (_linked.TryGetValue((status.Device, status.Inode), out byte[]? first))
            {
                Check(Sys.TryLinkAt(_root, first, target, name), "linkat", path);
                return;
            }
            _linked.Add((status.Device, status.Inode), path);
        }
        if (status.IsRegular)
        {
            using SafeFileHandle from = Open(source, name, OpenFlags.ReadOnly, path);
            Check(Sys.TryOpenAt(target, name, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive | OpenFlags.NoFollow, 0x180, out SafeFileHandle? to), "openat", path);
            using (to)
            {
                long offset = 0;
                int n;
                while ((n = RandomAccess.Read(from, _buffer, offset)) > 0)
                {
                    Sys.WriteAll(to!, _buffer.AsSpan(0, n), Text(path));
                    offset += n;
                }
                Finish(from, to!, status, path);
            }
            return;
        }
        if (status.IsSymlink)
        {
            byte[] link = new byte[4097];
            Check(Sys.TryReadLinkAt(source, name, link.AsSpan(0, 4096), out int size), "readlinkat", path);
            Check(Sys.TrySymlinkAt(link.AsSpan(0, size + 1), target, name), "symlinkat", path);
        }
        else
        {
            Check(Sys.TryMknodAt(target, name, status.Mode, status.NodeDevice), "mknodat", path);
        }
        Check(Sys.TryLchownAt(target, name, status.Uid, status.Gid), "fchownat", path);
        if (!status.IsSymlink)
            Check(Sys.TryFchmodAt(target, name, status.Mode & 0xFFF), "fchmodat", path);
        Check(Sys.TryUtimensAt(target, name, status.AccessTime, status.ModificationTime), "utimensat", path);
    }

    /// <summary>Owner first: a change of owner clears setuid bits and file capabilities.</summary>
    private static void Finish(SafeFileHandle source, SafeFileHandle target, in FileStatus status, byte[] path)
    {
        Check(Sys.TryFchown(target, status.Uid, status.Gid), "fchown", path);
        Check(Sys.TryFchmod(target, status.Mode & 0xFFF), "fchmod", path);
        CopyXattrs(source, target, path);
        Check(Sys.TryFutimens(target, status.AccessTime, status.ModificationTime), "futimens", path);
    }

    private static void CopyXattrs(SafeFileHandle source, SafeFileHandle target, byte[] path)
    {
        Errno errno = Sys.TryFlistxattr(source, [], out int size);
        if (errno == Errno.ENOTSUP || size == 0)
            return;
        Check(errno, "flistxattr", path);
        byte[] names = new byte[size];
        byte[] value = new byte[MaxXattrBytes];
        Check(Sys.TryFlistxattr(source, names, out size), "flistxattr", path);
        for (ReadOnlySpan<byte> rest = names.AsSpan(0, size); !rest.IsEmpty;)
        {
            ReadOnlySpan<byte> name = rest[..(rest.IndexOf((byte)0) + 1)];
            rest = rest[name.Length..];
            // The overlay's own marks have no meaning outside of it.
            if (name.StartsWith("trusted.overlay."u8))
                continue;
            Check(Sys.TryFgetxattr(source, name, value, out int length), "fgetxattr", path);
            errno = Sys.TryFsetxattr(target, name, value.AsSpan(0, length));
            if (errno != Errno.ENOTSUP)
                Check(errno, "fsetxattr", path);
        }
    }

    private static SafeFileHandle Open(SafeFileHandle dir, byte[] name, OpenFlags flags, byte[] path)
    {
        Check(Sys.TryOpenAt(dir, name, flags | OpenFlags.NoFollow, 0, out SafeFileHandle? file), "openat", path);
        return file!;
    }

    private static void Check(Errno errno, string call, byte[] path)
    {
        if (errno != Errno.None)
            throw new LinuxException(call, Text(path), errno);
    }

    private static string Text(byte[] path) => System.Text.Encoding.UTF8.GetString(path.AsSpan().TrimEnd((byte)0));
}
