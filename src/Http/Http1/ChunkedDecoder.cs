using System.Buffers;

namespace AotRuntime.Http;

/// <summary>Decodes the chunked transfer coding (RFC 9112 §7.1); may stop at any byte.</summary>
internal sealed class ChunkedDecoder(int maxTrailerBytes, int maxTrailers)
{
    /// <summary>A chunk's extension that is skipped; nobody needs more.</summary>
    private const int MaxExtensionBytes = 1024;

    /// <summary>Framing beyond two bytes for each of data, and sixteen for each chunk, in a whole body: small chunks with long extensions would cost much and bring little (CVE-2023-39326).</summary>
    private const int MaxOverheadBytes = 16 * 1024;

    private enum State { Size, Extension, SizeLf, Data, DataCr, DataLf, Trailers, Done }

    private State _state;
    private long _size;
    private int _digits;
    private int _extension;
    private long _overhead;
    private Http1Parser _trailers = new(Http1Parser.Kind.Trailers, 0, maxTrailerBytes, maxTrailers);

    /// <summary>Makes ready for the next body.</summary>
    public void Reset()
    {
        _state = State.Size;
        _size = 0;
        _digits = 0;
        _extension = 0;
        _overhead = 0;
        _trailers.Reset();
    }

    /// <summary>
    /// Consumes from the beginning of <paramref name="buffer"/>, writes data to <paramref name="output"/> and trailers to
    /// <paramref name="trailers"/>. True once the last line is consumed.
    /// </summary>
    /// <exception cref="HttpProtocolException">The coding is broken.</exception>
    public bool Decode<TSink>(ref ReadOnlySequence<byte> buffer, IBufferWriter<byte> output, TSink trailers) where TSink : class, IHttp1Sink
    {
        while (_state != State.Done)
        {
            if (_state == State.Data)
            {
                if (buffer.IsEmpty)
                    return false;
                ReadOnlySequence<byte> data = buffer.Slice(0, Math.Min(buffer.Length, _size));
                foreach (ReadOnlyMemory<byte> segment in data)
                    output.Write(segment.Span);
                _size -= data.Length;
                buffer = buffer.Slice(data.End);
                if (_size == 0)
                    _state = State.DataCr;
                continue;
            }
            if (_state == State.Trailers)
            {
                if (!_trailers.Parse(ref buffer, trailers))
                    return false;
                _state = State.Done;
                break;
            }

            if (buffer.IsEmpty)
                return false;
            // A sequence may have empty segments in front, which no slicing at an offset of 0 takes away.
            ReadOnlySpan<byte> span = buffer.FirstSpan;
            for (SequencePosition next = buffer.Start; span.IsEmpty && buffer.TryGet(ref next, out ReadOnlyMemory<byte> memory);)
                span = memory.Span;
            int used = 0;
            while (used < span.Length && _state is not (State.Data or State.Trailers))
                Take(span[used++]);
            buffer = buffer.Slice(used);
        }
        return true;
    }

    /// <summary>One byte of the framing between chunks.</summary>
    private void Take(byte b)
    {
        switch (_state)
        {
            case State.Size when char.IsAsciiHexDigit((char)b):
                // 15 digits stay within a long; leading zeros count too, so that they cannot go on for ever.
                if (++_digits > 15)
                    throw new HttpProtocolException("http chunk length too large");
                _size = (_size << 4) | (uint)HexValue(b);
                break;
            case State.Size when _digits > 0 && b == '\r':
                _state = State.SizeLf;
                break;
            case State.Size when _digits > 0 && b is (byte)';' or (byte)' ' or (byte)'\t':
                _state = State.Extension;
                break;
            case State.Size:
                throw new HttpProtocolException("invalid byte in chunk length");
            case State.Extension when b == '\r':
                _state = State.SizeLf;
                break;
            case State.Extension:
                // A bare LF here is where recipients have disagreed about the chunk's end.
                if (b is (byte)'\n' or 0 || ++_extension > MaxExtensionBytes)
                    throw new HttpProtocolException("malformed chunk extension");
                break;
            case State.SizeLf:
                Expect(b, '\n');
                _overhead = Math.Max(0, _overhead + _digits + _extension - 16 - (2 * _size));
                if (_overhead > MaxOverheadBytes)
                    throw new HttpProtocolException("chunked encoding contains too much non-data");
                _digits = 0;
                _extension = 0;
                _state = _size == 0 ? State.Trailers : State.Data;
                break;
            case State.DataCr:
                Expect(b, '\r');
                _state = State.DataLf;
                break;
            case State.DataLf:
                Expect(b, '\n');
                _state = State.Size;
                break;
        }
    }

    private static void Expect(byte actual, char expected)
    {
        if (actual != expected)
            throw new HttpProtocolException("malformed chunked encoding");
    }

    private static int HexValue(byte digit) => digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}
