using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static unsafe partial class Sys
{
    private const int AtSymlinkNoFollow = 0x100;

    [LibraryImport("libc", EntryPoint = "fchown", SetLastError = true)]
    private static partial int fchown(SafeHandle file, uint uid, uint gid);

    [LibraryImport("libc", EntryPoint = "fchownat", SetLastError = true)]
    private static partial int fchownat(SafeHandle dir, byte* path, uint uid, uint gid, int flags);

    /// <summary><c>man 2 fchown</c>.</summary>
    public static Errno TryFchown(SafeFileHandle file, uint uid, uint gid) => fchown(file, uid, gid) < 0 ? LastErrno() : Errno.None;

    /// <summary><c>man 2 fchownat</c> on the link itself; the path is NUL-terminated bytes.</summary>
    public static Errno TryLchownAt(SafeFileHandle dir, ReadOnlySpan<byte> path, uint uid, uint gid)
    {
        RequireTerminated(path);
        // SAFETY: the path is pinned for the call, and terminated.
        fixed (byte* p = path)
            return fchownat(dir, p, uid, gid, AtSymlinkNoFollow) < 0 ? LastErrno() : Errno.None;
    }
}
