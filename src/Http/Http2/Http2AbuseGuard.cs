namespace AotRuntime.Http.Http2;

/// <summary>
/// Counts what costs the receiver more than the sender (RFC 9113 §10.5). Each counter ends the connection with ENHANCE_YOUR_CALM.
/// Used by the read loop alone, but for <see cref="OnSent"/>.
/// </summary>
internal sealed class Http2AbuseGuard(Http2Options options, TimeProvider time)
{
    private Bucket _resets = new(time.GetTimestamp());
    private Bucket _provoked = new(time.GetTimestamp());
    private Bucket _idleControl = new(time.GetTimestamp());
    private int _windowUpdates;
    private int _emptyData;
    private bool _sent;

    /// <summary>This side sent headers or data: the peer's PINGs have a reason.</summary>
    public void OnSent() => Volatile.Write(ref _sent, true);

    /// <summary>A frame that asks for work and moves nothing.</summary>
    public void OnControlFrame(Http2FrameType type)
    {
        ForgiveIfSent();
        if (_idleControl.Add(time, options.IdleControlFramesPerSecond) > options.MaxIdleControlFrames)
            throw Calm($"too many {type} frames");
    }

    /// <summary>A WINDOW_UPDATE, which has a reason only where something was sent.</summary>
    public void OnWindowUpdate()
    {
        ForgiveIfSent();
        if (++_windowUpdates > options.MaxIdleWindowUpdates)
            throw Calm("too many WINDOW_UPDATE frames");
    }

    /// <summary>The peer reset a stream whose handler was at work (the "rapid reset" of CVE-2023-44487).</summary>
    public void OnReset()
    {
        if (_resets.Add(time, options.MaxResetsPerSecond) > options.MaxResetBurst)
            throw Calm("too many streams reset");
    }

    /// <summary>The peer broke a stream's rules, so that this side has to reset it (the "made you reset" of CVE-2025-8671).</summary>
    public void OnProvokedReset()
    {
        if (_provoked.Add(time, options.MaxResetsPerSecond) > options.MaxProvokedResetBurst)
            throw Calm("too many streams had to be reset");
    }

    /// <summary>A DATA frame came; <paramref name="empty"/> where it carries nothing.</summary>
    public void OnData(bool empty)
    {
        if (!empty)
            _emptyData = Math.Max(0, _emptyData - 1);
        else if (++_emptyData > options.MaxEmptyDataFrames)
            throw Calm("too many empty DATA frames");
    }

    /// <summary>How much waits to be sent in control frames.</summary>
    public void OnControlQueued(int bytes)
    {
        if (bytes > options.MaxQueuedControlBytes)
            throw Calm("answers to control frames are not read");
    }

    public static Http2ConnectionException Calm(string why) => new(Http2ErrorCode.EnhanceYourCalm, why);

    private void ForgiveIfSent()
    {
        if (!Volatile.Read(ref _sent))
            return;
        Volatile.Write(ref _sent, false);
        _idleControl = new Bucket(time.GetTimestamp());
        _windowUpdates = 0;
    }

    /// <summary>A count that leaks.</summary>
    private struct Bucket(long at)
    {
        private double _level;
        private long _at = at;

        public double Add(TimeProvider time, int leakPerSecond)
        {
            long now = time.GetTimestamp();
            _level = Math.Max(0, _level - (time.GetElapsedTime(_at, now).TotalSeconds * leakPerSecond)) + 1;
            _at = now;
            return _level;
        }
    }
}
