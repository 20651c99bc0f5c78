using System.IO.Pipelines;
using System.Threading.Channels;

namespace AotRuntime.Http;

/// <summary>Connections inside the process, for tests and for roles that talk to themselves.</summary>
public static class MemoryTransport
{
    /// <summary>Two ends of one connection; what one writes the other reads.</summary>
    public static (TransportConnection Client, TransportConnection Server) CreatePair(PipeOptions? options = null)
    {
        Pipe toServer = new(options ?? PipeOptions.Default), toClient = new(options ?? PipeOptions.Default);
        MemoryConnection client = new(toClient.Reader, toServer.Writer), server = new(toServer.Reader, toClient.Writer);
        client.Other = server;
        server.Other = client;
        return (client, server);
    }

    private sealed class MemoryConnection(PipeReader input, PipeWriter output) : TransportConnection
    {
        private readonly MemoryReader _input = new(input);
        private readonly CancellationTokenSource _closed = new();
        private int _disposed;

        public MemoryConnection? Other { get; set; }

        public override PipeReader Input => _input;

        public override PipeWriter Output => output;

        public override PeerCredentials? Peer => new(Environment.ProcessId, 0, 0);

        public override CancellationToken Closed => _closed.Token;

        public override void Abort() => Close(new IOException("connection reset by peer"));

        public override ValueTask DisposeAsync()
        {
            Close(null);
            // Who disposes reads no more; who aborts may be somebody else than the reader.
            _input.Release();
            return ValueTask.CompletedTask;
        }

        private void Close(Exception? failure)
        {
            if (Interlocked.Exchange(ref _disposed, 1) != 0)
                return;
            output.Complete(failure);
            _input.Close();
            _ = _closed.CancelAsync();
            if (failure is not null || Other!._disposed != 0)
                _ = Other!._closed.CancelAsync();
        }
    }
}

/// <summary>A pipe's reader whose owner may close it while somebody reads: like a socket it then fails, rather than complain of misuse.</summary>
internal sealed class MemoryReader(PipeReader reader) : PipeReader
{
    private readonly Lock _gate = new();
    private bool _closed;   // guarded by _gate
    private bool _lent;     // guarded by _gate; a buffer is in its reader's hands
    private bool _released; // guarded by _gate

    /// <summary>Fails what is pending and what follows; the peer learns that nobody reads any more, once no buffer of it is being looked at.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            reader.CancelPendingRead();
            if (!_lent)
                ReleaseLocked();
        }
    }

    /// <summary>Gives all buffers up.</summary>
    public void Release()
    {
        lock (_gate)
            ReleaseLocked();
    }

    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfClosed();
        ReadResult result = await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        lock (_gate)
        {
            if (_closed)
            {
                ReleaseLocked();
                throw SocketReceiver.ClosedError();
            }
            _lent = true;
        }
        return result;
    }

    public override bool TryRead(out ReadResult result)
    {
        lock (_gate)
        {
            if (_closed)
                throw SocketReceiver.ClosedError();
            bool read = reader.TryRead(out result);
            _lent |= read;
            return read;
        }
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        lock (_gate)
        {
            _lent = false;
            if (!_closed)
                reader.AdvanceTo(consumed, examined);
            else
                ReleaseLocked();
        }
    }

    public override void CancelPendingRead() => reader.CancelPendingRead();

    public override void Complete(Exception? exception = null) => reader.Complete(exception);

    private void ThrowIfClosed()
    {
        lock (_gate)
        {
            if (_closed)
                throw SocketReceiver.ClosedError();
        }
    }

    private void ReleaseLocked()
    {
        if (_released)
            return;
        _released = true;
        reader.Complete();
    }
}

/// <summary>Hands out the server's ends of in-memory connections.</summary>
public sealed class MemoryListener : TransportListener
{
    private readonly Channel<TransportConnection> _waiting = Channel.CreateUnbounded<TransportConnection>();

    /// <inheritdoc/>
    public override string Address => "memory://";

    /// <summary>A new connection's client end.</summary>
    /// <exception cref="IOException">The listener is disposed.</exception>
    public TransportConnection Connect()
    {
        (TransportConnection client, TransportConnection server) = MemoryTransport.CreatePair();
        return _waiting.Writer.TryWrite(server) ? client : throw new IOException("dial memory: connect: connection refused");
    }

    /// <inheritdoc/>
    public override async ValueTask<TransportConnection?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (await _waiting.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (_waiting.Reader.TryRead(out TransportConnection? connection))
                return connection;
        }
        return null;
    }

    /// <inheritdoc/>
    public override ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        return ValueTask.CompletedTask;
    }
}
