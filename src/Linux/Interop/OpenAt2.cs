using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

/// <summary>How openat2(2) resolves a path (linux/openat2.h).</summary>
[Flags]
public enum ResolveFlags : ulong
{
    /// <summary>As openat.</summary>
    None = 0,
    /// <summary>Refuse to cross into another mount.</summary>
    NoCrossDevice = 0x01,
    /// <summary>Refuse magic links, such as /proc/self/fd/1.</summary>
    NoMagicLinks = 0x02,
    /// <summary>Refuse all symbolic links.</summary>
    NoSymlinks = 0x04,
    /// <summary>Refuse to leave the tree below the directory.</summary>
    Beneath = 0x08,
    /// <summary>Treat the directory as the root: absolute links and <c>..</c> stay inside.</summary>
    InRoot = 0x10,
}

public static unsafe partial class Sys
{
    private const long SysOpenAt2 = 437;

    [StructLayout(LayoutKind.Sequential)]
    private struct OpenHow
    {
        public ulong Flags;
        public ulong Mode;
        public ulong Resolve;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long syscall_openat2(long number, SafeHandle dir, byte* path, OpenHow* how, nuint size);

    /// <summary><c>man 2 openat2</c>; close-on-exec is always set. A race with a rename (EAGAIN) is tried again.</summary>
    /// <param name="dir">The directory to start from.</param>
    /// <param name="path">Path bytes, NUL-terminated.</param>
    /// <param name="flags">How to open.</param>
    /// <param name="mode">Mode of a created file, before the umask; 0 where none is created.</param>
    /// <param name="resolve">How to resolve.</param>
    /// <param name="file">The open file where the result is <see cref="Errno.None"/>.</param>
    public static Errno TryOpenAt2(
        SafeFileHandle dir, ReadOnlySpan<byte> path, OpenFlags flags, uint mode, ResolveFlags resolve, out SafeFileHandle? file)
    {
        RequireTerminated(path);
        OpenHow how = new() { Flags = (ulong)(flags | OpenFlags.CloseOnExec), Mode = mode, Resolve = (ulong)resolve };
        // SAFETY: the path is pinned for the call and terminated; "how" lives on this frame and its size is passed.
        fixed (byte* p = path)
        {
            for (int attempt = 0; ; attempt++)
            {
                long fd = syscall_openat2(SysOpenAt2, dir, p, &how, (nuint)sizeof(OpenHow));
                if (fd >= 0)
                {
                    file = new SafeFileHandle((nint)fd, ownsHandle: true);
                    return Errno.None;
                }
                Errno errno = LastErrno();
                if (errno == Errno.EINTR || (errno == Errno.EAGAIN && attempt < 128))
                    continue;
                file = null;
                return errno;
            }
        }
    }
}
