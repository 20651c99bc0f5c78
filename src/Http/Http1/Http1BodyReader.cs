using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace AotRuntime.Http;

/// <summary>How a message's end is told (RFC 9112 §6.3).</summary>
internal enum BodyFraming
{
    /// <summary>There is no body.</summary>
    None,

    /// <summary>By content-length.</summary>
    Length,

    /// <summary>By the chunked coding.</summary>
    Chunked,

    /// <summary>By the connection's end.</summary>
    UntilClose,
}

/// <summary>Who a body belongs to.</summary>
internal interface IHttp1BodyOwner : IHttp1Sink
{
    /// <summary>Called before the connection is read for the body (100-continue), and waited for.</summary>
    ValueTask BeforeReadAsync();

    /// <summary>Called when that read has ended, whatever it brought.</summary>
    void AfterRead();

    /// <summary>The body's last byte has been consumed from the connection.</summary>
    void OnBodyEnd();
}

/// <summary>
/// Reads one body off a connection. With a length the caller gets the connection's own buffers, cut at the body's end; chunked bodies are
/// decoded into a pipe, by as much as the connection has at hand each time the pipe runs empty. Used again for the connection's next body.
/// </summary>
internal sealed class Http1BodyReader(PipeReader input, int maxTrailerBytes, int maxTrailers, TimeSpan? timeout = null) : PipeReader
{
    private IHttp1BodyOwner? _owner;
    private BodyFraming _framing;
    private long _remaining;
    private Pipe? _decoded;
    private ChunkedDecoder? _decoder;
    private ReadOnlySequence<byte> _last;
    private bool _seenAll;
    private bool _ended;
    private bool _completed;
    private bool _cancelRequested;
    private bool _lent;

    /// <summary>Whether the body has been consumed from the connection to its end (decoded data may still wait to be read).</summary>
    public bool Ended => _ended;

    /// <summary>Whether a read's buffer is still in its reader's hands.</summary>
    public bool Lent => _lent;

    /// <summary>Begins the next body.</summary>
    public void Begin(IHttp1BodyOwner owner, BodyFraming framing, long length)
    {
        _owner = owner;
        _framing = framing == BodyFraming.Length && length == 0 ? BodyFraming.None : framing;
        _remaining = length;
        _seenAll = false;
        _completed = false;
        _cancelRequested = false;
        _lent = false;
        _last = default;
        _ended = _framing == BodyFraming.None;
        if (_framing == BodyFraming.Chunked)
        {
            (_decoder ??= new(maxTrailerBytes, maxTrailers)).Reset();
            if (_decoded is null)
            {
                // No thresholds: the reader itself is what fills the pipe.
                _decoded = new Pipe(new PipeOptions(pauseWriterThreshold: 0, useSynchronizationContext: false));
            }
            else
            {
                _decoded.Reader.Complete();
                _decoded.Writer.Complete();
                _decoded.Reset();
            }
        }
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        if (TryRead(out ReadResult result))
            return new(result);
        return ReadInputAsync(cancellationToken);
    }

    public override bool TryRead(out ReadResult result)
    {
        ObjectDisposedException.ThrowIf(_completed, this);
        if (_cancelRequested)
        {
            _cancelRequested = false;
            result = new ReadResult(default, isCanceled: true, isCompleted: false);
            return true;
        }
        if (_framing == BodyFraming.Chunked)
        {
            _lent = _decoded!.Reader.TryRead(out result);
            _last = result.Buffer;
            return _lent;
        }
        if (_ended)
        {
            result = new ReadResult(default, isCanceled: false, isCompleted: true);
            return true;
        }
        if (!input.TryRead(out result))
            return false;
        if (result.IsCanceled)
        {
            input.AdvanceTo(result.Buffer.Start);
            return false;
        }
        result = Cut(result);
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (_completed)
            return;
        if (_framing == BodyFraming.Chunked)
        {
            if (_lent)
                _decoded!.Reader.AdvanceTo(consumed, examined);
            _lent = false;
            return;
        }
        if (_ended || consumed.GetObject() is null)
            return;
        if (_framing == BodyFraming.Length)
            _remaining -= _last.Slice(0, consumed).Length;
        _last = default;
        _lent = false;
        // Once all of it is here, a further read has to come back at once, whatever was examined: nothing more will arrive for it.
        input.AdvanceTo(consumed, _seenAll ? consumed : examined);
        if (_framing == BodyFraming.Length && _remaining == 0)
            End();
    }

    public override void CancelPendingRead()
    {
        _cancelRequested = true;
        input.CancelPendingRead();
    }

    public override void Complete(Exception? exception = null) => _completed = true;

    /// <summary>Reads and drops what is left, at most <paramref name="limit"/> bytes. False when there is more than that.</summary>
    public async ValueTask<bool> DrainAsync(long limit, CancellationToken cancellationToken = default)
    {
        _completed = false;
        // A handler that failed may have left a read open.
        if (_lent)
            AdvanceTo(_last.Start);
        if (_framing == BodyFraming.Length && !_ended && _remaining > limit)
            return false;
        while (!_ended)
        {
            ReadResult result = await ReadAsync(cancellationToken).ConfigureAwait(false);
            limit -= result.Buffer.Length;
            AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
                break;
            if (limit < 0)
                return false;
        }
        return true;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> ReadInputAsync(CancellationToken cancellationToken)
    {
        await _owner!.BeforeReadAsync().ConfigureAwait(false);
        try
        {
            while (true)
            {
                ReadResult read = timeout is { } limit && limit != Timeout.InfiniteTimeSpan
                    ? await ReadInTimeAsync(limit, cancellationToken).ConfigureAwait(false)
                    : await input.ReadAsync(cancellationToken).ConfigureAwait(false);
                if (read.IsCanceled)
                {
                    input.AdvanceTo(read.Buffer.Start);
                    if (_cancelRequested)
                    {
                        _cancelRequested = false;
                        return new ReadResult(default, isCanceled: true, isCompleted: false);
                    }
                    // Meant for the connection, not for the body's reader.
                    continue;
                }
                if (_framing != BodyFraming.Chunked)
                    return Cut(read);
                if (Decode(read) && _decoded!.Reader.TryRead(out ReadResult decoded))
                {
                    _lent = true;
                    _last = decoded.Buffer;
                    return decoded;
                }
            }
        }
        finally
        {
            _owner.AfterRead();
        }
    }

    private async ValueTask<ReadResult> ReadInTimeAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        if (input.TryRead(out ReadResult here))
            return here;
        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(limit);
        try
        {
            return await input.ReadAsync(patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IOException("net/http: timeout reading body");
        }
    }

    /// <summary>The part of what was read that belongs to the body.</summary>
    private ReadResult Cut(ReadResult read)
    {
        ReadOnlySequence<byte> buffer = read.Buffer;
        bool completed = read.IsCompleted;
        if (_framing == BodyFraming.Length)
        {
            completed = buffer.Length >= _remaining;
            if (completed)
                buffer = buffer.Slice(0, _remaining);
            else if (read.IsCompleted)
            {
                input.AdvanceTo(buffer.Start, buffer.End);
                throw new HttpProtocolException("unexpected EOF");
            }
        }
        else if (completed && buffer.IsEmpty)
        {
            End();
        }
        _seenAll = completed;
        _last = buffer;
        _lent = true;
        return new ReadResult(buffer, isCanceled: false, completed);
    }

    /// <summary>Decodes what was read. True when the pipe has something to tell.</summary>
    private bool Decode(ReadResult read)
    {
        ReadOnlySequence<byte> buffer = read.Buffer;
        bool done;
        try
        {
            done = _decoder!.Decode(ref buffer, _decoded!.Writer, _owner!);
        }
        catch (HttpProtocolException)
        {
            input.AdvanceTo(read.Buffer.Start);
            throw;
        }
        input.AdvanceTo(buffer.Start, done ? buffer.Start : buffer.End);
        if (!done && read.IsCompleted)
            throw new HttpProtocolException("unexpected EOF");
        // Without a threshold a flush never waits.
        long written = _decoded.Writer.UnflushedBytes;
        if (done)
        {
            _decoded.Writer.Complete();
            End();
        }
        else if (written > 0)
        {
            ValueTask<FlushResult> flushed = _decoded.Writer.FlushAsync();
            if (!flushed.IsCompletedSuccessfully)
                flushed.AsTask().GetAwaiter().GetResult();
        }
        return done || written > 0;
    }

    private void End()
    {
        if (_ended)
            return;
        _ended = true;
        _owner!.OnBodyEnd();
    }
}
