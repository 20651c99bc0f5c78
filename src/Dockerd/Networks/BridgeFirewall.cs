using System.Buffers.Binary;
using System.Net;
using AotRuntime.Linux;
using AotRuntime.Linux.Netlink;

namespace AotRuntime.Dockerd.Networks;

/// <summary>
/// The host's rules for one bridge, in an nf_tables table of their own, so that nobody else's rules are touched. Publishing a port
/// is one element of a map, at a cost that does not grow with the number of ports:
/// <code>
/// table ip docker-BRIDGE {
///   map published_at  { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service }
///   map published_any { type inet_proto . inet_service : ipv4_addr . inet_service }
///   chain raw         { hook prerouting priority raw;     iifname != lo ip daddr 127.0.0.0/8 drop }
///   chain prerouting  { hook prerouting priority dstnat;  iifname != BRIDGE: dnat … @published_at; fib daddr type local dnat … @published_any }
///   chain output      { hook output priority dstnat;      the same, from this host itself }
///   chain forward     { hook forward priority filter;     established, dnat and from the bridge: accept; else to the bridge: drop }
///   chain postrouting { hook postrouting priority srcnat; masquerade what leaves the bridge or comes from loopback }
/// }
/// </code>
/// Loopback addresses are translated too (route_localnet on the bridge); the raw chain keeps containers from using that way to the
/// host's own loopback services (CVE-2020-8558), and a neighbour of the host on any of its networks from reaching a port that is
/// published on 127.0.0.1: it is translated before the kernel would refuse such a packet as martian.
/// A container that calls a published port of its host is served by the relay, as by Docker's proxy:
/// where bridged packets pass netfilter too (bridge-nf-call-iptables), a translation back onto the same bridge does not get through.
/// </summary>
internal sealed class BridgeFirewall : IDisposable
{
    private const string PublishedAt = "published_at", PublishedAny = "published_any";

    // nft's numbers of its data types, six bits each in a concatenation; only `nft list` reads them.
    private const uint Ipv4Address = 7, InetProto = 12, InetService = 13;
    private const int PriorityRaw = -300, PriorityDstNat = -100, PriorityFilter = 0, PrioritySrcNat = 100;
    private static readonly IPNetwork s_loopback = new(new IPAddress([127, 0, 0, 0]), 8);
    private readonly NetlinkSocket _socket = new(NetlinkSocket.NETLINK_NETFILTER);
    private readonly string _table, _bridge;

    public BridgeFirewall(string bridge)
    {
        _bridge = bridge;
        _table = "docker-" + bridge;
    }

    /// <summary>Writes the whole table anew, in one step: what an earlier daemon left in it is gone.</summary>
    public void Reset(IPNetwork subnet, bool interContainer)
    {
        NfTablesBatch batch = new(_table);
        // Added first, so that the removal finds a table in any case (as nft's own "destroy" was long written).
        batch.AddTable();
        batch.DeleteTable();
        batch.AddTable();
        batch.AddMap(PublishedAt, (Ipv4Address << 12) | (InetProto << 6) | InetService, 12, (Ipv4Address << 6) | InetService, 8);
        batch.AddMap(PublishedAny, (InetProto << 6) | InetService, 8, (Ipv4Address << 6) | InetService, 8);

        batch.AddChain("raw", "filter", NetfilterHook.Prerouting, PriorityRaw);
        batch.AddRule("raw", new NfRule().NotInInterface("lo").Destination(s_loopback).Drop());

        batch.AddChain("prerouting", "nat", NetfilterHook.Prerouting, PriorityDstNat);
        batch.AddRule("prerouting", new NfRule().NotInInterface(_bridge).DnatByAddressAndPort(PublishedAt));
        batch.AddRule("prerouting", new NfRule().NotInInterface(_bridge).DestinationIsLocal().DnatByPort(PublishedAny));
        batch.AddChain("output", "nat", NetfilterHook.Output, PriorityDstNat);
        batch.AddRule("output", new NfRule().DnatByAddressAndPort(PublishedAt));
        batch.AddRule("output", new NfRule().DestinationIsLocal().DnatByPort(PublishedAny));

        batch.AddChain("forward", "filter", NetfilterHook.Forward, PriorityFilter);
        batch.AddRule("forward", new NfRule().OutInterface(_bridge).EstablishedOrRelated().Accept());
        batch.AddRule("forward", new NfRule().OutInterface(_bridge).TranslatedDestination().Accept());
        if (interContainer)
            batch.AddRule("forward", new NfRule().InInterface(_bridge).Accept());
        else
            batch.AddRule("forward", new NfRule().InInterface(_bridge).NotOutInterface(_bridge).Accept());
        batch.AddRule("forward", new NfRule().OutInterface(_bridge).Drop());

        batch.AddChain("postrouting", "nat", NetfilterHook.Postrouting, PrioritySrcNat);
        batch.AddRule("postrouting", new NfRule().Source(subnet).NotOutInterface(_bridge).Masquerade());
        batch.AddRule("postrouting", new NfRule().Source(s_loopback).OutInterface(_bridge).Masquerade());
        batch.Commit(_socket);
    }

    /// <summary>Leads packets for these host ports to a container: all of them or none.</summary>
    public void Publish(IEnumerable<PublishedPort> ports) => Change(ports, (batch, map, key, port) => batch.AddElement(map, key, Target(port)));

    /// <summary>Undoes <see cref="Publish"/>. What somebody else has removed already (<c>nft flush ruleset</c>) is no error.</summary>
    public void Unpublish(IEnumerable<PublishedPort> ports)
    {
        PublishedPort[] all = [.. ports];
        if (TryDelete(all))
            return;
        foreach (PublishedPort port in all)
            TryDelete([port]);
    }

    /// <summary>Removes the table.</summary>
    public void Remove()
    {
        NfTablesBatch batch = new(_table);
        batch.AddTable();
        batch.DeleteTable();
        batch.Commit(_socket);
    }

    public void Dispose() => _socket.Dispose();

    private bool TryDelete(IEnumerable<PublishedPort> ports)
    {
        try
        {
            Change(ports, (batch, map, key, _) => batch.DeleteElement(map, key));
            return true;
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return false;
        }
    }

    private void Change(IEnumerable<PublishedPort> ports, Action<NfTablesBatch, string, byte[], PublishedPort> change)
    {
        NfTablesBatch batch = new(_table);
        foreach (PublishedPort port in ports)
        {
            // IPv6 host addresses are served by the relay.
            if (port.HostAddress.AddressFamily != System.Net.Sockets.AddressFamily.InterNetwork)
                continue;
            bool any = port.HostAddress.Equals(IPAddress.Any);
            change(batch, any ? PublishedAny : PublishedAt, Key(port, any), port);
        }
        batch.Commit(_socket);
    }

    private static byte[] Key(PublishedPort port, bool any)
    {
        byte[] key = new byte[any ? 8 : 12];
        if (!any)
            port.HostAddress.GetAddressBytes().CopyTo(key, 0);
        key[^8] = port.Protocol.Number();
        BinaryPrimitives.WriteUInt16BigEndian(key.AsSpan(key.Length - 4), port.HostPort);
        return key;
    }

    private static byte[] Target(PublishedPort port)
    {
        byte[] data = new byte[8];
        port.ContainerAddress.GetAddressBytes().CopyTo(data, 0);
        BinaryPrimitives.WriteUInt16BigEndian(data.AsSpan(4), port.ContainerPort);
        return data;
    }
}
