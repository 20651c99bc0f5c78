using System.Globalization;
using System.Net;
using AotRuntime.Docker.CommandLine;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary>A published port: <c>[[ip:][host-port]:]container-port[/protocol]</c>, each port perhaps a range.</summary>
public readonly record struct PortSpec(string ContainerPort, string HostIp, string HostPort)
{
    /// <summary>Parses <paramref name="text"/>; a range gives one per port.</summary>
    /// <exception cref="CommandException">It can't be read.</exception>
    public static List<PortSpec> Parse(string text)
    {
        string spec = text.Contains('=') ? FromPairs(text) : text;
        (string ip, string host, string container) = Split(spec);
        (string protocol, container) = SplitProtocol(container);
        protocol = protocol.ToLowerInvariant();
        if (protocol is not ("tcp" or "udp" or "sctp"))
            throw new CommandException($"invalid proto: {protocol}");
        if (ip.StartsWith('[') && ip.EndsWith(']'))
            ip = ip[1..^1];
        if (ip.Length > 0 && !IPAddress.TryParse(ip, out _))
            throw new CommandException($"invalid IP address: {ip}");
        if (container.Length == 0)
            throw new CommandException($"no port specified: {spec}<empty>");
        if (!TryRange(container, out int first, out int last))
            throw new CommandException($"invalid containerPort: {container}");
        int hostFirst = 0;
        int hostLast = 0;
        if (host.Length > 0 && !TryRange(host, out hostFirst, out hostLast))
            throw new CommandException($"invalid hostPort: {host}");
        if (host.Length > 0 && last - first != hostLast - hostFirst && first != last)
            throw new CommandException($"invalid ranges specified for container and host Ports: {container} and {host}");

        List<PortSpec> specs = [];
        for (int i = 0; i <= last - first; i++)
        {
            string hostPort = host.Length == 0 ? "" : Text(hostFirst + i);
            // A range of the host's ports for one port of the container: any free one of them.
            if (hostPort.Length > 0 && first == last && hostFirst != hostLast)
                hostPort += "-" + Text(hostLast);
            specs.Add(new PortSpec($"{Text(first + i)}/{protocol}", ip, hostPort));
        }
        return specs;
    }

    /// <summary>Parses what <c>--expose</c> takes: a port or range, without a host's side.</summary>
    public static List<string> ParseExposed(string text)
    {
        if (text.Contains(':'))
            throw new CommandException($"invalid port format for --expose: {text}");
        (string protocol, string port) = SplitProtocol(text);
        if (!TryRange(port, out int first, out int last))
            throw new CommandException($"invalid range format for --expose: {text}, error: {(port.Length == 0 ? "empty string specified for ports" : $"strconv.ParseUint: parsing {GoText.Quote(port)}: invalid syntax")}");
        List<string> ports = [];
        for (int i = first; i <= last; i++)
            ports.Add($"{Text(i)}/{protocol}");
        return ports;
    }

    // target=80,published=8080,protocol=tcp
    private static string FromPairs(string text)
    {
        Dictionary<string, string> values = new(StringComparer.Ordinal) { ["protocol"] = "tcp" };
        foreach (string pair in text.Split(','))
        {
            int equals = pair.IndexOf('=');
            if (equals <= 0)
                throw new CommandException($"invalid publish opts format (should be name=value but got '{pair}')");
            values[pair[..equals]] = pair[(equals + 1)..];
        }
        return $"{values.GetValueOrDefault("published", "")}:{values.GetValueOrDefault("target", "")}/{values["protocol"]}";
    }

    // The last two colons divide; what is before them is an address, which may have colons of its own.
    private static (string Ip, string Host, string Container) Split(string spec)
    {
        int last = spec.LastIndexOf(':');
        if (last < 0)
            return ("", "", spec);
        int before = last == 0 ? -1 : spec.LastIndexOf(':', last - 1);
        return before < 0 ? ("", spec[..last], spec[(last + 1)..]) : (spec[..before], spec[(before + 1)..last], spec[(last + 1)..]);
    }

    private static (string Protocol, string Port) SplitProtocol(string port)
    {
        int slash = port.IndexOf('/');
        if (slash < 0)
            return ("tcp", port);
        return slash == port.Length - 1 ? ("tcp", port[..slash]) : (port[(slash + 1)..], port[..slash]);
    }

    private static bool TryRange(string text, out int first, out int last)
    {
        string[] ends = text.Split('-');
        last = 0;
        return TryPort(ends[0], out first) && ends.Length <= 2 && (last = first) >= 0 && (ends.Length == 1 || TryPort(ends[1], out last)) && last >= first;
    }

    private static bool TryPort(string text, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port <= ushort.MaxValue;

    private static string Text(int port) => port.ToString(CultureInfo.InvariantCulture);
}
