using AotRuntime.Docker.CommandLine;

namespace AotRuntime.Docker.References;

/// <summary>
/// An image's name as people write it (<c>busybox</c>, <c>host:5000/a/b:tag@sha256:…</c>), taken apart: Docker Hub's host and its
/// <c>library/</c> are left out of the familiar form and present in the full one.
/// </summary>
public sealed record ImageName(string Domain, string Path, string Tag, string Digest)
{
    private const string Hub = "docker.io";
    private const string OldHub = "index.docker.io";
    private const string Official = "library/";
    private const int LongestName = 255;
    private const int LongestTag = 128;

    /// <summary>The name without host and <c>library/</c> where they go without saying.</summary>
    public string FamiliarName => Domain == Hub ? (Path.StartsWith(Official, StringComparison.Ordinal) && Path.IndexOf('/', Official.Length) < 0 ? Path[Official.Length..] : Path) : $"{Domain}/{Path}";

    /// <summary>The familiar name with tag and digest.</summary>
    public string Familiar => FamiliarName + Suffix;

    /// <summary>The name with host, path, tag and digest.</summary>
    public string Full => $"{Domain}/{Path}{Suffix}";

    /// <summary>Whether neither tag nor digest is told.</summary>
    public bool IsNameOnly => Tag.Length == 0 && Digest.Length == 0;

    /// <summary>With the tag <c>latest</c> where nothing else is told.</summary>
    public ImageName WithDefaultTag => IsNameOnly ? this with { Tag = "latest" } : this;

    /// <summary>The key of its registry's credentials.</summary>
    public string AuthKey => Domain == Hub ? Configuration.ConfigFile.HubKey : Domain;

    private string Suffix => (Tag.Length > 0 ? ":" + Tag : "") + (Digest.Length > 0 ? "@" + Digest : "");

    /// <summary>Parses <paramref name="text"/>.</summary>
    /// <exception cref="CommandException">It isn't a name.</exception>
    public static ImageName Parse(string text)
    {
        if (IsHex(text, 64))
            throw new CommandException($"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings");
        return TryParse(text) ?? throw new CommandException(WhyInvalid(text));
    }

    /// <summary>Docker's words for what is wrong with <paramref name="text"/>.</summary>
    public static string WhyInvalid(string text)
    {
        string rest = text.Split('@')[0];
        int colon = rest.LastIndexOf(':');
        if (colon > rest.LastIndexOf('/'))
            rest = rest[..colon];
        string path = Split(rest).Path;
        return path.AsSpan().ContainsAnyInRange('A', 'Z') ? $"invalid reference format: repository name ({path}) must be lowercase" : "invalid reference format";
    }

    /// <summary>Parses <paramref name="text"/>; null where it isn't a name.</summary>
    public static ImageName? TryParse(string text)
    {
        string rest = text;
        string digest = "";
        string tag = "";
        int at = rest.IndexOf('@');
        if (at >= 0)
        {
            (rest, digest) = (rest[..at], rest[(at + 1)..]);
            if (!IsDigest(digest))
                return null;
        }
        int colon = rest.LastIndexOf(':');
        if (colon > rest.LastIndexOf('/'))
        {
            (rest, tag) = (rest[..colon], rest[(colon + 1)..]);
            if (!IsTag(tag))
                return null;
        }
        (string domain, string path) = Split(rest);
        if (path.Length == 0 || domain.Length + path.Length > LongestName || !IsDomain(domain) || !IsPath(path))
            return null;
        return new ImageName(domain, path, tag, digest);
    }

    // The first part is a host if it looks like one: a dot, a port, "localhost", or capitals, which paths can't have.
    private static (string Domain, string Path) Split(string name)
    {
        int slash = name.IndexOf('/');
        string first = slash < 0 ? "" : name[..slash];
        bool host = first.Contains('.') || first.Contains(':') || first == "localhost" || first.AsSpan().ContainsAnyInRange('A', 'Z');
        string domain = host ? first : Hub;
        string path = host ? name[(slash + 1)..] : name;
        if (domain == OldHub)
            domain = Hub;
        return domain == Hub && !path.Contains('/') ? (domain, Official + path) : (domain, path);
    }

    private static bool IsPath(string path)
    {
        foreach (string part in path.Split('/'))
        {
            // Letters and digits, with single separators (., _, __, any number of -) between them.
            bool afterWord = false;
            for (int i = 0; i < part.Length; i++)
            {
                char c = part[i];
                if (char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c))
                {
                    afterWord = true;
                    continue;
                }
                if (!afterWord || c is not ('.' or '_' or '-'))
                    return false;
                if (c == '_' && i + 1 < part.Length && part[i + 1] == '_')
                    i++;
                while (c == '-' && i + 1 < part.Length && part[i + 1] == '-')
                    i++;
                afterWord = false;
            }
            if (!afterWord)
                return false;
        }
        return true;
    }

    private static bool IsDomain(string domain)
    {
        string host = domain;
        int colon = domain.LastIndexOf(':');
        if (colon >= 0 && !domain.EndsWith(']'))
        {
            host = domain[..colon];
            if (colon + 1 == domain.Length || domain.AsSpan(colon + 1).ContainsAnyExceptInRange('0', '9'))
                return false;
        }
        if (host.StartsWith('[') && host.EndsWith(']'))
            return System.Net.IPAddress.TryParse(host.AsSpan(1, host.Length - 2), out _);
        foreach (string label in host.Split('.'))
        {
            if (label.Length == 0 || label[0] == '-' || label[^1] == '-')
                return false;
            foreach (char c in label)
            {
                if (!char.IsAsciiLetterOrDigit(c) && c != '-')
                    return false;
            }
        }
        return true;
    }

    private static bool IsTag(string tag)
    {
        if (tag.Length is 0 or > LongestTag || tag[0] is '.' or '-')
            return false;
        foreach (char c in tag)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('_' or '.' or '-'))
                return false;
        }
        return true;
    }

    private static bool IsDigest(string digest)
    {
        int colon = digest.IndexOf(':');
        return colon > 0 && digest.Length - colon > 32 && !digest.AsSpan(colon + 1).ContainsAnyExcept("0123456789abcdefABCDEF");
    }

    private static bool IsHex(string text, int length) => text.Length == length && !text.AsSpan().ContainsAnyExcept("0123456789abcdef");
}
