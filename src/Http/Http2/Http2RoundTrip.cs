namespace AotRuntime.Http.Http2;

/// <summary>
/// Measures a connection's round trip with PINGs, and says by it when a receive window is what holds the sender back. Thread-safe.
/// </summary>
/// <remarks>
/// PINGs go out only when data came, a few at first and then one in two seconds: grpc-go's servers end connections of clients that send
/// more than two PINGs for which they gave no reason ("too_many_pings").
/// </remarks>
internal sealed class Http2RoundTrip(TimeProvider time)
{
    private const int EagerPings = 4;

    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private long _sentAt;
    private int _pings;
    private bool _pending;
    private TimeSpan? _least;

    /// <summary>What our PINGs carry, so that their answers can be told from others.</summary>
    public static ReadOnlySpan<byte> Payload => "roundtrp"u8;

    /// <summary>Whether a PING is to be sent now.</summary>
    public bool Begin()
    {
        lock (_gate)
        {
            if (_pending || (_pings >= EagerPings && time.GetElapsedTime(_sentAt) < s_pause))
                return false;
            _pending = true;
            _pings++;
            _sentAt = time.GetTimestamp();
            return true;
        }
    }

    /// <summary>The answer came.</summary>
    public void End()
    {
        lock (_gate)
        {
            if (!_pending)
                return;
            _pending = false;
            TimeSpan took = time.GetElapsedTime(_sentAt);
            if (_least is null || took < _least)
                _least = took;
        }
    }

    /// <summary>
    /// The window to go on with when half of <paramref name="window"/> was used up since <paramref name="since"/>. A sender that only waits
    /// for credit uses half a window in half a round trip; one that does in a whole could use more.
    /// </summary>
    public int Tune(int window, int most, long since)
    {
        lock (_gate)
            return _least is { } least && time.GetElapsedTime(since) <= least ? Math.Max(window, Math.Min(window * 2, most)) : window;
    }
}
