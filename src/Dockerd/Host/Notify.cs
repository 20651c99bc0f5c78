using System.Net.Sockets;
using System.Text;

namespace AotRuntime.Dockerd.Host;

/// <summary>Tells systemd that the daemon is ready (<c>man 3 sd_notify</c>).</summary>
internal static class Notify
{
    /// <summary>Sends READY=1 where systemd listens.</summary>
    public static void Ready()
    {
        string? path = Environment.GetEnvironmentVariable("NOTIFY_SOCKET");
        if (string.IsNullOrEmpty(path))
            return;
        using Socket socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        try
        {
            socket.SendTo(Encoding.ASCII.GetBytes("READY=1\n"), new UnixDomainSocketEndPoint(path[0] == '@' ? "\0" + path[1..] : path));
        }
        catch (SocketException)
        {
            return; // nobody who waits for it
        }
    }
}
