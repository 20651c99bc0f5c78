namespace AotRuntime.Linux.Netlink;

/// <summary>Where a base chain hangs in the packet's way (enum nf_inet_hooks).</summary>
public enum NetfilterHook
{
    /// <summary>As it comes in.</summary>
    Prerouting = 0,

    /// <summary>For this host.</summary>
    Input = 1,

    /// <summary>Through this host.</summary>
    Forward = 2,

    /// <summary>Made by this host.</summary>
    Output = 3,

    /// <summary>As it goes out.</summary>
    Postrouting = 4,
}

/// <summary>
/// Changes to nf_tables (linux/netfilter/nf_tables.h) that the kernel makes all together or not at all: messages between
/// NFNL_MSG_BATCH_BEGIN and _END.
/// </summary>
public sealed class NfTablesBatch
{
    private const int NFNL_SUBSYS_NFTABLES = 10, NFNL_MSG_BATCH_BEGIN = 16, NFNL_MSG_BATCH_END = 17;
    private const int NFT_MSG_NEWTABLE = 0, NFT_MSG_DELTABLE = 2, NFT_MSG_NEWCHAIN = 3, NFT_MSG_NEWRULE = 6, NFT_MSG_NEWSET = 9, NFT_MSG_NEWSETELEM = 12, NFT_MSG_DELSETELEM = 14;
    private const byte NFPROTO_IPV4 = 2;
    private const int NFTA_LIST_ELEM = 1;
    private readonly List<Action<NetlinkWriter, uint>> _messages = [];
    private readonly string _table;
    private uint _setId;

    /// <summary>Begins a batch about the IPv4 table <paramref name="table"/>.</summary>
    public NfTablesBatch(string table) => _table = table;

    /// <summary>Makes the table if it is not there.</summary>
    public void AddTable() => Message(NFT_MSG_NEWTABLE, NetlinkSocket.NLM_F_CREATE, w => w.AttributeText(1, _table));

    /// <summary>Removes the table with all that is in it.</summary>
    public void DeleteTable() => Message(NFT_MSG_DELTABLE, 0, w => w.AttributeText(1, _table));

    /// <summary>Makes a base chain; <paramref name="type"/> is <c>filter</c> or <c>nat</c>. Packets that no rule decides on are accepted.</summary>
    public void AddChain(string name, string type, NetfilterHook hook, int priority) =>
        Message(NFT_MSG_NEWCHAIN, NetlinkSocket.NLM_F_CREATE, w =>
        {
            const int NFTA_CHAIN_TABLE = 1, NFTA_CHAIN_NAME = 3, NFTA_CHAIN_HOOK = 4, NFTA_CHAIN_TYPE = 7, NFTA_HOOK_HOOKNUM = 1, NFTA_HOOK_PRIORITY = 2;
            w.AttributeText(NFTA_CHAIN_TABLE, _table);
            w.AttributeText(NFTA_CHAIN_NAME, name);
            int nested = w.BeginNested(NFTA_CHAIN_HOOK);
            w.AttributeU32Network(NFTA_HOOK_HOOKNUM, (uint)hook);
            w.AttributeU32Network(NFTA_HOOK_PRIORITY, (uint)priority);
            w.EndNested(nested);
            w.AttributeText(NFTA_CHAIN_TYPE, type);
        });

    /// <summary>Makes a map from keys of <paramref name="keyLength"/> bytes to data of <paramref name="dataLength"/> bytes. The types are nft's own numbers, for its listings only.</summary>
    public void AddMap(string name, uint keyType, int keyLength, uint dataType, int dataLength) =>
        Message(NFT_MSG_NEWSET, NetlinkSocket.NLM_F_CREATE, w =>
        {
            const int NFTA_SET_TABLE = 1, NFTA_SET_NAME = 2, NFTA_SET_FLAGS = 3, NFTA_SET_KEY_TYPE = 4, NFTA_SET_KEY_LEN = 5, NFTA_SET_DATA_TYPE = 6, NFTA_SET_DATA_LEN = 7, NFTA_SET_ID = 10;
            const uint NFT_SET_MAP = 8;
            w.AttributeText(NFTA_SET_TABLE, _table);
            w.AttributeText(NFTA_SET_NAME, name);
            w.AttributeU32Network(NFTA_SET_FLAGS, NFT_SET_MAP);
            w.AttributeU32Network(NFTA_SET_KEY_TYPE, keyType);
            w.AttributeU32Network(NFTA_SET_KEY_LEN, (uint)keyLength);
            w.AttributeU32Network(NFTA_SET_DATA_TYPE, dataType);
            w.AttributeU32Network(NFTA_SET_DATA_LEN, (uint)dataLength);
            w.AttributeU32Network(NFTA_SET_ID, ++_setId);
        });

    /// <summary>Puts an element into a map.</summary>
    /// <remarks>EEXIST where the key is there with other data.</remarks>
    public void AddElement(string map, byte[] key, byte[] data) => Element(NFT_MSG_NEWSETELEM, NetlinkSocket.NLM_F_CREATE | NetlinkSocket.NLM_F_EXCL, map, key, data);

    /// <summary>Takes an element out of a map.</summary>
    /// <remarks>ENOENT where it is not there.</remarks>
    public void DeleteElement(string map, byte[] key) => Element(NFT_MSG_DELSETELEM, 0, map, key, null);

    /// <summary>Appends a rule to a chain.</summary>
    public void AddRule(string chain, NfRule rule) =>
        Message(NFT_MSG_NEWRULE, NetlinkSocket.NLM_F_CREATE | NetlinkSocket.NLM_F_APPEND, w =>
        {
            const int NFTA_RULE_TABLE = 1, NFTA_RULE_CHAIN = 2, NFTA_RULE_EXPRESSIONS = 4;
            w.AttributeText(NFTA_RULE_TABLE, _table);
            w.AttributeText(NFTA_RULE_CHAIN, chain);
            int expressions = w.BeginNested(NFTA_RULE_EXPRESSIONS);
            rule.Write(w);
            w.EndNested(expressions);
        });

    /// <summary>Makes the changes.</summary>
    /// <exception cref="LinuxException">The kernel refused; nothing was changed.</exception>
    public void Commit(NetlinkSocket socket)
    {
        if (_messages.Count == 0)
            return;
        socket.Transact("nf_tables", _table, Write, acknowledgements: _messages.Count);
    }

    /// <summary>Writes all messages, numbered from <paramref name="seq"/> on, and gives the number after the last.</summary>
    internal uint Write(NetlinkWriter w, uint seq)
    {
        Frame(w, NFNL_MSG_BATCH_BEGIN, seq++);
        foreach (Action<NetlinkWriter, uint> message in _messages)
            message(w, seq++);
        Frame(w, NFNL_MSG_BATCH_END, seq++);
        return seq;
    }

    private static void Frame(NetlinkWriter w, int type, uint seq)
    {
        w.Begin(type, NetlinkSocket.NLM_F_REQUEST, seq);
        Header(w, 0, NFNL_SUBSYS_NFTABLES);
        w.End();
    }

    /// <summary>struct nfgenmsg {family:1, version:1, res_id:2 in network order}.</summary>
    private static void Header(NetlinkWriter w, byte family, ushort resource)
    {
        w.U8(family);
        w.U8(0);
        w.U16Network(resource);
    }

    private void Message(int message, int flags, Action<NetlinkWriter> body) => _messages.Add((w, seq) =>
    {
        w.Begin((NFNL_SUBSYS_NFTABLES << 8) | message, NetlinkSocket.NLM_F_REQUEST | NetlinkSocket.NLM_F_ACK | flags, seq);
        Header(w, NFPROTO_IPV4, 0);
        body(w);
        w.End();
    });

    private void Element(int message, int flags, string map, byte[] key, byte[]? data) => Message(message, flags, w =>
    {
        const int NFTA_SET_ELEM_LIST_TABLE = 1, NFTA_SET_ELEM_LIST_SET = 2, NFTA_SET_ELEM_LIST_ELEMENTS = 3, NFTA_SET_ELEM_KEY = 1, NFTA_SET_ELEM_DATA = 2;
        w.AttributeText(NFTA_SET_ELEM_LIST_TABLE, _table);
        w.AttributeText(NFTA_SET_ELEM_LIST_SET, map);
        int list = w.BeginNested(NFTA_SET_ELEM_LIST_ELEMENTS);
        int element = w.BeginNested(NFTA_LIST_ELEM);
        NfRule.Data(w, NFTA_SET_ELEM_KEY, key);
        if (data is not null)
            NfRule.Data(w, NFTA_SET_ELEM_DATA, data);
        w.EndNested(element);
        w.EndNested(list);
    });
}
