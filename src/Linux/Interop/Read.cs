using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static partial class Sys
{
    /// <summary><c>man 2 read</c>; 0 at the end of the file.</summary>
    /// <exception cref="LinuxException">EIO, EBADF, EAGAIN, ….</exception>
    public static int Read(SafeFileHandle file, Span<byte> data, string subject = "")
    {
        int count = TryRead(file, data, out Errno errno);
        return count >= 0 ? count : throw new LinuxException("read", subject, errno);
    }
}
