namespace AotRuntime.Images;

/// <summary>
/// The grammar of references (distribution/reference):
/// <code>
/// reference      := name [ ":" tag ] [ "@" digest ]
/// name           := [domain '/'] remote-name
/// domain         := host [':' port-number];  host := domain-name | IPv4 | '[' IPv6 ']'
/// path-component := alpha-numeric [separator alpha-numeric]*;  separator := /[_.]|__|[-]*/
/// tag            := /[\w][\w.-]{0,127}/
/// digest         := algorithm ":" /[0-9a-fA-F]{32,}/
/// </code>
/// Written out by hand: no regular expression runs over what a client sends, and none is linked in.
/// </summary>
internal static class ReferenceGrammar
{
    private const string LowerAlphaNumeric = "abcdefghijklmnopqrstuvwxyz0123456789";
    private const string Alpha = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private const string AlphaNumeric = Alpha + "0123456789";
    private const string HexDigits = "0123456789abcdefABCDEF";

    /// <summary>Whether this is 64 lower-case hex digits: an id, not a name.</summary>
    public static bool IsIdentifier(ReadOnlySpan<char> text) => text.Length == 64 && !text.ContainsAnyExcept("0123456789abcdef");

    /// <summary>Splits a reference; false where it breaks the grammar.</summary>
    public static bool TrySplit(string text, out string domain, out string path, out string? tag, out string? digest)
    {
        (domain, path, tag, digest) = ("", "", null, null);
        string name = text;
        int at = name.IndexOf('@');
        if (at >= 0)
        {
            digest = name[(at + 1)..];
            name = name[..at];
            if (!IsDigest(digest))
                return false;
        }
        // A colon after the last slash starts the tag; one before it belongs to the port.
        int colon = name.LastIndexOf(':');
        if (colon > name.LastIndexOf('/'))
        {
            tag = name[(colon + 1)..];
            name = name[..colon];
            if (!IsTag(tag))
                return false;
        }
        int slash = name.IndexOf('/');
        if (slash > 0 && IsDomain(name.AsSpan(0, slash)) && IsRemoteName(name.AsSpan(slash + 1)))
        {
            domain = name[..slash];
            path = name[(slash + 1)..];
            return true;
        }
        path = name;
        return IsRemoteName(name);
    }

    /// <summary>Whether this is a tag.</summary>
    public static bool IsTag(ReadOnlySpan<char> tag) =>
        tag.Length is > 0 and <= 128 && tag[0] is not '.' and not '-' && !tag.ContainsAnyExcept(AlphaNumeric + "_.-");

    private static bool IsDigest(ReadOnlySpan<char> digest)
    {
        int colon = digest.IndexOf(':');
        if (colon <= 0 || digest.Length - colon - 1 < 32 || digest[(colon + 1)..].ContainsAnyExcept(HexDigits))
            return false;
        bool start = true;
        foreach (char c in digest[..colon])
        {
            if (start ? !Alpha.Contains(c) : !(AlphaNumeric + "-_+.").Contains(c))
                return false;
            start = c is '-' or '_' or '+' or '.';
        }
        return !start;
    }

    private static bool IsDomain(ReadOnlySpan<char> domain)
    {
        int colon = domain.LastIndexOf(':');
        if (domain[0] == '[')
        {
            int close = domain.IndexOf(']');
            if (close < 2 || domain[1..close].ContainsAnyExcept(HexDigits + ":"))
                return false;
            domain = domain[(close + 1)..];
            return domain.IsEmpty || (domain[0] == ':' && IsPort(domain[1..]));
        }
        if (colon >= 0)
        {
            if (!IsPort(domain[(colon + 1)..]))
                return false;
            domain = domain[..colon];
        }
        foreach (Range range in domain.Split('.'))
        {
            ReadOnlySpan<char> label = domain[range];
            if (label.IsEmpty || label[0] == '-' || label[^1] == '-' || label.ContainsAnyExcept(AlphaNumeric + "-"))
                return false;
        }
        return true;
    }

    private static bool IsPort(ReadOnlySpan<char> port) => !port.IsEmpty && !port.ContainsAnyExcept("0123456789");

    private static bool IsRemoteName(ReadOnlySpan<char> name)
    {
        foreach (Range range in name.Split('/'))
        {
            if (!IsPathComponent(name[range]))
                return false;
        }
        return true;
    }

    private static bool IsPathComponent(ReadOnlySpan<char> component)
    {
        while (true)
        {
            int word = component.IndexOfAnyExcept(LowerAlphaNumeric);
            if (word < 0)
                return !component.IsEmpty;
            if (word == 0)
                return false;
            component = component[word..];
            int separator = component.IndexOfAny(LowerAlphaNumeric);
            if (separator < 0)
                return false;
            ReadOnlySpan<char> between = component[..separator];
            if (between is not ("." or "_" or "__") && between.ContainsAnyExcept('-'))
                return false;
            component = component[separator..];
        }
    }
}
