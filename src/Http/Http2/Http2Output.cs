using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Runtime.InteropServices;
using AotRuntime.Http.Http2.Hpack;

namespace AotRuntime.Http.Http2;

/// <summary>
/// The one writer of a connection. Anyone may queue control frames and streams; a single loop turns them into frames, so that header
/// blocks are coded in the order they are sent, and flushes once for all that was there.
/// </summary>
internal sealed class Http2Output(Http2Connection connection, PipeWriter output, Http2AbuseGuard guard)
{
    /// <summary>What one stream may send before the next has its turn.</summary>
    private const int StreamQuantum = 64 * 1024;

    /// <summary>What is written before a flush.</summary>
    private const int PassQuantum = 256 * 1024;

    private readonly Lock _gate = connection.Gate;
    private readonly AsyncSignal _work = new();
    private readonly ArrayBufferWriter<byte> _control = new(256);   // G
    private readonly Queue<Http2Stream> _ready = new();             // G
    private readonly List<Http2Stream> _starved = [];               // G; wait for the connection's window
    private long _sendWindow = Http2Frame.DefaultWindow;            // G
    private long _peerInitialWindow = Http2Frame.DefaultWindow;     // G
    private int _peerMaxFrame = Http2Frame.DefaultMaxFrameSize;     // G
    private uint _peerHeaderTable = HpackEncoder.DefaultTableSize;  // G
    private bool _closing;                                          // G
    private bool _ended;                                            // G

    private readonly HpackEncoder _encoder = new();                 // writer loop
    private readonly ArrayBufferWriter<byte> _block = new(512);     // writer loop
    private readonly List<Http2Stream> _batch = [];                 // writer loop

    /// <summary>G: a new stream's send window.</summary>
    public long InitialSendWindow => _peerInitialWindow;

    /// <summary>How much waits to be sent in control frames, or did a moment ago.</summary>
    public int QueuedControl => _control.WrittenCount;

    /// <summary>Makes the loop look at a stream.</summary>
    public void Schedule(Http2Stream stream)
    {
        lock (_gate)
            ScheduleLocked(stream);
    }

    /// <summary>G: see <see cref="Schedule"/>.</summary>
    public void ScheduleLocked(Http2Stream stream)
    {
        if (_ended)
        {
            DropBody(stream);
            connection.OnUnsentLocked(stream);
            return;
        }
        if (stream.Queued)
            return;
        stream.Queued = true;
        _ready.Enqueue(stream);
        _work.Set();
    }

    public void WindowUpdate(int streamId, int increment)
    {
        Span<byte> payload = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(payload, increment);
        Control(Http2FrameType.WindowUpdate, Http2Flags.None, streamId, payload);
    }

    public void Reset(int streamId, Http2ErrorCode code)
    {
        Span<byte> payload = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(payload, (uint)code);
        Control(Http2FrameType.RstStream, Http2Flags.None, streamId, payload);
    }

    public void GoAway(int lastStreamId, Http2ErrorCode code, string why)
    {
        byte[] payload = new byte[8 + why.Length];
        BinaryPrimitives.WriteInt32BigEndian(payload, lastStreamId);
        BinaryPrimitives.WriteUInt32BigEndian(payload.AsSpan(4), (uint)code);
        System.Text.Encoding.Latin1.GetBytes(why, payload.AsSpan(8));
        Control(Http2FrameType.GoAway, Http2Flags.None, 0, payload);
    }

    /// <summary>Queues a control frame; how much is queued by now.</summary>
    public int Control(Http2FrameType type, Http2Flags flags, int streamId, ReadOnlySpan<byte> payload)
    {
        lock (_gate)
        {
            if (_ended)
                return 0;
            new Http2Frame(payload.Length, type, flags, streamId).Write(_control);
            _control.Write(payload);
            _work.Set();
            return _control.WrittenCount;
        }
    }

    /// <summary>Queues what comes before all frames (the client's preface).</summary>
    public void Raw(ReadOnlySpan<byte> octets)
    {
        lock (_gate)
            _control.Write(octets);
    }

    /// <summary>R: the peer takes more on a stream, or (null) on the connection. False where its window would be too large (§6.9.1).</summary>
    public bool OnWindowUpdate(Http2Stream? stream, int increment)
    {
        lock (_gate)
        {
            if (stream is not null)
            {
                stream.SendWindow += increment;
                ScheduleLocked(stream);
                return stream.SendWindow <= int.MaxValue;
            }
            _sendWindow += increment;
            foreach (Http2Stream starved in _starved)
                ScheduleLocked(starved);
            _starved.Clear();
            return _sendWindow <= int.MaxValue;
        }
    }

    /// <summary>G: the peer's settings that matter for sending.</summary>
    public void ApplySetting(Http2Setting setting, uint value, IEnumerable<Http2Stream> streams)
    {
        switch (setting)
        {
            case Http2Setting.HeaderTableSize:
                _peerHeaderTable = value;
                break;
            case Http2Setting.MaxFrameSize:
                if (value is < Http2Frame.DefaultMaxFrameSize or > 0xFFFFFF)
                    throw new Http2ConnectionException(Http2ErrorCode.ProtocolError, "SETTINGS_MAX_FRAME_SIZE out of range");
                _peerMaxFrame = (int)Math.Min(value, connection.Options.MaxSentFrameSize);
                break;
            case Http2Setting.InitialWindowSize:
                if (value > int.MaxValue)
                    throw new Http2ConnectionException(Http2ErrorCode.FlowControlError, "SETTINGS_INITIAL_WINDOW_SIZE out of range");
                long change = value - _peerInitialWindow;
                _peerInitialWindow = value;
                foreach (Http2Stream stream in streams)
                {
                    stream.SendWindow += change; // may become negative (§6.9.2)
                    if (stream.SendWindow > int.MaxValue)
                        throw new Http2ConnectionException(Http2ErrorCode.FlowControlError, "SETTINGS_INITIAL_WINDOW_SIZE overflows a window");
                    if (stream.SendWindow > 0)
                        ScheduleLocked(stream);
                }
                break;
            default:
                break;
        }
    }

    /// <summary>Ends the loop once what is queued by now has been written.</summary>
    public void Close()
    {
        lock (_gate)
            _closing = true;
        _work.Set();
    }

    /// <summary>The loop; it ends by <see cref="Close"/> or (false) when the transport does.</summary>
    public async Task<bool> RunAsync()
    {
        try
        {
            while (true)
            {
                (bool wrote, bool more) = WritePass();
                if (wrote)
                {
                    FlushResult result = await output.FlushAsync().ConfigureAwait(false);
                    if (result.IsCompleted || result.IsCanceled)
                        return false;
                }
                if (more)
                    continue;
                lock (_gate)
                {
                    if (_closing && _control.WrittenCount == 0 && _ready.Count == 0)
                        return true;
                }
                await _work.WaitAsync().ConfigureAwait(false);
            }
        }
        finally
        {
            lock (_gate)
            {
                _ended = true;
                while (_ready.TryDequeue(out Http2Stream? stream))
                {
                    DropBody(stream);
                    connection.OnUnsentLocked(stream);
                }
                foreach (Http2Stream stream in _batch)
                {
                    DropBody(stream);
                    connection.OnUnsentLocked(stream);
                }
                foreach (Http2Stream stream in _starved)
                    DropBody(stream);
                foreach (Http2Stream stream in connection.StreamsLocked)
                    DropBody(stream);
            }
        }
    }

    private (bool Wrote, bool More) WritePass()
    {
        bool wrote;
        lock (_gate)
        {
            wrote = _control.WrittenCount > 0;
            output.Write(_control.WrittenSpan);
            _control.ResetWrittenCount();
            _encoder.SetMaxTableSize(_peerHeaderTable);
            while (_ready.TryDequeue(out Http2Stream? stream))
            {
                stream.Queued = false;
                _batch.Add(stream);
            }
        }
        long total = 0;
        int done = 0;
        while (done < _batch.Count && total < PassQuantum)
            total += WriteStream(_batch[done++]);
        bool more = done < _batch.Count;
        if (more)
        {
            lock (_gate)
            {
                for (int i = done; i < _batch.Count; i++)
                    ScheduleLocked(_batch[i]);
            }
        }
        _batch.Clear();
        if (total > 0)
            guard.OnSent();
        return (wrote || total > 0, more);
    }

    /// <summary>Writes what a stream has and may send; how many octets that were.</summary>
    private int WriteStream(Http2Stream stream)
    {
        bool sendHead = false;
        bool done;
        lock (_gate)
        {
            if (stream.LocalClosed)
            {
                DropBody(stream);
                return 0;
            }
            if (!stream.HeadSent)
            {
                if (stream.Head is null || !connection.TryOpenLocked(stream))
                    return 0;
                stream.HeadSent = sendHead = true;
            }
            done = stream.SendDone;
        }

        ReadOnlySequence<byte> data = default;
        bool read = false;
        bool bodyEnds = done;
        PipeReader? body = stream.SendDropped ? null : stream.Send?.Reader;
        if (body is not null)
        {
            read = body.TryRead(out ReadResult result);
            data = read ? result.Buffer : default;
            bodyEnds = done && read && result.IsCompleted;
        }
        bool whole = body is null && done && !stream.SendDropped && !stream.SendWhole.IsEmpty;
        if (whole)
            data = new(stream.SendWhole);
        bool trailers = bodyEnds && stream.SendTrailers is { Count: > 0 };
        bool ended = false;
        int written = 0;
        if (sendHead)
        {
            ended = bodyEnds && data.IsEmpty && !trailers;
            written += WriteBlock(stream.Id, stream.Head!, ended);
        }
        int quantum = Math.Max(StreamQuantum, _peerMaxFrame);
        int granted = 1;
        while (!data.IsEmpty && quantum > 0 && (granted = Take(stream, (int)Math.Min(data.Length, quantum))) > 0)
        {
            ended = bodyEnds && granted == data.Length && !trailers;
            new Http2Frame(granted, Http2FrameType.Data, ended ? Http2Flags.EndStream : Http2Flags.None, stream.Id).Write(output);
            foreach (ReadOnlyMemory<byte> segment in data.Slice(0, granted))
                output.Write(segment.Span);
            data = data.Slice(granted);
            quantum -= granted;
            written += Http2Frame.HeaderBytes + granted;
        }
        if (data.IsEmpty && bodyEnds && !ended)
        {
            ended = true;
            if (trailers)
            {
                written += WriteBlock(stream.Id, stream.SendTrailers!, endStream: true);
            }
            else
            {
                new Http2Frame(0, Http2FrameType.Data, Http2Flags.EndStream, stream.Id).Write(output);
                written += Http2Frame.HeaderBytes;
            }
        }
        if (read)
            body!.AdvanceTo(data.IsEmpty ? data.End : data.Start);
        else if (whole)
            TakeOfWhole(stream, data);
        if (ended)
        {
            if (stream.Send is not null)
            {
                lock (_gate)
                    DropBody(stream);
            }
            connection.OnLocalEnd(stream);
        }
        else if (!data.IsEmpty && granted > 0)
        {
            Schedule(stream); // its turn is over, its data not
        }
        return written;
    }

    /// <summary>Leaves what is still to be sent of a whole body; its buffer goes back when that is nothing.</summary>
    private static void TakeOfWhole(Http2Stream stream, in ReadOnlySequence<byte> left)
    {
        if (left.IsEmpty && MemoryMarshal.TryGetArray(stream.SendWhole, out ArraySegment<byte> buffer))
            ArrayPool<byte>.Shared.Return(buffer.Array!);
        stream.SendWhole = left.First;
    }

    /// <summary>Takes from both windows; 0 where one is empty (the stream is looked at again when that changes).</summary>
    private int Take(Http2Stream stream, int wanted)
    {
        lock (_gate)
        {
            if (stream.LocalClosed)
                return 0;
            int granted = (int)Math.Min(Math.Min(wanted, _peerMaxFrame), Math.Min(stream.SendWindow, _sendWindow));
            if (granted > 0)
            {
                stream.SendWindow -= granted;
                _sendWindow -= granted;
                stream.StalledSince = 0;
                return granted;
            }
            if (stream.StalledSince == 0)
                stream.StalledSince = connection.Time.GetTimestamp();
            if (stream.SendWindow > 0 && !_starved.Contains(stream))
                _starved.Add(stream);
            return 0;
        }
    }

    /// <summary>A header block in as many frames as it takes (§4.3: nothing may come between them).</summary>
    private int WriteBlock(int streamId, List<HpackField> fields, bool endStream)
    {
        _block.ResetWrittenCount();
        _encoder.WriteBlock(_block, fields);
        ReadOnlySpan<byte> rest = _block.WrittenSpan;
        int written = 0;
        Http2FrameType type = Http2FrameType.Headers;
        Http2Flags flags = endStream ? Http2Flags.EndStream : Http2Flags.None;
        do
        {
            ReadOnlySpan<byte> part = rest[..Math.Min(rest.Length, _peerMaxFrame)];
            rest = rest[part.Length..];
            new Http2Frame(part.Length, type, rest.IsEmpty ? flags | Http2Flags.EndHeaders : flags, streamId).Write(output);
            output.Write(part);
            written += Http2Frame.HeaderBytes + part.Length;
            type = Http2FrameType.Continuation;
            flags = Http2Flags.None;
        }
        while (!rest.IsEmpty);
        return written;
    }

    /// <summary>G: what is in the pipe goes nowhere; whoever waits in a flush is told.</summary>
    private static void DropBody(Http2Stream stream)
    {
        if (stream.SendDropped || stream.Send is null)
            return;
        stream.SendDropped = true;
        stream.Send.Reader.Complete();
    }
}
