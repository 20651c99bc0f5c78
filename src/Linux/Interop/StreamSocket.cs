using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

/// <summary>Stream sockets without waiting, whatever the descriptor's own mode (MSG_DONTWAIT).</summary>
public static unsafe partial class Sys
{
    private const int MSG_DONTWAIT = 0x40;
    private const int MSG_NOSIGNAL = 0x4000;
    private const int SHUT_WR = 1;

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    private static partial nint recv(SafeHandle socket, byte* buffer, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    private static partial nint send(SafeHandle socket, byte* data, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "shutdown", SetLastError = true)]
    private static partial int shutdown(SafeHandle socket, int how);

    /// <summary><c>man 2 recv</c>, once: how many bytes came (0: the end), or -1 and why not, EAGAIN where there are none yet.</summary>
    public static int TryReceive(SafeHandle socket, Span<byte> buffer, out Errno errno)
    {
        nint count;
        do
        {
            // SAFETY: pinned for the call, and its length is passed.
            fixed (byte* b = buffer)
                count = recv(socket, b, (nuint)buffer.Length, MSG_DONTWAIT);
            errno = count < 0 ? (Errno)Marshal.GetLastPInvokeError() : 0;
        }
        while (errno == Errno.EINTR);
        return (int)count;
    }

    /// <summary><c>man 2 send</c>, once and without SIGPIPE: how many bytes went, or -1 and why not, EAGAIN where there is no room.</summary>
    public static int TrySend(SafeHandle socket, ReadOnlySpan<byte> data, out Errno errno)
    {
        nint count;
        do
        {
            // SAFETY: pinned for the call, and its length is passed.
            fixed (byte* d = data)
                count = send(socket, d, (nuint)data.Length, MSG_DONTWAIT | MSG_NOSIGNAL);
            errno = count < 0 ? (Errno)Marshal.GetLastPInvokeError() : 0;
        }
        while (errno == Errno.EINTR);
        return (int)count;
    }

    /// <summary><c>man 2 connect</c>, once, with an address as the kernel has it; 0, or why not: EINPROGRESS on a non-blocking socket.</summary>
    public static Errno TryConnect(SafeHandle socket, ReadOnlySpan<byte> address)
    {
        // SAFETY: pinned for the call, and its length is passed.
        fixed (byte* a = address)
            return connect(socket, a, (uint)address.Length) == 0 ? 0 : (Errno)Marshal.GetLastPInvokeError();
    }

    /// <summary><c>man 2 shutdown</c> of the sending half. A peer that is gone already is no error.</summary>
    public static void ShutdownSend(SafeHandle socket) => _ = shutdown(socket, SHUT_WR);
}
