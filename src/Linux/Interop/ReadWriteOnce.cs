using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static partial class Sys
{
    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static unsafe partial nint read(SafeHandle file, byte* buffer, nuint size);

    /// <summary><c>man 2 read</c>, once: how many bytes came (0: the end), or -1 and why not.</summary>
    public static unsafe int TryRead(SafeFileHandle file, Span<byte> buffer, out Errno errno)
    {
        nint count;
        do
        {
            // SAFETY: pinned for the call, and its length is passed.
            fixed (byte* b = buffer)
                count = read(file, b, (nuint)buffer.Length);
            errno = count < 0 ? (Errno)Marshal.GetLastPInvokeError() : 0;
        }
        while (errno == Errno.EINTR);
        return (int)count;
    }

    /// <summary><c>man 2 write</c>, once: how many bytes went, or -1 and why not.</summary>
    public static unsafe int TryWrite(SafeFileHandle file, ReadOnlySpan<byte> data, out Errno errno)
    {
        nint count;
        do
        {
            // SAFETY: pinned for the call, and its length is passed.
            fixed (byte* d = data)
                count = write(file, d, (nuint)data.Length);
            errno = count < 0 ? (Errno)Marshal.GetLastPInvokeError() : 0;
        }
        while (errno == Errno.EINTR);
        return (int)count;
    }
}
