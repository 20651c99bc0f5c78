using AotRuntime.Http.Http2;

namespace AotRuntime.Http;

/// <summary>The server's side of an HTTP/2 connection.</summary>
internal static class Http2Server
{
    /// <summary>
    /// Serves a connection whose first bytes are the client's preface (RFC 9113 §3.4). The preface has been seen but not consumed: it is
    /// still the beginning of <see cref="TransportConnection.Input"/>. The caller disposes the connection.
    /// </summary>
    /// <param name="connection">The transport.</param>
    /// <param name="handler">Answers each stream.</param>
    /// <param name="options">Limits.</param>
    /// <param name="stopping">Asks for a graceful end: GOAWAY, then the running streams finish. The caller aborts the transport when its patience ends.</param>
    /// <param name="time">The clock of all timeouts; the system's where none is named.</param>
    internal static Task RunAsync(
        TransportConnection connection, HttpRequestHandler handler, HttpServerOptions options, CancellationToken stopping, TimeProvider? time = null) =>
        new Http2ServerConnection(connection, handler, options, time).RunAsync(stopping);
}
