namespace AotRuntime.Http.Http2;

/// <summary>
/// Counts what costs the receiver more than the sender (RFC 9113 §10.5). Each counter ends the connection with ENHANCE_YOUR_CALM.
/// Used by the read loop alone, but for <see cref="OnSent"/>.
/// </summary>
internal sealed class Http2AbuseGuard(Http2Options options, TimeProvider time)
{
    private double _resets;
    private long _resetsAt = time.GetTimestamp();
    private int _idleControl;
    private int _emptyData;

    /// <summary>This side sent headers or data: the peer's PINGs have a reason.</summary>
    public void OnSent() => Volatile.Write(ref _idleControl, 0);

    /// <summary>A frame that asks for work and moves nothing.</summary>
    public void OnControlFrame(Http2FrameType type)
    {
        if (Interlocked.Increment(ref _idleControl) > options.MaxIdleControlFrames)
            throw Calm($"too many {type} frames");
    }

    /// <summary>The peer reset a stream whose handler was at work (the "rapid reset" of CVE-2023-44487).</summary>
    public void OnReset()
    {
        long now = time.GetTimestamp();
        _resets = Math.Max(0, _resets - (time.GetElapsedTime(_resetsAt, now).TotalSeconds * options.MaxResetsPerSecond)) + 1;
        _resetsAt = now;
        if (_resets > options.MaxResetBurst)
            throw Calm("too many streams reset");
    }

    /// <summary>A DATA frame that carries nothing.</summary>
    public void OnEmptyData()
    {
        if (++_emptyData > options.MaxEmptyDataFrames)
            throw Calm("too many empty DATA frames");
    }

    /// <summary>How much waits to be sent in control frames.</summary>
    public void OnControlQueued(int bytes)
    {
        if (bytes > options.MaxQueuedControlBytes)
            throw Calm("answers to control frames are not read");
    }

    private static Http2ConnectionException Calm(string why) => new(Http2ErrorCode.EnhanceYourCalm, why);
}
