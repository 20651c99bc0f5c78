using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static partial class Sys
{
    /// <summary><c>man 7 netlink</c>.</summary>
    public const int AF_NETLINK = 16;

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    private static partial nint send(SafeFileHandle fd, ReadOnlySpan<byte> data, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    private static partial nint recv(SafeFileHandle fd, Span<byte> buffer, nuint length, int flags);

    /// <summary><c>man 2 socket</c>; close-on-exec is added.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static SafeFileHandle Socket(int domain, int type, int protocol) =>
        new(LinuxException.Check(socket(domain, type | SOCK_CLOEXEC, protocol), "socket"), ownsHandle: true);

    /// <summary><c>man 2 send</c>: how many bytes went out.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static int Send(SafeFileHandle fd, ReadOnlySpan<byte> data, int flags)
    {
        while (true)
        {
            nint n = send(fd, data, (nuint)data.Length, flags);
            if (n >= 0)
                return (int)n;
            if (Marshal.GetLastPInvokeError() != (int)Errno.EINTR)
                throw LinuxException.Last("send");
        }
    }

    /// <summary><c>man 2 recv</c>: how many bytes came, or with MSG_TRUNC how many there were.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static int Receive(SafeFileHandle fd, Span<byte> buffer, int flags)
    {
        while (true)
        {
            nint n = recv(fd, buffer, (nuint)buffer.Length, flags);
            if (n >= 0)
                return (int)n;
            if (Marshal.GetLastPInvokeError() != (int)Errno.EINTR)
                throw LinuxException.Last("recv");
        }
    }
}
