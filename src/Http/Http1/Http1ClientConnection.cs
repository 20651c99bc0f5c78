using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace AotRuntime.Http;

/// <summary>The client's side of one connection: one request at a time.</summary>
internal sealed class Http1ClientConnection(HttpClient pool, TransportConnection transport, HttpClientOptions options) : IAsyncDisposable, IHttp1BodySource
{
    // A body that is still on its way after that is one that the server did not want.
    private static readonly TimeSpan s_sendGrace = TimeSpan.FromMilliseconds(50);

    private readonly PipeReader _input = transport.Input;
    private readonly Http1BodyReader _body = new(transport.Input, options.MaxHeaderBytes, options.MaxHeaderFields, options.BodyTimeout);
    private readonly Http1BodyWriter _requestBody = new(transport.Output);
    private Http1Parser _parser = new(Http1Parser.Kind.Response, options.MaxStatusLineBytes, options.MaxHeaderBytes, options.MaxHeaderFields);
    private bool _answered;
    private Task _sending = Task.CompletedTask;
    private Exception? _bodyFailure;
    private TaskCompletionSource<bool>? _continue; // of a request that asked first: whether its body is wanted

    public TransportConnection Transport => transport;

    /// <summary>When the connection was last used, in milliseconds of <see cref="Environment.TickCount64"/>.</summary>
    public long IdleSince { get; set; }

    /// <summary>Whether a request that failed on this connection, which had served others, may be sent again on another one.</summary>
    /// <remarks>RFC 9110 §9.2.2: not for methods that are not idempotent, unless it is known that the server never took the request.</remarks>
    public bool MayRetry(HttpRequest request) =>
        !_answered && _bodyFailure is null && (_sending.IsCompleted || BodyUnwanted) && request.Method is "GET" or "HEAD" or "OPTIONS" or "PUT" or "DELETE";

    /// <summary>Sends a request and reads the response's head. The body goes on being sent meanwhile, and afterwards.</summary>
    public async ValueTask<Http1Response> SendAsync(HttpRequest request, string host, HttpProxy? proxy, bool upgrade, CancellationToken cancellationToken)
    {
        _answered = false;
        _bodyFailure = null;
        _continue = request is { ExpectContinue: true, Body: not null } ? new(TaskCreationOptions.RunContinuationsAsynchronously) : null;
        WriteHead(request, host, proxy, upgrade);
        _sending = SendBodyAsync(request, cancellationToken);

        using CancellationTokenSource? timeout = options.ResponseTimeout == Timeout.InfiniteTimeSpan
            ? null : CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout?.CancelAfter(options.ResponseTimeout);
        try
        {
            for (int interim = 0; ; interim++)
            {
                Http1Response response = new(this, _body, request.Method);
                await ReadHeadAsync(response, timeout?.Token ?? cancellationToken).ConfigureAwait(false);
                if (response.StatusCode >= 200 || response.StatusCode == 101)
                {
                    response.Begin(upgrade);
                    return response;
                }
                if (response.StatusCode == 100)
                    _continue?.TrySetResult(true);
                if (interim >= options.MaxInterimResponses)
                    throw new HttpProtocolException("http: too many 1xx informational responses");
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested && timeout is { IsCancellationRequested: true })
        {
            throw new IOException("net/http: timeout awaiting response headers");
        }
        catch (IOException) when (_bodyFailure is not null)
        {
            cancellationToken.ThrowIfCancellationRequested();
            // The connection was dropped because the request's body could not be had: that is what the caller should hear.
            throw new IOException(_bodyFailure.Message, _bodyFailure);
        }
        finally
        {
            // A final answer, or none at all: nobody waits for the body any more.
            _continue?.TrySetResult(false);
        }
    }

    /// <summary>The response is wanted no more; a <paramref name="reusable"/> connection has it behind it.</summary>
    public async ValueTask ReleaseAsync(bool reusable)
    {
        // A server may answer before the task that sent it the last octets has noticed that they are gone.
        if (reusable && !_sending.IsCompleted)
            await Task.WhenAny(_sending, Task.Delay(s_sendGrace)).ConfigureAwait(false);
        if (reusable && !BodyUnwanted && _sending.IsCompletedSuccessfully && _requestBody.IsWhole && !_requestBody.PeerGone && !transport.Closed.IsCancellationRequested)
            pool.Return(this);
        else
            Abort();
    }

    public void Abort() => transport.Abort();

    public ValueTask DisposeAsync() => transport.DisposeAsync();

    void IHttp1BodySource.WriteHead() => throw new InvalidOperationException("The request's head is written first.");

    void IHttp1BodySource.OnPeerGone()
    {
        // The response may be there all the same: reading tells.
    }

    /// <summary>Whether the body was held back: the server may still believe that it comes.</summary>
    private bool BodyUnwanted => _continue is { Task: { IsCompletedSuccessfully: true, Result: false } };

    private void WriteHead(HttpRequest request, string host, HttpProxy? proxy, bool upgrade)
    {
        CheckTarget(request.Target);
        PipeWriter output = transport.Output;
        // RFC 9112 §3.2.2: to a proxy, "a client MUST send the target URI in absolute-form".
        Http1HeadWriter.WriteRequestLine(output, request.Method, proxy is null ? request.Target : $"http://{host}{request.Target}");
        if (proxy?.Authorization is { } authorization)
            Http1HeadWriter.WriteField(output, "Proxy-Authorization", authorization);
        HttpHeaders headers = request.Headers;
        if (!headers.Contains("Host"))
            Http1HeadWriter.WriteField(output, "Host", host);
        for (int i = 0; i < headers.Count; i++)
        {
            string name = headers.NameAt(i);
            if (!IsFraming(name, upgrade))
                Http1HeadWriter.WriteField(output, name, headers.ValueAt(i));
        }
        if (upgrade)
        {
            Http1HeadWriter.WriteField(output, "Connection", "Upgrade");
            Http1HeadWriter.WriteField(output, "Upgrade", headers["Upgrade"] ?? "tcp");
        }

        _requestBody.Begin(this);
        if (request.Body is null)
        {
            // RFC 9110 §8.6: a method that usually has a body says so when there is none.
            if (request.Method is "POST" or "PUT" or "PATCH")
                Http1HeadWriter.WriteContentLength(output, 0);
            _requestBody.Start(BodyFraming.Length);
        }
        else if (request.ContentLength is { } length)
        {
            Http1HeadWriter.WriteContentLength(output, length);
            _requestBody.Start(BodyFraming.Length, length);
        }
        else
        {
            output.Write("Transfer-Encoding: chunked\r\n"u8);
            _requestBody.Start(BodyFraming.Chunked);
        }
        if (_continue is not null)
            output.Write("Expect: 100-continue\r\n"u8);
        output.Write("\r\n"u8);
    }

    private async Task SendBodyAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        try
        {
            if (request.Body is { } body)
            {
                // A body of unknown length may take its time, or wait for the response's beginning.
                if (request.ContentLength is null || _continue is not null)
                    await _requestBody.FlushOutputAsync(cancellationToken).ConfigureAwait(false);
                if (_continue is not null && !await IsWantedAsync(_continue.Task, cancellationToken).ConfigureAwait(false))
                {
                    _requestBody.Abandon();
                    return;
                }
                await body(_requestBody, cancellationToken).ConfigureAwait(false);
                if (_requestBody.Failure is { } failure)
                    throw failure;
            }
            _requestBody.WriteEnd(s_noTrailers);
            _requestBody.Abandon();
            if (!_requestBody.IsWhole)
                throw new IOException($"http: ContentLength={request.ContentLength} with Body length {_requestBody.Written}");
            await _requestBody.FlushOutputAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (IOException) when (_requestBody.PeerGone)
        {
            // A server may answer before it has taken the whole body, and close; reading tells.
            _requestBody.Abandon();
        }
        catch (Exception e)
        {
            // Half a request cannot be taken back. Whoever reads the response finds out.
            _bodyFailure = e;
            _requestBody.Abandon();
            transport.Abort();
        }
    }

    private async ValueTask<bool> IsWantedAsync(Task<bool> answer, CancellationToken cancellationToken)
    {
        try
        {
            return await answer.WaitAsync(options.ExpectContinueTimeout, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // RFC 9110 §10.1.1: a client "SHOULD NOT wait for an indefinite period before sending the content."
            return _continue!.TrySetResult(true) || await answer.ConfigureAwait(false);
        }
    }

    private static readonly HttpHeaders s_noTrailers = new();

    private async ValueTask ReadHeadAsync(Http1Response response, CancellationToken cancellationToken)
    {
        _parser.Reset();
        while (true)
        {
            ReadResult read = await _input.ReadAsync(cancellationToken).ConfigureAwait(false);
            if (read.IsCanceled && transport.Closed.IsCancellationRequested)
                throw new IOException("use of closed network connection");
            ReadOnlySequence<byte> buffer = read.Buffer;
            _answered |= !buffer.IsEmpty;
            bool complete;
            try
            {
                complete = _parser.Parse(ref buffer, response);
            }
            catch (HttpProtocolException)
            {
                _input.AdvanceTo(read.Buffer.Start);
                throw;
            }
            _input.AdvanceTo(buffer.Start, complete ? buffer.Start : buffer.End);
            if (complete)
                return;
            if (read.IsCompleted)
                throw new IOException(_answered ? "unexpected EOF" : "EOF");
        }
    }

    private static bool IsFraming(string name, bool upgrade) =>
        name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase)
        || name.Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase)
        || name.Equals("Expect", StringComparison.OrdinalIgnoreCase)
        || (upgrade && (name.Equals("Connection", StringComparison.OrdinalIgnoreCase) || name.Equals("Upgrade", StringComparison.OrdinalIgnoreCase)));

    private static void CheckTarget(string target)
    {
        foreach (char c in target)
        {
            if (c is <= ' ' or >= '\x7f')
                throw new ArgumentException($"The request target is not percent-encoded: {target}");
        }
    }
}

/// <summary>A response of <see cref="Http1ClientConnection"/>.</summary>
internal sealed class Http1Response(Http1ClientConnection connection, Http1BodyReader body, string method) : HttpResponse, IHttp1BodyOwner
{
    private readonly HttpHeaders _headers = new();
    private readonly HttpHeaders _trailers = new();
    private int _status;
    private int _minorVersion;
    private long? _length;
    private bool _chunked;
    private bool _coded;
    private bool _inTrailers;
    private bool _keepAlive;
    private bool _raw;
    private bool _disposed;

    public override int StatusCode => _status;

    public override HttpHeaders Headers => _headers;

    public override HttpHeaders Trailers => _trailers;

    public override long? ContentLength => _length;

    public override PipeReader Body => body;

    public void OnRequestLine(ReadOnlySpan<byte> method, ReadOnlySpan<byte> target, int minorVersion) =>
        throw new HttpProtocolException("malformed HTTP response");

    public void OnStatusLine(int status, int minorVersion)
    {
        _status = status;
        _minorVersion = minorVersion;
    }

    public void OnField(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (_inTrailers)
        {
            _trailers.AddWire(name, value);
            return;
        }
        _headers.AddWire(name, value);
        if (name.Length == 14 && Ascii.EqualsIgnoreCase(name, "content-length"u8))
        {
            long length = Http.ContentLength.Parse(value);
            if (_length is { } other && other != length)
                throw new HttpProtocolException("http: message cannot contain multiple Content-Length headers");
            _length = length;
        }
        else if (name.Length == 17 && Ascii.EqualsIgnoreCase(name, "transfer-encoding"u8))
        {
            _chunked = !_coded && Ascii.EqualsIgnoreCase(value, "chunked"u8);
            _coded = true;
        }
    }

    public void OnFold(ReadOnlySpan<byte> value)
    {
        // What frames the message, and was understood without the rest of its value, must not be two things to two readers.
        if (_headers.NameAt(_headers.Count - 1).ToLowerInvariant() is "content-length" or "transfer-encoding" or "connection")
            throw new HttpProtocolException("malformed MIME header: folded line");
        _headers.AppendWire(value);
    }

    /// <summary>The head is complete: decides about the body (RFC 9112 §6.3).</summary>
    public void Begin(bool upgrade)
    {
        _keepAlive = _minorVersion > 0 ? !_headers.ListContains("Connection", "close") : _headers.ListContains("Connection", "keep-alive");
        if (_coded && !_chunked)
            throw new HttpProtocolException($"unsupported transfer encoding: {_headers["Transfer-Encoding"]}");
        if (_coded)
        {
            // Transfer-Encoding overrides a length, and a connection on which both came is not to be trusted further.
            _keepAlive &= _length is null;
            _length = null;
        }
        _raw = upgrade && (_status == 101 || (_status == 200 && !_coded && _length is null));
        BodyFraming framing =
            method == "HEAD" || _status is 101 or 204 or 304 || _raw ? BodyFraming.None
            : _chunked ? BodyFraming.Chunked
            : _length is not null ? BodyFraming.Length
            : BodyFraming.UntilClose;
        if (framing == BodyFraming.UntilClose || _status == 101)
            _keepAlive = false;
        _inTrailers = framing == BodyFraming.Chunked;
        body.Begin(this, framing, framing == BodyFraming.Length ? _length!.Value : 0);
    }

    /// <summary>The raw connection after an upgrade; null where there was none.</summary>
    public TransportConnection? TakeRaw() => _raw ? connection.Transport : null;

    public ValueTask BeforeReadAsync() => ValueTask.CompletedTask;

    public void AfterRead()
    {
    }

    public void OnBodyEnd()
    {
    }

    public override ValueTask DisposeAsync()
    {
        if (_disposed || _raw)
            return ValueTask.CompletedTask;
        _disposed = true;
        return connection.ReleaseAsync(_keepAlive && SkipRest());
    }

    /// <summary>Skips what has already arrived, which is cheaper than a new connection. False where that is not the whole body.</summary>
    private bool SkipRest()
    {
        try
        {
            while (!body.Ended && !body.Lent && body.TryRead(out ReadResult rest))
            {
                body.AdvanceTo(rest.Buffer.End);
                if (rest.IsCompleted)
                    break;
            }
            return body.Ended;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
