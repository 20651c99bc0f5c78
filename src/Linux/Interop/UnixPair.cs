using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

/// <summary>Pairs of unix sockets, descriptors sent over them, and the names of their ends (<c>man 7 unix</c>).</summary>
public static unsafe partial class Sys
{
    private const int SOCK_SEQPACKET = 5;

    /// <summary>SCM_MAX_FD is 253; nothing here sends more than this.</summary>
    private const int MaxSentDescriptors = 8;

    [LibraryImport("libc", EntryPoint = "socketpair", SetLastError = true)]
    private static partial int socketpair(int domain, int type, int protocol, int* pair);

    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    private static partial nint sendmsg(SafeHandle socket, MessageHeader* message, int flags);

    [LibraryImport("libc", EntryPoint = "getpeername", SetLastError = true)]
    private static partial int getpeername(SafeHandle socket, byte* address, uint* length);

    /// <summary><c>man 2 socketpair</c>, close-on-exec: a stream, or with <paramref name="messages"/> SOCK_SEQPACKET.</summary>
    /// <exception cref="LinuxException">EMFILE, …</exception>
    public static (SafeFileHandle First, SafeFileHandle Second) UnixPair(bool messages)
    {
        int* pair = stackalloc int[2];
        LinuxException.Check(socketpair(AF_UNIX, (messages ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_CLOEXEC, 0, pair), "socketpair");
        return (new SafeFileHandle(pair[0], ownsHandle: true), new SafeFileHandle(pair[1], ownsHandle: true));
    }

    /// <summary>Sends a message and descriptors with it (SCM_RIGHTS); 0, or why not. Without SIGPIPE.</summary>
    public static Errno TrySendMessage(SafeHandle socket, ReadOnlySpan<byte> message, params ReadOnlySpan<SafeHandle> descriptors)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(descriptors.Length, MaxSentDescriptors);
        // struct cmsghdr { size_t len; int level; int type; } and the descriptors, aligned to eight bytes.
        byte* control = stackalloc byte[16 + MaxSentDescriptors * sizeof(int)];
        int length = 16 + descriptors.Length * sizeof(int);
        *(nuint*)control = (nuint)length;
        *(int*)(control + 8) = SOL_SOCKET;
        *(int*)(control + 12) = SCM_RIGHTS;
        int held = 0;
        try
        {
            for (; held < descriptors.Length; held++)
            {
                bool added = false;
                descriptors[held].DangerousAddRef(ref added);
                *(int*)(control + 16 + held * sizeof(int)) = (int)descriptors[held].DangerousGetHandle();
            }
            // SAFETY: the message is pinned for the call, the control buffer lives on this stack, both with their lengths.
            fixed (byte* text = message)
            {
                var vector = new IoVector { Base = text, Length = (nuint)message.Length };
                var header = new MessageHeader { Vectors = &vector, VectorCount = 1, Control = control, ControlLength = (nuint)((length + 7) & ~7) };
                while (sendmsg(socket, &header, MSG_NOSIGNAL) < 0)
                {
                    var errno = (Errno)Marshal.GetLastPInvokeError();
                    if (errno != Errno.EINTR)
                        return errno;
                }
                return 0;
            }
        }
        finally
        {
            while (--held >= 0)
                descriptors[held].DangerousRelease();
        }
    }

    /// <summary>Gives a unix socket that has none a name of the kernel's choice ("autobind").</summary>
    public static void NameUnixSocket(SafeHandle socket)
    {
        ushort family = AF_UNIX;
        // SAFETY: the family alone is an address, of its own size. One that has a name already keeps it (EINVAL).
        _ = bind(socket, (byte*)&family, sizeof(ushort));
    }

    /// <summary>The abstract name of a unix socket's other end, open or closed, without its leading NUL; null where it has none.</summary>
    public static string? PeerName(SafeHandle socket)
    {
        byte* address = stackalloc byte[2 + UnixPathMax + 1];
        uint length = 2 + UnixPathMax + 1;
        // SAFETY: the kernel is told how much room there is, and tells how much of it the address has.
        if (getpeername(socket, address, &length) < 0 || length <= 3)
            return null;
        return Encoding.UTF8.GetString(address + 3, (int)Math.Min(length, 2 + UnixPathMax + 1) - 3);
    }
}
