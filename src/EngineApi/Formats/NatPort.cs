using System.Globalization;

namespace AotRuntime.EngineApi;

/// <summary>A container's port, <c>80/tcp</c>.</summary>
public readonly record struct NatPort(int Port, string Protocol)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Port.ToString(CultureInfo.InvariantCulture)}/{Protocol}";

    /// <summary>Reads <c>80</c>, <c>80/tcp</c>, <c>53/udp</c>, <c>5/sctp</c>.</summary>
    public static bool TryParse(string text, out NatPort port)
    {
        port = default;
        int slash = text.IndexOf('/');
        string protocol = slash < 0 ? "tcp" : text[(slash + 1)..].ToLowerInvariant();
        if (protocol is not ("tcp" or "udp" or "sctp"))
            return false;
        if (!PortRange.TryParse(slash < 0 ? text : text[..slash], out PortRange range) || range.First != range.Last)
            return false;
        port = new NatPort(range.First, protocol);
        return true;
    }
}

/// <summary>One or several ports in a row, <c>8000-8010</c>.</summary>
public readonly record struct PortRange(int First, int Last)
{
    /// <summary>How many there are.</summary>
    public int Count => Last - First + 1;

    /// <summary>Reads <c>80</c> or <c>80-90</c>.</summary>
    public static bool TryParse(string text, out PortRange range)
    {
        range = default;
        int dash = text.IndexOf('-');
        string from = dash < 0 ? text : text[..dash], to = dash < 0 ? text : text[(dash + 1)..];
        if (!int.TryParse(from, NumberStyles.None, CultureInfo.InvariantCulture, out int first)
            || !int.TryParse(to, NumberStyles.None, CultureInfo.InvariantCulture, out int last)
            || first > 65535 || last > 65535 || last < first)
        {
            return false;
        }
        range = new PortRange(first, last);
        return true;
    }
}

/// <summary>The grammar of <c>-p</c>: <c>[[IP:][HOSTPORT[-LAST]]:]PORT[-LAST][/PROTOCOL]</c>.</summary>
public static class PublishSpec
{
    /// <summary>Reads one spec and adds each of its ports to the two maps that create takes.</summary>
    /// <exception cref="FormatException">The spec is none; the text is Docker's.</exception>
    public static void Add(string spec, Dictionary<string, EmptyObject> exposed, Dictionary<string, List<PortBinding>?> bindings)
    {
        string ip = "", host = "", container;
        int last = spec.LastIndexOf(':');
        container = spec[(last + 1)..];
        if (last >= 0)
        {
            string left = spec[..last];
            int split = left.LastIndexOf(':');
            if (left.EndsWith(']'))
                split = left.Length;
            host = split >= left.Length ? "" : left[(split + 1)..];
            ip = split < 0 ? "" : left[..Math.Min(split, left.Length)];
        }
        if (ip.StartsWith('[') && ip.EndsWith(']'))
            ip = ip[1..^1];
        if (ip.Length > 0 && !System.Net.IPAddress.TryParse(ip, out _))
            throw new FormatException($"invalid IP address: {ip}");
        if (container.Length == 0)
            throw new FormatException($"no port specified: {spec}<empty>");

        int slash = container.IndexOf('/');
        string protocol = slash < 0 ? "tcp" : container[(slash + 1)..].ToLowerInvariant();
        if (slash >= 0)
            container = container[..slash];
        if (!PortRange.TryParse(container, out PortRange inside))
            throw new FormatException($"invalid containerPort: {container}");
        if (protocol is not ("tcp" or "udp" or "sctp"))
            throw new FormatException($"invalid proto: {protocol}");
        PortRange outside = default;
        if (host.Length > 0)
        {
            if (!PortRange.TryParse(host, out outside))
                throw new FormatException($"invalid hostPort: {host}");
            // A range on the host for one port inside means: any free port of the range.
            if (outside.Count != inside.Count && inside.Count != 1)
                throw new FormatException($"invalid ranges specified for container and host Ports: {container} and {host}");
        }
        for (int i = 0; i < inside.Count; i++)
        {
            string key = new NatPort(inside.First + i, protocol).ToString();
            string hostPort = host.Length == 0 ? ""
                : inside.Count == 1 && outside.Count > 1 ? host
                : (outside.First + i).ToString(CultureInfo.InvariantCulture);
            exposed[key] = EmptyObject.Instance;
            if (!bindings.TryGetValue(key, out List<PortBinding>? list) || list is null)
                bindings[key] = list = [];
            list.Add(new PortBinding { HostIp = ip, HostPort = hostPort });
        }
    }
}
