using System.Buffers;
using System.Buffers.Binary;

namespace AotRuntime.Http.Http2;

/// <summary>RFC 9113 §6.</summary>
internal enum Http2FrameType : byte
{
    Data = 0,
    Headers = 1,
    Priority = 2,
    RstStream = 3,
    Settings = 4,
    PushPromise = 5,
    Ping = 6,
    GoAway = 7,
    WindowUpdate = 8,
    Continuation = 9,
}

/// <summary>Flags; what a bit means depends on the frame's type.</summary>
[Flags]
internal enum Http2Flags : byte
{
    None = 0,
    EndStream = 0x1,
    Ack = 0x1,
    EndHeaders = 0x4,
    Padded = 0x8,
    Priority = 0x20,
}

/// <summary>RFC 9113 §7.</summary>
internal enum Http2ErrorCode : uint
{
    NoError = 0,
    ProtocolError = 1,
    InternalError = 2,
    FlowControlError = 3,
    SettingsTimeout = 4,
    StreamClosed = 5,
    FrameSizeError = 6,
    RefusedStream = 7,
    Cancel = 8,
    CompressionError = 9,
    ConnectError = 10,
    EnhanceYourCalm = 11,
    InadequateSecurity = 12,
    Http11Required = 13,
}

/// <summary>RFC 9113 §6.5.2.</summary>
internal enum Http2Setting : ushort
{
    HeaderTableSize = 1,
    EnablePush = 2,
    MaxConcurrentStreams = 3,
    InitialWindowSize = 4,
    MaxFrameSize = 5,
    MaxHeaderListSize = 6,
}

/// <summary>
/// The nine octets before each payload (RFC 9113 §4.1), big-endian:
/// <code>
/// | length 24 | type 8 | flags 8 | reserved 1, stream id 31 |
/// </code>
/// </summary>
internal readonly record struct Http2Frame(int Length, Http2FrameType Type, Http2Flags Flags, int StreamId)
{
    public const int HeaderBytes = 9;
    public const int DefaultMaxFrameSize = 16384;
    public const int DefaultWindow = 65535;

    /// <summary>RFC 9113 §3.4: what a client says first.</summary>
    public static ReadOnlySpan<byte> Preface => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;

    public bool Has(Http2Flags flag) => (Flags & flag) != 0;

    /// <summary>Reads a header from the start of <paramref name="buffer"/>; false where it is not all there.</summary>
    public static bool TryRead(in ReadOnlySequence<byte> buffer, out Http2Frame frame)
    {
        frame = default;
        if (buffer.Length < HeaderBytes)
            return false;
        if (buffer.FirstSpan.Length >= HeaderBytes)
        {
            frame = Parse(buffer.FirstSpan);
            return true;
        }
        Span<byte> copy = stackalloc byte[HeaderBytes];
        buffer.Slice(0, HeaderBytes).CopyTo(copy);
        frame = Parse(copy);
        return true;
    }

    private static Http2Frame Parse(ReadOnlySpan<byte> h) =>
        new((h[0] << 16) | (h[1] << 8) | h[2], (Http2FrameType)h[3], (Http2Flags)h[4], (int)(BinaryPrimitives.ReadUInt32BigEndian(h[5..]) & 0x7FFFFFFF));

    /// <summary>Writes the header; <paramref name="to"/> has at least <see cref="HeaderBytes"/>.</summary>
    public void Write(Span<byte> to)
    {
        BinaryPrimitives.WriteUInt32BigEndian(to, ((uint)Length << 8) | (byte)Type);
        to[4] = (byte)Flags;
        BinaryPrimitives.WriteUInt32BigEndian(to[5..], (uint)StreamId);
    }

    /// <summary>Appends the header to <paramref name="output"/>.</summary>
    public void Write(IBufferWriter<byte> output)
    {
        Write(output.GetSpan(HeaderBytes));
        output.Advance(HeaderBytes);
    }
}

/// <summary>An error that ends the connection (RFC 9113 §5.4.1).</summary>
internal sealed class Http2ConnectionException(Http2ErrorCode code, string message) : IOException(message)
{
    public Http2ErrorCode Code { get; } = code;
}

/// <summary>A stream that ended before its time: reset by either side, or lost with its connection.</summary>
internal sealed class Http2StreamException(Http2ErrorCode code, string message, bool byPeer = false) : IOException(message)
{
    public Http2ErrorCode Code { get; } = code;

    /// <summary>Whether a RST_STREAM came.</summary>
    public bool ByPeer { get; } = byPeer;

    /// <summary>Whether the peer says (or it is known) that it did nothing for the request, so that it may be sent again.</summary>
    public bool NotProcessed { get; init; }

    /// <summary>Whether the whole connection went.</summary>
    public bool ConnectionLost { get; init; }
}
