using System.IO.Pipelines;

namespace AotRuntime.Http;

/// <summary>Answers one request. An exception before the response starts becomes 500; after that the stream is reset.</summary>
public delegate ValueTask HttpRequestHandler(HttpExchange exchange);

/// <summary>One request and its response, the same over HTTP/1.1 and HTTP/2. Not thread-safe; valid until the handler returns.</summary>
public abstract class HttpExchange
{
    /// <summary>The request method, as sent.</summary>
    public abstract string Method { get; }

    /// <summary>The request target's path, percent-encoded as received, without the query.</summary>
    public abstract string Path { get; }

    /// <summary>The query without its question mark; empty where there is none.</summary>
    public abstract string QueryString { get; }

    /// <summary>1 or 2: the HTTP major version that the request came in.</summary>
    public abstract int MajorVersion { get; }

    /// <summary>The connection's other side.</summary>
    public abstract TransportConnection Connection { get; }

    /// <summary>The request's fields. HTTP/2's <c>:authority</c> appears as <c>host</c>.</summary>
    public abstract HttpHeaders RequestHeaders { get; }

    /// <summary>The declared length of the body; null where unknown (chunked, HTTP/2 without content-length), 0 where there is none.</summary>
    public abstract long? RequestContentLength { get; }

    /// <summary>The request's body, decoded. What the handler leaves unread is drained or the connection is closed.</summary>
    public abstract PipeReader RequestBody { get; }

    /// <summary>Fields after the body; complete once <see cref="RequestBody"/> has ended.</summary>
    public abstract HttpHeaders RequestTrailers { get; }

    /// <summary>The response's status, 200 unless set. Fixed once the response has started.</summary>
    public abstract int StatusCode { get; set; }

    /// <summary>The response's fields. Without content-length the body is chunked (HTTP/1.1).</summary>
    public abstract HttpHeaders ResponseHeaders { get; }

    /// <summary>Fields sent after the body.</summary>
    public abstract HttpHeaders ResponseTrailers { get; }

    /// <summary>Whether status and fields are on their way.</summary>
    public abstract bool HasStarted { get; }

    /// <summary>The response's body. FlushAsync sends status and fields first where needed; the handler need not complete it.</summary>
    public abstract PipeWriter ResponseBody { get; }

    /// <summary>Cancelled when the client goes away or resets the stream.</summary>
    public abstract CancellationToken Aborted { get; }

    /// <summary>Sends status and fields now, before any body.</summary>
    public abstract ValueTask StartAsync();

    /// <summary>
    /// Takes the connection over (HTTP/1.1 only): answers <c>101 UPGRADED</c> with <c>Upgrade: tcp</c> where the client asked for an
    /// upgrade, else <c>200 OK</c> with no framing, as Docker's hijack does, with <see cref="ResponseHeaders"/> (content-type) as set;
    /// then the raw bytes. Completing the output half-closes; the handler's return closes the connection.
    /// </summary>
    public abstract ValueTask<IDuplexPipe> UpgradeAsync();
}
