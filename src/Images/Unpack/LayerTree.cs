using AotRuntime.Images.Tar;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Images;

/// <summary>
/// The directory that a layer is unpacked into, as a file system of its own: every path is resolved by the kernel with that directory as the
/// root (openat2 RESOLVE_IN_ROOT), so that neither <c>..</c> nor a link in the layer leads out.
/// </summary>
internal sealed class LayerTree : IDisposable
{
    private const int MaxLinks = 255;
    private const ResolveFlags Inside = ResolveFlags.InRoot | ResolveFlags.NoMagicLinks;
    private static readonly byte[] Dot = ".\0"u8.ToArray();

    private readonly string _path;
    private readonly Action<SafeFileHandle, byte[], bool> _onCreatedParent;
    private byte[] _cachedPath = [];
    private SafeFileHandle? _cached;

    /// <summary>Opens the directory.</summary>
    /// <param name="path">The directory.</param>
    /// <param name="onCreatedParent">Called with a directory that was made because an entry below it came without it.</param>
    public LayerTree(string path, Action<SafeFileHandle, byte[], bool> onCreatedParent)
    {
        _path = path;
        _onCreatedParent = onCreatedParent;
        Root = OpenDirectory(path);
    }

    /// <summary>The directory itself.</summary>
    public SafeFileHandle Root { get; }

    /// <summary>Opens a directory of the host by its path.</summary>
    public static SafeFileHandle OpenDirectory(string path)
    {
        using SafeFileHandle none = new(-100, ownsHandle: false); // AT_FDCWD: the path is absolute
        byte[] bytes = TarPath.Terminate(System.Text.Encoding.UTF8.GetBytes(Path.GetFullPath(path)));
        Errno errno = Sys.TryOpenAt(none, bytes, OpenFlags.ReadOnly | OpenFlags.Directory, 0, out SafeFileHandle? handle);
        return errno == Errno.None ? handle! : throw new LinuxException("open", path, errno);
    }

    /// <summary>
    /// The directory that a clean path's last part lies in, made where missing. It stays valid until the next call or removal.
    /// </summary>
    public SafeFileHandle Parent(ReadOnlySpan<byte> parent, bool create = true)
    {
        if (parent.IsEmpty)
            return Root;
        if (_cached is not null && parent.SequenceEqual(_cachedPath))
            return _cached;

        byte[] terminated = TarPath.Terminate(parent);
        Errno errno = Sys.TryOpenAt2(Root, terminated, OpenFlags.Path | OpenFlags.Directory, 0, Inside, out SafeFileHandle? handle);
        if (create && errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            byte[] resolved = Resolve(parent);
            MakeDirectories(resolved);
            errno = Sys.TryOpenAt2(Root, TarPath.Terminate(resolved), OpenFlags.Path | OpenFlags.Directory, 0, Inside, out handle);
        }
        if (errno != Errno.None)
            throw new LinuxException("openat2", TarPath.Display(parent), errno);
        Forget();
        (_cachedPath, _cached) = (parent.ToArray(), handle);
        return handle!;
    }

    /// <summary>Opens what a clean path names; the last part is not followed.</summary>
    public Errno TryOpen(ReadOnlySpan<byte> path, OpenFlags flags, out SafeFileHandle? handle) =>
        Sys.TryOpenAt2(Root, path.IsEmpty ? Dot : TarPath.Terminate(path), flags | OpenFlags.NoFollow, 0, Inside, out handle);

    /// <summary>Drops the cached directory: what was removed or replaced may have been on its path.</summary>
    public void Forget()
    {
        _cached?.Dispose();
        (_cachedPath, _cached) = ([], null);
    }

    /// <summary>
    /// As <see cref="Forget"/>, for when something inside <paramref name="held"/> was removed: if that is the cached directory it stays good, as
    /// what goes lies below it.
    /// </summary>
    public void ForgetAfter(SafeFileHandle held)
    {
        if (!ReferenceEquals(held, _cached))
            Forget();
    }

    /// <summary>The path of a directory in this tree with all links resolved, by asking the kernel.</summary>
    public byte[] RealPath(SafeFileHandle directory)
    {
        string link = File.ResolveLinkTarget($"/proc/self/fd/{directory.DangerousGetHandle()}", returnFinalTarget: false)?.FullName ?? "";
        string root = File.ResolveLinkTarget($"/proc/self/fd/{Root.DangerousGetHandle()}", returnFinalTarget: false)?.FullName ?? "";
        return System.Text.Encoding.UTF8.GetBytes(link.Length > root.Length ? link[(root.Length + 1)..] : "");
    }

    /// <summary>Removes a name and all below it; it is no error if it is not there.</summary>
    public void RemoveAll(SafeFileHandle directory, ReadOnlySpan<byte> name, int depth = 0)
    {
        Errno errno = Sys.TryUnlinkAt(directory, name, directory: false);
        if (errno is Errno.None or Errno.ENOENT)
            return;
        if (errno != Errno.EISDIR)
            throw new LinuxException("unlinkat", TarPath.Display(name[..^1]), errno);
        if (depth > 4096)
            throw new LinuxException("unlinkat", TarPath.Display(name[..^1]), Errno.ELOOP);

        errno = Sys.TryOpenAt(directory, name, OpenFlags.ReadOnly | OpenFlags.Directory | OpenFlags.NoFollow, 0, out SafeFileHandle? inner);
        if (errno != Errno.None)
            throw new LinuxException("openat", TarPath.Display(name[..^1]), errno);
        using (inner)
        {
            foreach (byte[] child in Sys.ReadDirectoryNames(inner!))
                RemoveAll(inner!, child, depth + 1);
        }
        errno = Sys.TryUnlinkAt(directory, name, directory: true);
        if (errno is not (Errno.None or Errno.ENOENT))
            throw new LinuxException("unlinkat", TarPath.Display(name[..^1]), errno);
    }

    /// <summary>
    /// Resolves links by hand where the kernel can't, since parts of the path are still missing (a link may point to a directory that
    /// a later entry brings). The result has no links in it.
    /// </summary>
    private byte[] Resolve(ReadOnlySpan<byte> path)
    {
        List<byte[]> left = [];
        PushParts(left, path);
        List<byte> done = [];
        Span<byte> target = stackalloc byte[4096];
        int links = 0;
        while (left.Count > 0)
        {
            byte[] part = left[^1];
            left.RemoveAt(left.Count - 1);
            if (part.AsSpan().SequenceEqual(".."u8))
            {
                int slash = done.LastIndexOf((byte)'/');
                done.RemoveRange(Math.Max(slash, 0), done.Count - Math.Max(slash, 0));
                continue;
            }
            int length = done.Count;
            if (length > 0)
                done.Add((byte)'/');
            done.AddRange(part);
            byte[] candidate = [.. done, 0];
            if (Sys.TryReadLinkAt(Root, candidate, target, out int size) != Errno.None)
                continue;
            if (++links > MaxLinks)
                throw new LinuxException("openat2", TarPath.Display(path), Errno.ELOOP);
            done.RemoveRange(length, done.Count - length);
            if (target[0] == '/')
                done.Clear();
            PushParts(left, target[..size]);
        }
        return [.. done];
    }

    private static void PushParts(List<byte[]> stack, ReadOnlySpan<byte> path)
    {
        int bottom = stack.Count;
        foreach (Range range in path.Split((byte)'/'))
        {
            ReadOnlySpan<byte> part = path[range];
            if (!part.IsEmpty && !part.SequenceEqual("."u8))
                stack.Insert(bottom, part.ToArray());
        }
    }

    private void MakeDirectories(byte[] path)
    {
        for (int end = 0; end < path.Length;)
        {
            int slash = path.AsSpan(end + 1).IndexOf((byte)'/');
            end = slash < 0 ? path.Length : end + 1 + slash;
            byte[] prefix = [.. path.AsSpan(0, end), 0];
            Errno errno = Sys.TryMkdirAt(Root, prefix, 0x1ed);
            bool overWhiteout = false;
            if (errno == Errno.EEXIST)
            {
                errno = Sys.TryStatAt(Root, prefix, out FileStatus status);
                if (errno != Errno.None || status.IsDirectory)
                    continue;
                // The layer itself whited the directory out before it put something into it: it is a new, opaque one.
                if (!status.IsCharacterDevice || status.NodeDevice != 0)
                    throw new LinuxException("mkdir", TarPath.Display(path.AsSpan(0, end)), Errno.ENOTDIR);
                RemoveAll(Root, prefix);
                overWhiteout = true;
                errno = Sys.TryMkdirAt(Root, prefix, 0x1ed);
            }
            if (errno != Errno.None)
                throw new LinuxException("mkdir", TarPath.Display(path.AsSpan(0, end)), errno);
            errno = Sys.TryOpenAt(Root, prefix, OpenFlags.ReadOnly | OpenFlags.Directory | OpenFlags.NoFollow, 0, out SafeFileHandle? made);
            if (errno != Errno.None)
                throw new LinuxException("open", TarPath.Display(path.AsSpan(0, end)), errno);
            using (made)
                _onCreatedParent(made!, path[..end], overWhiteout);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Forget();
        Root.Dispose();
    }

    /// <inheritdoc/>
    public override string ToString() => _path;
}
