namespace AotRuntime.Http.Http2;

/// <summary>
/// What a connection does not wait for for ever: the answer to SETTINGS, the rest of a header block, a silent peer, the next request, credit
/// to send. One timer looks after all, seldom while all is well.
/// </summary>
internal sealed class Http2Timers : IDisposable
{
    /// <summary>What our PING carries.</summary>
    public static ReadOnlySpan<byte> Payload => "keepaliv"u8;

    private readonly Http2Connection _connection;
    private readonly Http2Options _options;
    private readonly TimeSpan _idleTimeout;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly long _startedAt;
    private long _receivedAt;
    private long _pingAt;        // 0 where none is out
    private long _blockAt;       // 0 where no header block is open
    private long _idleAt;        // 0 while there are requests
    private bool _settled;

    public Http2Timers(Http2Connection connection, Http2Options options, TimeSpan idleTimeout, TimeProvider time)
    {
        _connection = connection;
        _options = options;
        _idleTimeout = idleTimeout;
        _time = time;
        _startedAt = _receivedAt = _idleAt = time.GetTimestamp();
        _timer = time.CreateTimer(static self => ((Http2Timers)self!).Check(), this, NextCheck(), Timeout.InfiniteTimeSpan);
    }

    /// <summary>Octets came.</summary>
    public void OnReceived() => Volatile.Write(ref _receivedAt, _time.GetTimestamp());

    /// <summary>Our SETTINGS are acknowledged.</summary>
    public void OnSettled() => Volatile.Write(ref _settled, true);

    /// <summary>Our PING is answered.</summary>
    public void OnPong() => Volatile.Write(ref _pingAt, 0);

    /// <summary>A header block begins, or ends.</summary>
    public void OnBlock(bool open)
    {
        Volatile.Write(ref _blockAt, open ? _time.GetTimestamp() : 0);
        if (open)
            _timer.Change(NextCheck(), Timeout.InfiniteTimeSpan);
    }

    /// <summary>The connection has requests, or has none any more.</summary>
    public void OnIdle(bool idle) => Volatile.Write(ref _idleAt, idle ? _time.GetTimestamp() : 0);

    public void Dispose() => _timer.Dispose();

    private void Check()
    {
        if (!_settled && Passed(_startedAt, _options.SettingsTimeout))
        {
            _connection.EndBy(new Http2ConnectionException(Http2ErrorCode.SettingsTimeout, "SETTINGS were not acknowledged"));
            return;
        }
        if (Passed(Volatile.Read(ref _blockAt), _options.HeaderBlockTimeout))
        {
            _connection.EndBy(Http2AbuseGuard.Calm("a header block was not finished"));
            return;
        }
        long pingAt = Volatile.Read(ref _pingAt);
        if (pingAt != 0)
        {
            if (Passed(pingAt, _options.KeepAliveTimeout))
            {
                _connection.EndBy(new IOException("keepalive ping failed to receive ACK within timeout"));
                return;
            }
        }
        else if (Passed(Volatile.Read(ref _receivedAt), _options.KeepAliveInterval))
        {
            Volatile.Write(ref _pingAt, _time.GetTimestamp());
            _connection.Output.Control(Http2FrameType.Ping, Http2Flags.None, 0, Payload);
        }
        // A request that begins meanwhile has made it 0: then nothing is idle, and nothing is written over it.
        long idleAt = Volatile.Read(ref _idleAt);
        if (Passed(idleAt, _idleTimeout) && Interlocked.CompareExchange(ref _idleAt, _time.GetTimestamp(), idleAt) == idleAt)
            _connection.OnIdleTimeout();
        if (_options.SendStallTimeout != Timeout.InfiniteTimeSpan)
            _connection.ResetStalled(_options.SendStallTimeout, _time);
        try
        {
            _timer.Change(NextCheck(), Timeout.InfiniteTimeSpan);
        }
        catch (ObjectDisposedException)
        {
            // The connection ended meanwhile.
            return;
        }
    }

    /// <summary>A quarter of the shortest time that runs: none is overrun by more than that.</summary>
    private TimeSpan NextCheck()
    {
        TimeSpan least = TimeSpan.FromHours(1);
        Consider(!_settled, _options.SettingsTimeout);
        Consider(_blockAt != 0, _options.HeaderBlockTimeout);
        Consider(_pingAt != 0, _options.KeepAliveTimeout);
        Consider(true, _options.KeepAliveInterval);
        Consider(true, _idleTimeout);
        Consider(true, _options.SendStallTimeout);
        return least / 4;

        void Consider(bool runs, TimeSpan limit)
        {
            if (runs && limit != Timeout.InfiniteTimeSpan && limit < least)
                least = limit;
        }
    }

    private bool Passed(long since, TimeSpan limit) => since != 0 && limit != Timeout.InfiniteTimeSpan && _time.GetElapsedTime(since) >= limit;
}
