using System.Net;
using System.Net.Sockets;
using AotRuntime.Linux;

namespace AotRuntime.Http;

/// <summary>Opens connections and listeners: unix sockets, TCP, and sockets inherited from whoever started the process.</summary>
public static class Transport
{
    /// <summary>Listens on a unix socket, replacing a stale file; the socket file gets <paramref name="mode"/> and <paramref name="gid"/> before any client can connect.</summary>
    /// <exception cref="LinuxException">The path is taken by a live server or by another kind of file, or the kernel refused.</exception>
    public static TransportListener ListenUnix(string path, UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite, uint? gid = null)
    {
        bool isAbstract = UnixAddress.IsAbstract(path);
        string subject = $"{path}: bind";
        EndPoint address = UnixAddress.Parse(path, "listen unix", subject);
        if (!isAbstract)
            RemoveStaleSocket(path, address);

        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            try
            {
                socket.Bind(address);
            }
            catch (SocketException e)
            {
                throw new LinuxException("listen unix", subject, SocketErrors.ToErrno(e, path));
            }
            if (!isAbstract)
            {
                // Until listen(2), a connect is refused: nobody gets in before the file has its owner and mode.
                File.SetUnixFileMode(path, mode);
                if (gid is { } group)
                    Sys.Chown(path, uint.MaxValue, group);
            }
            socket.Listen(SocketListener.Backlog);
            return new SocketListener(WithoutPath(socket), $"unix://{path}", isAbstract ? null : path, UnixAddress.Find(path)?.Inode);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Listens on a TCP address; port 0 takes a free one. An empty host or <c>::</c> means every address of both families.</summary>
    /// <exception cref="LinuxException">The address is not to be had.</exception>
    public static TransportListener ListenTcp(string host, int port)
    {
        string subject = $"{HostPort(host, port)}: bind";
        IPAddress address = host.Length == 0 ? IPAddress.IPv6Any : Resolve(host);
        Socket socket;
        try
        {
            socket = new(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        }
        catch (SocketException) when (host.Length == 0)
        {
            // A kernel without IPv6.
            address = IPAddress.Any;
            socket = new(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        }
        try
        {
            // Not through SocketOptionName.ReuseAddress, which on Linux also sets SO_REUSEPORT and would let two daemons share a port.
            socket.SetRawSocketOption(SocketConstants.SOL_SOCKET, SocketConstants.SO_REUSEADDR, BitConverter.GetBytes(1));
            if (address.Equals(IPAddress.IPv6Any))
                socket.DualMode = true;
            socket.Bind(new IPEndPoint(address, port));
            socket.Listen(SocketListener.Backlog);
            int bound = ((IPEndPoint)socket.LocalEndPoint!).Port;
            return new SocketListener(socket, $"tcp://{HostPort(host, bound)}");
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new LinuxException("listen tcp", subject, SocketErrors.ToErrno(e));
        }

        IPAddress Resolve(string name)
        {
            if (IPAddress.TryParse(name, out IPAddress? parsed))
                return parsed;
            try
            {
                IPAddress[] found = Dns.GetHostAddresses(name);
                return Array.Find(found, a => a.AddressFamily == AddressFamily.InterNetwork) ?? found[0];
            }
            catch (SocketException)
            {
                throw new IOException($"listen tcp: lookup {name}: no such host");
            }
        }
    }

    /// <summary>Listens on a listening socket that was inherited (systemd's LISTEN_FDS, a shim's socket).</summary>
    public static TransportListener ListenFd(int fd)
    {
        try
        {
            Socket socket = new(new SafeSocketHandle(fd, ownsHandle: true));
            return new SocketListener(socket, SocketErrors.Describe(socket.LocalEndPoint) ?? $"fd://{fd}");
        }
        catch (SocketException e)
        {
            throw new LinuxException("listen fd", $"fd://{fd}", SocketErrors.ToErrno(e));
        }
    }

    /// <summary>Takes over a connected stream socket that was inherited or made elsewhere (one end of a socketpair).</summary>
    public static TransportConnection FromFd(int fd) => new SocketConnection(new Socket(new SafeSocketHandle(fd, ownsHandle: true)));

    /// <summary>Connects to a unix socket; a leading NUL or <c>@</c> names an abstract one.</summary>
    /// <exception cref="LinuxException"><c>dial unix PATH: connect: …</c></exception>
    public static async ValueTask<TransportConnection> ConnectUnixAsync(string path, CancellationToken cancellationToken = default)
    {
        string subject = $"{path}: connect";
        EndPoint address = UnixAddress.Parse(path, "dial unix", subject);
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await SocketConnector.ConnectAsync(socket, address, cancellationToken).ConfigureAwait(false);
            return new SocketConnection(socket);
        }
        catch (Exception e)
        {
            socket.Dispose();
            if (e is LinuxException l)
                throw new LinuxException("dial unix", subject, l.Errno);
            throw;
        }
    }

    /// <summary>Connects by TCP, trying each address of the host in turn.</summary>
    /// <exception cref="LinuxException"><c>dial tcp ADDRESS: connect: …</c>, of the first address.</exception>
    public static async ValueTask<TransportConnection> ConnectTcpAsync(string host, int port, CancellationToken cancellationToken = default)
    {
        IPAddress[] addresses;
        if (IPAddress.TryParse(host, out IPAddress? literal))
        {
            addresses = [literal];
        }
        else
        {
            try
            {
                addresses = await Dns.GetHostAddressesAsync(host, cancellationToken).ConfigureAwait(false);
            }
            catch (SocketException)
            {
                throw new IOException($"dial tcp: lookup {host}: no such host");
            }
        }

        LinuxException? first = null;
        foreach (IPAddress address in addresses)
        {
            Socket socket = new(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                IPEndPoint remote = new(address, port);
                await SocketConnector.ConnectAsync(socket, remote, cancellationToken).ConfigureAwait(false);
                return new SocketConnection(socket, remote);
            }
            catch (Exception e) when (e is LinuxException or SocketException)
            {
                socket.Dispose();
                Errno errno = e is LinuxException l ? l.Errno : SocketErrors.ToErrno((SocketException)e);
                first ??= new LinuxException("dial tcp", $"{new IPEndPoint(address, port)}: connect", errno);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
        throw first ?? new IOException($"dial tcp: lookup {host}: no such host");
    }

    /// <summary>Host and port as one address, with brackets where the host is an IPv6 address.</summary>
    public static string HostPort(string host, int port) => host.Contains(':') ? $"[{host}]:{port}" : $"{host}:{port}";

    /// <summary>The same socket in an object that does not know its path. The framework would delete the file on disposal, even a successor's.</summary>
    private static Socket WithoutPath(Socket bound)
    {
        nint fd = bound.SafeHandle.DangerousGetHandle();
        bound.SafeHandle.SetHandleAsInvalid();
        GC.SuppressFinalize(bound);
        return new Socket(new SafeSocketHandle(fd, ownsHandle: true));
    }

    private static void RemoveStaleSocket(string path, EndPoint address)
    {
        if (UnixAddress.Find(path) is not { } found)
            return;
        // Refused means that no process listens there any more, or that it is some other kind of file, which is not ours to delete.
        using Socket probe = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(address);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused && UnixAddress.IsSocket(found))
        {
            File.Delete(path);
            return;
        }
        catch (SocketException)
        {
            throw new LinuxException("listen unix", $"{path}: bind", Errno.EADDRINUSE);
        }
        throw new LinuxException("listen unix", $"{path}: bind", Errno.EADDRINUSE);
    }
}
