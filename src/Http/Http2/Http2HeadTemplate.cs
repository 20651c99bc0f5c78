using AotRuntime.Http.Http2.Hpack;

namespace AotRuntime.Http.Http2;

/// <summary>
/// The fields of a message as they were last made ready to be sent. A handler mostly sets the same strings again: then the list that is
/// there is used again, and the encoder knows it by that.
/// </summary>
internal sealed class Http2HeadTemplate
{
    /// <summary>Longer ones differ too often to be worth keeping.</summary>
    private const int MaxFields = 16;

    private volatile Made? _last;

    private sealed record Made(string? Status, string[] Source, List<HpackField> Block);

    /// <summary>A block's fields; the list must not be changed. <paramref name="status"/> is null for trailers.</summary>
    public List<HpackField> Make(string? status, HttpHeaders headers)
    {
        Made? last = _last;
        if (last is not null && last.Status == status && IsSame(last.Source, headers))
            return last.Block;
        List<HpackField> block = new(headers.Count + 1);
        if (status is not null)
            block.Add(new(":status", status));
        Http2Fields.AddTo(block, headers);
        if (headers.Count <= MaxFields)
        {
            string[] source = new string[headers.Count * 2];
            for (int i = 0; i < headers.Count; i++)
                (source[i * 2], source[(i * 2) + 1]) = (headers.NameAt(i), headers.ValueAt(i));
            _last = new Made(status, source, block);
        }
        return block;
    }

    private static bool IsSame(string[] source, HttpHeaders headers)
    {
        if (source.Length != headers.Count * 2)
            return false;
        for (int i = 0; i < headers.Count; i++)
        {
            // Other strings, even equal ones, only cost the making.
            if (!ReferenceEquals(source[i * 2], headers.NameAt(i)) || !ReferenceEquals(source[(i * 2) + 1], headers.ValueAt(i)))
                return false;
        }
        return true;
    }
}
