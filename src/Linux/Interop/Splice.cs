using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static partial class Sys
{
    private const uint SPLICE_F_MOVE = 1;
    private const uint SPLICE_F_NONBLOCK = 2;

    [LibraryImport("libc", EntryPoint = "splice", SetLastError = true)]
    private static partial nint splice(SafeHandle from, nint fromOffset, SafeHandle to, nint toOffset, nuint size, uint flags);

    /// <summary><c>man 2 splice</c>, non-blocking: how many bytes moved (0: the end), or -1 and why not.</summary>
    public static nint TrySplice(SafeFileHandle from, SafeFileHandle to, int size, out Errno errno)
    {
        nint moved;
        do
        {
            moved = splice(from, 0, to, 0, (nuint)size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
            errno = moved < 0 ? (Errno)Marshal.GetLastPInvokeError() : 0;
        }
        while (errno == Errno.EINTR);
        return moved;
    }
}
