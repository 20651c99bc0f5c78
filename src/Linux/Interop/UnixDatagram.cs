using System.Text;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

/// <summary>Unix datagram sockets (<c>man 7 unix</c>).</summary>
public static unsafe partial class Sys
{
    private const int SOCK_DGRAM = 2;

    /// <summary>A datagram socket with a file of its own, or connected to somebody else's; a name that begins with @ is in the abstract namespace.</summary>
    /// <exception cref="LinuxException">EADDRINUSE, ENOENT, ECONNREFUSED, ENAMETOOLONG, …</exception>
    public static SafeFileHandle UnixDatagram(string path, bool connected)
    {
        string call = connected ? "dial unixgram" : "listen unixgram";
        // struct sockaddr_un {family:2, path:108}: an abstract name begins with a NUL and ends with the address.
        Span<byte> address = stackalloc byte[2 + UnixPathMax + 1];
        address.Clear();
        address[0] = AF_UNIX;
        if (path.Length == 0 || Encoding.UTF8.GetByteCount(path) > UnixPathMax)
            throw new LinuxException(call, path, Errno.ENAMETOOLONG);
        int length = 2 + Encoding.UTF8.GetBytes(path, address[2..]);
        if (path[0] == '@')
            address[2] = 0;
        else
            length++;
        SafeFileHandle handle = Socket(AF_UNIX, SOCK_DGRAM, 0);
        // SAFETY: the address lives on this stack, and its length is passed.
        int result;
        fixed (byte* a = address)
            result = connected ? connect(handle, a, (uint)length) : bind(handle, a, (uint)length);
        if (result == 0)
            return handle;
        LinuxException error = LinuxException.Last(call, path);
        handle.Dispose();
        throw error;
    }
}
