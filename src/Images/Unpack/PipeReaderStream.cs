using System.Buffers;
using System.IO.Pipelines;

namespace AotRuntime.Images;

/// <summary>
/// A pipe as a stream for the decompressors, which pull. Reading blocks: it runs on a thread of its own, never on the pool's, so that a slow
/// registry holds no one else up.
/// </summary>
internal sealed class PipeReaderStream(PipeReader reader, Action<long>? progress, CancellationToken cancellationToken) : Stream
{
    private ReadOnlySequence<byte> _buffer;
    private SequencePosition _end;
    private bool _held;
    private bool _completed;

    /// <summary>Bytes taken so far.</summary>
    public long Taken { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override int Read(Span<byte> buffer)
    {
        while (_buffer.IsEmpty)
        {
            if (!More())
                return 0;
        }
        // Of the whole, not of the first segment: that one may be empty, and no bytes would mean the end.
        int count = (int)Math.Min(_buffer.Length, buffer.Length);
        _buffer.Slice(0, count).CopyTo(buffer);
        _buffer = _buffer.Slice(count);
        Taken += count;
        return count;
    }

    /// <summary>The first bytes, up to <paramref name="target"/>'s length, without taking them.</summary>
    public int Peek(Span<byte> target)
    {
        while (_buffer.Length < target.Length && !_completed)
        {
            if (_held)
            {
                // Too few: ask for more without giving any back.
                reader.AdvanceTo(_buffer.Start, _end);
                _held = false;
            }
            if (!More())
                break;
        }
        int count = (int)Math.Min(_buffer.Length, target.Length);
        _buffer.Slice(0, count).CopyTo(target);
        return count;
    }

    private bool More()
    {
        if (_held)
        {
            reader.AdvanceTo(_end);
            _held = false;
            progress?.Invoke(Taken);
        }
        if (_completed)
            return false;
        ValueTask<ReadResult> read = reader.ReadAsync(cancellationToken);
        ReadResult result = read.IsCompleted ? read.Result : read.AsTask().GetAwaiter().GetResult();
        if (result.IsCanceled)
            throw new OperationCanceledException(cancellationToken);
        _buffer = result.Buffer;
        _end = result.Buffer.End;
        _held = true;
        _completed = result.IsCompleted;
        return !_buffer.IsEmpty || !_completed;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
