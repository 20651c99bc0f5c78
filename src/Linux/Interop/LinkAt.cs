using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static unsafe partial class Sys
{
    [LibraryImport("libc", EntryPoint = "linkat", SetLastError = true)]
    private static partial int linkat(SafeHandle oldDir, byte* oldPath, SafeHandle newDir, byte* newPath, int flags);

    /// <summary><c>man 2 linkat</c> without flags: a symbolic link as the old path is itself linked. Paths are NUL-terminated bytes.</summary>
    public static Errno TryLinkAt(SafeFileHandle oldDir, ReadOnlySpan<byte> oldPath, SafeFileHandle newDir, ReadOnlySpan<byte> newPath)
    {
        RequireTerminated(oldPath);
        RequireTerminated(newPath);
        // SAFETY: both paths are pinned for the call, and terminated.
        fixed (byte* o = oldPath, n = newPath)
            return linkat(oldDir, o, newDir, n, 0) < 0 ? LastErrno() : Errno.None;
    }
}
