namespace AotRuntime.Images;

/// <summary>The name of an image in full: where it is kept, its path there, and a tag, a digest or both (distribution/reference).</summary>
public sealed record ImageReference
{
    private const string DefaultDomain = "docker.io";
    private const string LegacyDefaultDomain = "index.docker.io";
    private const string OfficialPrefix = "library/";
    private const int MaxPathLength = 255;

    private ImageReference(string domain, string path, string? tag, Digest digest) =>
        (Domain, Path, Tag, Digest) = (domain, path, tag, digest);

    /// <summary>The registry, with its port where told: <c>docker.io</c>, <c>127.0.0.1:5000</c>.</summary>
    public string Domain { get; }

    /// <summary>The repository's path at the registry: <c>library/hello-world</c>.</summary>
    public string Path { get; }

    /// <summary>The tag; null where there is none.</summary>
    public string? Tag { get; private init; }

    /// <summary>The digest; empty where there is none.</summary>
    public Digest Digest { get; private init; }

    /// <summary>Domain and path: <c>docker.io/library/hello-world</c>.</summary>
    public string Name => $"{Domain}/{Path}";

    /// <summary>Whether there is neither tag nor digest.</summary>
    public bool IsNameOnly => Tag is null && Digest.IsEmpty;

    /// <summary>The name as people write it: <c>hello-world</c>.</summary>
    public string FamiliarName
    {
        get
        {
            if (Domain != DefaultDomain)
                return Name;
            return Path.StartsWith(OfficialPrefix, StringComparison.Ordinal) && Path.IndexOf('/', OfficialPrefix.Length) < 0
                ? Path[OfficialPrefix.Length..]
                : Path;
        }
    }

    /// <summary>The whole as people write it: <c>hello-world:latest</c>.</summary>
    public string Familiar => FamiliarName + Suffix;

    /// <summary>What a registry is asked for: the digest, else the tag, else <c>latest</c>.</summary>
    public string TagOrDigest => Digest.IsEmpty ? Tag ?? "latest" : Digest.ToString();

    private string Suffix => (Tag is null ? "" : ":" + Tag) + (Digest.IsEmpty ? "" : "@" + Digest);

    /// <summary>Reads a reference and fills in Docker's defaults for the registry (not for the tag: see <see cref="WithDefaultTag"/>).</summary>
    /// <exception cref="ReferenceException">Not a reference.</exception>
    public static ImageReference Parse(string text)
    {
        if (ReferenceGrammar.IsIdentifier(text))
            throw new ReferenceException($"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings");

        (string domain, string remainder) = SplitDomain(text);
        int colon = remainder.IndexOf(':');
        string remote = colon < 0 ? remainder : remainder[..colon];
        if (remote.ToLowerInvariant() != remote)
            throw new ReferenceException($"invalid reference format: repository name ({remote}) must be lowercase");

        string whole = $"{domain}/{remainder}";
        if (!ReferenceGrammar.TrySplit(whole, out string parsedDomain, out string path, out string? tag, out string? digestText))
        {
            throw new ReferenceException(ReferenceGrammar.TrySplit(whole.ToLowerInvariant(), out _, out _, out _, out _)
                ? "repository name must be lowercase"
                : "invalid reference format");
        }
        // What looks like a registry's name but is none (an underscore in it) would be a path without a registry.
        if (parsedDomain.Length == 0)
            throw new ReferenceException("invalid reference format");
        if (path.Length > MaxPathLength)
            throw new ReferenceException($"repository name must not be more than {MaxPathLength} characters");

        Digest digest = default;
        if (digestText is not null)
        {
            try
            {
                digest = Digest.Parse(digestText);
            }
            catch (FormatException error)
            {
                throw new ReferenceException(error.Message);
            }
        }
        return new ImageReference(parsedDomain, path, tag, digest);
    }

    /// <summary>Reads a reference where <paramref name="text"/> is one.</summary>
    public static ImageReference? TryParse(string text)
    {
        try
        {
            return Parse(text);
        }
        catch (ReferenceException)
        {
            return null;
        }
    }

    /// <summary>The same with the tag <c>latest</c> where there is neither tag nor digest.</summary>
    public ImageReference WithDefaultTag() => IsNameOnly ? this with { Tag = "latest" } : this;

    /// <summary>The same with a tag in place of the old one.</summary>
    /// <exception cref="ReferenceException">Not a tag.</exception>
    public ImageReference WithTag(string tag) =>
        ReferenceGrammar.IsTag(tag) ? this with { Tag = tag } : throw new ReferenceException("invalid tag format");

    /// <summary>The same with a digest in place of tag and digest.</summary>
    public ImageReference WithDigestOnly(Digest digest) => this with { Tag = null, Digest = digest };

    /// <summary>The same with neither tag nor digest.</summary>
    public ImageReference NameOnly() => this with { Tag = null, Digest = default };

    /// <summary>The name under which an image store keeps it: with the digest alone where there are both.</summary>
    public ImageReference Canonical() => Digest.IsEmpty ? WithDefaultTag() : this with { Tag = null };

    private static (string Domain, string Remainder) SplitDomain(string name)
    {
        int slash = name.IndexOf('/');
        if (slash < 0)
            return (DefaultDomain, OfficialPrefix + name);

        string first = name[..slash];
        string rest = name[(slash + 1)..];
        string domain;
        if (first == "localhost" || first.AsSpan().ContainsAny('.', ':') || first.ToLowerInvariant() != first)
            domain = first == LegacyDefaultDomain ? DefaultDomain : first;
        else
            (domain, rest) = (DefaultDomain, name);

        if (domain == DefaultDomain && !rest.Contains('/'))
            rest = OfficialPrefix + rest;
        return (domain, rest);
    }

    /// <summary>The full form: <c>docker.io/library/hello-world:latest</c>.</summary>
    public override string ToString() => Name + Suffix;
}
