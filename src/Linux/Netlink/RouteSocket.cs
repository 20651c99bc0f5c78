using System.Buffers.Binary;
using System.Net;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux.Netlink;

/// <summary>A network interface.</summary>
public sealed record NetworkLink(int Index, string Name, string Kind, int Master, bool IsUp, int Mtu);

/// <summary>An IPv4 address of an interface.</summary>
public sealed record NetworkAddress(int Index, IPAddress Address, int PrefixLength);

/// <summary>An address of either family, as it is given to an interface.</summary>
/// <param name="Address">The address; of a point-to-point interface its own end.</param>
/// <param name="PrefixLength">How many bits name the network.</param>
/// <param name="Peer">The other end of a point-to-point interface, or null.</param>
public sealed record LinkAddress(IPAddress Address, int PrefixLength, IPAddress? Peer);

/// <summary>Links, addresses and routes of one network namespace (<c>man 7 rtnetlink</c>).</summary>
public sealed class RouteSocket : IDisposable
{
    private const int RTM_NEWLINK = 16, RTM_DELLINK = 17, RTM_GETLINK = 18, RTM_NEWADDR = 20, RTM_DELADDR = 21, RTM_GETADDR = 22, RTM_NEWROUTE = 24, RTM_GETROUTE = 26;
    private const int IFLA_ADDRESS = 1, IFLA_IFNAME = 3, IFLA_MTU = 4, IFLA_MASTER = 10, IFLA_LINKINFO = 18, IFLA_NET_NS_FD = 28;
    private const int IFLA_INFO_KIND = 1, IFLA_INFO_DATA = 2, VETH_INFO_PEER = 1;
    private const int IFA_ADDRESS = 1, IFA_LOCAL = 2, IFA_BROADCAST = 4, IFA_FLAGS = 8;
    private const uint IFA_F_PERMANENT = 0x80;
    private const int RTA_DST = 1, RTA_OIF = 4, RTA_GATEWAY = 5;
    private const byte AF_UNSPEC = 0, AF_INET = 2, AF_INET6 = 10;
    private const uint IFF_UP = 1;
    private readonly NetlinkSocket _socket = new(NetlinkSocket.NETLINK_ROUTE);

    private RouteSocket()
    {
    }

    /// <summary>A socket in this thread's network namespace.</summary>
    public static RouteSocket Open() => new();

    /// <summary>A socket in another network namespace.</summary>
    public static RouteSocket OpenIn(SafeFileHandle ns) => NetworkNamespace.Run(ns, Open);

    /// <summary>All interfaces.</summary>
    public IReadOnlyList<NetworkLink> Links()
    {
        List<NetworkLink> links = [];
        Dump("list links", RTM_GETLINK, w => Info(w, 0, 0, 0), (type, body) =>
        {
            if (type == RTM_NEWLINK && ParseLink(body) is { } link)
                links.Add(link);
        });
        return links;
    }

    /// <summary>One interface, or null.</summary>
    public NetworkLink? Link(string name)
    {
        NetworkLink? found = null;
        try
        {
            _socket.Transact("get link", name, (w, seq) =>
            {
                w.Begin(RTM_GETLINK, NetlinkSocket.NLM_F_REQUEST | NetlinkSocket.NLM_F_ACK, seq);
                Info(w, 0, 0, 0);
                w.AttributeText(IFLA_IFNAME, name);
                w.End();
                return seq + 1;
            }, onMessage: (type, body) => found = type == RTM_NEWLINK ? ParseLink(body) : found);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENODEV)
        {
            return null;
        }
        return found;
    }

    /// <summary>All IPv4 addresses.</summary>
    public IReadOnlyList<NetworkAddress> Addresses()
    {
        List<NetworkAddress> addresses = [];
        Dump("list addresses", RTM_GETADDR, w => AddressHeader(w, AF_INET, 0, 0), (type, body) =>
        {
            if (type != RTM_NEWADDR || body.Length < 8 || body[0] != AF_INET)
                return;
            int prefix = body[1], index = BinaryPrimitives.ReadInt32LittleEndian(body[4..]);
            IPAddress? address = null;
            for (NetlinkAttributes a = new(body[8..]); a.Next();)
            {
                if (a.Type == IFA_LOCAL || (a.Type == IFA_ADDRESS && address is null))
                    address = a.Value.Length == 4 ? new IPAddress(a.Value) : address;
            }
            if (address is not null)
                addresses.Add(new(index, address, prefix));
        });
        return addresses;
    }

    /// <summary>The destinations of all IPv4 routes but the default one.</summary>
    public IReadOnlyList<IPNetwork> Routes()
    {
        List<IPNetwork> routes = [];
        Dump("list routes", RTM_GETROUTE, w => RouteHeader(w, 0), (type, body) =>
        {
            if (type != RTM_NEWROUTE || body.Length < 12 || body[0] != AF_INET)
                return;
            int prefix = body[1];
            for (NetlinkAttributes a = new(body[12..]); a.Next();)
            {
                if (a.Type == RTA_DST && a.Value.Length == 4 && prefix > 0)
                    routes.Add(new IPNetwork(new IPAddress(a.Value), prefix));
            }
        });
        return routes;
    }

    /// <summary>Makes a bridge that is not up yet.</summary>
    public void AddBridge(string name, int mtu) =>
        Request("add bridge", name, RTM_NEWLINK, NetlinkSocket.NLM_F_CREATE | NetlinkSocket.NLM_F_EXCL, w =>
        {
            Info(w, 0, 0, 0);
            w.AttributeText(IFLA_IFNAME, name);
            w.AttributeU32(IFLA_MTU, (uint)mtu);
            int info = w.BeginNested(IFLA_LINKINFO);
            w.AttributeText(IFLA_INFO_KIND, "bridge");
            w.EndNested(info);
        });

    /// <summary>
    /// Makes a pair of virtual interfaces in one request: <paramref name="name"/> here, up and part of the bridge
    /// <paramref name="master"/>; <paramref name="peerName"/> straight in the namespace <paramref name="peerNamespace"/>.
    /// </summary>
    public void AddVethPair(string name, int master, string peerName, SafeFileHandle peerNamespace, ReadOnlySpan<byte> peerMac, int mtu)
    {
        byte[] mac = peerMac.ToArray();
        Request("add veth", name, RTM_NEWLINK, NetlinkSocket.NLM_F_CREATE | NetlinkSocket.NLM_F_EXCL, w =>
        {
            Info(w, 0, IFF_UP, IFF_UP);
            w.AttributeText(IFLA_IFNAME, name);
            w.AttributeU32(IFLA_MTU, (uint)mtu);
            w.AttributeU32(IFLA_MASTER, (uint)master);
            int info = w.BeginNested(IFLA_LINKINFO);
            w.AttributeText(IFLA_INFO_KIND, "veth");
            int data = w.BeginNested(IFLA_INFO_DATA);
            int peer = w.BeginNested(VETH_INFO_PEER);
            Info(w, 0, 0, 0);
            w.AttributeText(IFLA_IFNAME, peerName);
            w.Attribute(IFLA_ADDRESS, mac);
            w.AttributeU32(IFLA_MTU, (uint)mtu);
            w.AttributeU32(IFLA_NET_NS_FD, (uint)peerNamespace.DangerousGetHandle());
            w.EndNested(peer);
            w.EndNested(data);
            w.EndNested(info);
        });
        GC.KeepAlive(peerNamespace);
    }

    /// <summary>Sets an interface down.</summary>
    public void SetDown(int index) => Request("set down link", Text(index), RTM_NEWLINK, 0, w => Info(w, index, 0, IFF_UP));

    /// <summary>Moves an interface to another namespace and names it there, in one step, so that its old name can be in use there.</summary>
    public void MoveLink(int index, string newName, SafeFileHandle ns)
    {
        Request("move link", newName, RTM_NEWLINK, 0, w =>
        {
            Info(w, index, 0, 0);
            w.AttributeText(IFLA_IFNAME, newName);
            w.AttributeU32(IFLA_NET_NS_FD, (uint)ns.DangerousGetHandle());
        });
        GC.KeepAlive(ns);
    }

    /// <summary>The addresses of an interface that are permanent and of global scope, of both families.</summary>
    public IReadOnlyList<LinkAddress> LastingAddresses(int index)
    {
        List<LinkAddress> addresses = [];
        Dump("list addresses", RTM_GETADDR, w => AddressHeader(w, AF_UNSPEC, 0, 0), (type, body) =>
        {
            // struct ifaddrmsg {family:1, prefixlen:1, flags:1, scope:1, index:4}
            if (type != RTM_NEWADDR || body.Length < 8 || BinaryPrimitives.ReadInt32LittleEndian(body[4..]) != index)
                return;
            int prefix = body[1], scope = body[3];
            uint flags = body[2];
            IPAddress? local = null, address = null;
            for (NetlinkAttributes a = new(body[8..]); a.Next();)
            {
                if (a.Type == IFA_FLAGS)
                    flags = a.U32;
                else if (a.Type is IFA_LOCAL or IFA_ADDRESS && a.Value.Length is 4 or 16)
                    (local, address) = a.Type == IFA_LOCAL ? (new IPAddress(a.Value), address) : (local, new IPAddress(a.Value));
            }
            if ((flags & IFA_F_PERMANENT) == 0 || scope != 0 || (local ?? address) is not { } own)
                return;
            addresses.Add(new(own, prefix, local is null || local.Equals(address) ? null : address));
        });
        return addresses;
    }

    /// <summary>Gives an interface an address of either family.</summary>
    public void AddAddress(int index, LinkAddress address) =>
        Request("add address", address.Address.ToString(), RTM_NEWADDR, NetlinkSocket.NLM_F_CREATE, w =>
        {
            byte[] bytes = address.Address.GetAddressBytes();
            AddressHeader(w, bytes.Length == 4 ? AF_INET : AF_INET6, (byte)address.PrefixLength, index);
            w.Attribute(IFA_LOCAL, bytes);
            w.Attribute(IFA_ADDRESS, (address.Peer ?? address.Address).GetAddressBytes());
        });

    /// <summary>Sets an interface up.</summary>
    public void SetUp(int index) => Request("set up link", Text(index), RTM_NEWLINK, 0, w => Info(w, index, IFF_UP, IFF_UP));

    /// <summary>Removes an interface; false where there is none of that name.</summary>
    public bool DeleteLink(string name)
    {
        try
        {
            Request("delete link", name, RTM_DELLINK, 0, w =>
            {
                Info(w, 0, 0, 0);
                w.AttributeText(IFLA_IFNAME, name);
            });
            return true;
        }
        catch (LinuxException e) when (e.Errno == Errno.ENODEV)
        {
            return false;
        }
    }

    /// <summary>Gives an interface an address; one that it has already is left.</summary>
    public void AddAddress(int index, IPAddress address, int prefixLength) =>
        Request("add address", address.ToString(), RTM_NEWADDR, NetlinkSocket.NLM_F_CREATE, w =>
        {
            AddressHeader(w, AF_INET, (byte)prefixLength, index);
            byte[] bytes = address.GetAddressBytes();
            w.Attribute(IFA_LOCAL, bytes);
            w.Attribute(IFA_ADDRESS, bytes);
            uint broadcast = BinaryPrimitives.ReadUInt32BigEndian(bytes) | (uint)((1UL << (32 - prefixLength)) - 1);
            BinaryPrimitives.WriteUInt32BigEndian(bytes, broadcast);
            w.Attribute(IFA_BROADCAST, bytes);
        });

    /// <summary>Takes an address from an interface.</summary>
    public void DeleteAddress(int index, IPAddress address, int prefixLength) =>
        Request("delete address", address.ToString(), RTM_DELADDR, 0, w =>
        {
            AddressHeader(w, AF_INET, (byte)prefixLength, index);
            w.Attribute(IFA_LOCAL, address.GetAddressBytes());
        });

    /// <summary>Sets the default route.</summary>
    public void AddDefaultRoute(int index, IPAddress gateway) =>
        Request("add default route", gateway.ToString(), RTM_NEWROUTE, NetlinkSocket.NLM_F_CREATE, w =>
        {
            RouteHeader(w, 0);
            w.Attribute(RTA_GATEWAY, gateway.GetAddressBytes());
            w.AttributeU32(RTA_OIF, (uint)index);
        });

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private static string Text(int index) => index.ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>struct ifinfomsg {family:1, pad:1, type:2, index:4, flags:4, change:4}.</summary>
    private static void Info(NetlinkWriter w, int index, uint flags, uint change)
    {
        w.U8(AF_UNSPEC);
        w.U8(0);
        w.U16(0);
        w.U32((uint)index);
        w.U32(flags);
        w.U32(change);
    }

    /// <summary>struct ifaddrmsg {family:1, prefixlen:1, flags:1, scope:1, index:4}.</summary>
    private static void AddressHeader(NetlinkWriter w, byte family, byte prefix, int index)
    {
        w.U8(family);
        w.U8(prefix);
        w.U8(0);
        w.U8(0);
        w.U32((uint)index);
    }

    /// <summary>struct rtmsg {family, dst_len, src_len, tos, table, protocol, scope, type: 1 each, flags:4}.</summary>
    private static void RouteHeader(NetlinkWriter w, byte destinationLength)
    {
        const byte RT_TABLE_MAIN = 254, RTPROT_BOOT = 3, RT_SCOPE_UNIVERSE = 0, RTN_UNICAST = 1;
        w.U8(AF_INET);
        w.U8(destinationLength);
        w.U8(0);
        w.U8(0);
        w.U8(RT_TABLE_MAIN);
        w.U8(RTPROT_BOOT);
        w.U8(RT_SCOPE_UNIVERSE);
        w.U8(RTN_UNICAST);
        w.U32(0);
    }

    private static NetworkLink? ParseLink(ReadOnlySpan<byte> body)
    {
        if (body.Length < 16)
            return null;
        int index = BinaryPrimitives.ReadInt32LittleEndian(body[4..]), master = 0, mtu = 0;
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(body[8..]);
        string name = "", kind = "";
        for (NetlinkAttributes a = new(body[16..]); a.Next();)
        {
            switch (a.Type)
            {
                case IFLA_IFNAME:
                    name = a.Text;
                    break;
                case IFLA_MTU:
                    mtu = (int)a.U32;
                    break;
                case IFLA_MASTER:
                    master = (int)a.U32;
                    break;
                case IFLA_LINKINFO:
                    for (NetlinkAttributes i = new(a.Value); i.Next();)
                        kind = i.Type == IFLA_INFO_KIND ? i.Text : kind;
                    break;
            }
        }
        return new(index, name, kind, master, (flags & IFF_UP) != 0, mtu);
    }

    private void Request(string call, string subject, int type, int flags, Action<NetlinkWriter> body) =>
        _socket.Transact(call, subject, (w, seq) =>
        {
            w.Begin(type, NetlinkSocket.NLM_F_REQUEST | NetlinkSocket.NLM_F_ACK | flags, seq);
            body(w);
            w.End();
            return seq + 1;
        });

    private void Dump(string call, int type, Action<NetlinkWriter> body, NetlinkSocket.Handler onMessage) =>
        _socket.Transact(call, "", (w, seq) =>
        {
            w.Begin(type, NetlinkSocket.NLM_F_REQUEST | NetlinkSocket.NLM_F_DUMP, seq);
            body(w);
            w.End();
            return seq + 1;
        }, onMessage: onMessage);
}
