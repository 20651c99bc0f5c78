namespace AotRuntime.Http.Http2.Hpack;

/// <summary>Integers with an N-bit prefix (RFC 7541 §5.1).</summary>
internal static class HpackInteger
{
    /// <summary>Reads an integer and moves <paramref name="block"/> past it; false where it is cut off or beyond 2³¹−1.</summary>
    public static bool TryRead(ref ReadOnlySpan<byte> block, int prefixBits, out int value)
    {
        value = 0;
        if (block.IsEmpty)
            return false;
        int mask = (1 << prefixBits) - 1;
        value = block[0] & mask;
        if (value < mask)
        {
            block = block[1..];
            return true;
        }
        long sum = value;
        for (int i = 1, shift = 0; i < block.Length && shift <= 28; i++, shift += 7)
        {
            sum += (long)(block[i] & 0x7F) << shift;
            if (block[i] < 0x80)
            {
                value = (int)sum;
                block = block[(i + 1)..];
                return sum <= int.MaxValue;
            }
        }
        return false;
    }

    /// <summary>Writes an integer under the bits already in <paramref name="first"/>; six octets are enough room.</summary>
    public static int Write(Span<byte> to, byte first, int prefixBits, int value)
    {
        int mask = (1 << prefixBits) - 1;
        if (value < mask)
        {
            to[0] = (byte)(first | value);
            return 1;
        }
        to[0] = (byte)(first | mask);
        int n = 1;
        for (value -= mask; value >= 0x80; value >>= 7)
            to[n++] = (byte)(value | 0x80);
        to[n++] = (byte)value;
        return n;
    }
}
