using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using AotRuntime.Http.Http2.Hpack;

namespace AotRuntime.Http.Http2;

/// <summary>
/// One HTTP/2 connection (RFC 9113): takes frames apart, keeps the streams, and owns the state that both sides of it share. Roles (server,
/// client) say what a header block means.
/// </summary>
/// <remarks>
/// Fields marked G are guarded by <see cref="Gate"/>; fields marked R belong to the read loop. Frames are handled without waiting: what
/// takes time is a stream's own business, after them.
/// </remarks>
internal abstract partial class Http2Connection
{
    /// <summary>Longest header block that is kept, to be known when it comes again.</summary>
    private const int MaxRemembered = 512;

    private readonly Dictionary<int, Http2Stream> _streams = [];  // G
    private readonly HpackDecoder _decoder = new(HpackEncoder.DefaultTableSize); // R
    private readonly List<HpackField> _fields = [];               // R
    private readonly ArrayBufferWriter<byte> _block = new();      // R; a header block that came in more than one frame
    private readonly int _maxHeaderList;
    private byte[] _lastBlock = [];                               // R; the last header block, if it changed no table
    private int _lastBlockLength;                                 // R
    private int _lastBlockVersion = -1;                           // R; of the table then; -1 where there is no such block
    private bool _fieldsComplete;                                 // R
    private int _blockStream;                                     // R; 0 where no block is open
    private bool _blockEndsStream;                                // R
    private int _continuations;                                   // R
    private bool _settingsSeen;                                   // R
    private int _receiveWindow;                                   // R; what the peer may still send
    private int _window;                                          // R; what it may send when it has all its credit
    private int _uncredited;                                      // R
    private long _creditedAt;                                     // R
    private Http2Stream? _dataStream;                             // R; whose DATA frame is under way, null where nobody wants it
    private int _dataLeft;                                        // R; octets of it still to come, without padding
    private int _paddingLeft;                                     // R
    private bool _dataEnds;                                       // R
    private readonly Http2ClosedStreams _closed = new();          // G
    private volatile Exception? _endedBy;
    private Task? _writing;

    protected Http2Connection(TransportConnection transport, Http2Options options, int maxHeaderList, TimeSpan idleTimeout, TimeProvider? time = null)
    {
        Transport = transport;
        Options = options;
        Time = time ?? TimeProvider.System;
        Guard = new(options, Time);
        RoundTrip = new(Time);
        Output = new(this, transport.Output, Guard);
        _maxHeaderList = maxHeaderList;
        _receiveWindow = _window = options.ConnectionWindow;
        _creditedAt = Time.GetTimestamp();
        Timers = new(this, options, idleTimeout, Time);
    }

    /// <summary>Guards the state marked G, here, in <see cref="Http2Output"/> and in <see cref="Http2Stream"/>.</summary>
    public Lock Gate { get; } = new();

    public Http2Options Options { get; }

    public Http2Output Output { get; }

    public TransportConnection Transport { get; }

    /// <summary>G: the open streams.</summary>
    public IEnumerable<Http2Stream> StreamsLocked => _streams.Values;

    public TimeProvider Time { get; }

    public Http2RoundTrip RoundTrip { get; }

    protected Http2AbuseGuard Guard { get; }

    protected Http2Timers Timers { get; }

    /// <summary>R: whether the header block at hand means what the last one meant.</summary>
    protected bool BlockRepeats { get; private set; }

    /// <summary>R: the highest stream id that the peer has begun.</summary>
    protected int LastPeerStream { get; set; }

    /// <summary>G: how many streams are open.</summary>
    protected int OpenStreamsLocked => _streams.Count;

    /// <summary>G: makes sure that a stream has an id and may begin; false where it must wait.</summary>
    public virtual bool TryOpenLocked(Http2Stream stream) => true;

    /// <summary>G: the writer has ended before it came to this stream, which may not be open yet.</summary>
    public virtual void OnUnsentLocked(Http2Stream stream)
    {
    }

    /// <summary>END_STREAM was written.</summary>
    public virtual void OnLocalEnd(Http2Stream stream)
    {
        lock (Gate)
        {
            stream.LocalClosed = true;
            if (stream.RemoteClosed)
                RemoveLocked(stream);
        }
    }

    /// <summary>Ends a stream before its time and tells the peer.</summary>
    public void Reset(Http2Stream stream, Http2ErrorCode code, string why) => Kill(stream, new Http2StreamException(code, why), tell: true);

    /// <summary>Ends the connection from outside the read loop; <paramref name="error"/> tells why.</summary>
    public void EndBy(Exception error)
    {
        _endedBy = error;
        Transport.Input.CancelPendingRead();
    }

    /// <summary>No request came for long; said again for each further such time.</summary>
    public virtual void OnIdleTimeout()
    {
    }

    /// <summary>Resets the streams whose data has waited for the peer's credit for too long.</summary>
    public void ResetStalled(TimeSpan limit, TimeProvider time)
    {
        List<Http2Stream>? stalled = null;
        lock (Gate)
        {
            foreach (Http2Stream stream in _streams.Values)
            {
                if (stream.StalledSince != 0 && time.GetElapsedTime(stream.StalledSince) >= limit)
                    (stalled ??= []).Add(stream);
            }
        }
        stalled?.ForEach(stream => Reset(stream, Http2ErrorCode.EnhanceYourCalm, "the peer took no data for too long"));
    }

    /// <summary>Sends a PING to measure the round trip, where one is due.</summary>
    public void MeasureRoundTrip()
    {
        if (RoundTrip.Begin())
            Output.Control(Http2FrameType.Ping, Http2Flags.None, 0, Http2RoundTrip.Payload);
    }

    /// <summary>Says first what both sides must say first, and begins to write.</summary>
    protected void Start(ReadOnlySpan<byte> preface, ReadOnlySpan<(Http2Setting Setting, int Value)> settings)
    {
        Output.Raw(preface);
        Span<byte> payload = stackalloc byte[settings.Length * 6];
        for (int i = 0; i < settings.Length; i++)
        {
            BinaryPrimitives.WriteUInt16BigEndian(payload[(i * 6)..], (ushort)settings[i].Setting);
            BinaryPrimitives.WriteInt32BigEndian(payload[((i * 6) + 2)..], settings[i].Value);
        }
        Output.Control(Http2FrameType.Settings, Http2Flags.None, 0, payload);
        if (Options.ConnectionWindow > Http2Frame.DefaultWindow)
            Output.WindowUpdate(0, Options.ConnectionWindow - Http2Frame.DefaultWindow);
        _writing = WriteAsync();
    }

    /// <summary>Reads until the peer is done, breaks the protocol, or <see cref="PipeReader.CancelPendingRead"/>; then ends every stream and the writer.</summary>
    protected async Task ReadAsync()
    {
        Http2ErrorCode code = Http2ErrorCode.NoError;
        string why = "error reading: EOF";
        try
        {
            await ReadFramesAsync().ConfigureAwait(false);
        }
        catch (Http2ConnectionException e)
        {
            (code, why) = (e.Code, e.Message);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or InvalidOperationException or ObjectDisposedException)
        {
            why = $"error reading: {e.Message}";
        }
        Timers.Dispose();
        OnLost();
        if (code != Http2ErrorCode.NoError)
            Output.GoAway(LastPeerStream, code, why);
        Http2Stream[] streams;
        lock (Gate)
            streams = [.. _streams.Values];
        foreach (Http2Stream stream in streams)
            Kill(stream, new Http2StreamException(code, why) { ConnectionLost = true }, tell: false);
        Output.Close();
        if (_writing is { } writing && await Task.WhenAny(writing, Task.Delay(TimeSpan.FromSeconds(1))).ConfigureAwait(false) != writing)
            Transport.Abort(); // the peer does not even read what ends the connection
    }

    /// <summary>R: the connection takes no new streams any more.</summary>
    protected virtual void OnLost()
    {
    }

    /// <summary>R: a whole header block. <paramref name="complete"/> is false where the list was beyond the limit.</summary>
    protected abstract void OnHeaders(int streamId, bool endStream, List<HpackField> fields, bool complete);

    /// <summary>R: the peer resets or loses interest in a stream.</summary>
    protected virtual void OnPeerReset(Http2Stream stream)
    {
    }

    /// <summary>R: GOAWAY came.</summary>
    protected virtual void OnGoAway(int lastStreamId, Http2ErrorCode code, string debug)
    {
    }

    /// <summary>R: an answer to a PING of the role's own.</summary>
    protected virtual void OnPong(ReadOnlySpan<byte> payload)
    {
    }

    /// <summary>R: a setting of the peer that means something to the role.</summary>
    protected virtual void OnSettingLocked(Http2Setting setting, uint value)
    {
    }

    /// <summary>A stream has left the connection.</summary>
    protected virtual void OnRemovedLocked(Http2Stream stream)
    {
    }

    /// <summary>R: whether a stream with this id was never begun (RFC 9113 §5.1, "idle").</summary>
    protected abstract bool IsIdle(int streamId);

    protected Http2Stream? Find(int streamId)
    {
        lock (Gate)
            return _streams.GetValueOrDefault(streamId);
    }

    protected void AddLocked(Http2Stream stream)
    {
        stream.SendWindow = Output.InitialSendWindow;
        _streams.Add(stream.Id, stream);
    }

    /// <param name="stream">A stream that has ended.</param>
    /// <param name="resetByUs">Whether its peer may not know that yet.</param>
    protected void RemoveLocked(Http2Stream stream, bool resetByUs = false)
    {
        if (!_streams.Remove(stream.Id))
            return;
        _closed.Add(stream.Id, resetByUs);
        OnRemovedLocked(stream);
    }

    /// <summary>R: whether frames may still come for a stream that is not open: we have reset it, and the peer could not know.</summary>
    protected bool? WasResetByUs(int streamId)
    {
        lock (Gate)
            return _closed.WasResetByUs(streamId);
    }

    /// <summary>R: refuses a stream before it was opened.</summary>
    protected void RefuseLocked(int streamId, Http2ErrorCode code)
    {
        _closed.Add(streamId, resetByUs: true);
        Output.Reset(streamId, code);
    }

    /// <summary>R: the peer broke the rules of one stream.</summary>
    protected void Breach(Http2Stream stream, Http2ErrorCode code, string why)
    {
        Guard.OnProvokedReset();
        Reset(stream, code, why);
    }

    /// <summary>R: whether body octets may come on the stream by now.</summary>
    protected virtual bool TakesData(Http2Stream stream) => true;

    /// <summary>R: the peer's END_STREAM.</summary>
    protected void OnRemoteEnd(Http2Stream stream)
    {
        if (stream.ExpectedLength is { } expected && expected != stream.ReceivedLength)
        {
            Breach(stream, Http2ErrorCode.ProtocolError, "body does not match content-length"); // §8.1.1
            return;
        }
        stream.EndReceive(null);
        lock (Gate)
        {
            stream.RemoteClosed = true;
            if (stream.LocalClosed)
                RemoveLocked(stream);
        }
    }

    /// <summary>Ends a stream with an error, on both sides.</summary>
    protected void Kill(Http2Stream stream, Http2StreamException error, bool tell)
    {
        CancellationTokenSource? aborted;
        int id;
        lock (Gate)
        {
            if (stream.LocalClosed && stream.RemoteClosed)
                return;
            aborted = stream.Fail(error);
            id = stream.Id;
            RemoveLocked(stream, resetByUs: tell);
            if (tell && id != 0)
                Output.Reset(id, error.Code);
            Output.ScheduleLocked(stream); // so that the writer drops what is left of its body
        }
        stream.EndReceive(error);
        OnKilled(stream, error);
        if (aborted is not null)
            _ = aborted.CancelAsync(); // not here: callbacks are the application's
    }

    /// <summary>A stream has ended with an error.</summary>
    protected virtual void OnKilled(Http2Stream stream, Http2StreamException error)
    {
    }

    private async Task WriteAsync()
    {
        try
        {
            if (!await Output.RunAsync().ConfigureAwait(false))
                Transport.Abort(); // the peer takes nothing more
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or InvalidOperationException or ObjectDisposedException)
        {
            Transport.Abort(); // ends the read loop, which ends the streams
        }
    }

    private async Task ReadFramesAsync()
    {
        PipeReader input = Transport.Input;
        while (true)
        {
            ReadResult result = await input.ReadAsync().ConfigureAwait(false);
            if (_endedBy is { } ended)
                throw ended;
            ReadOnlySequence<byte> buffer = result.Buffer;
            if (!buffer.IsEmpty)
                Timers.OnReceived();
            while (TakeData(ref buffer) && TryTakeFrame(ref buffer))
                Guard.OnControlQueued(Output.QueuedControl);
            input.AdvanceTo(buffer.Start, buffer.End);
            if (result.IsCompleted || result.IsCanceled)
                return;
        }
    }

    /// <summary>Takes one frame, or the beginning of a DATA frame; false where more octets are needed.</summary>
    private bool TryTakeFrame(ref ReadOnlySequence<byte> buffer)
    {
        if (!Http2Frame.TryRead(buffer, out Http2Frame frame))
            return false;
        if (frame.Length > Options.MaxFrameSize)
            throw new Http2ConnectionException(Http2ErrorCode.FrameSizeError, $"frame of {frame.Length} octets"); // §4.2
        if (frame.Type is Http2FrameType.Headers or Http2FrameType.Continuation && frame.Length > Options.MaxHeaderBlockBytes)
            throw Http2AbuseGuard.Calm("header block too large");
        bool padded = frame.Type == Http2FrameType.Data && frame.Has(Http2Flags.Padded) && frame.Length > 0;
        int needed = Http2Frame.HeaderBytes + (frame.Type != Http2FrameType.Data ? frame.Length : padded ? 1 : 0);
        if (buffer.Length < needed)
            return false;
        CheckOrder(frame);
        ReadOnlySequence<byte> payload = buffer.Slice(Http2Frame.HeaderBytes, needed - Http2Frame.HeaderBytes);
        if (frame.Type == Http2FrameType.Data)
            BeginData(frame, padded ? First(payload) + 1 : 0);
        else
            OnFrame(frame, payload);
        buffer = buffer.Slice(needed);
        return true;
    }

    /// <summary>Which frame may follow what came before.</summary>
    private void CheckOrder(Http2Frame frame)
    {
        if (!_settingsSeen)
        {
            if (frame.Type != Http2FrameType.Settings || frame.Has(Http2Flags.Ack))
                throw Protocol("the first frame must be SETTINGS"); // §3.4
            _settingsSeen = true;
        }
        if (_blockStream != 0 && (frame.Type != Http2FrameType.Continuation || frame.StreamId != _blockStream))
            throw Protocol("a header block must not be interrupted"); // §4.3
    }

    private void OnFrame(Http2Frame frame, in ReadOnlySequence<byte> payload)
    {
        switch (frame.Type)
        {
            case Http2FrameType.Headers: OnHeadersFrame(frame, payload); break;
            case Http2FrameType.Continuation: OnContinuation(frame, payload); break;
            case Http2FrameType.RstStream: OnRstStream(frame, payload); break;
            case Http2FrameType.Settings: OnSettings(frame, payload); break;
            case Http2FrameType.Ping: OnPing(frame, payload); break;
            case Http2FrameType.GoAway: OnGoAwayFrame(frame, payload); break;
            case Http2FrameType.WindowUpdate: OnWindowUpdate(frame, payload); break;
            case Http2FrameType.PushPromise:
                throw Protocol("PUSH_PROMISE"); // never enabled (§8.4)
            case Http2FrameType.Priority:
                OnPriority(frame);
                break;
            default:
                Guard.OnControlFrame(frame.Type); // §4.1: unknown types are ignored
                break;
        }
    }

    /// <summary>A DATA frame begins; <paramref name="padding"/> counts the pad length's octet, too. Its octets come by <see cref="TakeData"/>.</summary>
    private void BeginData(Http2Frame frame, int padding)
    {
        if (frame.StreamId == 0 || IsIdle(frame.StreamId))
            throw Protocol("DATA on a stream that is not open"); // §6.1, §5.1
        if (frame.Has(Http2Flags.Padded) && frame.Length == 0)
            throw new Http2ConnectionException(Http2ErrorCode.FrameSizeError, "no room for the pad length");
        if (padding > frame.Length)
            throw Protocol("padding longer than the frame"); // §6.1
        _receiveWindow -= frame.Length;
        if (_receiveWindow < 0)
            throw new Http2ConnectionException(Http2ErrorCode.FlowControlError, "connection window overrun"); // §6.9.1
        CreditConnection(frame.Length);
        int length = frame.Length - padding;
        (_dataLeft, _paddingLeft, _dataEnds, _dataStream) = (length, Math.Max(0, padding - 1), frame.Has(Http2Flags.EndStream), null);
        Guard.OnData(empty: length == 0 && !_dataEnds);
        if (Find(frame.StreamId) is not { } stream)
        {
            OnDataOfClosed(frame.StreamId);
            return;
        }
        if (stream.RemoteClosed)
            Breach(stream, Http2ErrorCode.StreamClosed, "DATA after END_STREAM"); // §5.1
        else if (!TakesData(stream))
            Breach(stream, Http2ErrorCode.ProtocolError, "DATA before HEADERS"); // §8.1
        else if (!stream.TryReceive(length, padding))
            Breach(stream, Http2ErrorCode.FlowControlError, "stream window overrun"); // §6.9.1
        else if (stream.ExpectedLength is { } expected && stream.ReceivedLength > expected)
            Breach(stream, Http2ErrorCode.ProtocolError, "body longer than content-length"); // §8.1.1
        else
            _dataStream = stream;
    }

    private void OnDataOfClosed(int streamId)
    {
        switch (WasResetByUs(streamId))
        {
            case true:
                return; // still under way when we reset the stream
            case false:
                throw new Http2ConnectionException(Http2ErrorCode.StreamClosed, "DATA on a closed stream"); // §5.1
            default:
                Guard.OnProvokedReset();
                Output.Reset(streamId, Http2ErrorCode.StreamClosed);
                return;
        }
    }

    /// <summary>Hands on what has come of the DATA frame under way; false where its end is not here yet.</summary>
    private bool TakeData(ref ReadOnlySequence<byte> buffer)
    {
        int data = (int)Math.Min(buffer.Length, _dataLeft);
        if (data > 0)
        {
            _dataStream?.Receive(buffer.Slice(0, data));
            _dataLeft -= data;
            buffer = buffer.Slice(data);
        }
        if (_dataLeft > 0)
            return false;
        int padding = (int)Math.Min(buffer.Length, _paddingLeft);
        _paddingLeft -= padding;
        buffer = buffer.Slice(padding);
        if (_paddingLeft > 0)
            return false;
        if (_dataEnds && _dataStream is { } stream)
            OnRemoteEnd(stream);
        _dataStream = null;
        _dataEnds = false;
        return true;
    }

    /// <summary>
    /// Credits the connection on receipt, not on reading: one slow reader must not hold all streams up. The streams' windows bound what is
    /// buffered.
    /// </summary>
    private void CreditConnection(int octets)
    {
        _uncredited += octets;
        if (_uncredited < _window / 2)
            return;
        int window = RoundTrip.Tune(_window, Options.MaxConnectionWindow, _creditedAt);
        int credit = _uncredited + window - _window;
        (_window, _uncredited, _creditedAt) = (window, 0, Time.GetTimestamp());
        _receiveWindow += credit;
        Output.WindowUpdate(0, credit);
        MeasureRoundTrip();
    }

    private void OnHeadersFrame(Http2Frame frame, in ReadOnlySequence<byte> payload)
    {
        if (frame.StreamId == 0)
            throw Protocol("HEADERS on stream 0");
        ReadOnlySequence<byte> block = Unpad(frame, payload);
        if (frame.Has(Http2Flags.Priority))
        {
            if (block.Length < 5)
                throw new Http2ConnectionException(Http2ErrorCode.FrameSizeError, "HEADERS too short for its priority");
            block = block.Slice(5);
        }
        bool end = frame.Has(Http2Flags.EndStream);
        if (frame.Has(Http2Flags.EndHeaders))
        {
            OnBlock(frame.StreamId, end, block.IsSingleSegment ? block.FirstSpan : block.ToArray());
            return;
        }
        (_blockStream, _blockEndsStream, _continuations) = (frame.StreamId, end, 0);
        Timers.OnBlock(open: true);
        AppendToBlock(block);
    }

    private void OnContinuation(Http2Frame frame, in ReadOnlySequence<byte> payload)
    {
        if (_blockStream == 0)
            throw Protocol("CONTINUATION without HEADERS");
        if (++_continuations > Options.MaxContinuationFrames)
            throw Http2AbuseGuard.Calm("too many CONTINUATION frames");
        AppendToBlock(payload);
        if (!frame.Has(Http2Flags.EndHeaders))
            return;
        _blockStream = 0;
        Timers.OnBlock(open: false);
        OnBlock(frame.StreamId, _blockEndsStream, _block.WrittenSpan);
        _block.ResetWrittenCount();
    }

    private void AppendToBlock(in ReadOnlySequence<byte> part)
    {
        if (_block.WrittenCount + part.Length > Options.MaxHeaderBlockBytes)
            throw Http2AbuseGuard.Calm("header block too large");
        foreach (ReadOnlyMemory<byte> segment in part)
            _block.Write(segment.Span);
    }

    private void OnBlock(int streamId, bool endStream, ReadOnlySpan<byte> block)
    {
        // Peers that have one thing to ask say it in the same octets each time. They mean the same while the table has not changed, neither
        // since the last block nor by it.
        BlockRepeats = _lastBlockVersion == _decoder.Version && block.SequenceEqual(_lastBlock.AsSpan(0, _lastBlockLength));
        if (!BlockRepeats)
        {
            int version = _decoder.Version;
            _fields.Clear();
            _lastBlockVersion = -1;
            _fieldsComplete = _decoder.Decode(block, _fields, _maxHeaderList);
            if (version == _decoder.Version && block.Length <= MaxRemembered)
            {
                if (_lastBlock.Length < block.Length)
                    _lastBlock = new byte[MaxRemembered];
                block.CopyTo(_lastBlock);
                (_lastBlockLength, _lastBlockVersion) = (block.Length, version);
            }
        }
        OnHeaders(streamId, endStream, _fields, _fieldsComplete);
    }

    /// <summary>The payload without its padding (§6.1, §6.2).</summary>
    private static ReadOnlySequence<byte> Unpad(Http2Frame frame, in ReadOnlySequence<byte> payload)
    {
        if (!frame.Has(Http2Flags.Padded))
            return payload;
        if (payload.IsEmpty)
            throw new Http2ConnectionException(Http2ErrorCode.FrameSizeError, "no room for the pad length");
        int padding = First(payload);
        if (padding >= payload.Length)
            throw Protocol("padding longer than the frame");
        return payload.Slice(1, payload.Length - 1 - padding);
    }

    private static byte First(in ReadOnlySequence<byte> octets)
    {
        Span<byte> first = stackalloc byte[1];
        octets.Slice(0, 1).CopyTo(first);
        return first[0];
    }

    protected static Http2ConnectionException Protocol(string why) => new(Http2ErrorCode.ProtocolError, why);
}
