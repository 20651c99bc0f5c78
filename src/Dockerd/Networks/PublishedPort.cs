using System.Globalization;
using System.Net;

namespace AotRuntime.Dockerd.Networks;

/// <summary>A transport protocol that ports are published for.</summary>
public enum PortProtocol
{
    /// <summary>TCP.</summary>
    Tcp,

    /// <summary>UDP.</summary>
    Udp,
}

/// <summary>One port of the host that leads to one port of a container.</summary>
public sealed record PublishedPort(PortProtocol Protocol, IPAddress HostAddress, ushort HostPort, IPAddress ContainerAddress, ushort ContainerPort)
{
    /// <summary><c>127.0.0.1:8080:172.17.0.2:80/tcp</c>, as Docker's errors have it.</summary>
    public override string ToString() => $"{new IPEndPoint(HostAddress, HostPort)}:{new IPEndPoint(ContainerAddress, ContainerPort)}/{Protocol.Text()}";
}

/// <summary>Names and numbers of protocols.</summary>
public static class PortProtocols
{
    /// <summary><c>tcp</c> or <c>udp</c>.</summary>
    public static string Text(this PortProtocol protocol) => protocol == PortProtocol.Tcp ? "tcp" : "udp";

    /// <summary>IANA's protocol number.</summary>
    public static byte Number(this PortProtocol protocol) => (byte)(protocol == PortProtocol.Tcp ? 6 : 17);

    /// <summary>Reads <c>80/tcp</c>; no protocol means TCP.</summary>
    public static bool TryParse(string port, out ushort number, out PortProtocol protocol)
    {
        int slash = port.IndexOf('/');
        string name = slash < 0 ? "tcp" : port[(slash + 1)..];
        protocol = name == "udp" ? PortProtocol.Udp : PortProtocol.Tcp;
        return ushort.TryParse(slash < 0 ? port : port.AsSpan(0, slash), NumberStyles.None, CultureInfo.InvariantCulture, out number) && name is "tcp" or "udp";
    }
}
