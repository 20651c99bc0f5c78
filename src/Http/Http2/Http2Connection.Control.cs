using System.Buffers;
using System.Buffers.Binary;

namespace AotRuntime.Http.Http2;

/// <summary>The frames that carry no message: what they ask for, and what makes them errors. All of it belongs to the read loop.</summary>
internal abstract partial class Http2Connection
{
    /// <summary>Obsolete (§5.3.2), and ignored once it is seen to be well-formed (§6.3).</summary>
    private void OnPriority(Http2Frame frame)
    {
        if (frame.StreamId == 0)
            throw Protocol("PRIORITY on stream 0");
        Guard.OnControlFrame(frame.Type);
        if (frame.Length == 5)
            return;
        if (Find(frame.StreamId) is not { } stream)
            throw new Http2ConnectionException(Http2ErrorCode.FrameSizeError, "PRIORITY must have 5 octets");
        Breach(stream, Http2ErrorCode.FrameSizeError, "PRIORITY must have 5 octets");
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
        {
            Timers.OnSettled();
            return;
        }
        Guard.OnControlFrame(frame.Type);
        if (frame.Length / 6 > Options.MaxSettingsPerFrame)
            throw Http2AbuseGuard.Calm("too many settings");
        var reader = new SequenceReader<byte>(payload);
        lock (Gate)
        {
            while (reader.TryReadBigEndian(out short id) && reader.TryReadBigEndian(out int value))
            {
                Output.ApplySetting((Http2Setting)id, (uint)value, _streams.Values);
                OnSettingLocked((Http2Setting)id, (uint)value);
            }
        }
        Output.Control(Http2FrameType.Settings, Http2Flags.Ack, 0, []);
    }

    private void OnPing(Http2Frame frame, in ReadOnlySequence<byte> payload)
    {
        if (frame.StreamId != 0)
            throw Protocol("PING on a stream");
        if (frame.Length != 8)
            throw new Http2ConnectionException(Http2ErrorCode.FrameSizeError, "PING must have 8 octets");
        Span<byte> opaque = stackalloc byte[8];
        payload.CopyTo(opaque);
        if (!frame.Has(Http2Flags.Ack))
        {
            Guard.OnControlFrame(frame.Type);
            Output.Control(Http2FrameType.Ping, Http2Flags.Ack, 0, opaque);
        }
        else if (opaque.SequenceEqual(Http2RoundTrip.Payload))
        {
            RoundTrip.End();
        }
        else if (opaque.SequenceEqual(Http2Timers.Payload))
        {
            Timers.OnPong();
        }
        else
        {
            OnPong(opaque);
        }
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
        Guard.OnWindowUpdate();
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
            Breach(stream, Http2ErrorCode.ProtocolError, "WINDOW_UPDATE of 0");
        else if (!Output.OnWindowUpdate(stream, increment))
            Breach(stream, Http2ErrorCode.FlowControlError, "stream window too large");
    }

    private static uint ReadUInt32(Http2Frame frame, in ReadOnlySequence<byte> payload)
    {
        if (frame.Length != 4)
            throw new Http2ConnectionException(Http2ErrorCode.FrameSizeError, $"{frame.Type} must have 4 octets");
        Span<byte> octets = stackalloc byte[4];
        payload.CopyTo(octets);
        return BinaryPrimitives.ReadUInt32BigEndian(octets);
    }
}
