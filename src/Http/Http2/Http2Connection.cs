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
/// takes time is a stream's own business, on the thread pool.
/// </remarks>
internal abstract class Http2Connection
{
    private readonly Dictionary<int, Http2Stream> _streams = [];  // G
    private readonly HpackDecoder _decoder = new(HpackEncoder.DefaultTableSize); // R
    private readonly List<HpackField> _fields = [];               // R
    private readonly ArrayBufferWriter<byte> _block = new();      // R; a header block that came in more than one frame
    private readonly int _maxHeaderList;
    private int _blockStream;                                     // R; 0 where no block is open
    private bool _blockEndsStream;                                // R
    private int _continuations;                                   // R
    private bool _settingsSeen;                                   // R
    private int _receiveWindow;                                   // R
    private int _uncredited;                                      // R
    private Task? _writing;

    protected Http2Connection(TransportConnection transport, Http2Options options, int maxHeaderList, TimeProvider? time = null)
    {
        Transport = transport;
        Options = options;
        Guard = new(options, time ?? TimeProvider.System);
        Output = new(this, transport.Output, Guard);
        _maxHeaderList = maxHeaderList;
        _receiveWindow = options.ConnectionWindow;
    }

    /// <summary>Guards the state marked G, here, in <see cref="Http2Output"/> and in <see cref="Http2Stream"/>.</summary>
    public Lock Gate { get; } = new();

    public Http2Options Options { get; }

    public Http2Output Output { get; }

    public TransportConnection Transport { get; }

    /// <summary>G: the open streams.</summary>
    public IEnumerable<Http2Stream> StreamsLocked => _streams.Values;

    protected Http2AbuseGuard Guard { get; }

    /// <summary>R: the highest stream id that the peer has begun.</summary>
    protected int LastPeerStream { get; set; }

    /// <summary>G: how many streams are open.</summary>
    protected int OpenStreamsLocked => _streams.Count;

    /// <summary>G: makes sure that a stream has an id and may begin; false where it must wait.</summary>
    public virtual bool TryOpenLocked(Http2Stream stream) => true;

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

    /// <summary>R: an answer to our PING.</summary>
    protected virtual void OnPong()
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

    protected void RemoveLocked(Http2Stream stream)
    {
        if (_streams.Remove(stream.Id))
            OnRemovedLocked(stream);
    }

    /// <summary>R: the peer's END_STREAM.</summary>
    protected void OnRemoteEnd(Http2Stream stream)
    {
        if (stream.ExpectedLength is { } expected && expected != stream.ReceivedLength)
        {
            Reset(stream, Http2ErrorCode.ProtocolError, "body does not match content-length"); // §8.1.1
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
            RemoveLocked(stream);
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
            await Output.RunAsync().ConfigureAwait(false);
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
            ReadOnlySequence<byte> buffer = result.Buffer;
            while (Http2Frame.TryRead(buffer, out Http2Frame frame))
            {
                if (frame.Length > Options.MaxFrameSize)
                    throw new Http2ConnectionException(Http2ErrorCode.FrameSizeError, $"frame of {frame.Length} octets");
                if (buffer.Length < Http2Frame.HeaderBytes + frame.Length)
                    break;
                OnFrame(frame, buffer.Slice(Http2Frame.HeaderBytes, frame.Length));
                buffer = buffer.Slice(Http2Frame.HeaderBytes + frame.Length);
            }
            input.AdvanceTo(buffer.Start, buffer.End);
            if (result.IsCompleted || result.IsCanceled)
                return;
        }
    }

    private void OnFrame(Http2Frame frame, in ReadOnlySequence<byte> payload)
    {
        if (!_settingsSeen)
        {
            if (frame.Type != Http2FrameType.Settings || frame.Has(Http2Flags.Ack))
                throw Protocol("the first frame must be SETTINGS"); // §3.4
            _settingsSeen = true;
        }
        if (_blockStream != 0 && (frame.Type != Http2FrameType.Continuation || frame.StreamId != _blockStream))
            throw Protocol("a header block must not be interrupted"); // §4.3
        switch (frame.Type)
        {
            case Http2FrameType.Data: OnData(frame, payload); break;
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
                if (frame.StreamId == 0)
                    throw Protocol("PRIORITY on stream 0");
                Guard.OnControlFrame(frame.Type); // obsolete (§5.3.2), ignored
                break;
            default:
                Guard.OnControlFrame(frame.Type); // §4.1: unknown types are ignored
                break;
        }
    }

    private void OnData(Http2Frame frame, in ReadOnlySequence<byte> payload)
    {
        if (frame.StreamId == 0 || IsIdle(frame.StreamId))
            throw Protocol("DATA on a stream that is not open");
        _receiveWindow -= frame.Length;
        if (_receiveWindow < 0)
            throw new Http2ConnectionException(Http2ErrorCode.FlowControlError, "connection window overrun");
        _uncredited += frame.Length;
        if (_uncredited >= Options.ConnectionWindow / 2)
        {
            // On receipt, not on reading: one slow reader must not hold all streams up. The streams' windows bound what is buffered.
            _receiveWindow += _uncredited;
            Output.WindowUpdate(0, _uncredited);
            _uncredited = 0;
        }
        ReadOnlySequence<byte> data = Unpad(frame, payload);
        bool end = frame.Has(Http2Flags.EndStream);
        if (data.IsEmpty && !end)
            Guard.OnEmptyData();
        if (Find(frame.StreamId) is not { } stream)
            return; // reset by us, with this still under way (§5.1, "closed")
        if (stream.RemoteClosed)
        {
            Reset(stream, Http2ErrorCode.StreamClosed, "DATA after END_STREAM");
            return;
        }
        if (!stream.Receive(data, (int)(frame.Length - data.Length)))
        {
            Reset(stream, Http2ErrorCode.FlowControlError, "stream window overrun");
            return;
        }
        if (stream.ExpectedLength is { } expected && stream.ReceivedLength > expected)
            Reset(stream, Http2ErrorCode.ProtocolError, "body longer than content-length");
        else if (end)
            OnRemoteEnd(stream);
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
        AppendToBlock(block);
    }

    private void OnContinuation(Http2Frame frame, in ReadOnlySequence<byte> payload)
    {
        if (_blockStream == 0)
            throw Protocol("CONTINUATION without HEADERS");
        if (++_continuations > Options.MaxContinuationFrames)
            throw new Http2ConnectionException(Http2ErrorCode.EnhanceYourCalm, "too many CONTINUATION frames");
        AppendToBlock(payload);
        if (!frame.Has(Http2Flags.EndHeaders))
            return;
        _blockStream = 0;
        OnBlock(frame.StreamId, _blockEndsStream, _block.WrittenSpan);
        _block.ResetWrittenCount();
    }

    private void AppendToBlock(in ReadOnlySequence<byte> part)
    {
        if (_block.WrittenCount + part.Length > Options.MaxHeaderBlockBytes)
            throw new Http2ConnectionException(Http2ErrorCode.EnhanceYourCalm, "header block too large");
        foreach (ReadOnlyMemory<byte> segment in part)
            _block.Write(segment.Span);
    }

    private void OnBlock(int streamId, bool endStream, ReadOnlySpan<byte> block)
    {
        _fields.Clear();
        bool complete = _decoder.Decode(block, _fields, _maxHeaderList);
        OnHeaders(streamId, endStream, _fields, complete);
    }

    private void OnRstStream(Http2Frame frame, in ReadOnlySequence<byte> payload)
    {
        uint code = ReadUInt32(frame, payload);
        if (frame.StreamId == 0 || IsIdle(frame.StreamId))
            throw Protocol("RST_STREAM on a stream that is not open");
        if (Find(frame.StreamId) is not { } stream)
            return;
        OnPeerReset(stream);
        var error = (Http2ErrorCode)code;
        Kill(stream, new Http2StreamException(error, $"stream terminated by RST_STREAM with error code: {Http2ErrorNames.Of(error)}", byPeer: true)
        {
            NotProcessed = error == Http2ErrorCode.RefusedStream,
        }, tell: false);
    }

    private void OnSettings(Http2Frame frame, in ReadOnlySequence<byte> payload)
    {
        if (frame.StreamId != 0)
            throw Protocol("SETTINGS on a stream");
        if (frame.Length % 6 != 0 || (frame.Has(Http2Flags.Ack) && frame.Length != 0))
            throw new Http2ConnectionException(Http2ErrorCode.FrameSizeError, "SETTINGS of odd size");
        if (frame.Has(Http2Flags.Ack))
            return;
        Guard.OnControlFrame(frame.Type);
        var reader = new SequenceReader<byte>(payload);
        lock (Gate)
        {
            while (reader.TryReadBigEndian(out short id) && reader.TryReadBigEndian(out int value))
            {
                Output.ApplySetting((Http2Setting)id, (uint)value, _streams.Values);
                OnSettingLocked((Http2Setting)id, (uint)value);
            }
        }
        Guard.OnControlQueued(Output.Control(Http2FrameType.Settings, Http2Flags.Ack, 0, []));
    }

    private void OnPing(Http2Frame frame, in ReadOnlySequence<byte> payload)
    {
        if (frame.StreamId != 0)
            throw Protocol("PING on a stream");
        if (frame.Length != 8)
            throw new Http2ConnectionException(Http2ErrorCode.FrameSizeError, "PING must have 8 octets");
        if (frame.Has(Http2Flags.Ack))
        {
            OnPong();
            return;
        }
        Guard.OnControlFrame(frame.Type);
        Span<byte> opaque = stackalloc byte[8];
        payload.CopyTo(opaque);
        Guard.OnControlQueued(Output.Control(Http2FrameType.Ping, Http2Flags.Ack, 0, opaque));
    }

    private void OnGoAwayFrame(Http2Frame frame, in ReadOnlySequence<byte> payload)
    {
        if (frame.StreamId != 0)
            throw Protocol("GOAWAY on a stream");
        if (frame.Length < 8)
            throw new Http2ConnectionException(Http2ErrorCode.FrameSizeError, "GOAWAY too short");
        var reader = new SequenceReader<byte>(payload);
        reader.TryReadBigEndian(out int last);
        reader.TryReadBigEndian(out int code);
        OnGoAway(last & int.MaxValue, (Http2ErrorCode)(uint)code, System.Text.Encoding.Latin1.GetString(reader.UnreadSequence.Slice(0, Math.Min(256, reader.Remaining)).ToArray()));
    }

    private void OnWindowUpdate(Http2Frame frame, in ReadOnlySequence<byte> payload)
    {
        int increment = (int)(ReadUInt32(frame, payload) & int.MaxValue);
        if (frame.StreamId == 0)
        {
            if (increment == 0)
                throw Protocol("WINDOW_UPDATE of 0");
            if (!Output.OnWindowUpdate(null, increment))
                throw new Http2ConnectionException(Http2ErrorCode.FlowControlError, "connection window too large");
            return;
        }
        if (IsIdle(frame.StreamId))
            throw Protocol("WINDOW_UPDATE on a stream that is not open");
        if (Find(frame.StreamId) is not { } stream)
            return;
        if (increment == 0)
            Reset(stream, Http2ErrorCode.ProtocolError, "WINDOW_UPDATE of 0");
        else if (!Output.OnWindowUpdate(stream, increment))
            Reset(stream, Http2ErrorCode.FlowControlError, "stream window too large");
    }

    private static uint ReadUInt32(Http2Frame frame, in ReadOnlySequence<byte> payload)
    {
        if (frame.Length != 4)
            throw new Http2ConnectionException(Http2ErrorCode.FrameSizeError, $"{frame.Type} must have 4 octets");
        Span<byte> octets = stackalloc byte[4];
        payload.CopyTo(octets);
        return BinaryPrimitives.ReadUInt32BigEndian(octets);
    }

    /// <summary>The payload without its padding (§6.1, §6.2).</summary>
    private static ReadOnlySequence<byte> Unpad(Http2Frame frame, in ReadOnlySequence<byte> payload)
    {
        if (!frame.Has(Http2Flags.Padded))
            return payload;
        if (payload.IsEmpty)
            throw new Http2ConnectionException(Http2ErrorCode.FrameSizeError, "no room for the pad length");
        int padding = payload.FirstSpan[0];
        if (padding >= payload.Length)
            throw Protocol("padding longer than the frame");
        return payload.Slice(1, payload.Length - 1 - padding);
    }

    protected static Http2ConnectionException Protocol(string why) => new(Http2ErrorCode.ProtocolError, why);
}

/// <summary>The names of error codes, as RFC 9113 §7 spells them.</summary>
internal static class Http2ErrorNames
{
    public static string Of(Http2ErrorCode code) => code switch
    {
        Http2ErrorCode.NoError => "NO_ERROR",
        Http2ErrorCode.ProtocolError => "PROTOCOL_ERROR",
        Http2ErrorCode.InternalError => "INTERNAL_ERROR",
        Http2ErrorCode.FlowControlError => "FLOW_CONTROL_ERROR",
        Http2ErrorCode.SettingsTimeout => "SETTINGS_TIMEOUT",
        Http2ErrorCode.StreamClosed => "STREAM_CLOSED",
        Http2ErrorCode.FrameSizeError => "FRAME_SIZE_ERROR",
        Http2ErrorCode.RefusedStream => "REFUSED_STREAM",
        Http2ErrorCode.Cancel => "CANCEL",
        Http2ErrorCode.CompressionError => "COMPRESSION_ERROR",
        Http2ErrorCode.ConnectError => "CONNECT_ERROR",
        Http2ErrorCode.EnhanceYourCalm => "ENHANCE_YOUR_CALM",
        Http2ErrorCode.InadequateSecurity => "INADEQUATE_SECURITY",
        Http2ErrorCode.Http11Required => "HTTP_1_1_REQUIRED",
        _ => $"unknown error code 0x{(uint)code:x}",
    };
}
