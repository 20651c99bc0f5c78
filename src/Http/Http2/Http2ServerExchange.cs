using System.Globalization;
using System.IO.Pipelines;
using AotRuntime.Http.Http2.Hpack;

namespace AotRuntime.Http.Http2;

/// <summary>One request of a server and its answer. It is its own work item.</summary>
internal sealed class Http2ServerExchange : HttpExchange, IThreadPoolWorkItem
{
    private readonly Http2ServerConnection _connection;
    private readonly Http2Stream _stream;
    private readonly Http2RequestHead _head;
    private readonly int _query;
    private int _statusCode = 200;
    private bool _started;
    private PipeWriter? _body;
    private HttpHeaders? _requestHeaders;
    private HttpHeaders? _responseTrailers;

    /// <param name="connection">Where the request came.</param>
    /// <param name="stream">Its stream.</param>
    /// <param name="head">What it says.</param>
    /// <param name="shared">Whether others have the same head, so that changes need a copy.</param>
    /// <param name="answer">For the answer's fields; it goes back to the connection.</param>
    public Http2ServerExchange(Http2ServerConnection connection, Http2Stream stream, Http2RequestHead head, bool shared, HttpHeaders answer)
    {
        _connection = connection;
        _stream = stream;
        _head = head;
        _query = head.Target.IndexOf('?', StringComparison.Ordinal);
        _requestHeaders = shared ? null : head.Headers;
        ResponseHeaders = answer;
    }

    public override string Method => _head.Method;

    public override string Path => _query < 0 ? _head.Target : _head.Target[.._query];

    public override string QueryString => _query < 0 ? "" : _head.Target[(_query + 1)..];

    public override int MajorVersion => 2;

    public override TransportConnection Connection => _connection.Transport;

    public override HttpHeaders RequestHeaders => _requestHeaders ??= _head.Headers.Copy();

    public override long? RequestContentLength => _head.ContentLength;

    public override PipeReader RequestBody => _stream.Reader;

    public override HttpHeaders RequestTrailers => _stream.ReceivedTrailers;

    public override int StatusCode
    {
        get => _statusCode;
        set => _statusCode = _started ? throw new InvalidOperationException("the response has started") : value;
    }

    public override HttpHeaders ResponseHeaders { get; }

    public override HttpHeaders ResponseTrailers => _responseTrailers ??= _connection.RentHeaders();

    public override bool HasStarted => _started;

    public override PipeWriter ResponseBody
    {
        get
        {
            if (_body is not null)
                return _body;
            if (_head.Method == "HEAD")
                return _body = new DiscardingWriter(Start);
            return _body = _stream.Writer;
        }
    }

    public override CancellationToken Aborted => _stream.Aborted;

    public override ValueTask StartAsync()
    {
        Start();
        _connection.Output.Schedule(_stream);
        return ValueTask.CompletedTask;
    }

    public override ValueTask<IDuplexPipe> UpgradeAsync() => throw new NotSupportedException("HTTP/2 cannot be upgraded (RFC 9113 §8.6)");

    void IThreadPoolWorkItem.Execute() => _ = RunAsync();

    /// <summary>Makes status and fields ready to be sent; they are fixed from here on.</summary>
    public void Start()
    {
        if (_started)
            return;
        List<HpackField> block = _connection.Heads.Make(StatusText(_statusCode), ResponseHeaders);
        _started = true;
        _stream.Head = block;
    }

    private async Task RunAsync()
    {
        try
        {
            if (ReferenceEquals(_head, Http2RequestHead.TooLarge))
                _statusCode = 431;
            else if (_head.Method == "CONNECT")
                _statusCode = 501; // an origin server is no proxy (RFC 9110 §9.3.6)
            else
                await _connection.Handler(this).ConfigureAwait(false);
            Finish();
        }
        catch (Exception e) when (!_started && !_stream.HasWriter)
        {
            _connection.ReportError(e);
            ResponseHeaders.Clear();
            _responseTrailers?.Clear();
            _statusCode = 500;
            Finish();
        }
        catch (Exception e)
        {
            _connection.ReportError(e);
            // Too late for a status: the client learns by the reset that this is not the whole answer.
            _connection.Reset(_stream, Http2ErrorCode.InternalError, "the handler failed");
        }
        finally
        {
            _stream.DiscardReceive();
            _connection.OnHandled(ResponseHeaders, _responseTrailers);
        }
    }

    private void Finish()
    {
        Start();
        if (_responseTrailers is { Count: > 0 })
            _stream.SendTrailers = _connection.Trailers.Make(null, _responseTrailers);
        if (_stream.HasWriter)
            ((Http2BodyWriter)_stream.Writer).CompleteInner();
        lock (_connection.Gate)
        {
            _stream.SendDone = true;
            _connection.Output.ScheduleLocked(_stream);
        }
    }

    private static string StatusText(int status) => status switch
    {
        200 => "200",
        204 => "204",
        404 => "404",
        500 => "500",
        _ => status.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>Takes the body of an answer to HEAD, which has none.</summary>
    private sealed class DiscardingWriter(Action start) : PipeWriter
    {
        private readonly System.Buffers.ArrayBufferWriter<byte> _scratch = new();

        public override void Advance(int bytes)
        {
            _scratch.Advance(bytes);
            _scratch.ResetWrittenCount();
        }

        public override void CancelPendingFlush()
        {
        }

        public override void Complete(Exception? exception = null)
        {
        }

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
        {
            start();
            return new(new FlushResult(isCanceled: false, isCompleted: false));
        }

        public override Memory<byte> GetMemory(int sizeHint = 0) => _scratch.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => _scratch.GetSpan(sizeHint);
    }
}
