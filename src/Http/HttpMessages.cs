using System.IO.Pipelines;

namespace AotRuntime.Http;

/// <summary>Where requests go: a unix socket, or a host with a port and perhaps TLS.</summary>
public sealed record HttpEndpoint
{
    /// <summary>The unix socket's path; null for TCP.</summary>
    public string? UnixPath { get; init; }

    /// <summary>Host name or address; also the Host field's value and TLS's server name.</summary>
    public string Host { get; init; } = "localhost";

    /// <summary>TCP port.</summary>
    public int Port { get; init; } = 80;

    /// <summary>TLS settings; null for plain text.</summary>
    public TlsSettings? Tls { get; init; }

    /// <summary>The proxy on the way; null for none.</summary>
    public HttpProxy? Proxy { get; init; }

    /// <summary>An endpoint on a unix socket.</summary>
    public static HttpEndpoint Unix(string path, string host = "localhost") => new() { UnixPath = path, Host = host };
}

/// <summary>A request to send.</summary>
public sealed class HttpRequest
{
    /// <summary>Method; GET unless set.</summary>
    public string Method { get; init; } = "GET";

    /// <summary>Path and query, percent-encoded, beginning with a slash.</summary>
    public required string Target { get; init; }

    /// <summary>Fields; Host is added where missing.</summary>
    public HttpHeaders Headers { get; init; } = new();

    /// <summary>Writes the body; null for none. May be called again when a stale connection is replaced before the first byte is flushed.</summary>
    public Func<PipeWriter, CancellationToken, ValueTask>? Body { get; init; }

    /// <summary>Whether <see cref="Body"/> writes the same each time, so that a redirect may have it sent again.</summary>
    public bool BodyCanBeSentAgain { get; init; }

    /// <summary>
    /// Asks before the body is sent (<c>Expect: 100-continue</c>): a server that refuses then does so before it has cost anything. HTTP/1.1
    /// only; one that says nothing gets the body after <see cref="HttpClientOptions.ExpectContinueTimeout"/>.
    /// </summary>
    public bool ExpectContinue { get; init; }

    /// <summary>Length of the body in bytes; null sends it chunked.</summary>
    public long? ContentLength { get; init; }
}

/// <summary>A response whose fields have arrived. Disposing frees the connection (for reuse if the body was read to its end).</summary>
public abstract class HttpResponse : IAsyncDisposable
{
    /// <summary>Status code, 200 to 599.</summary>
    public abstract int StatusCode { get; }

    /// <summary>The response's fields.</summary>
    public abstract HttpHeaders Headers { get; }

    /// <summary>Fields after the body.</summary>
    public abstract HttpHeaders Trailers { get; }

    /// <summary>The body's length where told.</summary>
    public abstract long? ContentLength { get; }

    /// <summary>The body, decoded from its transfer coding.</summary>
    public abstract PipeReader Body { get; }

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();
}

/// <summary>A breach of HTTP by the peer, or of a limit. Thrown by a handler before its response started, it becomes the response.</summary>
public sealed class HttpProtocolException(string message, int statusCode = 400) : IOException(message)
{
    /// <summary>The status that a server answers it with.</summary>
    public int StatusCode => statusCode;
}
