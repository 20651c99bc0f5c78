using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static unsafe partial class Sys
{
    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint write(SafeHandle file, byte* data, nuint size);

    [LibraryImport("libc", EntryPoint = "pwrite", SetLastError = true)]
    private static partial nint pwrite(SafeHandle file, byte* data, nuint size, long offset);

    /// <summary><c>man 2 write</c>, until all is written.</summary>
    /// <exception cref="LinuxException">ENOSPC, EIO, ….</exception>
    public static void WriteAll(SafeFileHandle file, ReadOnlySpan<byte> data, string subject = "")
    {
        while (!data.IsEmpty)
        {
            nint written;
            // SAFETY: the data is pinned for the call, and its length is passed.
            fixed (byte* d = data)
                written = write(file, d, (nuint)data.Length);
            if (written < 0)
            {
                if (LastErrno() == Errno.EINTR)
                    continue;
                throw LinuxException.Last("write", subject);
            }
            data = data[(int)written..];
        }
    }

    /// <summary><c>man 2 pwrite</c>, until all is written.</summary>
    /// <exception cref="LinuxException">ENOSPC, EIO, ….</exception>
    public static void PWriteAll(SafeFileHandle file, ReadOnlySpan<byte> data, long offset, string subject = "")
    {
        while (!data.IsEmpty)
        {
            nint written;
            // SAFETY: the data is pinned for the call, and its length is passed.
            fixed (byte* d = data)
                written = pwrite(file, d, (nuint)data.Length, offset);
            if (written < 0)
            {
                if (LastErrno() == Errno.EINTR)
                    continue;
                throw LinuxException.Last("pwrite", subject);
            }
            data = data[(int)written..];
            offset += written;
        }
    }
}
