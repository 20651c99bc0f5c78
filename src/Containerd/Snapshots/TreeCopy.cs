using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Containerd;

/// <summary>Copies a tree as it is: owners, modes, times, extended attributes, hard links, devices. Names in it are never followed.</summary>
internal sealed class TreeCopy
{
    private const uint Permissions = 0xfff;
    private readonly Dictionary<(ulong Device, ulong Inode), (SafeFileHandle Folder, byte[] Name)> _linked = [];
    private readonly List<SafeFileHandle> _kept = [];
    private readonly byte[] _buffer = new byte[1 << 20];

    /// <summary>Makes <paramref name="target"/>, which does not exist, a copy of the folder <paramref name="source"/>.</summary>
    public static void Copy(string source, string target)
    {
        TreeCopy copy = new();
        try
        {
            Directory.CreateDirectory(target);
            using SafeFileHandle from = Sys.Open(source, OpenFlags.ReadOnly | OpenFlags.Directory);
            using SafeFileHandle to = Sys.Open(target, OpenFlags.ReadOnly | OpenFlags.Directory);
            Check(Sys.TryStatAt(from, ".\0"u8, out FileStatus status), "stat", source);
            copy.Folder(from, to, 0);
            CopyAttributes(from, to, status);
        }
        finally
        {
            foreach (SafeFileHandle folder in copy._kept)
                folder.Dispose();
        }
    }

    private void Folder(SafeFileHandle from, SafeFileHandle to, int depth)
    {
        // Each level holds two descriptors; paths cannot be deeper than this anyway.
        if (depth > 2048)
            throw new LinuxException("copy", "tree", Errno.ELOOP);
        foreach (byte[] entry in Sys.ReadDirectoryNames(from))
        {
            byte[] name = entry is [.., 0] ? entry : [.. entry, 0];
            Check(Sys.TryStatAt(from, name, out FileStatus status), "stat", name);
            if (status.IsDirectory)
            {
                Check(Sys.TryMkdirAt(to, name, 0x1c0), "mkdir", name);
                using SafeFileHandle inner = Open(from, name, OpenFlags.ReadOnly | OpenFlags.Directory | OpenFlags.NoFollow);
                using SafeFileHandle made = Open(to, name, OpenFlags.ReadOnly | OpenFlags.Directory | OpenFlags.NoFollow);
                Folder(inner, made, depth + 1);
                CopyAttributes(inner, made, status);
                continue;
            }

            if (status.Links > 1)
            {
                if (_linked.TryGetValue((status.Device, status.Inode), out (SafeFileHandle Folder, byte[] Name) first))
                {
                    Check(Sys.TryLinkAt(first.Folder, first.Name, to, name), "link", name);
                    continue;
                }
                SafeFileHandle folder = Open(to, ".\0"u8, OpenFlags.ReadOnly | OpenFlags.Directory);
                _kept.Add(folder);
                _linked.Add((status.Device, status.Inode), (folder, name));
            }
            if (status.IsRegular)
                Regular(from, to, name, status);
            else
                Special(from, to, name, status);
        }
    }

    private void Regular(SafeFileHandle from, SafeFileHandle to, byte[] name, in FileStatus status)
    {
        using SafeFileHandle source = Open(from, name, OpenFlags.ReadOnly | OpenFlags.NoFollow);
        using SafeFileHandle target = Open(to, name, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive | OpenFlags.NoFollow, 0x180);
        long offset = 0;
        for (int n; (n = RandomAccess.Read(source, _buffer, offset)) > 0; offset += n)
            RandomAccess.Write(target, _buffer.AsSpan(0, n), offset);
        CopyAttributes(source, target, status);
    }

    private void Special(SafeFileHandle from, SafeFileHandle to, byte[] name, in FileStatus status)
    {
        if (status.IsSymlink)
        {
            Check(Sys.TryReadLinkAt(from, name, _buffer.AsSpan(0, 4096), out int length), "readlink", name);
            _buffer[length] = 0;
            Check(Sys.TrySymlinkAt(_buffer.AsSpan(0, length + 1), to, name), "symlink", name);
        }
        else
        {
            Check(Sys.TryMknodAt(to, name, status.Mode, status.NodeDevice), "mknod", name);
        }
        Check(Sys.TryLchownAt(to, name, status.Uid, status.Gid), "chown", name);
        if (!status.IsSymlink)
            Check(Sys.TryFchmodAt(to, name, status.Mode & Permissions), "chmod", name);
        Check(Sys.TryUtimensAt(to, name, status.AccessTime, status.ModificationTime), "utimens", name);
    }

    // In this order: a change of owner clears set-user-id bits and file capabilities.
    private static void CopyAttributes(SafeFileHandle from, SafeFileHandle to, in FileStatus status)
    {
        Check(Sys.TryFchown(to, status.Uid, status.Gid), "chown", "");
        byte[] names = new byte[64 * 1024];
        Errno listed = Sys.TryFlistxattr(from, names, out int size);
        if (listed is not (Errno.None or Errno.ENOTSUP))
            Check(listed, "listxattr", "");
        byte[] value = new byte[64 * 1024];
        for (int at = 0; listed == Errno.None && at < size;)
        {
            int end = Array.IndexOf(names, (byte)0, at) + 1;
            ReadOnlySpan<byte> name = names.AsSpan(at, end - at);
            at = end;
            Check(Sys.TryFgetxattr(from, name, value, out int length), "getxattr", "");
            Check(Sys.TryFsetxattr(to, name, value.AsSpan(0, length)), "setxattr", "");
        }
        Check(Sys.TryFchmod(to, status.Mode & Permissions), "chmod", "");
        Check(Sys.TryFutimens(to, status.AccessTime, status.ModificationTime), "utimens", "");
    }

    private static SafeFileHandle Open(SafeFileHandle folder, ReadOnlySpan<byte> name, OpenFlags flags, uint mode = 0)
    {
        Check(Sys.TryOpenAt(folder, name, flags, mode, out SafeFileHandle? file), "open", name);
        return file!;
    }

    private static void Check(Errno errno, string call, ReadOnlySpan<byte> name)
    {
        if (errno != Errno.None)
            throw new LinuxException(call, System.Text.Encoding.UTF8.GetString(name.TrimEnd((byte)0)), errno);
    }

    private static void Check(Errno errno, string call, string name)
    {
        if (errno != Errno.None)
            throw new LinuxException(call, name, errno);
    }
}
