namespace AotRuntime.Http;

/// <summary>Limits of a server; each has Docker's or a usual default.</summary>
public sealed class HttpServerOptions
{
    /// <summary>Longest request line, in bytes (414 beyond).</summary>
    public int MaxRequestLineBytes { get; init; } = 16 * 1024;

    /// <summary>All of a request's fields together, in bytes (431 beyond).</summary>
    public int MaxHeaderBytes { get; init; } = 64 * 1024;

    /// <summary>How many field lines a request may have (431 beyond).</summary>
    public int MaxHeaderFields { get; init; } = 256;

    /// <summary>How much of a body that the handler left unread is read to save the connection.</summary>
    public int MaxUnreadBodyBytes { get; init; } = 256 * 1024;

    /// <summary>Connections served at once; more wait to be accepted.</summary>
    public int MaxConnections { get; init; } = 16 * 1024;

    /// <summary>How long a client may take to send a request's head.</summary>
    public TimeSpan HeaderTimeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a request's body may stand still while its handler waits for more. A hijacked connection's bytes are no body.</summary>
    public TimeSpan BodyTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a connection may wait for its next request.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long to read on after a response that ended the connection, so that the client gets to see it.</summary>
    public TimeSpan LingerTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Told of handlers' exceptions and of connections that could not be served; for the log.</summary>
    public Action<Exception>? OnError { get; init; }

    /// <summary>Limits of HTTP/2 connections.</summary>
    public Http2Options Http2 { get; init; } = Http2Options.Default;
}

/// <summary>Serves HTTP/1.1, and HTTP/2 with prior knowledge (RFC 9113 §3.3: told by the connection preface), on one listener.</summary>
public sealed class HttpServer
{
    /// <summary>Timeouts are as exact as this; one timer for all connections costs nothing per request.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(500);

    private readonly HttpRequestHandler _handler;
    private readonly HttpServerOptions _options;
    private readonly Http1HeadTemplate _heads = new();
    private readonly SemaphoreSlim _free;
    private readonly Timer _timer;

    // Guards what follows.
    private readonly Lock _gate = new();
    private readonly HashSet<Http1Connection> _connections = [];
    private bool _ticking;

    /// <summary>Makes a server that answers with <paramref name="handler"/>.</summary>
    public HttpServer(HttpRequestHandler handler, HttpServerOptions? options = null)
    {
        _handler = handler;
        _options = options ?? new HttpServerOptions();
        _free = new SemaphoreSlim(_options.MaxConnections);
        _timer = new Timer(static self => ((HttpServer)self!).OnTick(), this, Timeout.Infinite, Timeout.Infinite);
    }

    /// <summary>Accepts and serves until <paramref name="stopping"/>; then lets running exchanges finish for at most <paramref name="drain"/>.</summary>
    /// <remarks>The listener is disposed at the end. Connections that wait for their next request are closed at once.</remarks>
    public async Task RunAsync(TransportListener listener, CancellationToken stopping, TimeSpan drain = default)
    {
        Accepted accepted = new();
        try
        {
            while (true)
            {
                await _free.WaitAsync(stopping).ConfigureAwait(false);
                TransportConnection? connection = null;
                try
                {
                    connection = await listener.AcceptAsync(stopping).ConfigureAwait(false);
                }
                finally
                {
                    if (connection is null)
                        _free.Release();
                }
                if (connection is null)
                    break;
                accepted.Begin();
                // On the pool, since a handler may run for long before it first waits; accepting must not.
                ThreadPool.UnsafeQueueUserWorkItem(
                    static async work =>
                    {
                        try
                        {
                            await work.Server.ServeAcceptedAsync(work.Listener, work.Connection, work.Accepted, work.Stopping).ConfigureAwait(false);
                        }
                        finally
                        {
                            work.Server._free.Release();
                            work.Accepted.End();
                        }
                    },
                    (Server: this, Listener: listener, Connection: connection, Accepted: accepted, Stopping: stopping), preferLocal: false);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // How a server is meant to end; no more is accepted, and what is running is drained below.
        }
        finally
        {
            await listener.DisposeAsync().ConfigureAwait(false);
        }

        Task emptied = accepted.WhenEmptyAsync();
        if (!emptied.IsCompleted && await Task.WhenAny(emptied, Task.Delay(drain, CancellationToken.None)).ConfigureAwait(false) != emptied)
        {
            accepted.AbortAll();
            await emptied.ConfigureAwait(false);
        }
    }

    /// <summary>Serves one connection to its end.</summary>
    public Task ServeConnectionAsync(TransportConnection connection, CancellationToken stopping = default) =>
        ServeAsync(new Http1Connection(connection, _handler, _options, _heads, stopping));

    private async Task ServeAcceptedAsync(TransportListener listener, TransportConnection connection, Accepted accepted, CancellationToken stopping)
    {
        ValueTask<TransportConnection> preparing = listener.PrepareAsync(connection, CancellationToken.None);
        if (!preparing.IsCompletedSuccessfully)
        {
            using CancellationTokenRegistration stop = stopping.UnsafeRegister(static c => ((TransportConnection)c!).Abort(), connection);
            Task<TransportConnection> prepared = preparing.AsTask();
            if (await Task.WhenAny(prepared, Task.Delay(_options.HeaderTimeout, CancellationToken.None)).ConfigureAwait(false) != prepared)
                connection.Abort(); // which ends the handshake
            try
            {
                connection = await prepared.ConfigureAwait(false);
            }
            catch (IOException e)
            {
                _options.OnError?.Invoke(e);
                return;
            }
        }
        else
        {
            connection = preparing.Result;
        }
        Http1Connection served = new(connection, _handler, _options, _heads, stopping);
        accepted.Add(served);
        await ServeAsync(served).ConfigureAwait(false);
        accepted.Remove(served);
    }

    private async Task ServeAsync(Http1Connection connection)
    {
        lock (_gate)
        {
            _connections.Add(connection);
            if (!_ticking)
            {
                _ticking = true;
                _timer.Change(Tick, Tick);
            }
        }
        try
        {
            await connection.RunAsync().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // A bug of ours or of the transport: it costs this connection and no other.
            _options.OnError?.Invoke(e);
            connection.Abort();
        }
        finally
        {
            lock (_gate)
                _connections.Remove(connection);
        }
    }

    private void OnTick()
    {
        long now = Environment.TickCount64;
        List<Http1Connection>? late = null;
        lock (_gate)
        {
            foreach (Http1Connection connection in _connections)
            {
                if (connection.Deadline <= now)
                    (late ??= []).Add(connection);
            }
            if (_connections.Count == 0)
            {
                _ticking = false;
                _timer.Change(Timeout.Infinite, Timeout.Infinite);
            }
        }
        late?.ForEach(static connection => connection.Abort());
    }

    /// <summary>The connections of one listener.</summary>
    private sealed class Accepted
    {
        private readonly HashSet<Http1Connection> _open = [];
        private TaskCompletionSource? _emptied;
        private int _count;
        private bool _aborted;

        public void Begin()
        {
            lock (_open)
                _count++;
        }

        public void End()
        {
            lock (_open)
            {
                if (--_count == 0)
                    _emptied?.TrySetResult();
            }
        }

        public void Add(Http1Connection connection)
        {
            lock (_open)
            {
                _open.Add(connection);
                if (!_aborted)
                    return;
            }
            connection.Abort();
        }

        public void Remove(Http1Connection connection)
        {
            lock (_open)
                _open.Remove(connection);
        }

        /// <summary>Completes when no connection is left; to be called once no more are added.</summary>
        public Task WhenEmptyAsync()
        {
            lock (_open)
            {
                if (_count == 0)
                    return Task.CompletedTask;
                _emptied = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                return _emptied.Task;
            }
        }

        public void AbortAll()
        {
            Http1Connection[] open;
            lock (_open)
            {
                _aborted = true;
                open = [.. _open];
            }
            foreach (Http1Connection connection in open)
                connection.Abort();
        }
    }
}
