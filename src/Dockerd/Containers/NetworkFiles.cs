using System.Net;
using System.Text;
using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Containers;

/// <summary>A container's /etc/hosts, /etc/hostname and /etc/resolv.conf. They are bind-mounted, so they are changed in place.</summary>
internal static class NetworkFiles
{
    private const string HostsHead =
        """
        127.0.0.1	localhost
        ::1	localhost ip6-localhost ip6-loopback
        fe00::	ip6-localnet
        ff00::	ip6-mcastprefix
        ff02::1	ip6-allnodes
        ff02::2	ip6-allrouters

        """;

    /// <summary>Content of /etc/hosts.</summary>
    public static string Hosts(ContainerConfig config, HostConfig host, IEnumerable<EndpointSettings> endpoints, string gatewayForHost, string links = "")
    {
        if (host.NetworkMode == "host" && File.Exists("/etc/hosts"))
            return File.ReadAllText("/etc/hosts") + Extra(host, gatewayForHost);
        StringBuilder text = new(HostsHead);
        text.Append(Extra(host, gatewayForHost)).Append(links);
        string names = config.Domainname.Length > 0 ? $"{config.Hostname}.{config.Domainname} {config.Hostname}" : config.Hostname;
        foreach (EndpointSettings endpoint in endpoints)
        {
            if (endpoint.IPAddress.Length > 0)
                text.Append(endpoint.IPAddress).Append('\t').Append(names).Append('\n');
            if (endpoint.GlobalIPv6Address.Length > 0)
                text.Append(endpoint.GlobalIPv6Address).Append('\t').Append(names).Append('\n');
        }
        return text.ToString();
    }

    /// <summary>Content of /etc/resolv.conf: the host's, without servers that only the host itself can reach, and the settings over it.</summary>
    public static string ResolvConf(HostConfig host, IReadOnlyList<string> daemonDns, IReadOnlyList<string> daemonOptions, IReadOnlyList<string> daemonSearch, string hostFile = "/etc/resolv.conf")
    {
        List<string> servers = [], search = [], options = [];
        foreach (string line in File.Exists(hostFile) ? File.ReadAllLines(hostFile) : [])
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            if (words.Length < 2)
                continue;
            switch (words[0])
            {
                case "nameserver":
                    if (host.NetworkMode == "host" || !(IPAddress.TryParse(words[1].Split('%')[0], out IPAddress? address) && IPAddress.IsLoopback(address)))
                        servers.Add(words[1]);
                    break;
                case "search" or "domain":
                    search = [.. words[1..]];
                    break;
                case "options":
                    options = [.. words[1..]];
                    break;
            }
        }
        if (servers.Count == 0 && host.NetworkMode != "host")
            servers = ["8.8.8.8", "8.8.4.4"];
        servers = Pick(host.Dns, daemonDns, servers);
        search = Pick(host.DnsSearch, daemonSearch, search);
        options = Pick(host.DnsOptions, daemonOptions, options);
        StringBuilder text = new();
        foreach (string server in servers)
            text.Append("nameserver ").Append(server).Append('\n');
        if (search.Count > 0 && search is not ["."])
            text.Append("search ").AppendJoin(' ', search).Append('\n');
        if (options.Count > 0)
            text.Append("options ").AppendJoin(' ', options).Append('\n');
        return text.ToString();
    }

    /// <summary>Writes without replacing the file: a replaced one would no longer be the one that is mounted.</summary>
    public static void Write(string path, string content)
    {
        using FileStream file = new(path, new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead,
        });
        byte[] bytes = Encoding.UTF8.GetBytes(content);
        file.Write(bytes);
        file.SetLength(bytes.Length);
    }

    private static List<string> Pick(List<string>? own, IReadOnlyList<string> daemon, List<string> fallback) =>
        own is { Count: > 0 } ? own : daemon.Count > 0 ? [.. daemon] : fallback;

    private static string Extra(HostConfig host, string gatewayForHost)
    {
        StringBuilder text = new();
        foreach (string entry in host.ExtraHosts ?? [])
        {
            int split = entry.IndexOfAny([':', '=']);
            string address = entry[(split + 1)..];
            if (address == "host-gateway")
                address = gatewayForHost;
            if (address.Length > 0)
                text.Append(address.Trim('[', ']')).Append('\t').Append(entry.AsSpan(0, split)).Append('\n');
        }
        return text.ToString();
    }
}
