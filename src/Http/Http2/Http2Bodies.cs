using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace AotRuntime.Http.Http2;

/// <summary>
/// Reads a body and gives the peer credit for what was looked at (not only for what was consumed: a message larger than the window must be able
/// to arrive). A short body that was whole before it was asked for comes from its buffer.
/// </summary>
internal sealed class Http2BodyReader : PipeReader
{
    private readonly Http2Stream _stream;
    private readonly PipeReader? _inner;
    private readonly byte[] _whole = [];
    private ReadOnlySequence<byte> _buffer;
    private ReadOnlySequence<byte> _rest; // of the whole
    private long _credited; // octets at the head of the pipe that were looked at before
    private bool _cancelled;
    private bool _completed;

    public Http2BodyReader(Http2Stream stream, PipeReader inner)
    {
        _stream = stream;
        _inner = inner;
    }

    /// <summary>Reads a buffer, rented, of which it becomes the owner.</summary>
    public Http2BodyReader(Http2Stream stream, byte[] whole, int length)
    {
        _stream = stream;
        _whole = whole;
        _rest = new(whole, 0, length);
    }

    public override bool TryRead(out ReadResult result)
    {
        if (_inner is null)
        {
            result = ReadWhole();
            return true;
        }
        if (!_inner.TryRead(out result))
            return false;
        _buffer = result.Buffer;
        return true;
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<ReadResult>(cancellationToken);
        if (_inner is null)
            return new(ReadWhole());
        ValueTask<ReadResult> read = _inner.ReadAsync(cancellationToken);
        if (!read.IsCompletedSuccessfully)
            return AwaitAsync(read);
        ReadResult result = read.Result;
        _buffer = result.Buffer;
        return new(result);
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (_inner is null)
        {
            if (!_completed)
                _rest = _rest.Slice(consumed);
            return; // its end has come: the peer needs no credit
        }
        long start = _buffer.GetOffset(_buffer.Start);
        long consumedLength = _buffer.GetOffset(consumed) - start;
        long examinedLength = Math.Max(_buffer.GetOffset(examined) - start, consumedLength);
        _inner.AdvanceTo(consumed, examined);
        _buffer = default;
        long fresh = examinedLength - _credited;
        _credited = Math.Max(examinedLength, _credited) - consumedLength;
        if (fresh > 0)
            _stream.Credit(fresh);
    }

    public override void CancelPendingRead()
    {
        if (_inner is null)
            _cancelled = true;
        else
            _inner.CancelPendingRead();
    }

    public override void Complete(Exception? exception = null) => _stream.DiscardReceive();

    /// <summary>Frees the pipe, or the buffer.</summary>
    public void CompleteInner()
    {
        if (_completed)
            return;
        _completed = true;
        _inner?.Complete();
        _rest = default;
        if (_whole.Length > 0)
            ArrayPool<byte>.Shared.Return(_whole);
    }

    private ReadResult ReadWhole()
    {
        if (_completed)
            throw new InvalidOperationException("Reading is not allowed after the reader was completed.");
        bool cancelled = _cancelled;
        _cancelled = false;
        return new ReadResult(_rest, cancelled, isCompleted: true);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> AwaitAsync(ValueTask<ReadResult> read)
    {
        ReadResult result = await read.ConfigureAwait(false);
        _buffer = result.Buffer;
        return result;
    }
}

/// <summary>
/// Writes a body. A short one that is never flushed is gathered and handed over whole; a flush, or much to gather, opens the stream's pipe, and
/// makes the connection's writer look at the stream.
/// </summary>
internal sealed class Http2BodyWriter(Http2Stream stream) : PipeWriter
{
    private const int MinBuffer = 256;

    /// <summary>What is gathered at most.</summary>
    private const int MaxGathered = 16 * 1024;

    private byte[] _gathered = [];
    private int _length;
    private PipeWriter? _pipe;
    private bool _completed;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _length + (_pipe?.UnflushedBytes ?? 0);

    public override void Advance(int bytes)
    {
        if (_pipe is not null)
        {
            _pipe.Advance(bytes);
            return;
        }
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)bytes, (uint)(_gathered.Length - _length));
        _length += bytes;
    }

    public override Memory<byte> GetMemory(int sizeHint = 0) => Gathers(sizeHint) ? _gathered.AsMemory(_length) : OpenPipe().GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => Gathers(sizeHint) ? _gathered.AsSpan(_length) : OpenPipe().GetSpan(sizeHint);

    public override void CancelPendingFlush() => _pipe?.CancelPendingFlush();

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        (stream.Owner as Http2ServerExchange)?.Start(); // an answer's fields come first
        ValueTask<FlushResult> flush = OpenPipe().FlushAsync(cancellationToken);
        stream.Connection.Output.Schedule(stream);
        return flush;
    }

    /// <summary>The end of the body is told by the exchange or the request, which know the trailers.</summary>
    public override void Complete(Exception? exception = null)
    {
    }

    /// <summary>Ends the body, before the stream is marked as done.</summary>
    public void CompleteInner()
    {
        if (_completed)
            return;
        _completed = true;
        if (_pipe is not null)
            _pipe.Complete();
        else
            stream.SendWhole = _gathered.AsMemory(0, _length);
    }

    /// <summary>Whether there is room, or can be, without the pipe.</summary>
    private bool Gathers(int sizeHint)
    {
        if (_pipe is not null)
            return false;
        ObjectDisposedException.ThrowIf(_completed, this);
        int wanted = Math.Max(sizeHint, 1);
        if (_gathered.Length - _length >= wanted)
            return true;
        if (_length + wanted > MaxGathered)
            return false;
        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(Math.Max(MinBuffer, _gathered.Length * 2), _length + wanted));
        _gathered.AsSpan(0, _length).CopyTo(larger);
        GiveBack();
        _gathered = larger;
        return true;
    }

    private PipeWriter OpenPipe()
    {
        if (_pipe is not null)
            return _pipe;
        ObjectDisposedException.ThrowIf(_completed, this);
        _pipe = stream.OpenSend();
        _pipe.Write(_gathered.AsSpan(0, _length));
        GiveBack();
        return _pipe;
    }

    private void GiveBack()
    {
        if (_gathered.Length > 0)
            ArrayPool<byte>.Shared.Return(_gathered);
        _gathered = [];
        if (_pipe is not null)
            _length = 0;
    }
}
