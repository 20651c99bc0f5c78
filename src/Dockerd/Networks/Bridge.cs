using System.Net;
using AotRuntime.Linux;
using AotRuntime.Linux.Netlink;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Dockerd.Networks;

/// <summary>A bridge of the host with a subnet, and the virtual cables that lead from it into containers.</summary>
internal sealed class Bridge : IDisposable
{
    private readonly RouteSocket _host = RouteSocket.Open();
    private readonly NetworkOptions _options;
    private readonly int _index;

    private Bridge(NetworkOptions options, int index, AddressPool pool)
    {
        _options = options;
        _index = index;
        Pool = pool;
    }

    public string Name => _options.BridgeName;

    /// <summary>The bridge's addresses, its own taken.</summary>
    public AddressPool Pool { get; }

    /// <summary>Makes the bridge, or takes the one there is with the address that it has.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    /// <exception cref="InvalidOperationException">A bridge that was named is not there, or no subnet is free.</exception>
    public static Bridge Open(NetworkOptions options)
    {
        using RouteSocket host = RouteSocket.Open();
        NetworkLink? link = host.Link(options.BridgeName);
        if (link is null)
        {
            if (options.BridgeIsForeign)
                throw new InvalidOperationException($"bridge device with non default name {options.BridgeName} must be created manually");
            host.AddBridge(options.BridgeName, options.Mtu);
            link = host.Link(options.BridgeName)!;
        }
        (IPAddress address, int prefix) = Address(host, link, options);
        if (!link.IsUp)
            host.SetUp(link.Index);
        Sysctl("ip_forward", "1");
        // Published ports of 127.0.0.1 are translated too; BridgeFirewall keeps containers from the host's loopback.
        if (options.Firewall)
            Sysctl($"conf/{options.BridgeName}/route_localnet", "1");
        return new Bridge(options, link.Index, new AddressPool(Subnet(address, prefix), address));
    }

    /// <summary>The host's end of an endpoint's cable: <c>veth</c> and seven digits of the endpoint's id (interface names have 15 bytes).</summary>
    public static string HostEnd(string endpointId) => "veth" + endpointId[..7];

    /// <summary>A container's end of the cable: eth0, with its address, and a default route over the bridge.</summary>
    public void Plug(string endpointId, int pid, IPAddress address, byte[] mac)
    {
        using SafeFileHandle ns = NetworkNamespace.Of(pid);
        _host.AddVethPair(HostEnd(endpointId), _index, "eth0", ns, mac, _options.Mtu);
        try
        {
            using RouteSocket inside = RouteSocket.OpenIn(ns);
            inside.SetUp(1); // lo is always the first interface of a namespace
            NetworkLink eth0 = inside.Link("eth0") ?? throw new InvalidOperationException("eth0 is not in the container's namespace");
            inside.AddAddress(eth0.Index, address, Pool.Subnet.PrefixLength);
            inside.SetUp(eth0.Index);
            inside.AddDefaultRoute(eth0.Index, Pool.Gateway);
        }
        catch
        {
            Unplug(endpointId);
            throw;
        }
    }

    /// <summary>Removes an endpoint's cable, if its namespace's end has not taken it along already.</summary>
    public void Unplug(string endpointId) => _host.DeleteLink(HostEnd(endpointId));

    /// <summary>Removes cables that a daemon which was killed left behind.</summary>
    public void UnplugAllBut(IReadOnlySet<string> endpointIds)
    {
        HashSet<string> kept = [.. endpointIds.Select(HostEnd)];
        foreach (NetworkLink link in _host.Links())
        {
            if (link.Master == _index && link.Kind == "veth" && link.Name.StartsWith("veth", StringComparison.Ordinal) && !kept.Contains(link.Name))
                _host.DeleteLink(link.Name);
        }
    }

    public void Dispose() => _host.Dispose();

    private static (IPAddress Address, int PrefixLength) Address(RouteSocket host, NetworkLink link, NetworkOptions options)
    {
        NetworkAddress? present = host.Addresses().FirstOrDefault(a => a.Index == link.Index);
        if (options.BridgeAddress is { } wanted)
        {
            if (present is not null && (!present.Address.Equals(wanted.Address) || present.PrefixLength != wanted.PrefixLength))
            {
                host.DeleteAddress(link.Index, present.Address, present.PrefixLength);
                present = null;
            }
            if (present is null)
                host.AddAddress(link.Index, wanted.Address, wanted.PrefixLength);
            return wanted;
        }
        if (present is not null)
            return (present.Address, present.PrefixLength);
        IReadOnlyList<IPNetwork> routes = host.Routes();
        foreach (IPNetwork pool in AddressPool.Defaults())
        {
            if (routes.Any(r => AddressPool.Overlap(r, pool)))
                continue;
            byte[] bytes = pool.BaseAddress.GetAddressBytes();
            bytes[3]++;
            IPAddress address = new(bytes);
            host.AddAddress(link.Index, address, pool.PrefixLength);
            return (address, pool.PrefixLength);
        }
        throw new InvalidOperationException("could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network");
    }

    private static IPNetwork Subnet(IPAddress address, int prefix)
    {
        byte[] bytes = address.GetAddressBytes();
        for (int i = 0; i < 4; i++)
            bytes[i] &= (byte)(0xFF00 >> Math.Clamp(prefix - i * 8, 0, 8));
        return new IPNetwork(new IPAddress(bytes), prefix);
    }

    /// <summary>Sets net.ipv4.KEY of this network namespace where it is another.</summary>
    private static void Sysctl(string key, string value)
    {
        string path = "/proc/sys/net/ipv4/" + key;
        if (File.ReadAllText(path).Trim() != value)
            File.WriteAllText(path, value);
    }
}
