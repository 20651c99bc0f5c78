using System.Buffers;
using System.Buffers.Binary;

namespace AotRuntime.Docker.Streams;

/// <summary>
/// Takes the two outputs of a container without a terminal apart. Each frame:
/// <code>
/// | stream 1 byte | 0 0 0 | length 4 bytes, big-endian | payload |
/// </code>
/// Streams are 0 stdin (shown as stdout), 1 stdout, 2 stderr, 3 an error of the daemon. State survives between calls: frames may be cut anywhere.
/// </summary>
public sealed class StreamDemultiplexer(Action<ReadOnlySpan<byte>> stdout, Action<ReadOnlySpan<byte>> stderr)
{
    private const int HeaderLength = 8;
    private readonly byte[] _header = new byte[HeaderLength];
    private int _headerBytes;
    private uint _left;
    private MemoryStream? _systemError;

    /// <summary>Takes the next bytes.</summary>
    /// <exception cref="IOException">The stream is broken, or carries the daemon's error.</exception>
    public void Feed(ReadOnlySequence<byte> data)
    {
        foreach (ReadOnlyMemory<byte> segment in data)
            Feed(segment.Span);
    }

    /// <inheritdoc cref="Feed(ReadOnlySequence{byte})"/>
    public void Feed(ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty)
        {
            if (_left == 0)
            {
                int take = Math.Min(HeaderLength - _headerBytes, data.Length);
                data[..take].CopyTo(_header.AsSpan(_headerBytes));
                _headerBytes += take;
                data = data[take..];
                if (_headerBytes < HeaderLength)
                    return;
                _headerBytes = 0;
                if (_header[0] > 3)
                    throw new IOException($"Unrecognized input header: {_header[0]}");
                _left = BinaryPrimitives.ReadUInt32BigEndian(_header.AsSpan(4));
                continue;
            }
            int length = (int)Math.Min(_left, (uint)data.Length);
            _left -= (uint)length;
            Deliver(data[..length]);
            data = data[length..];
        }
    }

    private void Deliver(ReadOnlySpan<byte> payload)
    {
        switch (_header[0])
        {
            case 0 or 1:
                stdout(payload);
                break;
            case 2:
                stderr(payload);
                break;
            default:
                _systemError ??= new MemoryStream();
                _systemError.Write(payload);
                if (_left == 0)
                    throw new IOException($"error from daemon in stream: {System.Text.Encoding.UTF8.GetString(_systemError.ToArray())}");
                break;
        }
    }
}
