using System.Text;

namespace AotRuntime.Docker.Formatting;

/// <summary>Small shortenings that docker's tables use.</summary>
public static class Text
{
    private const int ShortIdLength = 12;

    /// <summary>The first twelve digits of an ID, without the algorithm before a colon.</summary>
    public static string ShortId(string id)
    {
        int colon = id.IndexOf(':');
        if (colon >= 0)
            id = id[(colon + 1)..];
        return id.Length > ShortIdLength ? id[..ShortIdLength] : id;
    }

    /// <summary>Cuts to <paramref name="width"/> terminal cells, the last of them an ellipsis.</summary>
    public static string Ellipsis(string text, int width)
    {
        if (TabWriter.Width(text) <= width)
            return text;
        StringBuilder cut = new();
        int used = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            used += TabWriter.RuneWidth(rune);
            if (used > width - 1)
                break;
            cut.Append(rune.ToString());
        }
        return cut.Append('…').ToString();
    }

    /// <summary>An address and a port, with brackets around IPv6.</summary>
    public static string HostPort(string host, string port) => host.Contains(':') ? $"[{host}]:{port}" : $"{host}:{port}";

    /// <summary>Compares with runs of digits as numbers: <c>a9</c> before <c>a10</c>.</summary>
    public static int CompareNatural(string a, string b)
    {
        int i = 0;
        int j = 0;
        while (i < a.Length && j < b.Length)
        {
            if (char.IsAsciiDigit(a[i]) && char.IsAsciiDigit(b[j]))
            {
                ReadOnlySpan<char> left = Digits(a, ref i);
                ReadOnlySpan<char> right = Digits(b, ref j);
                int order = left.Length != right.Length ? left.Length.CompareTo(right.Length) : left.SequenceCompareTo(right);
                if (order != 0)
                    return order;
            }
            else if (a[i] != b[j])
            {
                return a[i].CompareTo(b[j]);
            }
            else
            {
                i++;
                j++;
            }
        }
        return (a.Length - i).CompareTo(b.Length - j);
    }

    private static ReadOnlySpan<char> Digits(string text, ref int at)
    {
        int start = at;
        while (at < text.Length && char.IsAsciiDigit(text[at]))
            at++;
        return text.AsSpan(start, at - start).TrimStart('0');
    }
}
