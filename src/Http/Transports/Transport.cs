namespace AotRuntime.Http;

/// <summary>Opens connections and listeners by URL: <c>unix://PATH</c>, <c>tcp://HOST:PORT</c>, <c>fd://[N]</c>.</summary>
public static class Transport
{
    /// <summary>Listens on a unix socket, replacing a stale file; the socket file gets <paramref name="mode"/> and <paramref name="gid"/> before any client can connect.</summary>
    public static TransportListener ListenUnix(string path, UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite, uint? gid = null) =>
        throw new NotImplementedException();

    /// <summary>Listens on a TCP address; port 0 takes a free one.</summary>
    public static TransportListener ListenTcp(string host, int port) => throw new NotImplementedException();

    /// <summary>Listens on a listening socket that was inherited (systemd's LISTEN_FDS, a shim's socket).</summary>
    public static TransportListener ListenFd(int fd) => throw new NotImplementedException();

    /// <summary>Connects to a unix socket; a leading NUL or <c>@</c> names an abstract one.</summary>
    public static ValueTask<TransportConnection> ConnectUnixAsync(string path, CancellationToken cancellationToken = default) =>
        throw new NotImplementedException();

    /// <summary>Connects by TCP, trying each address of the host in turn.</summary>
    public static ValueTask<TransportConnection> ConnectTcpAsync(string host, int port, CancellationToken cancellationToken = default) =>
        throw new NotImplementedException();
}
