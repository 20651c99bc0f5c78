using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static unsafe partial class Sys
{
    [LibraryImport("libc", EntryPoint = "fgetxattr", SetLastError = true)]
    private static partial nint fgetxattr(SafeHandle file, byte* name, byte* value, nuint size);

    [LibraryImport("libc", EntryPoint = "flistxattr", SetLastError = true)]
    private static partial nint flistxattr(SafeHandle file, byte* list, nuint size);

    /// <summary><c>man 2 fgetxattr</c>: the value of a NUL-terminated name; ERANGE where the buffer is too small.</summary>
    public static Errno TryFgetxattr(SafeFileHandle file, ReadOnlySpan<byte> name, Span<byte> value, out int size)
    {
        RequireTerminated(name);
        // SAFETY: name and buffer are pinned for the call; the name is terminated, the buffer's length is passed.
        fixed (byte* n = name, v = value)
        {
            nint result = fgetxattr(file, n, v, (nuint)value.Length);
            size = result < 0 ? 0 : (int)result;
            return result < 0 ? LastErrno() : Errno.None;
        }
    }

    /// <summary><c>man 2 flistxattr</c>: names, each with its NUL, one after the other; ERANGE where the buffer is too small.</summary>
    public static Errno TryFlistxattr(SafeFileHandle file, Span<byte> list, out int size)
    {
        // SAFETY: the buffer is pinned for the call, and its length is passed.
        fixed (byte* l = list)
        {
            nint result = flistxattr(file, l, (nuint)list.Length);
            size = result < 0 ? 0 : (int)result;
            return result < 0 ? LastErrno() : Errno.None;
        }
    }
}
