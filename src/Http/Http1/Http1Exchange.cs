using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;

namespace AotRuntime.Http;

/// <summary>The request and response that a connection is at; one object serves all of the connection's requests in turn.</summary>
internal sealed class Http1Exchange : HttpExchange, IHttp1BodyOwner, IHttp1BodySource
{
    private const string ContentLengthName = "Content-Length";

    /// <summary>The longest head that is kept, to be known when it comes again.</summary>
    private const int MaxKeptHead = 512;

    private static readonly HttpHeaders s_noTrailers = new();

    private readonly Http1Connection _connection;
    private readonly Http1BodyReader _requestBody;
    private readonly Http1BodyWriter _responseBody;
    private readonly HttpHeaders _requestHeaders = new(pooled: true);
    private HttpHeaders? _requestTrailers;
    private readonly HttpHeaders _responseHeaders = new(pooled: true);
    private HttpHeaders? _responseTrailers;
    private readonly Lock _abortGate = new();

    // Clients ask for the same few targets over and over; the strings of the last one are kept.
    private byte[] _lastTarget = [];
    private string _path = "";
    private string _query = "";
    private string? _authority;

    // The octets of the last head, while the fields are still as it says; none where it was not worth keeping.
    private byte[] _head = [];
    private int _headLength;
    private int _headVersion;

    private string _method = "";
    private int _minorVersion;
    private int _hosts;
    private long _contentLength;
    private int _transferEncodings;
    private bool _chunked;
    private bool _connectionClose;
    private bool _connectionKeepAlive;
    private bool _connectionUpgrade;
    private bool _expectsContinue;
    private bool _unknownExpectation;
    private int _status;
    private CancellationTokenSource? _abortSource;
    private bool _aborted;
    private bool _inTrailers;

    public Http1Exchange(Http1Connection connection, HttpServerOptions options)
    {
        _connection = connection;
        _requestBody = new Http1BodyReader(connection.Transport.Input, options.MaxHeaderBytes, options.MaxHeaderFields);
        _responseBody = new Http1BodyWriter(connection.Transport.Output);
    }

    public override string Method => _method;

    public override string Path => _path;

    public override string QueryString => _query;

    public override int MajorVersion => 1;

    public override TransportConnection Connection => _connection.Transport;

    public override HttpHeaders RequestHeaders => _requestHeaders;

    public override long? RequestContentLength => _chunked ? null : Math.Max(_contentLength, 0);

    public override PipeReader RequestBody => _requestBody;

    public override HttpHeaders RequestTrailers => _requestTrailers ??= new(pooled: true);

    public override int StatusCode
    {
        get => _status;
        set
        {
            if (HasStarted)
                throw new InvalidOperationException("The response has started.");
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 200);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, 599);
            _status = value;
        }
    }

    public override HttpHeaders ResponseHeaders => _responseHeaders;

    public override HttpHeaders ResponseTrailers => _responseTrailers ??= new(pooled: true);

    public override bool HasStarted => _responseBody.Started || Upgraded;

    public override PipeWriter ResponseBody => _responseBody;

    /// <summary>Whether the handler has taken the connection over.</summary>
    public bool Upgraded { get; private set; }

    /// <summary>Whether another request may follow this one.</summary>
    public bool KeepAlive { get; private set; }

    /// <summary>Whether the client waits for a word before it sends the body.</summary>
    public bool AwaitsContinue => _expectsContinue && !_requestBody.Ended;

    public Http1BodyReader BodyReader => _requestBody;

    public Http1BodyWriter BodyWriter => _responseBody;

    public override CancellationToken Aborted
    {
        get
        {
            lock (_abortGate)
            {
                if (_aborted && _abortSource is null)
                    return new CancellationToken(canceled: true);
                return (_abortSource ??= new CancellationTokenSource()).Token;
            }
        }
    }

    /// <summary>Makes ready for the next request's answer.</summary>
    public void Reset()
    {
        _responseHeaders.Clear();
        _responseTrailers?.Clear();
        _status = 200;
        if (_aborted || _abortSource is not null)
        {
            lock (_abortGate)
            {
                _abortSource = null;
                _aborted = false;
            }
        }
        _responseBody.Begin(this);
        _requestBody.Begin(this, BodyFraming.None, 0);
    }

    /// <summary>Makes ready for the next request's head, after <see cref="Reset"/>.</summary>
    public void BeginHead()
    {
        _headLength = 0;
        _requestHeaders.Clear();
        _requestTrailers?.Clear();
        _hosts = 0;
        _contentLength = -1;
        _transferEncodings = 0;
        _chunked = false;
        _connectionClose = _connectionKeepAlive = _connectionUpgrade = false;
        _expectsContinue = _unknownExpectation = false;
        _inTrailers = false;
    }

    /// <summary>
    /// Whether <paramref name="buffer"/> begins with the very head that came last: it means the same again. Takes it from the buffer then, in
    /// place of <see cref="BeginHead"/> and all that follows it.
    /// </summary>
    public bool TryRepeatHead(ref ReadOnlySequence<byte> buffer)
    {
        if (_headLength == 0 || _headVersion != _requestHeaders.Version || !buffer.FirstSpan.StartsWith(_head.AsSpan(0, _headLength)))
            return false;
        buffer = buffer.Slice(_headLength);
        return true;
    }

    /// <summary>Keeps the octets of a head that may come again, after <see cref="OnHead"/>. One with a body does not.</summary>
    public void KeepHead(ReadOnlySpan<byte> head)
    {
        if (head.Length > MaxKeptHead || _contentLength > 0 || _chunked || _expectsContinue || _connectionUpgrade || !KeepAlive)
            return;
        if (_head.Length == 0)
            _head = ArrayPool<byte>.Shared.Rent(MaxKeptHead);
        head.CopyTo(_head);
        (_headLength, _headVersion) = (head.Length, _requestHeaders.Version);
    }

    /// <summary>Gives back what is rented while the connection waits for its next request; after <see cref="Reset"/>.</summary>
    public void ReleaseMemory()
    {
        BeginHead();
        _requestHeaders.ReleaseMemory();
        _requestTrailers?.ReleaseMemory();
        _responseHeaders.ReleaseMemory();
        _responseTrailers?.ReleaseMemory();
        _responseBody.Abandon();
        if (_head.Length > 0)
            ArrayPool<byte>.Shared.Return(_head);
        _head = [];
    }

    public void OnRequestLine(ReadOnlySpan<byte> method, ReadOnlySpan<byte> target, int minorVersion)
    {
        string before = _method;
        _method = MethodName(method);
        _minorVersion = minorVersion;
        if (target.SequenceEqual(_lastTarget) && before == _method)
            return;
        _lastTarget = [];
        (_path, _query, _authority) = RequestTarget.Split(_method, target);
        _lastTarget = target.ToArray();
    }

    public void OnStatusLine(int status, int minorVersion) => throw new HttpProtocolException("malformed HTTP request line");

    public void OnField(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (_inTrailers)
        {
            // RFC 9110 §6.5.1: fields that frame or route a message have no meaning in trailers, and are not merged.
            RequestTrailers.AddWire(name, value);
            return;
        }
        _requestHeaders.AddWire(name, value);
        switch (name.Length)
        {
            case 4 when Ascii.EqualsIgnoreCase(name, "host"u8):
                _hosts++;
                if (!HostField.IsValid(value))
                    throw new HttpProtocolException("malformed Host header");
                break;
            case 6 when Ascii.EqualsIgnoreCase(name, "expect"u8):
                _expectsContinue = Ascii.EqualsIgnoreCase(value, "100-continue"u8);
                _unknownExpectation |= !_expectsContinue;
                break;
            case 10 when Ascii.EqualsIgnoreCase(name, "connection"u8):
                foreach (Range part in value.Split((byte)','))
                {
                    ReadOnlySpan<byte> option = value[part].Trim(" \t"u8);
                    _connectionClose |= Ascii.EqualsIgnoreCase(option, "close"u8);
                    _connectionKeepAlive |= Ascii.EqualsIgnoreCase(option, "keep-alive"u8);
                    _connectionUpgrade |= Ascii.EqualsIgnoreCase(option, "upgrade"u8);
                }
                break;
            case 14 when Ascii.EqualsIgnoreCase(name, "content-length"u8):
                long length = ContentLength.Parse(value);
                if (_contentLength >= 0 && _contentLength != length)
                    throw new HttpProtocolException("http: message cannot contain multiple Content-Length headers");
                _contentLength = length;
                break;
            case 17 when Ascii.EqualsIgnoreCase(name, "transfer-encoding"u8):
                _transferEncodings++;
                _chunked = Ascii.EqualsIgnoreCase(value, "chunked"u8);
                break;
        }
    }

    /// <summary>The head is complete: decides about the body and the connection (RFC 9112 §6.3, §9.3).</summary>
    public void OnHead()
    {
        // RFC 9112 §3.2: "A server MUST respond with a 400 … to any HTTP/1.1 request message that lacks a Host header field and to any
        // request message that contains more than one".
        if (_hosts > 1)
            throw new HttpProtocolException("too many Host headers");
        if (_hosts == 0 && _minorVersion > 0)
            throw new HttpProtocolException("missing required Host header");
        // RFC 9112 §3.2.2: with absolute-form "the origin server MUST ignore the received Host header field".
        if (_authority is not null)
            _requestHeaders["Host"] = _authority;
        if (_transferEncodings > 0)
        {
            // Two answers to how long the body is: the shape of request smuggling (RFC 9112 §6.1).
            if (_contentLength >= 0)
                throw new HttpProtocolException("http: both Transfer-Encoding and Content-Length are given");
            if (_minorVersion == 0)
                throw new HttpProtocolException("http: Transfer-Encoding in an HTTP/1.0 request");
            if (_transferEncodings > 1 || !_chunked)
                throw new HttpProtocolException("unsupported transfer encoding", 501);
        }
        // RFC 9110 §10.1.1: "A server that receives a 100-continue expectation in an HTTP/1.0 request MUST ignore that expectation."
        _expectsContinue &= _minorVersion > 0;
        if (_unknownExpectation)
            throw new HttpProtocolException("unknown expectation", 417);
        KeepAlive = !_connectionClose && (_minorVersion > 0 || _connectionKeepAlive);
        if (_chunked)
            _inTrailers = true;
        _requestBody.Begin(this, _chunked ? BodyFraming.Chunked : BodyFraming.Length, Math.Max(_contentLength, 0));
    }

    public override async ValueTask StartAsync()
    {
        if (HasStarted)
            return;
        WriteHead();
        await _responseBody.FlushOutputAsync().ConfigureAwait(false);
    }

    public override async ValueTask<IDuplexPipe> UpgradeAsync()
    {
        if (HasStarted)
            throw new InvalidOperationException("The response has started.");
        // What is framed as the request's body is not part of the raw stream that follows it.
        if (!await _requestBody.DrainAsync(_connection.Options.MaxUnreadBodyBytes).ConfigureAwait(false))
            throw new HttpProtocolException("http: request body too large", 413);
        Upgraded = true;
        KeepAlive = false;
        await _connection.DetachAsync().ConfigureAwait(false);

        PipeWriter output = _connection.Transport.Output;
        string? protocol = _connectionUpgrade ? _requestHeaders["Upgrade"] : null;
        // Docker's clients know these lines; not the phrase of RFC 9110.
        output.Write(protocol is null ? "HTTP/1.1 200 OK\r\n"u8 : "HTTP/1.1 101 UPGRADED\r\n"u8);
        _responseHeaders.Remove(ContentLengthName);
        _responseHeaders.Remove("Connection");
        _responseHeaders.Remove("Upgrade");
        Http1HeadWriter.WriteFields(output, _responseHeaders);
        if (protocol is not null)
        {
            Http1HeadWriter.WriteField(output, "Connection", "Upgrade");
            Http1HeadWriter.WriteField(output, "Upgrade", protocol);
        }
        output.Write("\r\n"u8);
        FlushResult flushed = await output.FlushAsync().ConfigureAwait(false);
        if (flushed.IsCompleted)
            Abort();
        return _connection.Transport;
    }

    public ValueTask BeforeReadAsync()
    {
        _connection.OnBodyRead(waits: true);
        if (!_expectsContinue || HasStarted)
            return ValueTask.CompletedTask;
        _expectsContinue = false;
        return SendContinueAsync();
    }

    public void AfterRead() => _connection.OnBodyRead(waits: false);

    public void OnBodyEnd()
    {
        _expectsContinue = false;
        _connection.OnBodyEnd();
    }

    public void OnPeerGone() => Abort();

    /// <summary>The client is gone: tells the handler.</summary>
    public void Abort()
    {
        CancellationTokenSource? source;
        lock (_abortGate)
        {
            _aborted = true;
            source = _abortSource;
        }
        // Its callbacks are the handler's code; the connection does not wait for them.
        _ = source?.CancelAsync();
    }

    public bool IsAborted => _aborted;

    /// <summary>Writes status and fields for a body whose end is not known yet.</summary>
    public void WriteHead() => WriteHead(complete: false);

    /// <summary>Writes all that the handler has left to write into the connection's buffer.</summary>
    public void WriteEnd()
    {
        if (!_responseBody.Started)
            WriteHead(complete: true);
        _responseBody.WriteEnd(_responseTrailers ?? s_noTrailers);
    }

    /// <summary>Makes the response an error in Docker's form.</summary>
    public void SetError(int status, string message)
    {
        _responseBody.DropBuffered();
        _responseHeaders.Clear();
        _responseTrailers?.Clear();
        _status = status;
        byte[] body = ErrorBody.Json(message);
        _responseHeaders.Add("Content-Type", "application/json");
        _responseHeaders.Add(ContentLengthName, body.Length.ToString(CultureInfo.InvariantCulture));
        _responseBody.Begin(this);
        _responseBody.Write(body);
    }

    /// <summary>No request follows this one.</summary>
    public void ForbidKeepAlive() => KeepAlive = false;

    private void WriteHead(bool complete)
    {
        PipeWriter output = _connection.Transport.Output;
        ResponseHead head = _connection.Heads.Write(output, _status, _responseHeaders);
        if (AwaitsContinue || _connection.IsStopping || head.Closes)
            KeepAlive = false;
        bool isHead = _method == "HEAD";
        bool mayHaveBody = _status is not (204 or 304);
        long declared = head.Length;
        BodyFraming framing = BodyFraming.Length;
        if (declared < 0 && mayHaveBody)
        {
            if (complete)
            {
                declared = _responseBody.Buffered;
                // To HEAD an empty body means that the handler made none, not that GET would give none.
                if (!isHead || declared > 0)
                    Http1HeadWriter.WriteContentLength(output, declared);
            }
            else if (_minorVersion > 0)
            {
                framing = BodyFraming.Chunked;
                if (!isHead)
                    output.Write("Transfer-Encoding: chunked\r\n"u8);
            }
            else
            {
                framing = BodyFraming.UntilClose;
                KeepAlive = false;
            }
        }
        if (!KeepAlive)
            output.Write("Connection: close\r\n"u8);
        else if (_minorVersion == 0)
            output.Write("Connection: keep-alive\r\n"u8);
        if (head.HasDate)
            output.Write("\r\n"u8);
        else
            Http1HeadWriter.WriteDate(output, last: true);
        _responseBody.Start(framing, declared, discard: isHead || !mayHaveBody);
    }

    private async ValueTask SendContinueAsync()
    {
        PipeWriter output = _connection.Transport.Output;
        output.Write("HTTP/1.1 100 Continue\r\n\r\n"u8);
        await output.FlushAsync().ConfigureAwait(false);
    }

    private static string MethodName(ReadOnlySpan<byte> method)
    {
        // RFC 9110 §9.1: "The method token is case-sensitive".
        if (method.SequenceEqual("GET"u8))
            return "GET";
        if (method.SequenceEqual("POST"u8))
            return "POST";
        if (method.SequenceEqual("HEAD"u8))
            return "HEAD";
        if (method.SequenceEqual("DELETE"u8))
            return "DELETE";
        if (method.SequenceEqual("PUT"u8))
            return "PUT";
        return Encoding.ASCII.GetString(method);
    }
}
