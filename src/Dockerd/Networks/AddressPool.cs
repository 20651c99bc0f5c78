using System.Buffers.Binary;
using System.Net;

namespace AotRuntime.Dockerd.Networks;

/// <summary>Hands out the host addresses of one IPv4 subnet, in turn, so that an address rests before it is given again. Thread-safe.</summary>
public sealed class AddressPool
{
    private readonly Lock _gate = new();
    private readonly HashSet<uint> _taken = [];
    private readonly uint _first, _last;
    private uint _next;

    /// <summary>A pool of <paramref name="subnet"/>, without its network and broadcast addresses and <paramref name="gateway"/>.</summary>
    public AddressPool(IPNetwork subnet, IPAddress gateway)
    {
        Subnet = subnet;
        Gateway = gateway;
        uint network = Number(subnet.BaseAddress);
        uint size = subnet.PrefixLength == 0 ? uint.MaxValue : (uint)((1UL << (32 - subnet.PrefixLength)) - 1);
        _first = network + 1;
        _last = network + size - 1;
        _next = _first;
        _taken.Add(Number(gateway));
    }

    /// <summary>The subnet.</summary>
    public IPNetwork Subnet { get; }

    /// <summary>The subnet's own address on the host.</summary>
    public IPAddress Gateway { get; }

    /// <summary>The pools that Docker tries in turn for the default bridge and for networks without a subnet of their own.</summary>
    public static IEnumerable<IPNetwork> Defaults()
    {
        for (int i = 17; i < 32; i++)
            yield return new IPNetwork(new IPAddress([172, (byte)i, 0, 0]), 16);
        for (int i = 0; i < 256; i += 16)
            yield return new IPNetwork(new IPAddress([192, 168, (byte)i, 0]), 20);
    }

    /// <summary>Whether two networks have an address in common.</summary>
    public static bool Overlap(IPNetwork a, IPNetwork b) => a.Contains(b.BaseAddress) || b.Contains(a.BaseAddress);

    /// <summary>A free address; null where all are taken.</summary>
    public IPAddress? Take()
    {
        lock (_gate)
        {
            if (_last < _first)
                return null; // a /32 has its gateway only
            uint start = _next;
            do
            {
                uint candidate = _next;
                _next = _next >= _last ? _first : _next + 1;
                if (_taken.Add(candidate))
                    return Address(candidate);
            }
            while (_next != start);
            return null;
        }
    }

    /// <summary>Takes one address; false where it is taken or not of this subnet.</summary>
    public bool TryTake(IPAddress address)
    {
        uint number = Number(address);
        lock (_gate)
            return number >= _first && number <= _last && _taken.Add(number);
    }

    /// <summary>Gives an address back.</summary>
    public void Release(IPAddress address)
    {
        lock (_gate)
            _taken.Remove(Number(address));
    }

    private static uint Number(IPAddress address) => BinaryPrimitives.ReadUInt32BigEndian(address.GetAddressBytes());

    private static IPAddress Address(uint number)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, number);
        return new IPAddress(bytes);
    }
}
