using System.Text;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Dockerd.Oci;

/// <summary>
/// A container's root directory seen from outside. Its content is the container's own: every look-up goes through openat2 with
/// RESOLVE_IN_ROOT, so that a symbolic link can never lead out of it.
/// </summary>
internal sealed class RootFs : IDisposable
{
    /// <summary>Longest passwd or group file that is read.</summary>
    private const int MaxFileBytes = 4 * 1024 * 1024;

    private const int ModeDirectory = 0x1ed; // 0755
    private const int ModeExecutable = 0x1ed; // 0755

    private readonly SafeFileHandle _root;

    /// <summary>Opens the directory.</summary>
    public RootFs(string path)
    {
        Path = path;
        _root = Sys.Open(path, OpenFlags.Path | OpenFlags.Directory);
    }

    /// <summary>Where it is on the host.</summary>
    public string Path { get; }

    /// <summary>The content of a regular file; null where there is none.</summary>
    public string? ReadText(string path)
    {
        if (Sys.TryOpenAt2(_root, Terminated(path), OpenFlags.ReadOnly | OpenFlags.NonBlock, 0, ResolveFlags.InRoot | ResolveFlags.NoMagicLinks, out SafeFileHandle? file) != Errno.None)
            return null;
        using (file)
        {
            // A FIFO or a device in its place must neither block nor be read without end.
            if (Sys.TryStatAt(file!, "\0"u8, out FileStatus status) != Errno.None || !status.IsRegular)
                return null;
            byte[] content = new byte[Math.Min(MaxFileBytes, (int)Math.Min(status.Size, MaxFileBytes))];
            int length = 0, count;
            while (length < content.Length && (count = Sys.TryRead(file!, content.AsSpan(length), out _)) > 0)
                length += count;
            return Encoding.UTF8.GetString(content, 0, length);
        }
    }

    /// <summary>Makes a directory and those above it, where they are missing.</summary>
    /// <exception cref="LinuxException">Something that is no directory is in the way (ENOTDIR), or the disk says no.</exception>
    public void MakeDirectories(string path)
    {
        string[] parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        string above = "/";
        foreach (string part in parts)
        {
            string current = above == "/" ? "/" + part : $"{above}/{part}";
            Errno errno = Sys.TryOpenAt2(_root, Terminated(current), OpenFlags.Path | OpenFlags.Directory, 0, ResolveFlags.InRoot | ResolveFlags.NoMagicLinks, out SafeFileHandle? found);
            found?.Dispose();
            if (errno == Errno.ENOENT)
            {
                errno = Sys.TryOpenAt2(_root, Terminated(above), OpenFlags.Path | OpenFlags.Directory, 0, ResolveFlags.InRoot | ResolveFlags.NoMagicLinks, out SafeFileHandle? parent);
                if (errno == Errno.None)
                {
                    using (parent)
                        errno = Sys.TryMkdirAt(parent!, Terminated(part), ModeDirectory);
                }
                if (errno == Errno.EEXIST)
                    errno = Errno.None;
            }
            if (errno != Errno.None)
                throw new LinuxException("mkdir", path, errno);
            above = current;
        }
    }

    /// <summary>Makes an empty file, or a symbolic link, in place of whatever file of that name the folder has.</summary>
    /// <exception cref="LinuxException">The disk says no.</exception>
    public void Put(string folder, string name, string? linkTarget = null)
    {
        MakeDirectories(folder);
        Errno errno = Sys.TryOpenAt2(_root, Terminated(folder), OpenFlags.Path | OpenFlags.Directory, 0, ResolveFlags.InRoot | ResolveFlags.NoMagicLinks, out SafeFileHandle? parent);
        if (errno == Errno.None)
        {
            using (parent)
            {
                byte[] last = Terminated(name);
                errno = Sys.TryUnlinkAt(parent!, last, directory: false);
                // A folder stays.
                if (errno == Errno.EISDIR)
                    return;
                // Exclusive never follows a link that something put there meanwhile (open(2), O_EXCL).
                SafeFileHandle? file = null;
                errno = linkTarget is null
                    ? Sys.TryOpenAt(parent!, last, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive, ModeExecutable, out file)
                    : Sys.TrySymlinkAt(Terminated(linkTarget), parent!, last);
                file?.Dispose();
            }
        }
        if (errno != Errno.None)
            throw new LinuxException("create", $"{folder}/{name}", errno);
    }

    /// <summary>Whether the path leads to something inside; <paramref name="directory"/> tells what.</summary>
    public bool Exists(string path, out bool directory)
    {
        directory = false;
        if (Sys.TryOpenAt2(_root, Terminated(path), OpenFlags.Path, 0, ResolveFlags.InRoot | ResolveFlags.NoMagicLinks, out SafeFileHandle? file) != Errno.None)
            return false;
        using (file)
        {
            directory = Sys.TryStatAt(file!, "\0"u8, out FileStatus status) == Errno.None && status.IsDirectory;
            return true;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _root.Dispose();

    private static byte[] Terminated(string path)
    {
        byte[] bytes = new byte[Encoding.UTF8.GetByteCount(path) + 1];
        Encoding.UTF8.GetBytes(path, bytes);
        if (bytes.AsSpan(0, bytes.Length - 1).Contains((byte)0))
            throw new LinuxException("open", path.Replace('\0', '?'), Errno.EINVAL);
        return bytes;
    }
}
