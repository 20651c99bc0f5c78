namespace AotRuntime.Http;

/// <summary>Limits of a server; each has Docker's or a usual default.</summary>
public sealed class HttpServerOptions
{
    /// <summary>Longest request line, in bytes (414 beyond).</summary>
    public int MaxRequestLineBytes { get; init; } = 16 * 1024;

    /// <summary>All of a request's fields together, in bytes (431 beyond).</summary>
    public int MaxHeaderBytes { get; init; } = 64 * 1024;
}

/// <summary>Serves HTTP/1.1, and HTTP/2 with prior knowledge (RFC 9113 §3.3: told by the connection preface), on one listener.</summary>
public sealed class HttpServer
{
    /// <summary>Makes a server that answers with <paramref name="handler"/>.</summary>
    public HttpServer(HttpRequestHandler handler, HttpServerOptions? options = null) => throw new NotImplementedException();

    /// <summary>Accepts and serves until <paramref name="stopping"/>; then lets running exchanges finish for at most <paramref name="drain"/>.</summary>
    public Task RunAsync(TransportListener listener, CancellationToken stopping, TimeSpan drain = default) => throw new NotImplementedException();

    /// <summary>Serves one connection to its end.</summary>
    public Task ServeConnectionAsync(TransportConnection connection, CancellationToken stopping = default) => throw new NotImplementedException();
}
