using System.Globalization;
using System.Text;
using AotRuntime.Http.Http2.Hpack;

namespace AotRuntime.Http.Http2;

/// <summary>What RFC 9113 §8.2 says of fields, in both directions.</summary>
internal static class Http2Fields
{
    /// <summary>Field names: token characters without capitals.</summary>
    private static readonly System.Buffers.SearchValues<char> s_nameChars =
        System.Buffers.SearchValues.Create("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz");

    /// <summary>Whether a field that came may stand in a message.</summary>
    public static bool IsValid(in HpackField field)
    {
        string name = field.Name;
        string value = field.Value;
        if (name.Length == 0 || name.AsSpan().ContainsAnyExcept(s_nameChars) || value.AsSpan().ContainsAny('\0', '\r', '\n'))
            return false;
        // §8.2.1: "A field value MUST NOT start or end with an ASCII whitespace character".
        if (value.Length > 0 && (value[0] is ' ' or '\t' || value[^1] is ' ' or '\t'))
            return false;
        return name == "te" ? value == "trailers" : !IsConnectionSpecific(name);
    }

    /// <summary>§8.2.2: connection-specific fields are HTTP/1.1's business.</summary>
    private static bool IsConnectionSpecific(string name) => name.Length switch
    {
        7 => name == "upgrade",
        10 => name is "connection" or "keep-alive",
        16 => name == "proxy-connection",
        17 => name == "transfer-encoding",
        _ => false,
    };

    /// <summary>Adds trailers; false where they are malformed.</summary>
    public static bool TryAddTrailers(List<HpackField> fields, HttpHeaders trailers)
    {
        foreach (HpackField field in fields)
        {
            if (field.Name.StartsWith(':') || !IsValid(field))
                return false;
            trailers.Add(field.Name, field.Value);
        }
        return true;
    }

    /// <summary>Adds an application's fields to a block to be sent: names in lower case, connection-specific ones left out.</summary>
    /// <exception cref="InvalidOperationException">A value would break the message.</exception>
    public static void AddTo(List<HpackField> block, HttpHeaders headers)
    {
        for (int i = 0; i < headers.Count; i++)
        {
            string lower = HttpFieldNames.Lower(headers.NameAt(i));
            string value = headers.ValueAt(i);
            if (value.AsSpan().ContainsAny('\0', '\r', '\n'))
                throw new InvalidOperationException($"the field {lower} has a line break in its value");
            if (!IsConnectionSpecific(lower) && lower != "host")
                block.Add(new(lower, value));
        }
    }

    /// <summary>Parses a content-length; null where it is not one.</summary>
    public static long? ParseLength(string value) =>
        long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long length) ? length : null;
}

/// <summary>A request's pseudo-header fields (RFC 9113 §8.3.1) and fields.</summary>
internal sealed class Http2RequestHead
{
    /// <summary>RFC 9110 §5.6.2: tchar.</summary>
    private static readonly System.Buffers.SearchValues<char> s_token =
        System.Buffers.SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>Stands for a head beyond the limit.</summary>
    public static Http2RequestHead TooLarge { get; } = new();

    public string Method { get; private set; } = "";

    /// <summary>Path and query.</summary>
    public string Target { get; private set; } = "";

    public HttpHeaders Headers { get; private init; } = new();

    public long? ContentLength { get; private set; }

    public static bool TryParse(List<HpackField> fields, out Http2RequestHead? head)
    {
        var result = new Http2RequestHead();
        head = null;
        string? method = null, path = null, scheme = null, authority = null, host = null;
        StringBuilder? cookies = null;
        bool regular = false;
        foreach (HpackField field in fields)
        {
            if (field.Name.StartsWith(':'))
            {
                if (regular)
                    return false; // §8.3: before all others
                ref string? slot = ref method;
                switch (field.Name)
                {
                    case ":method": break;
                    case ":path": slot = ref path; break;
                    case ":scheme": slot = ref scheme; break;
                    case ":authority": slot = ref authority; break;
                    default: return false;
                }
                if (slot is not null || field.Value.AsSpan().ContainsAny('\0', '\r', '\n'))
                    return false;
                slot = field.Value;
                continue;
            }
            regular = true;
            if (!Http2Fields.IsValid(field))
                return false;
            switch (field.Name)
            {
                case "content-length":
                    long? length = Http2Fields.ParseLength(field.Value);
                    if (length is null || (result.ContentLength is { } other && other != length))
                        return false;
                    result.ContentLength = length;
                    break;
                case "cookie": // §8.2.3: may come in pieces
                    cookies = cookies is null ? new(field.Value) : cookies.Append("; ").Append(field.Value);
                    continue;
                case "host":
                    if (host is not null)
                        return false;
                    host = field.Value;
                    break;
                default:
                    break;
            }
            result.Headers.Add(field.Name, field.Value);
        }
        if (string.IsNullOrEmpty(method) || method.AsSpan().ContainsAnyExcept(s_token))
            return false;
        // §8.3.1: a host that "identifies an entity that differs from the entity in the :authority" is malformed, and so is userinfo.
        if (authority is not null && (authority.Contains('@') || (host is not null && !host.Equals(authority, StringComparison.OrdinalIgnoreCase))))
            return false;
        if (method == "CONNECT")
        {
            if (path is not null || scheme is not null || authority is null)
                return false;
        }
        else if (string.IsNullOrEmpty(scheme) || string.IsNullOrEmpty(path) || (path[0] != '/' && !(path == "*" && method == "OPTIONS"))
            || path.AsSpan().ContainsAnyInRange('\0', ' ') || path.Contains('\x7f'))
        {
            return false;
        }
        if (cookies is not null)
            result.Headers.Add("cookie", cookies.ToString());
        if (authority is not null)
            result.Headers["host"] = authority;
        result.Method = method;
        result.Target = path ?? "";
        head = result;
        return true;
    }
}
