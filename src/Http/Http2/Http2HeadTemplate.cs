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

    private sealed record Made(string? Status, string[] Lines, List<HpackField> Block);

    /// <summary>A block's fields; the list must not be changed. <paramref name="status"/> is null for trailers.</summary>
    public List<HpackField> Make(string? status, HttpHeaders headers)
    {
        Made? last = _last;
        if (last is not null && last.Status == status && headers.IsSame(last.Lines))
            return last.Block;
        List<HpackField> block = new(headers.Count + 1);
        if (status is not null)
            block.Add(new(":status", status));
        Http2Fields.AddTo(block, headers);
        if (headers.Count <= MaxFields)
            _last = new Made(status, headers.ToLines(), block);
        return block;
    }
}
