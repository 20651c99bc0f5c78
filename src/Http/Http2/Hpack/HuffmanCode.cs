namespace AotRuntime.Http.Http2.Hpack;

/// <summary>
/// HPACK's Huffman code (RFC 7541 appendix B). The code is canonical: its lengths alone determine it, so only they are written down.
/// </summary>
internal static class HuffmanCode
{
    /// <summary>The length of EOS, symbol 256, whose code is all ones.</summary>
    private const int EosLength = 30;

    private const int FastBits = 8;

    /// <summary>Code lengths of the octets 0 to 255.</summary>
    private static ReadOnlySpan<byte> Lengths =>
    [
        13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
        6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
        13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
        15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
        20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
        22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
        26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
        20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    ];

    private static readonly uint[] s_codes = new uint[256];

    /// <summary>Symbols in the order of their codes, EOS left out (it is the last).</summary>
    private static readonly byte[] s_symbols = new byte[256];

    /// <summary>By length: the first code of that length, and where its symbol is in <see cref="s_symbols"/>; how many there are.</summary>
    private static readonly (uint First, int Index, int Count)[] s_byLength = new (uint, int, int)[EosLength + 1];

    /// <summary>By the next eight bits: symbol and length of a code that is no longer than that; length 0 where it is.</summary>
    private static readonly (byte Symbol, byte Length)[] s_fast = new (byte, byte)[1 << FastBits];

    static HuffmanCode()
    {
        uint code = 0;
        int index = 0;
        for (int length = 1; length <= EosLength; length++)
        {
            code <<= 1;
            s_byLength[length] = (code, index, 0);
            for (int symbol = 0; symbol < 256; symbol++)
            {
                if (Lengths[symbol] != length)
                    continue;
                s_codes[symbol] = code;
                s_symbols[index++] = (byte)symbol;
                if (length <= FastBits)
                    s_fast.AsSpan((int)(code << (FastBits - length)), 1 << (FastBits - length)).Fill(((byte)symbol, (byte)length));
                code++;
            }
            s_byLength[length].Count = index - s_byLength[length].Index;
        }
    }

    /// <summary>How many octets <paramref name="text"/> takes when encoded.</summary>
    public static int EncodedLength(ReadOnlySpan<byte> text)
    {
        long bits = 0;
        foreach (byte b in text)
            bits += Lengths[b];
        return (int)((bits + 7) / 8);
    }

    /// <summary>Encodes into <paramref name="to"/>, which has <see cref="EncodedLength"/> octets.</summary>
    public static void Encode(ReadOnlySpan<byte> text, Span<byte> to)
    {
        ulong bits = 0;
        int pending = 0, n = 0;
        foreach (byte b in text)
        {
            int length = Lengths[b];
            bits = (bits << length) | s_codes[b];
            for (pending += length; pending >= 8; pending -= 8)
                to[n++] = (byte)(bits >> (pending - 8));
        }
        if (pending > 0) // §5.2: padded with the most significant bits of EOS, ones
            to[n] = (byte)((bits << (8 - pending)) | (0xFFu >> pending));
    }

    /// <summary>
    /// Decodes into <paramref name="to"/> and gives the number of octets; -1 where the text is malformed (§5.2: EOS inside, padding longer
    /// than seven bits or not all ones). <paramref name="to"/> must hold 8/5 of <paramref name="text"/>.
    /// </summary>
    public static int Decode(ReadOnlySpan<byte> text, Span<byte> to)
    {
        ulong bits = 0;
        int available = 0, n = 0, next = 0;
        while (true)
        {
            while (available <= 48 && next < text.Length)
            {
                bits = (bits << 8) | text[next++];
                available += 8;
            }
            if (available == 0)
                return n;
            int window = available >= FastBits
                ? (int)(bits >> (available - FastBits)) & 0xFF
                : (int)((bits << (FastBits - available)) | (0xFFu >> available)) & 0xFF;
            (byte symbol, byte length) = s_fast[window];
            if (length != 0 && length <= available)
            {
                to[n++] = symbol;
                available -= length;
                continue;
            }
            // At the end, all ones and shorter than an octet: padding. All shorter codes have a zero in them.
            if (next == text.Length && available < 8 && (uint)(bits & ((1ul << available) - 1)) == (1u << available) - 1)
                return n;
            if (!TryDecodeLong(bits, available, out symbol, out int used))
                return -1;
            to[n++] = symbol;
            available -= used;
        }
    }

    private static bool TryDecodeLong(ulong bits, int available, out byte symbol, out int used)
    {
        for (used = FastBits + 1; used <= EosLength && used <= available; used++)
        {
            uint code = (uint)((bits >> (available - used)) & ((1ul << used) - 1));
            (uint first, int index, int count) = s_byLength[used];
            if (code >= first && code - first < (uint)count)
            {
                symbol = s_symbols[index + (int)(code - first)];
                return true;
            }
        }
        symbol = 0;
        return false;
    }
}
