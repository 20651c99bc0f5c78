using System.Globalization;
using System.IO.Pipelines;
using AotRuntime.Http.Http2;
using AotRuntime.Http.Http2.Hpack;

namespace AotRuntime.Http;

/// <summary>One HTTP/2 connection of a client, with prior knowledge (RFC 9113 §3.3). Thread-safe; requests run side by side.</summary>
public sealed class Http2ClientConnection : IAsyncDisposable
{
    private readonly Http2ClientSession _session;
    private readonly string _authority;
    private readonly string _scheme;

    /// <summary>Begins on an open transport, which it then owns.</summary>
    public Http2ClientConnection(TransportConnection transport, string authority = "localhost")
        : this(transport, authority, Http2Options.Default)
    {
    }

    /// <summary>Begins on an open transport, which it then owns.</summary>
    public Http2ClientConnection(TransportConnection transport, string authority, Http2Options options, int maxHeaderBytes = 64 * 1024, string scheme = "http")
    {
        _authority = authority;
        _scheme = scheme;
        _session = new Http2ClientSession(transport, options, maxHeaderBytes);
    }

    /// <summary>Whether new requests may be sent (no GOAWAY, not lost).</summary>
    public bool IsOpen => _session.IsOpen;

    /// <summary>Sends and gives the response once its fields are there; the request's body goes on being written meanwhile.</summary>
    public async ValueTask<HttpResponse> SendAsync(HttpRequest request, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (request.ContentLength is { } length && request.Headers["content-length"] is null)
            request.Headers.Add("content-length", length.ToString(CultureInfo.InvariantCulture));
        Http2ClientResponse response = Begin(request.Method, request.Target, request.Headers, request.Body is not null);
        if (request.Body is { } body)
        {
            _ = WriteBodyAsync(response, body);
            response.SendHead();
        }
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(static state => ((Http2ClientResponse)state!).Cancel(), response);
        try
        {
            return await response.Arrived.ConfigureAwait(false);
        }
        catch (Http2StreamException e) when (!e.ByPeer && cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _session.Output.Close();
        _session.Transport.Input.CancelPendingRead();
        await _session.Completion.ConfigureAwait(false);
    }

    /// <summary>Begins a request whose body the caller writes; see <see cref="Http2ClientResponse.RequestBody"/>.</summary>
    internal Http2ClientResponse Begin(string method, string target, HttpHeaders headers, bool hasBody)
    {
        var block = new List<HpackField>(headers.Count + 4)
        {
            new(":method", method),
            new(":scheme", _scheme),
            new(":path", target),
            new(":authority", headers["host"] ?? _authority),
        };
        Http2Fields.AddTo(block, headers);
        return _session.Begin(block, hasBody, method == "HEAD");
    }

    private static async Task WriteBodyAsync(Http2ClientResponse response, Func<PipeWriter, CancellationToken, ValueTask> body)
    {
        try
        {
            await body(response.RequestBody, response.Aborted).ConfigureAwait(false);
            response.CompleteRequest();
        }
        catch (Exception)
        {
            // The request cannot be finished; whoever waits for the response learns of it by the reset.
            response.Cancel();
        }
    }
}
