using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace AotRuntime.Http;

/// <summary>Who a body that is written belongs to.</summary>
internal interface IHttp1BodySource
{
    /// <summary>
    /// Called when bytes must go out and the head has not: writes the head and calls <see cref="Http1BodyWriter.Start"/>.
    /// </summary>
    void WriteHead();

    /// <summary>The peer takes no more.</summary>
    void OnPeerGone();
}

/// <summary>
/// Writes one body to a connection. Until the head is out, and for chunks, bytes gather in a buffer of its own; with a length they go
/// straight into the connection's. Used again for the connection's next body.
/// </summary>
internal sealed class Http1BodyWriter(PipeWriter output) : PipeWriter
{
    /// <summary>How much gathers before an unflushed chunk is handed to the connection.</summary>
    private const int SpillBytes = 32 * 1024;

    private const int MinBuffer = 1024;

    /// <summary>The largest buffer that is kept from one body to the next.</summary>
    private const int MaxKept = 4 * MinBuffer;

    private IHttp1BodySource? _source;
    private byte[] _buffer = [];
    private int _buffered;
    private bool _started;
    private BodyFraming _framing;
    private bool _discard;
    private long _declared;
    private bool _lent;
    private bool _peerGone;

    /// <summary>Whether the head is out.</summary>
    public bool Started => _started;

    /// <summary>Whether the peer takes no more.</summary>
    public bool PeerGone => _peerGone;

    /// <summary>Whether the response's end can be told from its being cut off.</summary>
    public bool EndIsVisible => !_started || _framing != BodyFraming.UntilClose;

    /// <summary>Bytes gathered before the head.</summary>
    public int Buffered => _buffered;

    /// <summary>Bytes of the body so far.</summary>
    public long Written { get; private set; }

    /// <summary>Whether the writer was completed.</summary>
    public bool Completed { get; private set; }

    /// <summary>What the writer was completed with.</summary>
    public Exception? Failure { get; private set; }

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _buffered + (_started ? output.UnflushedBytes : 0);

    /// <summary>Begins the next body.</summary>
    public void Begin(IHttp1BodySource source)
    {
        _source = source;
        _buffered = 0;
        _started = false;
        _framing = BodyFraming.None;
        _discard = false;
        _declared = 0;
        _lent = false;
        Written = 0;
        Completed = false;
        Failure = null;
    }

    /// <summary>The head is out; from here on the body is framed so. <paramref name="discard"/> where none may be sent (HEAD, 204, 304).</summary>
    public void Start(BodyFraming framing, long declaredLength = 0, bool discard = false)
    {
        _started = true;
        _framing = framing;
        _declared = declaredLength;
        _discard = discard;
    }

    /// <summary>Drops what was gathered before the head.</summary>
    public void DropBuffered()
    {
        Written -= _buffered;
        _buffered = 0;
    }

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (PassesThrough)
        {
            _lent = true;
            return output.GetMemory(sizeHint);
        }
        EnsureRoom(sizeHint);
        return _buffer.AsMemory(_buffered);
    }

    public override Span<byte> GetSpan(int sizeHint = 0)
    {
        if (PassesThrough)
        {
            _lent = true;
            return output.GetSpan(sizeHint);
        }
        EnsureRoom(sizeHint);
        return _buffer.AsSpan(_buffered);
    }

    public override void Advance(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        Count(bytes);
        if (_lent)
        {
            _lent = false;
            output.Advance(bytes);
            return;
        }
        if (bytes > _buffer.Length - _buffered)
            throw new InvalidOperationException("More bytes were written than there was room for.");
        _buffered += bytes;
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        if (!_started)
            _source!.WriteHead();
        Spill();
        return FlushOutputAsync(cancellationToken);
    }

    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        if (!_started || source.Length < SpillBytes / 8)
        {
            this.Write(source.Span);
            return FlushAsync(cancellationToken);
        }
        ThrowIfCompleted();
        if (PassesThrough)
        {
            // A large piece need not be copied at all.
            ThrowIfPeerGone();
            Spill();
            Count(source.Length);
            return FlushedAsync(output.WriteAsync(source, cancellationToken));
        }
        // A large piece goes out as a chunk of its own, copied once.
        Spill();
        Count(source.Length);
        if (!_discard)
            Frame(source.Span);
        return FlushOutputAsync(cancellationToken);
    }

    public override void CancelPendingFlush() => output.CancelPendingFlush();

    public override void Complete(Exception? exception = null)
    {
        Completed = true;
        Failure ??= exception;
    }

    /// <summary>Writes what is gathered and, for chunks, the end with its trailers, into the connection's buffer.</summary>
    public void WriteEnd(HttpHeaders trailers)
    {
        Spill();
        if (_framing == BodyFraming.Chunked && !_discard)
        {
            output.Write("0\r\n"u8);
            Http1HeadWriter.WriteFields(output, trailers);
            output.Write("\r\n"u8);
        }
        // A small one stays for the answers that follow at once; see ReleaseMemory.
        if (_buffer.Length > MaxKept)
            Abandon();
    }

    /// <summary>Whether as much was written as was declared.</summary>
    public bool IsWhole => _discard || _framing != BodyFraming.Length || Written == _declared;

    /// <summary>Gives the buffer back, without sending what may be in it: where the body is given up, or no other follows soon.</summary>
    public void Abandon()
    {
        _buffered = 0;
        if (_buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    /// <summary>Sends what the connection's buffer holds.</summary>
    public ValueTask<FlushResult> FlushOutputAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfPeerGone();
        return FlushedAsync(output.FlushAsync(cancellationToken));
    }

    /// <summary>Once, a flush comes back completed, as a pipe's does; a writer that goes on regardless has to be stopped.</summary>
    private void ThrowIfPeerGone()
    {
        if (_peerGone)
            throw new IOException("write: broken pipe");
    }

    private ValueTask<FlushResult> FlushedAsync(ValueTask<FlushResult> flush)
    {
        if (!flush.IsCompletedSuccessfully)
            return WaitAsync(flush);
        FlushResult result = flush.Result;
        if (result.IsCompleted)
            LosePeer();
        return new(result);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<FlushResult> WaitAsync(ValueTask<FlushResult> flush)
    {
        FlushResult result = await flush.ConfigureAwait(false);
        if (result.IsCompleted)
            LosePeer();
        return result;
    }

    private void LosePeer()
    {
        _peerGone = true;
        _source!.OnPeerGone();
    }

    private bool PassesThrough => _started && !_discard && (_framing == BodyFraming.Length || _framing == BodyFraming.UntilClose);

    private void Count(int bytes)
    {
        Written += bytes;
        if (_started && _framing == BodyFraming.Length && !_discard && Written > _declared)
            throw new InvalidOperationException("http: wrote more than the declared Content-Length");
    }

    private void EnsureRoom(int sizeHint)
    {
        ThrowIfCompleted();
        if (_started && _buffered >= SpillBytes)
            Spill();
        int wanted = Math.Max(sizeHint, 1);
        if (_buffer.Length - _buffered >= wanted)
            return;
        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(Math.Max(_buffer.Length * 2, MinBuffer), _buffered + wanted));
        _buffer.AsSpan(0, _buffered).CopyTo(larger);
        if (_buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }

    private void Spill()
    {
        if (_buffered == 0 || !_started)
            return;
        if (!_discard)
            Frame(_buffer.AsSpan(0, _buffered));
        _buffered = 0;
    }

    private void Frame(ReadOnlySpan<byte> bytes)
    {
        if (_framing != BodyFraming.Chunked)
        {
            output.Write(bytes);
            return;
        }
        Span<byte> size = output.GetSpan(18);
        ((uint)bytes.Length).TryFormat(size, out int digits, "x", CultureInfo.InvariantCulture);
        size[digits] = (byte)'\r';
        size[digits + 1] = (byte)'\n';
        output.Advance(digits + 2);
        output.Write(bytes);
        output.Write("\r\n"u8);
    }

    private void ThrowIfCompleted()
    {
        if (Completed)
            throw new InvalidOperationException("Writing is not allowed after the writer was completed.");
    }
}
