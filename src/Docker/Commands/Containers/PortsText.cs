using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.Formatting;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary>A container's ports on one line, neighbours joined to ranges: <c>0.0.0.0:80-81-&gt;80-81/tcp, 443/tcp</c>.</summary>
public static class PortsText
{
    private sealed class Run(string ip, string protocol, long first)
    {
        public string Ip { get; } = ip;

        public string Protocol { get; } = protocol;

        public long First { get; } = first;

        public long Last { get; set; } = first;

        public override string ToString()
        {
            string ports = First == Last ? $"{First}" : $"{First}-{Last}";
            return (Ip.Length > 0 ? $"{Text.HostPort(Ip, ports)}->{ports}" : ports) + "/" + Protocol;
        }
    }

    /// <summary>Shows <paramref name="ports"/>.</summary>
    public static string Show(IEnumerable<JsonElement> ports)
    {
        List<(long Private, string Ip, long Public, string Type)> sorted = [];
        foreach (JsonElement port in ports)
            sorted.Add((port.Number("PrivatePort"), port.Text("IP"), port.Number("PublicPort"), port.Text("Type")));
        sorted.Sort(static (a, b) => (a.Private, b.Private) is var (x, y) && x != y ? x.CompareTo(y)
            : string.CompareOrdinal(a.Ip, b.Ip) is not 0 and int ip ? ip
            : a.Public != b.Public ? a.Public.CompareTo(b.Public) : string.CompareOrdinal(a.Type, b.Type));

        List<string> finished = [];
        List<Run> open = [];
        List<string> mapped = [];
        foreach ((long privatePort, string ip, long publicPort, string type) in sorted)
        {
            if (ip.Length > 0 && publicPort != privatePort)
            {
                mapped.Add($"{Text.HostPort(ip, $"{publicPort}")}->{privatePort}/{type}");
                continue;
            }
            int at = open.FindIndex(r => r.Ip == ip && r.Protocol == type);
            if (at < 0)
            {
                open.Add(new Run(ip, type, privatePort));
            }
            else if (privatePort == open[at].Last + 1)
            {
                open[at].Last = privatePort;
            }
            else
            {
                finished.Add(open[at].ToString());
                open[at] = new Run(ip, type, privatePort);
            }
        }
        foreach (Run run in open)
            finished.Add(run.ToString());
        finished.AddRange(mapped);
        return string.Join(", ", finished);
    }
}
