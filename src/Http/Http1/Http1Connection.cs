using System.Buffers;
using System.IO.Pipelines;

namespace AotRuntime.Http;

/// <summary>
/// The server's side of one connection: reads a head, runs the handler, ends the response, again. Who may touch what: the loop in
/// <see cref="ServeAsync"/> owns the input between requests; while a handler runs, its body reader does; when the body has ended, a read
/// that only watches for the peer's end does (<see cref="_watch"/>), which the next head read, or an upgrade, takes over. <see cref="_gate"/>
/// guards these handovers. The output belongs to the handler's response until it returns, then to the loop.
/// </summary>
internal sealed class Http1Connection
{
    /// <summary>RFC 9113 §3.4.</summary>
    private static ReadOnlySpan<byte> Http2Preface => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;

    /// <summary>Answers that wait to leave together, in bytes; beyond that they leave, and wait for a slow reader.</summary>
    private const int MaxGathered = 16 * 1024;

    /// <summary>How a connection's serving ended, and so how it is closed.</summary>
    private enum End
    {
        /// <summary>All was answered: flush and close.</summary>
        Close,

        /// <summary>The peer may still be sending: it has to see the response before it sees a reset.</summary>
        Linger,

        /// <summary>The connection is lost, or was given up.</summary>
        Lost,

        /// <summary>The client speaks HTTP/2.</summary>
        Http2,
    }

    private readonly HttpRequestHandler _handler;
    private readonly CancellationToken _stopping;
    private readonly PipeReader _input;
    private readonly Http1Exchange _exchange;
    private readonly SocketSender? _sender;
    private readonly Lock _gate = new();
    private Http1Parser _parser;
    private Task<ReadResult>? _watch;
    private bool _watchAllowed;
    private bool _idle;
    private bool _draining;
    private long _deadline = long.MaxValue;

    public Http1Connection(
        TransportConnection transport, HttpRequestHandler handler, HttpServerOptions options, Http1HeadTemplate heads, CancellationToken stopping)
    {
        Heads = heads;
        Transport = transport;
        Options = options;
        _handler = handler;
        _stopping = stopping;
        _input = transport.Input;
        _sender = transport.Output as SocketSender;
        _parser = new Http1Parser(Http1Parser.Kind.Request, options.MaxRequestLineBytes, options.MaxHeaderBytes, options.MaxHeaderFields);
        _exchange = new Http1Exchange(this, options);
    }

    public TransportConnection Transport { get; }

    public HttpServerOptions Options { get; }

    /// <summary>Answers' fields.</summary>
    public Http1HeadTemplate Heads { get; }

    public bool IsStopping => _stopping.IsCancellationRequested;

    /// <summary>When the current wait for the peer ends, in milliseconds of <see cref="Environment.TickCount64"/>.</summary>
    public long Deadline => Volatile.Read(ref _deadline);

    /// <summary>Serves until the connection ends.</summary>
    public async Task RunAsync()
    {
        try
        {
            End end;
            using (_stopping.UnsafeRegister(static self => ((Http1Connection)self!).OnStopping(), this))
                end = await ServeAsync().ConfigureAwait(false);
            switch (end)
            {
                case End.Http2:
                    SetDeadline(Timeout.InfiniteTimeSpan);
                    await Http2Server.RunAsync(Transport, _handler, Options, _stopping).ConfigureAwait(false);
                    break;
                case End.Linger:
                    await LingerAsync().ConfigureAwait(false);
                    break;
                case End.Lost:
                    Abort();
                    break;
                case End.Close:
                    break;
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException || Transport.Closed.IsCancellationRequested)
        {
            // The peer is gone, or the connection was given up; there is nobody to tell.
            Abort();
        }
        finally
        {
            // The rest of a slow reader's response is waited for; whoever drains the server sets the limit to that.
            SetDeadline(Timeout.InfiniteTimeSpan);
            await Transport.DisposeAsync().ConfigureAwait(false);
        }
    }

    public void Abort()
    {
        _exchange.Abort();
        Transport.Abort();
    }

    /// <summary>The handler takes the raw connection: the watching read ends, what it found stays in the input.</summary>
    public async ValueTask DetachAsync()
    {
        Task<ReadResult>? watch;
        lock (_gate)
        {
            _watchAllowed = false;
            watch = _watch;
            _watch = null;
        }
        // From now on only the end of both directions means that the client is gone.
        Transport.Closed.UnsafeRegister(static exchange => ((Http1Exchange)exchange!).Abort(), _exchange);
        if (watch is null)
            return;
        bool cancelled = !watch.IsCompleted;
        if (cancelled)
            _input.CancelPendingRead();
        ReadResult seen = await watch.ConfigureAwait(false);
        _input.AdvanceTo(seen.Buffer.Start);
        // The watch may have ended just before it was cancelled; then the cancellation would hit the handler's first read.
        if (cancelled && !seen.IsCanceled && _input.TryRead(out seen))
            _input.AdvanceTo(seen.Buffer.Start);
    }

    /// <summary>The handler waits for more of the request's body, or has got it.</summary>
    public void OnBodyRead(bool waits)
    {
        if (!_draining)
            SetDeadline(waits ? Options.BodyTimeout : Timeout.InfiniteTimeSpan);
    }

    /// <summary>The request's body has been read to its end.</summary>
    public void OnBodyEnd() => TryWatch();

    private async Task<End> ServeAsync()
    {
        bool first = true;
        while (true)
        {
            _parser.Reset();
            _exchange.Reset();
            try
            {
                if ((first || !TryTakeHead()) && await ReadHeadAsync(first).ConfigureAwait(false) is { } ended)
                    return ended;
            }
            catch (HttpProtocolException e)
            {
                _exchange.SetError(e.StatusCode, e.Message);
                _exchange.ForbidKeepAlive();
                _exchange.WriteEnd();
                await _exchange.BodyWriter.FlushOutputAsync().ConfigureAwait(false);
                return End.Linger;
            }
            first = false;

            Exception? failure = null;
            try
            {
                ValueTask running = _handler(_exchange);
                if (!running.IsCompleted)
                {
                    SendGathered(idle: false);
                    AllowWatch();
                }
                await running.ConfigureAwait(false);
                failure = _exchange.BodyWriter.Failure;
            }
            catch (Exception e)
            {
                failure = e;
            }
            if (_watchAllowed)
            {
                lock (_gate)
                    _watchAllowed = false;
            }

            if (failure is not null && TakeFailure(failure) is { } broken)
                return broken;
            if (_exchange.Upgraded)
                return End.Linger;
            _exchange.WriteEnd();
            if (!_exchange.BodyWriter.IsWhole)
            {
                Options.OnError?.Invoke(new InvalidOperationException(
                    $"{_exchange.Method} {_exchange.Path}: the response's body is shorter than its Content-Length"));
                return End.Linger;
            }
            // Answers to pipelined requests leave together: at the latest when this connection waits, for a request or for a handler.
            if (_sender is not null && _exchange.KeepAlive && _exchange.BodyReader.Ended && _sender.Commit() < MaxGathered)
                continue;
            FlushResult flushed = await _exchange.BodyWriter.FlushOutputAsync().ConfigureAwait(false);
            if (flushed.IsCompleted)
                return End.Lost;
            if (!_exchange.KeepAlive)
                return _exchange.BodyReader.Ended ? End.Close : End.Linger;
            if (!_exchange.BodyReader.Ended && !await DrainRequestAsync().ConfigureAwait(false))
                return End.Linger;
        }
    }

    /// <summary>Reads up to the end of the head. Null when there is a request to answer, else how the connection ends.</summary>
    [System.Runtime.CompilerServices.AsyncMethodBuilder(typeof(System.Runtime.CompilerServices.PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<End?> ReadHeadAsync(bool first)
    {
        SetDeadline(first ? Options.HeaderTimeout : Options.IdleTimeout);
        lock (_gate)
            _idle = true;
        bool started = false;
        while (true)
        {
            if (!started && IsStopping)
                return End.Close;
            ReadResult read;
            if (_watch is { } watch)
            {
                _watch = null;
                if (!watch.IsCompleted)
                    BeforeWait(started);
                read = await watch.ConfigureAwait(false);
            }
            else
            {
                ValueTask<ReadResult> reading = _input.ReadAsync();
                if (!reading.IsCompleted)
                    BeforeWait(started);
                read = await reading.ConfigureAwait(false);
            }
            if (read.IsCanceled)
            {
                if (Transport.Closed.IsCancellationRequested)
                    return End.Lost;
                _input.AdvanceTo(read.Buffer.Start);
                continue;
            }
            ReadOnlySequence<byte> buffer = read.Buffer;
            if (!started && !buffer.IsEmpty)
            {
                started = true;
                lock (_gate)
                    _idle = false;
                if (!first)
                    SetDeadline(Options.HeaderTimeout);
            }
            if (first && !_parser.HasBegun && MatchPreface(buffer) is var match && match != PrefaceMatch.No)
            {
                _input.AdvanceTo(buffer.Start, match == PrefaceMatch.Whole ? buffer.Start : buffer.End);
                if (match == PrefaceMatch.Whole)
                    return End.Http2;
                if (read.IsCompleted)
                    return End.Close;
                continue;
            }

            bool complete = ParseHead(read, ref buffer);
            _input.AdvanceTo(buffer.Start, complete ? buffer.Start : buffer.End);
            if (complete)
            {
                SetDeadline(Timeout.InfiniteTimeSpan);
                return null;
            }
            if (read.IsCompleted)
                return End.Close;
        }
    }

    /// <summary>Takes a request that is here already, behind the last one. False where there is more to it: nothing is taken then.</summary>
    private bool TryTakeHead()
    {
        if (_watch is not null || IsStopping || !_input.TryRead(out ReadResult read))
            return false;
        ReadOnlySequence<byte> buffer = read.Buffer;
        if (!read.IsCanceled && ParseHead(read, ref buffer))
        {
            _input.AdvanceTo(buffer.Start);
            return true;
        }
        _parser.Reset();
        _input.AdvanceTo(read.Buffer.Start);
        return false;
    }

    /// <summary>Parses what has come of a head; whether that is all of it. Where the next request is behind it, it is worth being known again.</summary>
    private bool ParseHead(in ReadResult read, ref ReadOnlySequence<byte> buffer)
    {
        try
        {
            bool begins = !_parser.HasBegun;
            if (begins)
            {
                if (_exchange.TryRepeatHead(ref buffer))
                    return true;
                _exchange.BeginHead();
            }
            if (!_parser.Parse(ref buffer, _exchange))
                return false;
            _exchange.OnHead();
            // In one segment: what is left of that is behind the head.
            ReadOnlySpan<byte> first = read.Buffer.FirstSpan;
            if (begins && !buffer.IsEmpty && buffer.Start.GetObject() == read.Buffer.Start.GetObject())
                _exchange.KeepHead(first[..^buffer.FirstSpan.Length]);
            return true;
        }
        catch
        {
            _input.AdvanceTo(read.Buffer.Start);
            throw;
        }
    }

    private void BeforeWait(bool started)
    {
        SendGathered(idle: true);
        if (!started)
            _exchange.ReleaseMemory();
    }

    private void SendGathered(bool idle)
    {
        if (_sender is { HasCommitted: true })
            _sender.Kick(idle);
    }

    private enum PrefaceMatch { No, Part, Whole }

    private static PrefaceMatch MatchPreface(in ReadOnlySequence<byte> buffer)
    {
        if (buffer.IsEmpty || buffer.FirstSpan is [not (byte)'P', ..] or [_, not (byte)'R', ..])
            return PrefaceMatch.No;
        int length = (int)Math.Min(buffer.Length, Http2Preface.Length);
        Span<byte> begin = stackalloc byte[length];
        buffer.Slice(0, length).CopyTo(begin);
        if (!Http2Preface.StartsWith(begin))
            return PrefaceMatch.No;
        return length == Http2Preface.Length ? PrefaceMatch.Whole : PrefaceMatch.Part;
    }

    /// <summary>Turns the handler's failure into a response; null when that is done, else how the connection ends.</summary>
    private End? TakeFailure(Exception failure)
    {
        if (_exchange.IsAborted || Transport.Closed.IsCancellationRequested)
            return End.Lost;
        if (failure is not HttpProtocolException)
            Options.OnError?.Invoke(failure);
        // What was sent may arrive; the missing end tells the client that it is not all. A stream that only its end ends must be reset.
        if (_exchange.HasStarted)
            return _exchange.BodyWriter.EndIsVisible && !_exchange.Upgraded ? End.Linger : End.Lost;
        _exchange.SetError(failure is HttpProtocolException e ? e.StatusCode : 500, failure.Message);
        if (failure is HttpProtocolException)
            _exchange.ForbidKeepAlive();
        return null;
    }

    /// <summary>Reads what the handler left of the body, so that the next request can follow. False where that is too much.</summary>
    private async ValueTask<bool> DrainRequestAsync()
    {
        if (_exchange.AwaitsContinue)
            return false;
        SetDeadline(Options.HeaderTimeout);
        _draining = true;
        try
        {
            return await _exchange.BodyReader.DrainAsync(Options.MaxUnreadBodyBytes).ConfigureAwait(false);
        }
        catch (HttpProtocolException)
        {
            return false;
        }
        finally
        {
            _draining = false;
        }
    }

    /// <summary>
    /// Half-closes and reads on for a while. Closing a socket that has unread bytes resets the connection, which may destroy the response
    /// before the client has read it (RFC 9112 §9.6).
    /// </summary>
    private async ValueTask LingerAsync()
    {
        SetDeadline(Options.LingerTimeout);
        await Transport.Output.CompleteAsync().ConfigureAwait(false);
        if (_watch is { } watch)
        {
            _watch = null;
            ReadResult seen = await watch.ConfigureAwait(false);
            _input.AdvanceTo(seen.Buffer.End);
            if (seen.IsCompleted)
                return;
        }
        try
        {
            while (true)
            {
                ReadResult read = await _input.ReadAsync().ConfigureAwait(false);
                _input.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                    return;
            }
        }
        catch (InvalidOperationException) when (_exchange.Upgraded)
        {
            // The handler has completed the input, or still has a read pending: it knows best how much it wants to see.
            return;
        }
    }

    private void AllowWatch()
    {
        lock (_gate)
            _watchAllowed = !_exchange.Upgraded;
        TryWatch();
    }

    private void TryWatch()
    {
        lock (_gate)
        {
            if (_watchAllowed && _watch is null && _exchange.BodyReader.Ended)
                _watch = WatchAsync();
        }
    }

    private async Task<ReadResult> WatchAsync()
    {
        try
        {
            ReadResult read = await _input.ReadAsync().ConfigureAwait(false);
            if (read.IsCompleted)
                _exchange.Abort();
            return read;
        }
        catch (IOException)
        {
            _exchange.Abort();
            throw;
        }
    }

    private void OnStopping()
    {
        lock (_gate)
        {
            if (_idle)
                _input.CancelPendingRead();
        }
    }

    private void SetDeadline(TimeSpan wait) => Volatile.Write(
        ref _deadline, wait == Timeout.InfiniteTimeSpan ? long.MaxValue : Environment.TickCount64 + (long)wait.TotalMilliseconds);
}
