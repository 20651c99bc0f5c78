using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

/// <summary>Seconds and nanoseconds since 1970 (struct timespec).</summary>
/// <param name="Seconds">Whole seconds; negative before 1970.</param>
/// <param name="Nanoseconds">0 to 999,999,999.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct TimeSpec(long Seconds, long Nanoseconds);

public static unsafe partial class Sys
{
    [LibraryImport("libc", EntryPoint = "futimens", SetLastError = true)]
    private static partial int futimens(SafeHandle file, TimeSpec* times);

    [LibraryImport("libc", EntryPoint = "utimensat", SetLastError = true)]
    private static partial int utimensat(SafeHandle dir, byte* path, TimeSpec* times, int flags);

    /// <summary><c>man 3 futimens</c>.</summary>
    public static Errno TryFutimens(SafeFileHandle file, TimeSpec access, TimeSpec modification)
    {
        TimeSpec* times = stackalloc TimeSpec[] { access, modification };
        return futimens(file, times) < 0 ? LastErrno() : Errno.None;
    }

    /// <summary><c>man 2 utimensat</c> on the link itself; the path is NUL-terminated bytes.</summary>
    public static Errno TryUtimensAt(SafeFileHandle dir, ReadOnlySpan<byte> path, TimeSpec access, TimeSpec modification)
    {
        RequireTerminated(path);
        TimeSpec* times = stackalloc TimeSpec[] { access, modification };
        // SAFETY: the path is pinned for the call, and terminated.
        fixed (byte* p = path)
            return utimensat(dir, p, times, AtSymlinkNoFollow) < 0 ? LastErrno() : Errno.None;
    }
}
