using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

/// <summary>Unix sockets where System.Net.Sockets will not do: passed to a child, or receiving descriptors.</summary>
public static unsafe partial class Sys
{
    private const int AF_UNIX = 1;
    private const int SOCK_STREAM = 1;
    private const int SOCK_CLOEXEC = 0x80000;
    private const int SOL_SOCKET = 1;
    private const int SCM_RIGHTS = 1;
    private const int MSG_CMSG_CLOEXEC = 0x40000000;

    /// <summary>The longest path that sockaddr_un holds (<c>man 7 unix</c>), without its terminator.</summary>
    public const int UnixPathMax = 107;

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int socket(int domain, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    private static partial int bind(SafeHandle socket, byte* address, uint length);

    [LibraryImport("libc", EntryPoint = "connect", SetLastError = true)]
    private static partial int connect(SafeHandle socket, byte* address, uint length);

    [LibraryImport("libc", EntryPoint = "listen", SetLastError = true)]
    private static partial int listen(SafeHandle socket, int backlog);

    [LibraryImport("libc", EntryPoint = "accept4", SetLastError = true)]
    private static partial int accept4(SafeHandle socket, byte* address, uint* length, int flags);

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    private static partial nint recvmsg(SafeHandle socket, MessageHeader* message, int flags);

    [StructLayout(LayoutKind.Sequential)]
    private struct MessageHeader
    {
        public byte* Name;
        public uint NameLength;
        public IoVector* Vectors;
        public nuint VectorCount;
        public byte* Control;
        public nuint ControlLength;
        public int Flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct IoVector
    {
        public byte* Base;
        public nuint Length;
    }

    /// <summary>Makes a socket file and listens on it.</summary>
    /// <exception cref="LinuxException">EADDRINUSE: the file is there, whoever listens or not; ENAMETOOLONG.</exception>
    public static SafeFileHandle ListenUnix(string path, int backlog = 128)
    {
        SafeFileHandle handle = UnixStream();
        try
        {
            Span<byte> address = stackalloc byte[110];
            int length = UnixAddress(path, address);
            // SAFETY: the address lives on this stack, and its length is passed.
            fixed (byte* a = address)
                LinuxException.Check(bind(handle, a, (uint)length), "bind", path);
            LinuxException.Check(listen(handle, backlog), "listen", path);
            return handle;
        }
        catch (LinuxException)
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Whether somebody listens on a socket file.</summary>
    public static bool CanConnectUnix(string path)
    {
        using SafeFileHandle handle = UnixStream();
        Span<byte> address = stackalloc byte[110];
        int length = UnixAddress(path, address);
        // SAFETY: the address lives on this stack, and its length is passed.
        fixed (byte* a = address)
            return connect(handle, a, (uint)length) == 0;
    }

    /// <summary>The next connection of a listening socket, close-on-exec; blocks.</summary>
    /// <exception cref="LinuxException">The socket was closed, …</exception>
    public static SafeFileHandle Accept(SafeFileHandle listener)
    {
        int fd;
        while ((fd = accept4(listener, null, null, SOCK_CLOEXEC)) < 0)
        {
            LinuxException error = LinuxException.Last("accept4");
            if (error.Errno is not (Errno.EINTR or Errno.ECONNABORTED))
                throw error;
        }
        return new SafeFileHandle(fd, ownsHandle: true);
    }

    /// <summary>Receives one descriptor (SCM_RIGHTS), close-on-exec; null where the message carried none or the peer hung up.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static SafeFileHandle? ReceiveDescriptor(SafeFileHandle socket)
    {
        ReceiveMessage(socket, stackalloc byte[4096], out SafeFileHandle? descriptor);
        return descriptor;
    }

    /// <summary>Receives a message and the first descriptor that it carries (SCM_RIGHTS), close-on-exec.</summary>
    /// <returns>How many bytes came; 0 where the peer hung up.</returns>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static int ReceiveMessage(SafeFileHandle socket, Span<byte> buffer, out SafeFileHandle? descriptor)
    {
        // SAFETY: the buffer is pinned for the call, and its length is passed.
        fixed (byte* text = buffer)
            return ReceiveMessage(socket, text, buffer.Length, out descriptor);
    }

    private static int ReceiveMessage(SafeFileHandle socket, byte* text, int length, out SafeFileHandle? descriptor)
    {
        // struct cmsghdr { size_t len; int level; int type; } and the descriptors, each aligned to eight bytes; room for several,
        // so that a peer that sends more than it should cannot leave them open here.
        const int room = 32 + 16 + 8 * 8;
        byte* control = stackalloc byte[room];
        var vector = new IoVector { Base = text, Length = (nuint)length };
        var message = new MessageHeader { Vectors = &vector, VectorCount = 1, Control = control, ControlLength = room };
        descriptor = null;
        // SAFETY: the control buffer lives on this stack, the other is the caller's, both with their lengths.
        nint received;
        while ((received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0)
        {
            LinuxException error = LinuxException.Last("recvmsg");
            if (error.Errno != Errno.EINTR)
                throw error;
        }
        // There may be others, such as who has sent it.
        for (nuint at = 0, end; at + 16 <= message.ControlLength; at += (end + 7) & ~(nuint)7)
        {
            end = *(nuint*)(control + at);
            if (end < 16 || end > message.ControlLength - at)
                break;
            if (*(int*)(control + at + 8) != SOL_SOCKET || *(int*)(control + at + 12) != SCM_RIGHTS)
                continue;
            for (nuint fd = at + 16; fd + 4 <= at + end; fd += 4)
            {
                var handle = new SafeFileHandle(*(int*)(control + fd), ownsHandle: true);
                if (descriptor is null)
                    descriptor = handle;
                else
                    handle.Dispose();
            }
        }
        return (int)received;
    }

    private static SafeFileHandle UnixStream() =>
        new(LinuxException.Check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"), ownsHandle: true);

    // struct sockaddr_un: the family, the path, a terminator.
    private static int UnixAddress(string path, Span<byte> address)
    {
        address.Clear();
        if (Encoding.UTF8.GetByteCount(path) > UnixPathMax)
            throw new LinuxException("bind", path, Errno.ENAMETOOLONG);
        address[0] = AF_UNIX;
        return 2 + Encoding.UTF8.GetBytes(path, address[2..]) + 1;
    }
}
