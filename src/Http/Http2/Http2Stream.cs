using System.Buffers;
using System.IO.Pipelines;
using AotRuntime.Http.Http2.Hpack;

namespace AotRuntime.Http.Http2;

/// <summary>One stream (RFC 9113 §5), of a server or a client.</summary>
/// <remarks>
/// Who may touch what: fields marked G under <see cref="Http2Connection.Gate"/>; R by the read loop; W by the writer loop; A by the
/// application (a server's handler, a client's caller), which hands its part over by <see cref="Http2Output.Schedule"/>.
/// </remarks>
internal sealed class Http2Stream(Http2Connection connection)
{
    /// <summary>The longest body that is kept without a pipe.</summary>
    private const int MaxFirst = 16 * 1024;

    private static readonly PipeOptions s_receiveOptions = new(pauseWriterThreshold: 0, resumeWriterThreshold: 0, useSynchronizationContext: false);

    private readonly Lock _receiveGate = new();
    private HttpHeaders? _receivedTrailers;
    private Pipe? _receive;       // _receiveGate
    private byte[] _first = [];   // _receiveGate; what came first, while there is no pipe: a short body needs none
    private int _firstLength;     // _receiveGate
    private bool _receiveEnded;   // _receiveGate; the peer's END_STREAM, a reset, or a reader that lost interest
    private Exception? _receiveError; // _receiveGate
    private Http2BodyReader? _reader; // A
    private PipeWriter? _writer;  // A
    private int _receiveWindow = connection.Options.StreamWindow; // Interlocked; what the peer may still send
    private int _uncredited;      // Interlocked; what was read but not yet told by WINDOW_UPDATE
    private int _window = connection.Options.StreamWindow; // A; what the peer may send when it has all its credit
    private long _creditedAt = connection.Time.GetTimestamp(); // A
    private CancellationTokenSource? _aborted; // G

    public Http2Connection Connection { get; } = connection;

    /// <summary>G: 0 until a client's stream is put on the wire.</summary>
    public int Id { get; set; }

    /// <summary>G: what the peer takes.</summary>
    public long SendWindow { get; set; }

    /// <summary>G: since when data has waited for the peer's credit, as a timestamp; 0 where none does.</summary>
    public long StalledSince { get; set; }

    /// <summary>G: waits in the writer's queue.</summary>
    public bool Queued { get; set; }

    /// <summary>G: this side sends no more (END_STREAM sent, or reset).</summary>
    public bool LocalClosed { get; set; }

    /// <summary>G: the peer sends no more.</summary>
    public bool RemoteClosed { get; set; }

    /// <summary>G: why the stream ended before its time.</summary>
    public Http2StreamException? Error { get; private set; }

    /// <summary>A, then W: the fields to begin with, names in lower case; null until they are ready.</summary>
    public List<HpackField>? Head { get; set; }

    /// <summary>W.</summary>
    public bool HeadSent { get; set; }

    /// <summary>A, then W: fields to end with; null for none.</summary>
    public List<HpackField>? SendTrailers { get; set; }

    /// <summary>A, then W: nothing follows what is in the pipe, and <see cref="SendTrailers"/> is final.</summary>
    public bool SendDone { get; set; }

    /// <summary>A, then W: the body to send; null where there is none, or it is whole.</summary>
    public Pipe? Send { get; private set; }

    /// <summary>A, then W: a body that was never flushed, once <see cref="SendDone"/> is set; what is left of it.</summary>
    public ReadOnlyMemory<byte> SendWhole { get; set; }

    /// <summary>W: the send pipe's reader was completed.</summary>
    public bool SendDropped { get; set; }

    /// <summary>R: the content-length told.</summary>
    public long? ExpectedLength { get; set; }

    /// <summary>R.</summary>
    public long ReceivedLength { get; set; }

    /// <summary>What the role keeps for this stream: the server's exchange, the client's response.</summary>
    public object? Owner { get; set; }

    /// <summary>R: the owner's list for fields after the body.</summary>
    public HttpHeaders ReceivedTrailers => _receivedTrailers ?? Interlocked.CompareExchange(ref _receivedTrailers, new(), null) ?? _receivedTrailers;

    /// <summary>A: the body that comes.</summary>
    public PipeReader Reader => _reader ??= OpenReader();

    /// <summary>A: the body that goes.</summary>
    public PipeWriter Writer
    {
        get
        {
            _writer ??= new Http2BodyWriter(this);
            return _writer;
        }
    }

    /// <summary>A: for a body that does not go as a whole.</summary>
    public PipeWriter OpenSend() => (Send = new Pipe(Connection.Options.SendPipe)).Writer;

    /// <summary>Whether <see cref="Writer"/> was asked for.</summary>
    public bool HasWriter => _writer is not null;

    /// <summary>Cancelled when the stream is reset or its connection lost.</summary>
    public CancellationToken Aborted
    {
        get
        {
            lock (Connection.Gate)
            {
                if (Error is not null)
                    return new CancellationToken(canceled: true);
                return (_aborted ??= new CancellationTokenSource()).Token;
            }
        }
    }

    /// <summary>R: the peer's part ends with its head. Before anybody else knows the stream.</summary>
    public void BeginEnded() => _receiveEnded = RemoteClosed = true;

    /// <summary>R: takes <paramref name="length"/> body octets that are to come from the window; padding counts, too (RFC 9113 §6.1).</summary>
    /// <returns>False where the peer overran the window.</returns>
    public bool TryReceive(int length, int padding)
    {
        if (Interlocked.Add(ref _receiveWindow, -length - padding) < 0)
            return false;
        ReceivedLength += length;
        if (padding > 0)
            Interlocked.Add(ref _uncredited, padding); // told with what the reader takes
        return true;
    }

    /// <summary>R: body octets.</summary>
    public void Receive(in ReadOnlySequence<byte> data)
    {
        lock (_receiveGate)
        {
            if (_receiveEnded)
                return;
            if (_receive is null && _firstLength == 0 && data.Length <= MaxFirst)
            {
                _first = ArrayPool<byte>.Shared.Rent((int)data.Length);
                data.CopyTo(_first);
                _firstLength = (int)data.Length;
                return;
            }
            PipeWriter writer = OpenReceivePipe().Writer;
            foreach (ReadOnlyMemory<byte> segment in data)
            {
                // In one piece, rather than in as many as the pipe would make of it.
                segment.Span.CopyTo(writer.GetSpan(segment.Length));
                writer.Advance(segment.Length);
            }
            // Never waits: the pipe has no threshold, since the window bounds what is in it.
            _ = writer.FlushAsync(CancellationToken.None);
        }
    }

    /// <summary>The peer's part has ended: well, or by <paramref name="error"/>.</summary>
    public void EndReceive(Exception? error)
    {
        lock (_receiveGate)
        {
            if (_receiveEnded)
                return;
            _receiveEnded = true;
            _receiveError = error;
            _receive?.Writer.Complete(error);
        }
    }

    /// <summary>A: the reader wants no more; what still comes is dropped.</summary>
    public void DiscardReceive()
    {
        lock (_receiveGate)
        {
            if (!_receiveEnded)
            {
                _receiveEnded = true;
                _receive?.Writer.Complete();
            }
            if (_reader is null && _receive is null)
            {
                GiveFirstBack();
                return;
            }
        }
        ((Http2BodyReader)Reader).CompleteInner();
    }

    /// <summary>A: tells the peer that <paramref name="octets"/> more may come, when enough have added up; even more, where that would help.</summary>
    public void Credit(long octets)
    {
        int sum = Interlocked.Add(ref _uncredited, (int)octets);
        if (sum < _window / 2 || Volatile.Read(ref _receiveEnded))
            return;
        sum = Interlocked.Exchange(ref _uncredited, 0);
        if (sum == 0)
            return;
        int window = Connection.RoundTrip.Tune(_window, Connection.Options.MaxStreamWindow, _creditedAt);
        sum += window - _window;
        _window = window;
        _creditedAt = Connection.Time.GetTimestamp();
        Interlocked.Add(ref _receiveWindow, sum);
        Connection.Output.WindowUpdate(Id, sum);
        Connection.MeasureRoundTrip();
    }

    /// <summary>G: marks the stream ended by <paramref name="error"/>; the source to cancel, if any.</summary>
    public CancellationTokenSource? Fail(Http2StreamException error)
    {
        Error ??= error;
        LocalClosed = RemoteClosed = true;
        return _aborted;
    }

    private Http2BodyReader OpenReader()
    {
        lock (_receiveGate)
        {
            if (_receive is null && _receiveEnded && _receiveError is null)
                return new Http2BodyReader(this, _first, _firstLength);
            return new Http2BodyReader(this, OpenReceivePipe().Reader);
        }
    }

    private Pipe OpenReceivePipe()
    {
        if (_receive is not null)
            return _receive;
        _receive = NewReceivePipe();
        if (_firstLength > 0)
        {
            _receive.Writer.Write(_first.AsSpan(0, _firstLength));
            _ = _receive.Writer.FlushAsync(CancellationToken.None);
            GiveFirstBack();
        }
        if (_receiveEnded)
            _receive.Writer.Complete(_receiveError);
        return _receive;
    }

    private void GiveFirstBack()
    {
        if (_first.Length > 0)
            ArrayPool<byte>.Shared.Return(_first);
        _first = [];
        _firstLength = 0;
    }

    private static Pipe NewReceivePipe() => new(s_receiveOptions);
}
