using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static unsafe partial class Sys
{
    [LibraryImport("libc", EntryPoint = "readlinkat", SetLastError = true)]
    private static partial nint readlinkat(SafeHandle dir, byte* path, byte* buffer, nuint size);

    /// <summary><c>man 2 readlinkat</c>; the path is NUL-terminated bytes, the target is not.</summary>
    public static Errno TryReadLinkAt(SafeFileHandle dir, ReadOnlySpan<byte> path, Span<byte> buffer, out int size)
    {
        RequireTerminated(path);
        // SAFETY: path and buffer are pinned for the call; the path is terminated, the buffer's length is passed.
        fixed (byte* p = path, b = buffer)
        {
            nint result = readlinkat(dir, p, b, (nuint)buffer.Length);
            size = result < 0 ? 0 : (int)result;
            return result < 0 ? LastErrno() : Errno.None;
        }
    }
}
