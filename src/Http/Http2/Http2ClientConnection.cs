namespace AotRuntime.Http;

/// <summary>One HTTP/2 connection of a client, with prior knowledge (RFC 9113 §3.3). Thread-safe; requests run side by side.</summary>
public sealed class Http2ClientConnection : IAsyncDisposable
{
    /// <summary>Begins on an open transport, which it then owns.</summary>
    public Http2ClientConnection(TransportConnection transport, string authority = "localhost") => throw new NotImplementedException();

    /// <summary>Whether new requests may be sent (no GOAWAY, not lost).</summary>
    public bool IsOpen => throw new NotImplementedException();

    /// <summary>Sends and gives the response once its fields are there; the request's body goes on being written meanwhile.</summary>
    public ValueTask<HttpResponse> SendAsync(HttpRequest request, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
