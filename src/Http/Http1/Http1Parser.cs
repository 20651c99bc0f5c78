using System.Buffers;

namespace AotRuntime.Http;

/// <summary>Takes what a parser finds, as it finds it. The spans are valid during the call only.</summary>
internal interface IHttp1Sink
{
    /// <summary>A request line, already checked for its form.</summary>
    void OnRequestLine(ReadOnlySpan<byte> method, ReadOnlySpan<byte> target, int minorVersion);

    /// <summary>A status line.</summary>
    void OnStatusLine(int status, int minorVersion);

    /// <summary>A field: its name is a token, its value without surrounding blanks.</summary>
    void OnField(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value);

    /// <summary>More of the last field's value, of a line that begins with a blank; in responses only.</summary>
    void OnFold(ReadOnlySpan<byte> value) => throw new HttpProtocolException("malformed MIME header: folded line");
}

/// <summary>
/// Parses a message's start line and fields (RFC 9112 §2 to §5) into a sink. It consumes whole lines and may stop at any byte; called again
/// with more, it goes on where it stopped.
/// </summary>
internal struct Http1Parser(Http1Parser.Kind kind, int maxStartLine, int maxFieldBytes, int maxFields)
{
    /// <summary>What is parsed.</summary>
    public enum Kind { Request, Response, Trailers }

    /// <summary>RFC 9110 §5.6.2: tchar.</summary>
    private static readonly SearchValues<byte> s_token =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);

    /// <summary>Controls but the tab have no place in a value (RFC 9110 §5.5), nor blanks and controls in a target.</summary>
    private static readonly SearchValues<byte> s_valueForbidden = SearchValues.Create(Controls(withTabAndBlank: false));

    private static readonly SearchValues<byte> s_targetForbidden = SearchValues.Create(Controls(withTabAndBlank: true));

    private bool _inFields = kind == Kind.Trailers;
    private int _fieldBytes;
    private int _fields;
    private long _scanned;

    /// <summary>Whether any byte of the message has come.</summary>
    public readonly bool HasBegun => _inFields || _scanned > 0;

    /// <summary>Makes ready for the next message.</summary>
    public void Reset()
    {
        _inFields = kind == Kind.Trailers;
        _fieldBytes = 0;
        _fields = 0;
        _scanned = 0;
    }

    /// <summary>
    /// Consumes lines from the beginning of <paramref name="buffer"/>. True once the empty line that ends the fields is consumed; false when
    /// more bytes are needed, of which <paramref name="buffer"/> then holds the beginning.
    /// </summary>
    /// <exception cref="HttpProtocolException">The message breaks the grammar or a limit.</exception>
    public bool Parse<TSink>(ref ReadOnlySequence<byte> buffer, TSink sink) where TSink : class, IHttp1Sink
    {
        while (true)
        {
            // Lines within the first segment, as mostly all are, need no positions.
            ReadOnlySpan<byte> first = buffer.FirstSpan;
            int taken = 0, length;
            bool headEnded = false;
            while (!headEnded && _scanned < first.Length - taken && (length = first[(taken + (int)_scanned)..].IndexOf((byte)'\n')) >= 0)
            {
                length += (int)_scanned;
                headEnded = TakeLine(first.Slice(taken, length), sink);
                taken += length + 1;
                _scanned = 0;
            }
            if (taken > 0)
                buffer = buffer.Slice(taken);
            if (headEnded)
                return true;

            if (buffer.Slice(_scanned).PositionOf((byte)'\n') is not { } position)
            {
                _scanned = buffer.Length;
                CheckLength(_scanned);
                return false;
            }
            ReadOnlySequence<byte> line = buffer.Slice(0, position);
            CheckLength(line.Length);
            byte[] rented = ArrayPool<byte>.Shared.Rent((int)line.Length);
            try
            {
                line.CopyTo(rented);
                bool ended = TakeLine(rented.AsSpan(0, (int)line.Length), sink);
                buffer = buffer.Slice(buffer.GetPosition(1, position));
                _scanned = 0;
                if (ended)
                    return true;
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }
    }

    private readonly void CheckLength(long length)
    {
        if (!_inFields)
        {
            if (length > maxStartLine)
                throw new HttpProtocolException("request line too long", 414);
        }
        else if (_fieldBytes + length > maxFieldBytes)
        {
            throw new HttpProtocolException("header fields too large", 431);
        }
    }

    private bool TakeLine<TSink>(ReadOnlySpan<byte> line, TSink sink) where TSink : class, IHttp1Sink
    {
        CheckLength(line.Length);
        if (line is [.., (byte)'\r'])
            line = line[..^1];
        else if (kind != Kind.Response)
            // RFC 9112 §2.2: "a recipient MAY recognize a single LF as a line terminator". Not where another reader might not.
            throw new HttpProtocolException("malformed HTTP message: a line ends without CR");

        if (_inFields)
        {
            if (line.IsEmpty)
                return true;
            _fieldBytes += line.Length + 2;
            if (++_fields > maxFields)
                throw new HttpProtocolException("too many header fields", 431);
            if (kind == Kind.Response && _fields > 1 && (line[0] is (byte)' ' or (byte)'\t'))
                TakeFold(line, sink);
            else
                TakeField(line, sink);
            return false;
        }

        if (line.IsEmpty && kind == Kind.Request)
        {
            // RFC 9112 §2.2: "a server … SHOULD ignore at least one empty line (CRLF) received prior to the request-line."
            _fieldBytes += 2;
            if (_fieldBytes > maxStartLine)
                throw new HttpProtocolException("malformed request");
            return false;
        }
        _fieldBytes = 0;
        _inFields = true;
        if (kind == Kind.Request)
            TakeRequestLine(line, sink);
        else
            TakeStatusLine(line, sink);
        return false;
    }

    private static void TakeRequestLine<TSink>(ReadOnlySpan<byte> line, TSink sink) where TSink : class, IHttp1Sink
    {
        int afterMethod = line.IndexOf((byte)' ');
        int beforeVersion = line.LastIndexOf((byte)' ');
        if (afterMethod <= 0 || beforeVersion <= afterMethod + 1)
            throw new HttpProtocolException("malformed HTTP request line");
        ReadOnlySpan<byte> method = line[..afterMethod];
        ReadOnlySpan<byte> target = line[(afterMethod + 1)..beforeVersion];
        if (method.ContainsAnyExcept(s_token))
            throw new HttpProtocolException("invalid method");
        if (target.ContainsAny(s_targetForbidden))
            throw new HttpProtocolException("malformed request target");
        sink.OnRequestLine(method, target, Version(line[(beforeVersion + 1)..]));
    }

    private static void TakeStatusLine<TSink>(ReadOnlySpan<byte> line, TSink sink) where TSink : class, IHttp1Sink
    {
        // status-line = HTTP-version SP status-code SP [ reason-phrase ]; some servers leave out the last blank too.
        if (line.Length < 12 || line[8] != ' ' || (line.Length > 12 && line[12] != ' '))
            throw new HttpProtocolException("malformed HTTP response");
        int status = 0;
        foreach (byte digit in line[9..12])
        {
            if (!char.IsAsciiDigit((char)digit))
                throw new HttpProtocolException("malformed HTTP status code");
            status = status * 10 + (digit - '0');
        }
        if (status is < 100 or > 599 || line.ContainsAny(s_valueForbidden))
            throw new HttpProtocolException("malformed HTTP status code");
        sink.OnStatusLine(status, Version(line[..8]));
    }

    private static int Version(ReadOnlySpan<byte> version)
    {
        if (version.Length != 8 || !version.StartsWith("HTTP/"u8) || version[6] != '.'
            || !char.IsAsciiDigit((char)version[5]) || !char.IsAsciiDigit((char)version[7]))
        {
            throw new HttpProtocolException("malformed HTTP version");
        }
        if (version[5] != '1')
            throw new HttpProtocolException("unsupported protocol version", 505);
        return version[7] == '0' ? 0 : 1;
    }

    /// <summary>RFC 9112 §5.2: a user agent "MUST replace each received obs-fold with one or more SP octets".</summary>
    private static void TakeFold<TSink>(ReadOnlySpan<byte> line, TSink sink) where TSink : class, IHttp1Sink
    {
        ReadOnlySpan<byte> more = line.Trim(" \t"u8);
        if (more.ContainsAny(s_valueForbidden))
            throw new HttpProtocolException("malformed MIME header: invalid field value");
        sink.OnFold(more);
    }

    private static void TakeField<TSink>(ReadOnlySpan<byte> line, TSink sink) where TSink : class, IHttp1Sink
    {
        // RFC 9112 §5.2: a server "MUST either reject the message" or unfold; nobody who sends it folded lines means well.
        if (line[0] is (byte)' ' or (byte)'\t')
            throw new HttpProtocolException("malformed MIME header: folded line");
        int colon = line.IndexOf((byte)':');
        // RFC 9112 §5.1: "No whitespace is allowed between the field name and colon."
        if (colon <= 0 || line[..colon].ContainsAnyExcept(s_token))
            throw new HttpProtocolException("malformed MIME header: invalid field name");
        ReadOnlySpan<byte> value = line[(colon + 1)..];
        while (value is [(byte)' ' or (byte)'\t', ..])
            value = value[1..];
        while (value is [.., (byte)' ' or (byte)'\t'])
            value = value[..^1];
        if (value.ContainsAny(s_valueForbidden))
            throw new HttpProtocolException("malformed MIME header: invalid field value");
        sink.OnField(line[..colon], value);
    }

    private static byte[] Controls(bool withTabAndBlank)
    {
        List<byte> controls = [0x7f];
        for (byte c = 0; c < ' '; c++)
        {
            if (c != '\t' || withTabAndBlank)
                controls.Add(c);
        }
        if (withTabAndBlank)
            controls.Add((byte)' ');
        return [.. controls];
    }
}
