using System.Runtime.InteropServices;

namespace AotRuntime.Tests.Unit.Http;

/// <summary>Socket pairs as bare descriptors: a test's own end costs no managed memory and no allocation.</summary>
internal static class RawSockets
{
    /// <summary>A connected pair of unix stream sockets.</summary>
    public static (int Client, int Server) Pair()
    {
        int[] pair = new int[2];
        Check(socketpair(1, 1 | 0x80000, 0, pair), "socketpair"); // AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC
        return (pair[0], pair[1]);
    }

    /// <summary>Writes all of <paramref name="data"/>.</summary>
    public static void Send(int fd, byte[] data, int count) => Check((int)send(fd, data, count, 0x4000), "send"); // MSG_NOSIGNAL

    /// <summary>Writes what there is room for; -1 where there is none.</summary>
    public static int TrySend(int fd, byte[] data) => (int)send(fd, data, data.Length, 0x4000 | 0x40); // MSG_NOSIGNAL, MSG_DONTWAIT

    /// <summary>Waits for <paramref name="count"/> octets.</summary>
    public static void Receive(int fd, byte[] buffer, int count)
    {
        if (recv(fd, buffer, count, 0x100) != count) // MSG_WAITALL
            throw new IOException("recv");
    }

    /// <summary>Some octets; 0 at the end, -1 where there are none yet or the peer reset.</summary>
    public static int TryReceive(int fd, byte[] buffer) => (int)recv(fd, buffer, buffer.Length, 0x40); // MSG_DONTWAIT

    public static void Close(int fd) => Check(close(fd), "close");

    /// <summary>Raises the limit on descriptors, as far as this process may; the limit then.</summary>
    public static int RaiseLimit(int wanted)
    {
        ulong[] limit = new ulong[2];
        Check(getrlimit(7, limit), "getrlimit"); // RLIMIT_NOFILE
        if (limit[0] >= (ulong)wanted)
            return wanted;
        ulong[] raised = [(ulong)wanted, Math.Max(limit[1], (ulong)wanted)];
        if (setrlimit(7, raised) == 0)
            return wanted;
        Check(setrlimit(7, [limit[1], limit[1]]), "setrlimit");
        return (int)limit[1];
    }

    private static void Check(int result, string call)
    {
        if (result < 0)
            throw new IOException($"{call}: errno {Marshal.GetLastPInvokeError()}");
    }

#pragma warning disable SYSLIB1054, CA1707 // LibraryImport needs unsafe code; native names
    [DllImport("libc", SetLastError = true)]
    private static extern int socketpair(int domain, int type, int protocol, [Out] int[] pair);

    [DllImport("libc", SetLastError = true)]
    private static extern nint send(int fd, byte[] data, nint count, int flags);

    [DllImport("libc", SetLastError = true)]
    private static extern nint recv(int fd, byte[] data, nint count, int flags);

    [DllImport("libc", SetLastError = true)]
    private static extern int close(int fd);

    [DllImport("libc", SetLastError = true)]
    private static extern int getrlimit(int resource, [Out] ulong[] limit);

    [DllImport("libc", SetLastError = true)]
    private static extern int setrlimit(int resource, ulong[] limit);
#pragma warning restore SYSLIB1054, CA1707
}
