using System.Buffers;
using System.Text;

namespace AotRuntime.Http;

/// <summary>Takes request targets apart (RFC 9112 §3.2).</summary>
internal static class RequestTarget
{
    /// <summary>Path and query of the target, and its authority where it has one.</summary>
    /// <exception cref="HttpProtocolException">It is in none of the forms that an origin server takes.</exception>
    public static (string Path, string Query, string? Authority) Split(string method, ReadOnlySpan<byte> target)
    {
        if (target is [(byte)'*'] && method == "OPTIONS")
            return ("*", "", null);
        // An origin server is no proxy (RFC 9110 §9.3.6), and what follows the request might be meant for a tunnel.
        if (method == "CONNECT")
            throw new HttpProtocolException("CONNECT is not supported", 501);
        string? authority = null;
        if (target[0] != '/')
        {
            // absolute-form: "a server MUST accept the absolute-form in requests", which proxies send.
            int scheme = target.IndexOf("://"u8);
            if (scheme <= 0 || target[..scheme].ContainsAny("/?#"u8))
                throw new HttpProtocolException("invalid URI for request");
            target = target[(scheme + 3)..];
            int path = target.IndexOfAny((byte)'/', (byte)'?');
            authority = Encoding.UTF8.GetString(path < 0 ? target : target[..path]);
            // RFC 9110 §4.2.4: userinfo is to be treated as an error; §4.2.1: an empty host is invalid.
            if (authority.Length == 0 || authority.AsSpan().ContainsAny('@', '#'))
                throw new HttpProtocolException("invalid URI for request");
            if (path < 0)
                return ("/", "", authority);
            if (target[path] == '?')
                return ("/", Encoding.UTF8.GetString(target[(path + 1)..]), authority);
            target = target[path..];
        }
        int fragment = target.IndexOf((byte)'#');
        if (fragment >= 0)
            target = target[..fragment];
        int query = target.IndexOf((byte)'?');
        return query < 0
            ? (Encoding.UTF8.GetString(target), "", authority)
            : (Encoding.UTF8.GetString(target[..query]), Encoding.UTF8.GetString(target[(query + 1)..]), authority);
    }
}

/// <summary>The host field (RFC 9110 §7.2).</summary>
internal static class HostField
{
    /// <summary>Octets of a host and port, in any notation (RFC 3986 §3.2.2, §3.2.3), as Go's server takes them.</summary>
    private static readonly SearchValues<byte> s_octets =
        SearchValues.Create("!$%&'()*+,-.0123456789:;=ABCDEFGHIJKLMNOPQRSTUVWXYZ[]_abcdefghijklmnopqrstuvwxyz~"u8);

    /// <summary>RFC 9112 §3.2: a 400 "to any request message that contains … a Host header field with an invalid field value". It may be empty.</summary>
    public static bool IsValid(ReadOnlySpan<byte> value) => !value.ContainsAnyExcept(s_octets);
}

/// <summary>The content-length field (RFC 9110 §8.6).</summary>
internal static class ContentLength
{
    /// <summary>The length; digits only, with no sign, list or blank.</summary>
    /// <exception cref="HttpProtocolException">It is no such number.</exception>
    public static long Parse(ReadOnlySpan<byte> value)
    {
        // 18 digits stay within a long.
        if (value.Length is 0 or > 18 || value.ContainsAnyExceptInRange((byte)'0', (byte)'9'))
            throw new HttpProtocolException("http: bad Content-Length");
        long length = 0;
        foreach (byte digit in value)
            length = length * 10 + (digit - '0');
        return length;
    }
}
