using System.Buffers.Binary;
using System.Text;

namespace AotRuntime.Linux.Netlink;

/// <summary>
/// A rule of nf_tables: expressions that load into 4-byte registers (NFT_REG32_00 is 8), compare, and decide. Each method appends
/// one of nft's own statements, named after it.
/// </summary>
public sealed class NfRule
{
    private const int NFTA_EXPR_NAME = 1, NFTA_EXPR_DATA = 2, NFTA_LIST_ELEM = 1, NFTA_DATA_VALUE = 1;
    private const uint R0 = 8, R1 = 9, R2 = 10, R4 = 12, R5 = 13;
    private const uint NFT_META_IIFNAME = 6, NFT_META_OIFNAME = 7, NFT_META_L4PROTO = 16;
    private const uint NFT_PAYLOAD_NETWORK_HEADER = 1, NFT_PAYLOAD_TRANSPORT_HEADER = 2;
    private const uint NFT_CMP_EQ = 0, NFT_CMP_NEQ = 1;
    private readonly List<Action<NetlinkWriter>> _expressions = [];

    /// <summary><c>iifname NAME</c>.</summary>
    public NfRule InInterface(string name) => Meta(NFT_META_IIFNAME, R0).Compare(NFT_CMP_EQ, InterfaceName(name));

    /// <summary><c>iifname != NAME</c>.</summary>
    public NfRule NotInInterface(string name) => Meta(NFT_META_IIFNAME, R0).Compare(NFT_CMP_NEQ, InterfaceName(name));

    /// <summary><c>oifname NAME</c>.</summary>
    public NfRule OutInterface(string name) => Meta(NFT_META_OIFNAME, R0).Compare(NFT_CMP_EQ, InterfaceName(name));

    /// <summary><c>oifname != NAME</c>.</summary>
    public NfRule NotOutInterface(string name) => Meta(NFT_META_OIFNAME, R0).Compare(NFT_CMP_NEQ, InterfaceName(name));

    /// <summary><c>ip saddr NETWORK</c>.</summary>
    public NfRule Source(System.Net.IPNetwork network) => Network(12, network);

    /// <summary><c>ip daddr NETWORK</c>.</summary>
    public NfRule Destination(System.Net.IPNetwork network) => Network(16, network);

    /// <summary><c>fib daddr type local</c>.</summary>
    public NfRule DestinationIsLocal()
    {
        const int NFTA_FIB_DREG = 1, NFTA_FIB_RESULT = 2, NFTA_FIB_FLAGS = 3;
        const uint NFT_FIB_RESULT_ADDRTYPE = 3, NFTA_FIB_F_DADDR = 2, RTN_LOCAL = 2;
        Expression("fib", w =>
        {
            w.AttributeU32Network(NFTA_FIB_DREG, R0);
            w.AttributeU32Network(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
            w.AttributeU32Network(NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
        });
        return Compare(NFT_CMP_EQ, Host(RTN_LOCAL));
    }

    /// <summary><c>ct state established,related</c>.</summary>
    public NfRule EstablishedOrRelated() => Conntrack(key: 0, mask: 2 | 4);

    /// <summary><c>ct status dnat</c>.</summary>
    public NfRule TranslatedDestination() => Conntrack(key: 2, mask: 0x20);

    /// <summary><c>dnat to ip daddr . meta l4proto . th dport map @MAP</c>: the key has twelve bytes, the data address . port eight.</summary>
    public NfRule DnatByAddressAndPort(string map)
    {
        Payload(NFT_PAYLOAD_NETWORK_HEADER, offset: 16, length: 4, R0);
        Meta(NFT_META_L4PROTO, R1);
        Payload(NFT_PAYLOAD_TRANSPORT_HEADER, offset: 2, length: 2, R2);
        return Dnat(map, R0);
    }

    /// <summary><c>dnat to meta l4proto . th dport map @MAP</c>: the key has eight bytes.</summary>
    public NfRule DnatByPort(string map)
    {
        Meta(NFT_META_L4PROTO, R1);
        Payload(NFT_PAYLOAD_TRANSPORT_HEADER, offset: 2, length: 2, R2);
        return Dnat(map, R1);
    }

    /// <summary><c>masquerade</c>.</summary>
    public NfRule Masquerade() => Expression("masq", _ => { });

    /// <summary><c>accept</c>.</summary>
    public NfRule Accept() => Verdict(1);

    /// <summary><c>drop</c>.</summary>
    public NfRule Drop() => Verdict(0);

    internal void Write(NetlinkWriter w)
    {
        foreach (Action<NetlinkWriter> expression in _expressions)
            expression(w);
    }

    /// <summary>An attribute that holds NFTA_DATA_VALUE.</summary>
    internal static void Data(NetlinkWriter w, int type, ReadOnlySpan<byte> value)
    {
        int nested = w.BeginNested(type);
        w.Attribute(NFTA_DATA_VALUE, value);
        w.EndNested(nested);
    }

    /// <summary>Interface names compare as all sixteen bytes, NULs included.</summary>
    private static byte[] InterfaceName(string name)
    {
        byte[] bytes = new byte[16];
        Encoding.UTF8.GetBytes(name, bytes);
        return bytes;
    }

    private static byte[] Host(uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return bytes;
    }

    private NfRule Expression(string name, Action<NetlinkWriter> data)
    {
        _expressions.Add(w =>
        {
            int element = w.BeginNested(NFTA_LIST_ELEM);
            w.AttributeText(NFTA_EXPR_NAME, name);
            int nested = w.BeginNested(NFTA_EXPR_DATA);
            data(w);
            w.EndNested(nested);
            w.EndNested(element);
        });
        return this;
    }

    private NfRule Meta(uint key, uint register) => Expression("meta", w =>
    {
        w.AttributeU32Network(1, register);
        w.AttributeU32Network(2, key);
    });

    private NfRule Payload(uint @base, uint offset, uint length, uint register) => Expression("payload", w =>
    {
        w.AttributeU32Network(1, register);
        w.AttributeU32Network(2, @base);
        w.AttributeU32Network(3, offset);
        w.AttributeU32Network(4, length);
    });

    private NfRule Compare(uint operation, byte[] value) => Expression("cmp", w =>
    {
        w.AttributeU32Network(1, R0);
        w.AttributeU32Network(2, operation);
        Data(w, 3, value);
    });

    private NfRule Bitwise(byte[] mask) => Expression("bitwise", w =>
    {
        w.AttributeU32Network(1, R0);
        w.AttributeU32Network(2, R0);
        w.AttributeU32Network(3, (uint)mask.Length);
        Data(w, 4, mask);
        Data(w, 5, new byte[mask.Length]);
    });

    private NfRule Network(uint offset, System.Net.IPNetwork network)
    {
        byte[] mask = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(mask, network.PrefixLength == 0 ? 0 : uint.MaxValue << (32 - network.PrefixLength));
        Payload(NFT_PAYLOAD_NETWORK_HEADER, offset, 4, R0);
        return Bitwise(mask).Compare(NFT_CMP_EQ, network.BaseAddress.GetAddressBytes());
    }

    private NfRule Conntrack(uint key, uint mask)
    {
        Expression("ct", w =>
        {
            w.AttributeU32Network(1, R0);
            w.AttributeU32Network(2, key);
        });
        return Bitwise(Host(mask)).Compare(NFT_CMP_NEQ, new byte[4]);
    }

    private NfRule Dnat(string map, uint keyRegister)
    {
        const int NFTA_LOOKUP_SET = 1, NFTA_LOOKUP_SREG = 2, NFTA_LOOKUP_DREG = 3;
        const int NFTA_NAT_TYPE = 1, NFTA_NAT_FAMILY = 2, NFTA_NAT_REG_ADDR_MIN = 3, NFTA_NAT_REG_PROTO_MIN = 5;
        Expression("lookup", w =>
        {
            w.AttributeText(NFTA_LOOKUP_SET, map);
            w.AttributeU32Network(NFTA_LOOKUP_SREG, keyRegister);
            w.AttributeU32Network(NFTA_LOOKUP_DREG, R4);
        });
        return Expression("nat", w =>
        {
            w.AttributeU32Network(NFTA_NAT_TYPE, 1);
            w.AttributeU32Network(NFTA_NAT_FAMILY, 2);
            w.AttributeU32Network(NFTA_NAT_REG_ADDR_MIN, R4);
            w.AttributeU32Network(NFTA_NAT_REG_PROTO_MIN, R5);
        });
    }

    private NfRule Verdict(int code) => Expression("immediate", w =>
    {
        const int NFTA_IMMEDIATE_DREG = 1, NFTA_IMMEDIATE_DATA = 2, NFTA_DATA_VERDICT = 2, NFTA_VERDICT_CODE = 1;
        w.AttributeU32Network(NFTA_IMMEDIATE_DREG, 0);
        int data = w.BeginNested(NFTA_IMMEDIATE_DATA);
        int verdict = w.BeginNested(NFTA_DATA_VERDICT);
        w.AttributeU32Network(NFTA_VERDICT_CODE, (uint)code);
        w.EndNested(verdict);
        w.EndNested(data);
    });
}
