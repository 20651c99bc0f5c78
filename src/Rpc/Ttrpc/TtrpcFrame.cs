using System.Buffers;
using System.Buffers.Binary;

namespace AotRuntime.Rpc.Ttrpc;

/// <summary>What a frame carries.</summary>
internal enum TtrpcFrameType : byte
{
    /// <summary>Begins a stream.</summary>
    Request = 1,

    /// <summary>Ends a stream.</summary>
    Response = 2,

    /// <summary>One message of a stream.</summary>
    Data = 3,
}

/// <summary>Flags, told from the receiver's side: "remote" is the sender.</summary>
[Flags]
internal enum TtrpcFlags : byte
{
    None = 0,

    /// <summary>The sender sends no more on this stream.</summary>
    RemoteClosed = 1,

    /// <summary>On a request: the call streams, and the sender will send more.</summary>
    RemoteOpen = 2,

    /// <summary>On data: there is no message in this frame (an empty message has no bytes either).</summary>
    NoData = 4,
}

/// <summary>
/// The ten bytes before each message (ttrpc's PROTOCOL.md, "Message Frame"), big-endian:
/// <code>
/// | length 32 | stream id 32 | type 8 | flags 8 |
/// </code>
/// </summary>
internal readonly record struct TtrpcFrame(uint Length, uint StreamId, TtrpcFrameType Type, TtrpcFlags Flags)
{
    public const int HeaderBytes = 10;

    /// <summary>Reads a header from the start of <paramref name="buffer"/>; false where it is not all there.</summary>
    public static bool TryRead(in ReadOnlySequence<byte> buffer, out TtrpcFrame frame)
    {
        frame = default;
        if (buffer.Length < HeaderBytes)
            return false;
        Span<byte> header = stackalloc byte[HeaderBytes];
        buffer.Slice(0, HeaderBytes).CopyTo(header);
        frame = new(
            BinaryPrimitives.ReadUInt32BigEndian(header), BinaryPrimitives.ReadUInt32BigEndian(header[4..]),
            (TtrpcFrameType)header[8], (TtrpcFlags)header[9]);
        return true;
    }

    /// <summary>Writes the header; <paramref name="destination"/> has at least <see cref="HeaderBytes"/>.</summary>
    public void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt32BigEndian(destination, Length);
        BinaryPrimitives.WriteUInt32BigEndian(destination[4..], StreamId);
        destination[8] = (byte)Type;
        destination[9] = (byte)Flags;
    }
}

/// <summary>Limits of ttrpc connections.</summary>
public sealed class TtrpcOptions
{
    /// <summary>Longest frame in bytes, without its header; the protocol's limit.</summary>
    public int MaxMessageBytes { get; init; } = 4 << 20;

    /// <summary>Calls that may run at once on one connection; more are answered with ResourceExhausted.</summary>
    public int MaxConcurrentCalls { get; init; } = 16 * 1024;

    /// <summary>Messages of one stream that may wait to be read.</summary>
    public int MaxStreamBacklog { get; init; } = 256;

    /// <summary>How long a full stream may hold its connection up before it is given up.</summary>
    public TimeSpan StreamBacklogPatience { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long running calls may go on once the server stops.</summary>
    public TimeSpan Drain { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The defaults.</summary>
    public static TtrpcOptions Default { get; } = new();
}
