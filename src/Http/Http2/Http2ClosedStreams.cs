namespace AotRuntime.Http.Http2;

/// <summary>
/// The streams closed last, and how. RFC 9113 §5.1 lets frames be under way to a stream that we have reset; on one that the peer has ended
/// they are its error. Guarded by the connection's gate.
/// </summary>
internal sealed class Http2ClosedStreams
{
    private const int Remembered = 1024;

    private int[]? _ring; // id << 1 | reset by us
    private int _next;

    public void Add(int streamId, bool resetByUs)
    {
        _ring ??= new int[Remembered];
        _ring[_next] = (streamId << 1) | (resetByUs ? 1 : 0);
        _next = (_next + 1) & (Remembered - 1);
    }

    /// <summary>Null for a stream that is forgotten, or never was.</summary>
    public bool? WasResetByUs(int streamId)
    {
        foreach (int entry in _ring ?? [])
        {
            // An id of 31 bits keeps all but its highest bit here; no connection gets near a billion streams.
            if (entry >> 1 == streamId)
                return (entry & 1) != 0;
        }
        return null;
    }
}
