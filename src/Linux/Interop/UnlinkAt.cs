using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static unsafe partial class Sys
{
    private const int AtRemoveDirectory = 0x200;

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true)]
    private static partial int unlinkat(SafeHandle dir, byte* path, int flags);

    /// <summary><c>man 2 unlinkat</c>, with AT_REMOVEDIR for <paramref name="directory"/>; the path is NUL-terminated bytes.</summary>
    public static Errno TryUnlinkAt(SafeFileHandle dir, ReadOnlySpan<byte> path, bool directory)
    {
        RequireTerminated(path);
        // SAFETY: the path is pinned for the call, and terminated.
        fixed (byte* p = path)
            return unlinkat(dir, p, directory ? AtRemoveDirectory : 0) < 0 ? LastErrno() : Errno.None;
    }
}
