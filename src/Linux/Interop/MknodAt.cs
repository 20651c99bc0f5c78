using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static unsafe partial class Sys
{
    [LibraryImport("libc", EntryPoint = "mknodat", SetLastError = true)]
    private static partial int mknodat(SafeHandle dir, byte* path, uint mode, ulong device);

    /// <summary><c>man 2 mknodat</c>; the path is NUL-terminated bytes.</summary>
    public static Errno TryMknodAt(SafeFileHandle dir, ReadOnlySpan<byte> path, uint mode, ulong device)
    {
        RequireTerminated(path);
        // SAFETY: the path is pinned for the call, and terminated.
        fixed (byte* p = path)
            return mknodat(dir, p, mode, device) < 0 ? LastErrno() : Errno.None;
    }

    /// <summary>glibc's encoding of a device number (gnu_dev_makedev).</summary>
    public static ulong MakeDevice(uint major, uint minor) =>
        (minor & 0xffUL) | ((major & 0xfffUL) << 8) | ((ulong)(minor & ~0xffU) << 12) | ((ulong)(major & ~0xfffU) << 32);
}
