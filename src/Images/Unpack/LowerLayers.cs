using AotRuntime.Images.Tar;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Images;

/// <summary>The layers below an overlay's upper directory, for what has to be brought up from them.</summary>
internal sealed class LowerLayers : IDisposable
{
    private const ResolveFlags Inside = ResolveFlags.InRoot | ResolveFlags.NoMagicLinks;
    private readonly List<SafeFileHandle> _roots = [];

    public LowerLayers(IEnumerable<string> directories)
    {
        foreach (string directory in directories)
            _roots.Add(LayerTree.OpenDirectory(directory));
    }

    /// <summary>
    /// Gives a directory that the layer does not list itself the owner, mode and attributes of the one of the same path below, if there
    /// is one. Its times stay those of the unpacking, as containerd leaves them.
    /// </summary>
    public void CopyDirectoryAttributes(byte[] path, SafeFileHandle target)
    {
        byte[] terminated = TarPath.Terminate(path);
        foreach (SafeFileHandle root in _roots)
        {
            Errno errno = Sys.TryOpenAt2(root, terminated, OpenFlags.ReadOnly | OpenFlags.Directory, 0, Inside, out SafeFileHandle? lower);
            if (errno == Errno.ENOENT)
                continue;
            // Something else hides what may lie deeper: a file, a whiteout.
            if (errno != Errno.None)
                return;
            using (lower)
            {
                Check(Sys.TryStatAt(lower!, "\0"u8, out FileStatus status), "statx", path);
                CopyAttributes(lower!, target, status, path);
                return;
            }
        }
    }

    /// <summary>Copies a file from below to the same path above, so that a hard link to it can be made; false where there is none.</summary>
    public bool CopyUp(byte[] path, SafeFileHandle directory, byte[] name)
    {
        byte[] terminated = TarPath.Terminate(path);
        foreach (SafeFileHandle root in _roots)
        {
            Errno errno = Sys.TryOpenAt2(root, terminated, OpenFlags.ReadOnly | OpenFlags.NoFollow | OpenFlags.NonBlock, 0, Inside, out SafeFileHandle? lower);
            if (errno == Errno.ENOENT)
                continue;
            if (errno != Errno.None)
                return false;
            using (lower)
            {
                Check(Sys.TryStatAt(lower!, "\0"u8, out FileStatus status), "statx", path);
                if (!status.IsRegular)
                    return false;
                Check(
                    Sys.TryOpenAt(directory, name, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive | OpenFlags.NoFollow, 0x180, out SafeFileHandle? copy),
                    "open",
                    path);
                using (copy)
                {
                    byte[] buffer = System.Buffers.ArrayPool<byte>.Shared.Rent(128 * 1024);
                    int read;
                    for (long at = 0; (read = RandomAccess.Read(lower!, buffer, at)) > 0; at += read)
                        Sys.WriteAll(copy!, buffer.AsSpan(0, read));
                    System.Buffers.ArrayPool<byte>.Shared.Return(buffer);
                    CopyAttributes(lower!, copy!, status, path);
                    Check(Sys.TryFutimens(copy!, status.AccessTime, status.ModificationTime), "futimens", path);
                }
                return true;
            }
        }
        return false;
    }

    private static void CopyAttributes(SafeFileHandle source, SafeFileHandle target, FileStatus status, byte[] path)
    {
        Check(Sys.TryFchown(target, status.Uid, status.Gid), "fchown", path);
        Span<byte> names = stackalloc byte[8192];
        if (Sys.TryFlistxattr(source, names, out int size) == Errno.None)
        {
            byte[] value = new byte[65536];
            foreach (Range range in names[..size].Split((byte)0))
            {
                ReadOnlySpan<byte> name = names[range];
                // overlayfs's own notes (opaque, redirect) are about the other layer.
                if (name.IsEmpty || name.StartsWith("trusted."u8))
                    continue;
                byte[] terminated = TarPath.Terminate(name);
                if (Sys.TryFgetxattr(source, terminated, value, out int length) == Errno.None)
                    Check(Sys.TryFsetxattr(target, terminated, value.AsSpan(0, length)), "fsetxattr", path);
            }
        }
        Check(Sys.TryFchmod(target, status.Mode & 0xfff), "fchmod", path);
    }

    private static void Check(Errno errno, string call, byte[] path)
    {
        if (errno != Errno.None)
            throw new LinuxException(call, TarPath.Display(path), errno);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (SafeFileHandle root in _roots)
            root.Dispose();
    }
}
