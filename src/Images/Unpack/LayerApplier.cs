using AotRuntime.Images.Tar;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Images;

/// <summary>
/// Makes the files of a layer, entry by entry (image-spec, layer.md#applying-changesets). Where Docker and containerd agree it does what they do;
/// where a whiteout and its replacement come in one layer it follows the specification.
/// </summary>
internal sealed class LayerApplier : IDisposable
{
    private const OpenFlags CreateFlags = OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive | OpenFlags.NoFollow;

    private readonly UnpackOptions _options;
    private readonly LayerTree _tree;
    private readonly LowerLayers _lowers;
    private readonly Whiteouts _whiteouts;
    private readonly List<(byte[] Path, TimeSpec Access, TimeSpec Modification)> _directoryTimes = [];

    public LayerApplier(UnpackOptions options)
    {
        _options = options;
        _lowers = new LowerLayers(options.LowerDirectories);
        _tree = new LayerTree(options.Directory, OnCreatedParent);
        _whiteouts = new Whiteouts(_tree, options.Whiteouts);
    }

    /// <summary>Makes what the reader's current entry says, and reads its data.</summary>
    public void Apply(TarReader tar)
    {
        TarEntry entry = tar.Entry;
        byte[] path = TarPath.Clean(entry.Name) ?? throw new UnpackException($"invalid entry name {Quote(entry.Name)}");
        // The root belongs to the snapshot; Docker leaves it alone as well.
        if (path.Length == 0)
            return;
        TarPath.Split(path, out ReadOnlySpan<byte> parentPath, out ReadOnlySpan<byte> last);
        SafeFileHandle parent = _tree.Parent(parentPath);
        byte[] name = TarPath.Terminate(last);

        if (_options.Whiteouts != WhiteoutMode.None && last.StartsWith(Whiteouts.Prefix))
        {
            _whiteouts.Apply(parent, last, path, entry);
            return;
        }
        if (_options.KeepKinds)
            RequireSameKind(entry, parent, name, path);
        switch (entry.Type)
        {
            case TarEntry.TypeRegular:
                MakeFile(tar, parent, name, path);
                break;
            case TarEntry.TypeDirectory:
                MakeDirectory(entry, parent, name, path);
                break;
            case TarEntry.TypeHardLink:
                MakeHardLink(entry, parentPath, name, path);
                break;
            case TarEntry.TypeSymlink:
                MakeNode(parent, name, path, entry, () => Sys.TrySymlinkAt(TarPath.Terminate(entry.LinkName), parent, name), "symlink");
                FinishByName(entry, parent, name, path, changeMode: false);
                break;
            case TarEntry.TypeCharacterDevice or TarEntry.TypeBlockDevice or TarEntry.TypeFifo:
                MakeDevice(entry, parent, name, path);
                break;
            default:
                throw new UnpackException($"unhandled tar header type {entry.Type}");
        }
        _whiteouts.NoteUnpacked(parent, last);
    }

    /// <summary>Sets the directories' times, now that nothing more is made in them, and brings all to the disk.</summary>
    public void Finish()
    {
        for (int i = _directoryTimes.Count - 1; i >= 0; i--)
        {
            (byte[] path, TimeSpec access, TimeSpec modification) = _directoryTimes[i];
            Errno errno = _tree.TryOpen(path, OpenFlags.ReadOnly | OpenFlags.Directory, out SafeFileHandle? directory);
            // A later entry of the layer may have put something else in its place.
            if (errno is Errno.ENOENT or Errno.ENOTDIR or Errno.ELOOP)
                continue;
            Check(errno, "open", path);
            using (directory)
                Check(Sys.TryFutimens(directory!, access, modification), "futimens", path);
        }
        if (_options.Sync)
            Sys.SyncFs(_tree.Root, _options.Directory);
    }

    private static void RequireSameKind(TarEntry entry, SafeFileHandle parent, byte[] name, byte[] path)
    {
        if (Sys.TryStatAt(parent, name, out FileStatus existing) != Errno.None)
            return;
        bool directory = entry.Type == TarEntry.TypeDirectory;
        if (existing.IsDirectory && !directory)
            throw new UnpackException($"cannot overwrite directory {Quote(path)} with non-directory {Quote(path)}");
        if (!existing.IsDirectory && directory)
            throw new UnpackException($"cannot overwrite non-directory {Quote(path)} with directory {Quote(path)}");
    }

    private void MakeFile(TarReader tar, SafeFileHandle parent, byte[] name, byte[] path)
    {
        TarEntry entry = tar.Entry;
        SafeFileHandle? file = null;
        MakeNode(parent, name, path, entry, () => Sys.TryOpenAt(parent, name, CreateFlags, entry.Mode & 0x1ff, out file), "open");
        using (file)
        {
            long end = 0;
            while (tar.ReadData(out long offset, out ReadOnlySpan<byte> data))
            {
                if (offset == end)
                {
                    Sys.WriteAll(file!, data, TarPath.Display(path));
                }
                else
                {
                    // A hole before this region: the next plain write must start behind it.
                    Sys.Lseek(file!, offset, TarPath.Display(path));
                    Sys.WriteAll(file!, data, TarPath.Display(path));
                }
                end = offset + data.Length;
            }
            if (end != entry.Size)
                Sys.Ftruncate(file!, entry.Size, TarPath.Display(path));
            FinishByHandle(entry, file!, path);
            (TimeSpec access, TimeSpec modification) = Times(entry);
            Check(Sys.TryFutimens(file!, access, modification), "futimens", path);
        }
    }

    private void MakeDirectory(TarEntry entry, SafeFileHandle parent, byte[] name, byte[] path)
    {
        bool overWhiteout = false;
        Errno errno = Sys.TryMkdirAt(parent, name, entry.Mode & 0x1ff);
        if (errno == Errno.EEXIST)
        {
            Check(Sys.TryStatAt(parent, name, out FileStatus existing), "stat", path);
            errno = Errno.None;
            if (!existing.IsDirectory)
            {
                overWhiteout = _whiteouts.IsWhiteout(existing);
                Replace(parent, name);
                errno = Sys.TryMkdirAt(parent, name, entry.Mode & 0x1ff);
            }
        }
        Check(errno, "mkdir", path);
        Check(Sys.TryOpenAt(parent, name, OpenFlags.ReadOnly | OpenFlags.Directory | OpenFlags.NoFollow, 0, out SafeFileHandle? directory), "open", path);
        using (directory)
        {
            FinishByHandle(entry, directory!, path);
            if (overWhiteout)
                _whiteouts.MarkOpaque(directory!, path);
        }
        (TimeSpec access, TimeSpec modification) = Times(entry);
        _directoryTimes.Add((path, access, modification));
    }

    private void MakeHardLink(TarEntry entry, ReadOnlySpan<byte> parentPath, byte[] name, byte[] path)
    {
        byte[]? target = TarPath.Clean(entry.LinkName);
        if (target is null or { Length: 0 })
            throw new UnpackException($"invalid hardlink target {Quote(entry.LinkName)}");
        TarPath.Split(target, out ReadOnlySpan<byte> targetParentPath, out ReadOnlySpan<byte> targetLast);
        byte[] targetName = TarPath.Terminate(targetLast);

        // Resolving the target may push this entry's own directory out of the cache: each is opened anew and held.
        using SafeFileHandle targetParent = OpenParent(targetParentPath, path, entry);
        using SafeFileHandle parent = OpenParent(parentPath, path, entry);
        MakeNode(parent, name, path, entry, Link, "link");
        Check(Sys.TryStatAt(parent, name, out FileStatus made), "stat", path);
        FinishByName(entry, parent, name, path, changeMode: !made.IsSymlink);

        Errno Link()
        {
            Errno errno = Sys.TryLinkAt(targetParent, targetName, parent, name);
            if (errno == Errno.ENOENT && _lowers.CopyUp(target, targetParent, targetName))
                errno = Sys.TryLinkAt(targetParent, targetName, parent, name);
            return errno;
        }
    }

    private SafeFileHandle OpenParent(ReadOnlySpan<byte> parent, byte[] path, TarEntry entry)
    {
        _tree.Parent(parent, create: true);
        byte[] terminated = parent.IsEmpty ? ".\0"u8.ToArray() : TarPath.Terminate(parent);
        Errno errno = Sys.TryOpenAt2(
            _tree.Root, terminated, OpenFlags.Path | OpenFlags.Directory, 0, ResolveFlags.InRoot | ResolveFlags.NoMagicLinks, out SafeFileHandle? handle);
        return errno == Errno.None ? handle! : throw new LinuxException("link", $"{TarPath.Display(entry.LinkName)} {TarPath.Display(path)}", errno);
    }

    private void MakeDevice(TarEntry entry, SafeFileHandle parent, byte[] name, byte[] path)
    {
        if (entry.DeviceMajor is < 0 or > uint.MaxValue || entry.DeviceMinor is < 0 or > uint.MaxValue)
            throw new UnpackException($"device number {entry.DeviceMajor}:{entry.DeviceMinor} for {Quote(path)} out of range: invalid archive");
        uint type = entry.Type switch { TarEntry.TypeBlockDevice => 0x6000u, TarEntry.TypeCharacterDevice => 0x2000u, _ => 0x1000u };
        ulong device = entry.Type == TarEntry.TypeFifo ? 0 : Sys.MakeDevice((uint)entry.DeviceMajor, (uint)entry.DeviceMinor);
        MakeNode(parent, name, path, entry, () => Sys.TryMknodAt(parent, name, type | (entry.Mode & 0xfff), device), "mknod");
        FinishByName(entry, parent, name, path, changeMode: true);
    }

    /// <summary>Makes a node; what is there under its name goes, unless it is the link's own target.</summary>
    private void MakeNode(SafeFileHandle parent, byte[] name, byte[] path, TarEntry entry, Func<Errno> make, string call)
    {
        Errno errno = make();
        if (errno == Errno.EEXIST)
        {
            Replace(parent, name);
            errno = make();
        }
        if (errno != Errno.None)
            throw new LinuxException(call, call == "link" ? $"{TarPath.Display(entry.LinkName)} {TarPath.Display(path)}" : TarPath.Display(path), errno);
    }

    private void Replace(SafeFileHandle parent, byte[] name)
    {
        _tree.RemoveAll(parent, name);
        // The parent itself stays valid, its descriptor is held by the caller or is the cache; paths through what was removed do not.
        _tree.ForgetAfter(parent);
    }

    private void FinishByHandle(TarEntry entry, SafeFileHandle file, byte[] path)
    {
        // In this order: a change of owner clears setuid bits and file capabilities.
        Check(Sys.TryFchown(file, Owner(entry, path).Uid, Owner(entry, path).Gid), "lchown", path);
        foreach ((byte[] key, byte[] value) in entry.Xattrs)
            CheckXattr(IsTrusted(key) ? Errno.ENOTSUP : Sys.TryFsetxattr(file, key, value), key, path, plain: true);
        Check(Sys.TryFchmod(file, entry.Mode), "chmod", path);
    }

    private void FinishByName(TarEntry entry, SafeFileHandle parent, byte[] name, byte[] path, bool changeMode)
    {
        Check(Sys.TryLchownAt(parent, name, Owner(entry, path).Uid, Owner(entry, path).Gid), "lchown", path);
        if (entry.Xattrs.Count > 0)
        {
            // There is no call for a name in a directory (before Linux 6.13): through the descriptor's own path.
            byte[] full = [.. System.Text.Encoding.ASCII.GetBytes($"/proc/self/fd/{parent.DangerousGetHandle()}/"), .. name];
            foreach ((byte[] key, byte[] value) in entry.Xattrs)
                CheckXattr(IsTrusted(key) ? Errno.ENOTSUP : Sys.TryLsetxattr(full, key, value), key, path, plain: false);
        }
        if (changeMode)
            Check(Sys.TryFchmodAt(parent, name, entry.Mode), "chmod", path);
        (TimeSpec access, TimeSpec modification) = Times(entry);
        Check(Sys.TryUtimensAt(parent, name, access, modification), "utimensat", path);
    }

    // trusted.* is the host's to set: overlayfs believes it.
    private static bool IsTrusted(ReadOnlySpan<byte> key) => key.StartsWith("trusted."u8);

    private void CheckXattr(Errno errno, byte[] key, byte[] path, bool plain)
    {
        if (errno == Errno.None)
            return;
        // As containerd: what the file system can't keep is left out with a warning; user.* exists on files and directories only.
        bool ignored = errno == Errno.ENOTSUP || (errno == Errno.EPERM && !plain && key.AsSpan().StartsWith("user."u8));
        if (!ignored)
            throw new UnpackException($"failed to setxattr {Quote(path)} for key \"{TarPath.Display(key.AsSpan()[..^1])}\": {errno.Text()}");
        _options.Warn?.Invoke($"ignored xattr {TarPath.Display(key.AsSpan()[..^1])} in archive");
    }

    private (uint Uid, uint Gid) Owner(TarEntry entry, byte[] path) => _options.Owner ?? (Id(entry.Uid, path, entry), Id(entry.Gid, path, entry));

    private static uint Id(long id, byte[] path, TarEntry entry) => id is >= 0 and < uint.MaxValue
        ? (uint)id
        : throw new UnpackException($"failed to Lchown {Quote(path)} for UID {entry.Uid}, GID {entry.Gid}: {Errno.EINVAL.Text()}");

    /// <summary>Times as Docker sets them: before 1970 becomes 1970; the access time is the later of both.</summary>
    private static (TimeSpec Access, TimeSpec Modification) Times(TarEntry entry)
    {
        TimeSpec modification = Bound(entry.ModificationTime);
        TimeSpec access = entry.AccessTime is { } told ? Bound(told) : modification;
        bool later = access.Seconds > modification.Seconds || (access.Seconds == modification.Seconds && access.Nanoseconds > modification.Nanoseconds);
        return (later ? access : modification, modification);
    }

    // Go counts nanoseconds in 64 bits: what lies beyond 2262 is 1970 to Docker.
    private static TimeSpec Bound(TimeSpec time) => time.Seconds is < 0 or > long.MaxValue / 1_000_000_000 ? default : time;

    private void OnCreatedParent(SafeFileHandle directory, byte[] path, bool overWhiteout)
    {
        Check(Sys.TryFchmod(directory, 0x1ed), "chmod", path);
        if (overWhiteout)
            _whiteouts.MarkOpaque(directory, path);
        else
            _lowers.CopyDirectoryAttributes(path, directory);
        _whiteouts.NoteUnpackedPath(path);
    }

    private static string Quote(ReadOnlySpan<byte> path) => $"\"{TarPath.Display(path)}\"";

    private static void Check(Errno errno, string call, byte[] path)
    {
        if (errno != Errno.None)
            throw new LinuxException(call, TarPath.Display(path), errno);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _tree.Dispose();
        _lowers.Dispose();
    }
}
