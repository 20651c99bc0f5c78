using AotRuntime.Images;

namespace AotRuntime.Dockerd.Images;

/// <summary>The <c>reference</c> filter: a shell pattern over familiar names (distribution's reference.FamiliarMatch).</summary>
internal static class ReferencePattern
{
    /// <summary>Whether a pattern matches an image's name, with or without its tag.</summary>
    public static bool Matches(string pattern, NamedImage image) =>
        image.Reference is { } reference && (Matches(pattern, reference.Familiar) || Matches(pattern, reference.FamiliarName));

    /// <summary>Go's path.Match without character classes: <c>*</c> and <c>?</c> stop at slashes.</summary>
    public static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> text)
    {
        int starAt = -1;
        int resume = 0;
        int p = 0;
        int t = 0;
        while (t < text.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                (starAt, resume) = (p++, t);
            }
            else if (p < pattern.Length && (pattern[p] == text[t] || (pattern[p] == '?' && text[t] != '/')))
            {
                p++;
                t++;
            }
            else if (starAt >= 0 && text[resume] != '/')
            {
                p = starAt + 1;
                t = ++resume;
            }
            else
            {
                return false;
            }
        }
        while (p < pattern.Length && pattern[p] == '*')
            p++;
        return p == pattern.Length;
    }
}
