using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace AotRuntime.Http.Http2;

/// <summary>Reads a body and gives the peer credit for what was looked at (not only for what was consumed: a message larger than the window must be able to arrive).</summary>
internal sealed class Http2BodyReader(Http2Stream stream, PipeReader inner) : PipeReader
{
    private ReadOnlySequence<byte> _buffer;
    private long _credited; // octets at the head of the pipe that were looked at before
    private bool _completed;

    public override bool TryRead(out ReadResult result)
    {
        if (!inner.TryRead(out result))
            return false;
        _buffer = result.Buffer;
        return true;
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        ValueTask<ReadResult> read = inner.ReadAsync(cancellationToken);
        if (!read.IsCompletedSuccessfully)
            return AwaitAsync(read);
        ReadResult result = read.Result;
        _buffer = result.Buffer;
        return new(result);
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        long start = _buffer.GetOffset(_buffer.Start);
        long consumedLength = _buffer.GetOffset(consumed) - start;
        long examinedLength = Math.Max(_buffer.GetOffset(examined) - start, consumedLength);
        inner.AdvanceTo(consumed, examined);
        _buffer = default;
        long fresh = examinedLength - _credited;
        _credited = Math.Max(examinedLength, _credited) - consumedLength;
        if (fresh > 0)
            stream.Credit(fresh);
    }

    public override void CancelPendingRead() => inner.CancelPendingRead();

    public override void Complete(Exception? exception = null) => stream.DiscardReceive();

    /// <summary>Frees the pipe.</summary>
    public void CompleteInner()
    {
        if (_completed)
            return;
        _completed = true;
        inner.Complete();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> AwaitAsync(ValueTask<ReadResult> read)
    {
        ReadResult result = await read.ConfigureAwait(false);
        _buffer = result.Buffer;
        return result;
    }
}

/// <summary>Writes a body; a flush makes the connection's writer look at the stream.</summary>
internal sealed class Http2BodyWriter(Http2Stream stream, PipeWriter inner) : PipeWriter
{
    /// <summary>Called before the first flush, to send the fields first.</summary>
    public Action? BeforeFlush { get; set; }

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => inner.UnflushedBytes;

    public override void Advance(int bytes) => inner.Advance(bytes);

    public override Memory<byte> GetMemory(int sizeHint = 0) => inner.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => inner.GetSpan(sizeHint);

    public override void CancelPendingFlush() => inner.CancelPendingFlush();

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        BeforeFlush?.Invoke();
        ValueTask<FlushResult> flush = inner.FlushAsync(cancellationToken);
        stream.Connection.Output.Schedule(stream);
        return flush;
    }

    /// <summary>The end of the body is told by the exchange or the request, which know the trailers.</summary>
    public override void Complete(Exception? exception = null)
    {
    }

    /// <summary>Ends the pipe.</summary>
    public void CompleteInner() => inner.Complete();
}
