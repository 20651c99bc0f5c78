using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;

namespace AotRuntime.EngineApi;

/// <summary>Which stream a frame belongs to.</summary>
public enum StdStream : byte
{
    /// <summary>Not sent by Docker, but defined.</summary>
    Stdin = 0,
    /// <summary>The container's output.</summary>
    Stdout = 1,
    /// <summary>The container's errors.</summary>
    Stderr = 2,
    /// <summary>An error of the daemon itself; ends the stream.</summary>
    SystemError = 3,
}

/// <summary>
/// Output of several streams over one connection:
/// <code>
///  0        1..3     4..7              8..
/// +--------+--------+-----------------+----------
/// | stream | zero   | length, big end | payload
/// +--------+--------+-----------------+----------
/// </code>
/// </summary>
public static class StdCopy
{
    /// <summary>Length of a frame's header.</summary>
    public const int HeaderLength = 8;

    /// <summary>Content type of framed streams since API 1.42.</summary>
    public const string MultiplexedContentType = "application/vnd.docker.multiplexed-stream";

    /// <summary>Content type of raw streams, and of all before API 1.42.</summary>
    public const string RawContentType = "application/vnd.docker.raw-stream";

    /// <summary>Writes one frame; does not flush.</summary>
    public static void Write(IBufferWriter<byte> output, StdStream stream, ReadOnlySpan<byte> payload)
    {
        Span<byte> frame = output.GetSpan(HeaderLength + payload.Length);
        frame[..4].Clear();
        frame[0] = (byte)stream;
        BinaryPrimitives.WriteUInt32BigEndian(frame[4..], (uint)payload.Length);
        payload.CopyTo(frame[HeaderLength..]);
        output.Advance(HeaderLength + payload.Length);
    }

    /// <summary>Reads frames to the end of <paramref name="input"/> and hands each piece of payload over as it arrives.</summary>
    /// <exception cref="InvalidDataException">The stream is not framed, or ends within a frame.</exception>
    public static async ValueTask DemultiplexAsync(
        PipeReader input, Func<StdStream, ReadOnlyMemory<byte>, ValueTask> sink, CancellationToken cancellationToken = default)
    {
        StdStream stream = default;
        long left = 0;
        while (true)
        {
            ReadResult result = await input.ReadAsync(cancellationToken).ConfigureAwait(false);
            ReadOnlySequence<byte> buffer = result.Buffer;
            while (true)
            {
                if (left == 0)
                {
                    if (!TryReadHeader(ref buffer, out stream, out left))
                        break;
                    continue;
                }
                if (buffer.IsEmpty)
                    break;
                ReadOnlyMemory<byte> piece = buffer.First;
                if (piece.Length > left)
                    piece = piece[..(int)left];
                await sink(stream, piece).ConfigureAwait(false);
                left -= piece.Length;
                buffer = buffer.Slice(piece.Length);
            }
            input.AdvanceTo(buffer.Start, buffer.End);
            if (!result.IsCompleted)
                continue;
            if (left > 0 || !buffer.IsEmpty)
                throw new InvalidDataException("unexpected end of a multiplexed stream");
            return;
        }
    }

    private static bool TryReadHeader(ref ReadOnlySequence<byte> buffer, out StdStream stream, out long length)
    {
        stream = default;
        length = 0;
        if (buffer.Length < HeaderLength)
            return false;
        Span<byte> header = stackalloc byte[HeaderLength];
        buffer.Slice(0, HeaderLength).CopyTo(header);
        if (header[0] > 3)
            throw new InvalidDataException($"Unrecognized input header: {header[0]}");
        stream = (StdStream)header[0];
        length = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
        buffer = buffer.Slice(HeaderLength);
        return true;
    }
}
