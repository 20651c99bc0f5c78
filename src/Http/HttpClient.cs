namespace AotRuntime.Http;

/// <summary>Limits and times of a client.</summary>
public sealed class HttpClientOptions
{
    /// <summary>How long connecting, TLS included, may take.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long to wait for a response's head once the request is sent. For ever by default: Docker answers <c>wait</c> when a container has ended.</summary>
    public TimeSpan ResponseTimeout { get; init; } = Timeout.InfiniteTimeSpan;

    /// <summary>How long to wait for "100 Continue" before the body is sent all the same; see <see cref="HttpRequest.ExpectContinue"/>.</summary>
    public TimeSpan ExpectContinueTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a response's body may stand still before reading it fails. For ever by default: events and logs come when they come.</summary>
    public TimeSpan BodyTimeout { get; init; } = Timeout.InfiniteTimeSpan;

    /// <summary>Longest status line, in bytes.</summary>
    public int MaxStatusLineBytes { get; init; } = 16 * 1024;

    /// <summary>All of a response's fields together, in bytes.</summary>
    public int MaxHeaderBytes { get; init; } = 256 * 1024;

    /// <summary>How many field lines a response may have.</summary>
    public int MaxHeaderFields { get; init; } = 1000;

    /// <summary>How many interim (1xx) responses may come before the final one.</summary>
    public int MaxInterimResponses { get; init; } = 16;

    /// <summary>Idle connections that are kept.</summary>
    public int MaxIdleConnections { get; init; } = 8;

    /// <summary>How long an idle connection is kept.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>Opens the connection in place of the endpoint's own way; TLS, where the endpoint has it, is put on top.</summary>
    public Func<HttpEndpoint, CancellationToken, ValueTask<TransportConnection>>? Connect { get; init; }
}

/// <summary>A client of one endpoint over HTTP/1.1, with a pool of idle connections. Thread-safe.</summary>
public sealed class HttpClient : IAsyncDisposable
{
    private readonly HttpEndpoint _endpoint;
    private readonly HttpClientOptions _options;
    private readonly string _hostField;
    private readonly HttpProxy? _plainProxy; // which takes whole URLs; with TLS it only carries a tunnel
    private readonly Lock _gate = new();
    private readonly List<Http1ClientConnection> _idle = [];
    private bool _disposed;

    /// <summary>Makes a client; connects when first needed.</summary>
    public HttpClient(HttpEndpoint endpoint) : this(endpoint, null)
    {
    }

    /// <summary>Makes a client with limits of its own; connects when first needed.</summary>
    public HttpClient(HttpEndpoint endpoint, HttpClientOptions? options)
    {
        _endpoint = endpoint;
        _options = options ?? new HttpClientOptions();
        _plainProxy = endpoint.Tls is null && endpoint.UnixPath is null ? endpoint.Proxy : null;
        int usualPort = endpoint.Tls is null ? 80 : 443;
        string host = endpoint.Host.Contains(':') ? $"[{endpoint.Host}]" : endpoint.Host;
        _hostField = endpoint.UnixPath is not null || endpoint.Port == usualPort ? host : $"{host}:{endpoint.Port}";
    }

    /// <summary>Where the requests go.</summary>
    public HttpEndpoint Endpoint => _endpoint;

    /// <summary>Sends and gives the response once its fields are there.</summary>
    /// <exception cref="HttpProtocolException">The peer broke the protocol.</exception>
    /// <exception cref="IOException">No connection, or it was lost.</exception>
    public async ValueTask<HttpResponse> SendAsync(HttpRequest request, CancellationToken cancellationToken = default) =>
        await SendAsync(request, upgrade: false, cancellationToken).ConfigureAwait(false);

    /// <summary>
    /// Sends with <c>Connection: Upgrade</c> and <c>Upgrade: tcp</c>, as Docker's hijacked calls do. On 101 (or 200) the stream is the raw
    /// connection; else it is null, and the response says why.
    /// </summary>
    /// <remarks>The stream, where there is one, is the caller's to dispose. A 200 whose fields frame a body is an ordinary response.</remarks>
    public async ValueTask<(HttpResponse Response, TransportConnection? Stream)> UpgradeAsync(HttpRequest request, CancellationToken cancellationToken = default)
    {
        Http1Response response = await SendAsync(request, upgrade: true, cancellationToken).ConfigureAwait(false);
        return (response, response.TakeRaw());
    }

    /// <summary>Closes idle connections.</summary>
    public async ValueTask DisposeAsync()
    {
        Http1ClientConnection[] idle;
        lock (_gate)
        {
            _disposed = true;
            idle = [.. _idle];
            _idle.Clear();
        }
        foreach (Http1ClientConnection connection in idle)
            await connection.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Takes back a connection whose response has been read to its end.</summary>
    internal void Return(Http1ClientConnection connection)
    {
        Http1ClientConnection? surplus = null;
        lock (_gate)
        {
            connection.IdleSince = Environment.TickCount64;
            if (_disposed)
            {
                surplus = connection;
            }
            else
            {
                _idle.Add(connection);
                if (_idle.Count > _options.MaxIdleConnections)
                {
                    surplus = _idle[0];
                    _idle.RemoveAt(0);
                }
            }
        }
        surplus?.Abort();
    }

    private async ValueTask<Http1Response> SendAsync(HttpRequest request, bool upgrade, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        bool mayReuse = true;
        while (true)
        {
            Http1ClientConnection? connection = mayReuse ? TakeIdle() : null;
            bool reused = connection is not null;
            connection ??= new Http1ClientConnection(this, await ConnectAsync(cancellationToken).ConfigureAwait(false), _options);
            try
            {
                return await connection.SendAsync(request, _hostField, _plainProxy, upgrade, cancellationToken).ConfigureAwait(false);
            }
            catch (IOException) when (reused && connection.MayRetry(request))
            {
                // The server closed the idle connection while we took it; it has seen nothing of the request, or may see it twice.
                connection.Abort();
                mayReuse = false;
            }
            catch
            {
                connection.Abort();
                throw;
            }
        }
    }

    private Http1ClientConnection? TakeIdle()
    {
        while (true)
        {
            Http1ClientConnection connection;
            lock (_gate)
            {
                if (_idle.Count == 0)
                    return null;
                connection = _idle[^1];
                _idle.RemoveAt(_idle.Count - 1);
            }
            if (Environment.TickCount64 - connection.IdleSince < _options.IdleTimeout.TotalMilliseconds && !connection.Transport.IsStale)
                return connection;
            connection.Abort();
        }
    }

    private async ValueTask<TransportConnection> ConnectAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(_options.ConnectTimeout);
        try
        {
            TransportConnection connection =
                _options.Connect is { } connect ? await connect(_endpoint, timeout.Token).ConfigureAwait(false)
                : _endpoint.UnixPath is { } path ? await Transport.ConnectUnixAsync(path, timeout.Token).ConfigureAwait(false)
                : _endpoint.Proxy is { } proxy ? await ConnectProxyAsync(proxy, timeout.Token).ConfigureAwait(false)
                : await Transport.ConnectTcpAsync(_endpoint.Host, _endpoint.Port, timeout.Token).ConfigureAwait(false);
            if (_endpoint.Tls is { } tls)
                connection = await TlsConnection.ConnectAsync(connection, tls, _endpoint.Host, timeout.Token).ConfigureAwait(false);
            return connection;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            string address = _endpoint.UnixPath is { } path ? $"unix {path}" : $"tcp {Transport.HostPort(_endpoint.Host, _endpoint.Port)}";
            throw new IOException($"dial {address}: i/o timeout");
        }
    }

    private async ValueTask<TransportConnection> ConnectProxyAsync(HttpProxy proxy, CancellationToken cancellationToken)
    {
        TransportConnection? connection = null;
        try
        {
            connection = await Transport.ConnectTcpAsync(proxy.Host, proxy.Port, cancellationToken).ConfigureAwait(false);
            if (proxy.Tls)
                connection = await TlsConnection.ConnectAsync(connection, new(), proxy.Host, cancellationToken).ConfigureAwait(false);
            if (_endpoint.Tls is not null)
                await ProxyTunnel.OpenAsync(connection, Transport.HostPort(_endpoint.Host, _endpoint.Port), proxy.Authorization, _options, cancellationToken).ConfigureAwait(false);
            return connection;
        }
        catch (Exception e)
        {
            connection?.Abort();
            if (e is not IOException || e is HttpProtocolException || e.Message.StartsWith("proxyconnect", StringComparison.Ordinal))
                throw;
            throw new IOException($"proxyconnect tcp: {e.Message}", e);
        }
    }
}
