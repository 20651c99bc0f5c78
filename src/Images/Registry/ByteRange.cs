using System.Globalization;

namespace AotRuntime.Images.Registry;

/// <summary>What a Range field comes to.</summary>
public enum RangeResult
{
    /// <summary>None, or one that may be ignored: the whole is sent.</summary>
    None,

    /// <summary>A part that is there.</summary>
    Satisfiable,

    /// <summary>A part that is not there (416).</summary>
    Unsatisfiable,
}

/// <summary>The Range field of one part (RFC 9110 §14.1.2).</summary>
public static class ByteRange
{
    /// <summary>Reads <c>bytes=first-last</c>, <c>bytes=first-</c> or <c>bytes=-suffix</c>; several parts are ignored, as a server may.</summary>
    public static RangeResult Parse(string? field, long size, out long start, out long length)
    {
        (start, length) = (0, size);
        const string Unit = "bytes=";
        if (field is null || !field.StartsWith(Unit, StringComparison.OrdinalIgnoreCase) || field.Contains(','))
            return RangeResult.None;
        ReadOnlySpan<char> spec = field.AsSpan(Unit.Length).Trim();
        int dash = spec.IndexOf('-');
        if (dash < 0)
            return RangeResult.None;
        ReadOnlySpan<char> first = spec[..dash];
        ReadOnlySpan<char> last = spec[(dash + 1)..];
        if (first.IsEmpty)
        {
            if (!TryNumber(last, out long suffix))
                return RangeResult.None;
            start = Math.Max(0, size - suffix);
            length = size - start;
            return length == 0 ? RangeResult.Unsatisfiable : RangeResult.Satisfiable;
        }
        long end = long.MaxValue;
        if (!TryNumber(first, out start) || (!last.IsEmpty && !TryNumber(last, out end)) || end < start)
        {
            (start, length) = (0, size);
            return RangeResult.None;
        }
        if (start >= size)
            return RangeResult.Unsatisfiable;
        length = Math.Min(end, size - 1) - start + 1;
        return RangeResult.Satisfiable;
    }

    private static bool TryNumber(ReadOnlySpan<char> text, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
