using System.Buffers;
using System.Text;

namespace AotRuntime.Http;

/// <summary>Percent-encoding (RFC 3986 §2.1), of UTF-8.</summary>
public static class PercentEncoding
{
    /// <summary>RFC 3986 §2.3.</summary>
    private const string Unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    private static readonly SearchValues<byte> s_unreserved = SearchValues.Create(Encoding.ASCII.GetBytes(Unreserved));

    /// <summary>What a path may hold besides, its slashes included (RFC 3986 §3.3: pchar).</summary>
    private static readonly SearchValues<byte> s_path = SearchValues.Create(Encoding.ASCII.GetBytes(Unreserved + "/:@!$&'()*+,;="));

    /// <summary>Encodes all but unreserved characters: for one segment of a path, or a query's name or value.</summary>
    public static string Encode(string text) => Encode(text, s_unreserved);

    /// <summary>Encodes a path and keeps its slashes.</summary>
    public static string EncodePath(string path) => Encode(path, s_path);

    /// <summary>Decodes; an escape that is none stands for itself, and bytes that are no UTF-8 become U+FFFD.</summary>
    public static string Decode(ReadOnlySpan<char> text, bool plusIsBlank = false)
    {
        if (!text.Contains('%') && !(plusIsBlank && text.Contains('+')))
            return text.ToString();
        byte[] bytes = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        int used = 0;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c == '%' && i + 2 < text.Length && char.IsAsciiHexDigit(text[i + 1]) && char.IsAsciiHexDigit(text[i + 2]))
            {
                bytes[used++] = (byte)((HexValue(text[i + 1]) << 4) | HexValue(text[i + 2]));
                i += 2;
            }
            else if (c < 0x80)
            {
                bytes[used++] = (byte)(c == '+' && plusIsBlank ? ' ' : c);
            }
            else
            {
                int length = char.IsHighSurrogate(c) && i + 1 < text.Length ? 2 : 1;
                used += Encoding.UTF8.GetBytes(text.Slice(i, length), bytes.AsSpan(used));
                i += length - 1;
            }
        }
        string decoded = Encoding.UTF8.GetString(bytes, 0, used);
        ArrayPool<byte>.Shared.Return(bytes);
        return decoded;
    }

    private static string Encode(string text, SearchValues<byte> kept)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        if (bytes.AsSpan().IndexOfAnyExcept(kept) < 0)
            return text;
        StringBuilder encoded = new(bytes.Length * 3);
        foreach (byte b in bytes)
        {
            if (kept.Contains(b))
                encoded.Append((char)b);
            else
                encoded.Append('%').Append("0123456789ABCDEF"[b >> 4]).Append("0123456789ABCDEF"[b & 15]);
        }
        return encoded.ToString();
    }

    private static int HexValue(char digit) => digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}
