using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static unsafe partial class Sys
{
    [LibraryImport("libc", EntryPoint = "fchmod", SetLastError = true)]
    private static partial int fchmod(SafeHandle file, uint mode);

    [LibraryImport("libc", EntryPoint = "fchmodat", SetLastError = true)]
    private static partial int fchmodat(SafeHandle dir, byte* path, uint mode, int flags);

    /// <summary><c>man 2 fchmod</c>.</summary>
    public static Errno TryFchmod(SafeFileHandle file, uint mode) => fchmod(file, mode) < 0 ? LastErrno() : Errno.None;

    /// <summary><c>man 2 fchmodat</c>, following links (Linux has no mode on a link); the path is NUL-terminated bytes.</summary>
    public static Errno TryFchmodAt(SafeFileHandle dir, ReadOnlySpan<byte> path, uint mode)
    {
        RequireTerminated(path);
        // SAFETY: the path is pinned for the call, and terminated.
        fixed (byte* p = path)
            return fchmodat(dir, p, mode, 0) < 0 ? LastErrno() : Errno.None;
    }
}
