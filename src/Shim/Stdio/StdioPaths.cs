namespace AotRuntime.Shim.Stdio;

/// <summary>Where a process's standard streams lead: paths of FIFOs or URIs, as the client gave them; empty for none.</summary>
internal sealed record StdioPaths(string Stdin, string Stdout, string Stderr, bool Terminal)
{
    /// <summary>Whether the process talks to nobody.</summary>
    public bool IsNull => Stdin.Length == 0 && Stdout.Length == 0 && Stderr.Length == 0;

    /// <summary>The scheme of <see cref="Stdout"/>, which counts for all three; <c>fifo</c> for a plain path.</summary>
    public string Scheme
    {
        get
        {
            int end = Stdout.IndexOf("://", StringComparison.Ordinal);
            return end <= 0 ? "fifo" : Stdout[..end];
        }
    }

    /// <summary>The path of a URI, decoded; a plain path itself.</summary>
    public static string PathOf(string uri)
    {
        int start = uri.IndexOf("://", StringComparison.Ordinal);
        if (start < 0)
            return uri;
        string path = uri[(start + 3)..];
        int end = path.AsSpan().IndexOfAny('?', '#');
        if (end >= 0)
            path = path[..end];
        // An authority, if any, ends where the path starts.
        int slash = path.IndexOf('/');
        return Uri.UnescapeDataString(slash > 0 ? path[slash..] : path);
    }

    /// <summary>The query's names and values, in their order.</summary>
    public static IEnumerable<(string Name, string Value)> QueryOf(string uri)
    {
        int start = uri.IndexOf('?');
        if (start < 0)
            yield break;
        foreach (string pair in uri[(start + 1)..].Split('#')[0].Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = pair.IndexOf('=');
            yield return equals < 0
                ? (Decode(pair), "")
                : (Decode(pair[..equals]), Decode(pair[(equals + 1)..]));
        }

        static string Decode(string text) => Uri.UnescapeDataString(text.Replace('+', ' '));
    }
}
