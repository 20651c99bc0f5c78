using System.Net;
using System.Net.Sockets;
using AotRuntime.Linux;

namespace AotRuntime.Http;

/// <summary>Numbers of <c>man 7 socket</c> that the framework has no names for.</summary>
internal static class SocketConstants
{
    public const int SOL_SOCKET = 1;
    public const int SO_REUSEADDR = 2;
    public const int SO_ERROR = 4;
    public const int SO_PEERCRED = 17;
}

/// <summary>Turns the framework's socket errors back into the kernel's.</summary>
internal static class SocketErrors
{
    /// <summary>The errno behind <paramref name="e"/>; <paramref name="unixPath"/> where the address was a unix socket's.</summary>
    public static Errno ToErrno(SocketException e, string? unixPath = null) => e.SocketErrorCode switch
    {
        // The framework gives one code for ENOENT and EADDRNOTAVAIL; unix sockets know only the first.
        SocketError.AddressNotAvailable => unixPath is null ? Errno.EADDRNOTAVAIL : Errno.ENOENT,
        SocketError.SocketError when unixPath is not null && File.Exists(Path.GetDirectoryName(unixPath)) => Errno.ENOTDIR,
        SocketError error => ToErrno(error),
    };

    public static Errno ToErrno(SocketError error) => error switch
    {
        SocketError.AccessDenied => Errno.EACCES,
        SocketError.AddressAlreadyInUse => Errno.EADDRINUSE,
        SocketError.AddressFamilyNotSupported => Errno.EAFNOSUPPORT,
        SocketError.AddressNotAvailable => Errno.EADDRNOTAVAIL,
        SocketError.ConnectionAborted => Errno.ECONNABORTED,
        SocketError.ConnectionRefused => Errno.ECONNREFUSED,
        SocketError.ConnectionReset => Errno.ECONNRESET,
        SocketError.HostDown => Errno.EHOSTDOWN,
        SocketError.HostUnreachable => Errno.EHOSTUNREACH,
        SocketError.Interrupted => Errno.EINTR,
        SocketError.InvalidArgument => Errno.EINVAL,
        SocketError.NetworkDown => Errno.ENETDOWN,
        SocketError.NetworkReset => Errno.ENETRESET,
        SocketError.NetworkUnreachable => Errno.ENETUNREACH,
        SocketError.NoBufferSpaceAvailable => Errno.ENOBUFS,
        SocketError.NotConnected => Errno.ENOTCONN,
        SocketError.NotSocket => Errno.ENOTSOCK,
        SocketError.OperationNotSupported => Errno.ENOTSUP,
        SocketError.Shutdown => Errno.EPIPE,
        SocketError.TimedOut => Errno.ETIMEDOUT,
        SocketError.TooManyOpenSockets => Errno.EMFILE,
        SocketError.TryAgain or SocketError.WouldBlock => Errno.EAGAIN,
        _ => Errno.EIO,
    };

    /// <summary>An address as a URL; null where it has none.</summary>
    public static string? Describe(EndPoint? address) => address switch
    {
        IPEndPoint ip => $"tcp://{ip}",
        UnixDomainSocketEndPoint unix when unix.ToString() is { Length: > 0 } path => $"unix://{path}",
        _ => null,
    };
}
