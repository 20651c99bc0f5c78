using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static unsafe partial class Sys
{
    [LibraryImport("libc", EntryPoint = "mkdirat", SetLastError = true)]
    private static partial int mkdirat(SafeHandle dir, byte* path, uint mode);

    /// <summary><c>man 2 mkdirat</c>; the path is NUL-terminated bytes.</summary>
    public static Errno TryMkdirAt(SafeFileHandle dir, ReadOnlySpan<byte> path, uint mode)
    {
        RequireTerminated(path);
        // SAFETY: the path is pinned for the call, and terminated.
        fixed (byte* p = path)
            return mkdirat(dir, p, mode) < 0 ? LastErrno() : Errno.None;
    }
}
