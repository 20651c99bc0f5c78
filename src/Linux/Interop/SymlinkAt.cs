using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static unsafe partial class Sys
{
    [LibraryImport("libc", EntryPoint = "symlinkat", SetLastError = true)]
    private static partial int symlinkat(byte* target, SafeHandle dir, byte* path);

    /// <summary><c>man 2 symlinkat</c>; both paths are NUL-terminated bytes.</summary>
    public static Errno TrySymlinkAt(ReadOnlySpan<byte> target, SafeFileHandle dir, ReadOnlySpan<byte> path)
    {
        RequireTerminated(target);
        RequireTerminated(path);
        // SAFETY: both paths are pinned for the call, and terminated.
        fixed (byte* t = target, p = path)
            return symlinkat(t, dir, p) < 0 ? LastErrno() : Errno.None;
    }
}
