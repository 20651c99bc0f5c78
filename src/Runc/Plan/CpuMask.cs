using System.Globalization;

namespace AotRuntime.Runc.Plan;

/// <summary>Lists of CPUs or memory nodes ("0-3,7") as the kernel's bit masks.</summary>
internal static class CpuMask
{
    /// <summary>The most CPUs that a kernel can be built for (CONFIG_NR_CPUS).</summary>
    private const int Limit = 8192;

    /// <summary>All CPUs that there may be: the kernel takes away those that the machine or the cpuset does not have.</summary>
    public static readonly ulong[] All = [.. Enumerable.Repeat(ulong.MaxValue, 16)];

    /// <summary>Null for an empty text.</summary>
    /// <exception cref="RuncException">It is no list.</exception>
    public static ulong[]? Parse(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return null;
        var words = new ulong[Limit / 64];
        int used = 0;
        foreach (string part in text.Split(','))
        {
            string range = part.Trim();
            if (range.Length == 0)
                continue;
            int dash = range.IndexOf('-');
            int first = Number(dash < 0 ? range : range[..dash]), last = dash < 0 ? first : Number(range[(dash + 1)..]);
            if (first > last)
                throw new RuncException("invalid range: " + range);
            for (int i = first; i <= last; i++)
                words[i / 64] |= 1UL << (i % 64);
            used = Math.Max(used, last / 64 + 1);
        }
        return used > 0 ? words[..used] : throw new RuncException($"no members found in set \"{text}\"");
    }

    private static int Number(string text)
    {
        if (!uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint number))
        {
            bool digits = text.Length > 0 && !text.AsSpan().ContainsAnyExceptInRange('0', '9');
            throw new RuncException($"strconv.ParseUint: parsing \"{text}\": {(digits ? "value out of range" : "invalid syntax")}");
        }
        return number < Limit ? (int)number : throw new RuncException($"values larger than {Limit - 1} are not supported");
    }
}
