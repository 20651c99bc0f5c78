using System.Text;
using AotRuntime.Images.Tar;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Images;

/// <summary>Entries that hide what lies below (image-spec, layer.md#whiteouts): <c>.wh.name</c>, and <c>.wh..wh..opq</c> for a whole directory.</summary>
internal sealed class Whiteouts(LayerTree tree, WhiteoutMode mode)
{
    private static readonly byte[] OpaqueXattr = "trusted.overlay.opaque\0"u8.ToArray();

    /// <summary>In delete mode: what this layer brought, which its own whiteouts must not take away.</summary>
    private readonly HashSet<string> _unpacked = [];

    /// <summary>How whiteouts' names begin.</summary>
    public static ReadOnlySpan<byte> Prefix => ".wh."u8;

    /// <summary>Applies the whiteout named <paramref name="last"/> in <paramref name="parent"/>.</summary>
    public void Apply(SafeFileHandle parent, ReadOnlySpan<byte> last, byte[] path, TarEntry entry)
    {
        if (last.SequenceEqual(".wh..wh..opq"u8))
        {
            MakeOpaque(parent, path);
            return;
        }
        // AUFS's own notes (.wh..wh.plnk, .wh..wh.aufs) are no whiteouts; nor are they files of the image.
        if (last.StartsWith(".wh..wh."u8))
            return;
        ReadOnlySpan<byte> hidden = last[Prefix.Length..];
        if (hidden.IsEmpty || hidden.SequenceEqual("."u8) || hidden.SequenceEqual(".."u8))
            throw new UnpackException($"invalid whiteout name: {TarPath.Display(path)}: invalid archive");
        byte[] name = TarPath.Terminate(hidden);
        if (mode == WhiteoutMode.Delete)
            DeleteLower(parent, name);
        else
            HideLower(parent, name, path, entry);
    }

    /// <summary>Whether a file is an overlay's whiteout.</summary>
    public bool IsWhiteout(FileStatus status) => mode == WhiteoutMode.Overlay && status.IsCharacterDevice && status.NodeDevice == 0;

    /// <summary>Marks a directory so that nothing below shows through.</summary>
    public void MarkOpaque(SafeFileHandle directory, byte[] path)
    {
        if (mode != WhiteoutMode.Overlay)
            return;
        Errno errno = Sys.TryFsetxattr(directory, OpaqueXattr, "y"u8);
        if (errno != Errno.None)
            throw new LinuxException("setxattr", TarPath.Display(path), errno);
    }

    /// <summary>Takes note of what the layer brought.</summary>
    public void NoteUnpacked(SafeFileHandle parent, ReadOnlySpan<byte> name)
    {
        if (mode != WhiteoutMode.Delete)
            return;
        byte[] real = tree.RealPath(parent);
        NoteUnpackedPath(real.Length == 0 ? name.ToArray() : [.. real, (byte)'/', .. name]);
    }

    /// <summary>Takes note of a path that the layer brought, and of the directories on the way: what is kept must stay reachable.</summary>
    public void NoteUnpackedPath(byte[] path)
    {
        if (mode != WhiteoutMode.Delete)
            return;
        string left = Encoding.Latin1.GetString(path);
        while (left.Length > 0 && _unpacked.Add(left))
            left = left[..Math.Max(0, left.LastIndexOf('/'))];
    }

    private void HideLower(SafeFileHandle parent, byte[] name, byte[] path, TarEntry entry)
    {
        Errno errno = Sys.TryMknodAt(parent, name, 0x2000, 0);
        if (errno == Errno.EEXIST)
        {
            // "Whiteout files MUST only apply to resources in lower layers": what this layer brought stays, and hides the lower one already,
            // except that directories would merge.
            Check(Sys.TryStatAt(parent, name, out FileStatus existing), "stat", path);
            if (!existing.IsDirectory)
                return;
            Check(Sys.TryOpenAt(parent, name, OpenFlags.ReadOnly | OpenFlags.Directory | OpenFlags.NoFollow, 0, out SafeFileHandle? directory), "open", path);
            using (directory)
                MarkOpaque(directory!, path);
            return;
        }
        Check(errno, "mknod", path);
        if (entry.Uid is >= 0 and < uint.MaxValue && entry.Gid is >= 0 and < uint.MaxValue)
            Check(Sys.TryLchownAt(parent, name, (uint)entry.Uid, (uint)entry.Gid), "lchown", path);
    }

    private void DeleteLower(SafeFileHandle parent, byte[] name)
    {
        byte[] real = tree.RealPath(parent);
        byte[] path = real.Length == 0 ? name[..^1] : [.. real, (byte)'/', .. name.AsSpan()[..^1]];
        Prune(parent, name, path);
        tree.ForgetAfter(parent);
    }

    private void MakeOpaque(SafeFileHandle parent, byte[] path)
    {
        // The descriptor at hand may be good for lookups only.
        Check(Sys.TryOpenAt(parent, ".\0"u8, OpenFlags.ReadOnly | OpenFlags.Directory, 0, out SafeFileHandle? opened), "open", path);
        using SafeFileHandle directory = opened!;
        if (mode == WhiteoutMode.Overlay)
        {
            MarkOpaque(directory, path);
            return;
        }
        byte[] real = tree.RealPath(directory);
        foreach (byte[] child in Sys.ReadDirectoryNames(directory))
            Prune(directory, child, real.Length == 0 ? child[..^1] : [.. real, (byte)'/', .. child.AsSpan()[..^1]]);
        tree.ForgetAfter(parent);
    }

    /// <summary>Removes a file or directory, but for what this layer brought.</summary>
    private void Prune(SafeFileHandle parent, byte[] name, byte[] path)
    {
        if (!_unpacked.Contains(Encoding.Latin1.GetString(path)))
        {
            tree.RemoveAll(parent, name);
            return;
        }
        Check(Sys.TryStatAt(parent, name, out FileStatus status), "stat", path);
        if (!status.IsDirectory)
            return;
        Check(Sys.TryOpenAt(parent, name, OpenFlags.ReadOnly | OpenFlags.Directory | OpenFlags.NoFollow, 0, out SafeFileHandle? inner), "open", path);
        using (inner)
        {
            foreach (byte[] child in Sys.ReadDirectoryNames(inner!))
                Prune(inner!, child, [.. path, (byte)'/', .. child.AsSpan()[..^1]]);
        }
    }

    private static void Check(Errno errno, string call, byte[] path)
    {
        if (errno != Errno.None)
            throw new LinuxException(call, TarPath.Display(path), errno);
    }
}
