using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static unsafe partial class Sys
{
    [LibraryImport("libc", EntryPoint = "fsetxattr", SetLastError = true)]
    private static partial int fsetxattr(SafeHandle file, byte* name, byte* value, nuint size, int flags);

    [LibraryImport("libc", EntryPoint = "lsetxattr", SetLastError = true)]
    private static partial int lsetxattr(byte* path, byte* name, byte* value, nuint size, int flags);

    /// <summary><c>man 2 fsetxattr</c>; the name is NUL-terminated bytes.</summary>
    public static Errno TryFsetxattr(SafeFileHandle file, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        RequireTerminated(name);
        // SAFETY: name and value are pinned for the call; the name is terminated, the value's length is passed.
        fixed (byte* n = name, v = value)
            return fsetxattr(file, n, v, (nuint)value.Length, 0) < 0 ? LastErrno() : Errno.None;
    }

    /// <summary><c>man 2 lsetxattr</c>; path and name are NUL-terminated bytes.</summary>
    public static Errno TryLsetxattr(ReadOnlySpan<byte> path, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        RequireTerminated(path);
        RequireTerminated(name);
        // SAFETY: path, name and value are pinned for the call; path and name are terminated, the value's length is passed.
        fixed (byte* p = path, n = name, v = value)
            return lsetxattr(p, n, v, (nuint)value.Length, 0) < 0 ? LastErrno() : Errno.None;
    }
}
