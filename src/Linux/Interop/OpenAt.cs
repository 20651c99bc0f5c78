using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

/// <summary>open(2) flags of x86-64 Linux (asm-generic/fcntl.h).</summary>
[Flags]
public enum OpenFlags
{
#pragma warning disable CS1591 // the names are the manual page's own
    ReadOnly = 0,
    WriteOnly = 1,
    ReadWrite = 2,
    Create = 0x40,
    Exclusive = 0x80,
    Truncate = 0x200,
    Append = 0x400,
    NonBlock = 0x800,
    Directory = 0x10000,
    NoFollow = 0x20000,
    CloseOnExec = 0x80000,
    Path = 0x200000,
#pragma warning restore CS1591
}

public static unsafe partial class Sys
{
    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true)]
    private static partial int openat(SafeHandle dir, byte* path, int flags, uint mode);

    /// <summary><c>man 2 openat</c>; close-on-exec is always set.</summary>
    /// <param name="dir">The directory that a relative path starts from.</param>
    /// <param name="path">Path bytes, NUL-terminated.</param>
    /// <param name="flags">How to open.</param>
    /// <param name="mode">Mode of a created file, before the umask.</param>
    /// <param name="file">The open file where the result is <see cref="Errno.None"/>.</param>
    public static Errno TryOpenAt(SafeFileHandle dir, ReadOnlySpan<byte> path, OpenFlags flags, uint mode, out SafeFileHandle? file)
    {
        RequireTerminated(path);
        // SAFETY: the path is pinned for the call, and its terminator was checked above.
        fixed (byte* p = path)
        {
            while (true)
            {
                int fd = openat(dir, p, (int)(flags | OpenFlags.CloseOnExec), mode);
                if (fd >= 0)
                {
                    file = new SafeFileHandle(fd, ownsHandle: true);
                    return Errno.None;
                }
                Errno errno = LastErrno();
                if (errno == Errno.EINTR)
                    continue;
                file = null;
                return errno;
            }
        }
    }

    /// <summary>The errno that the last call of this thread left behind.</summary>
    internal static Errno LastErrno() => (Errno)Marshal.GetLastPInvokeError();

    /// <summary>A path given as bytes must end in its NUL and hold no other: else the kernel would read on, or see another path.</summary>
    internal static void RequireTerminated(ReadOnlySpan<byte> path)
    {
        if (path.IndexOf((byte)0) != path.Length - 1)
            throw new ArgumentException("The path must end in its only NUL.", nameof(path));
    }
}
