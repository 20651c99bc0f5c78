using System.IO.Pipelines;
using System.Runtime.InteropServices;

namespace AotRuntime.Http;

/// <summary>The identity of the process at the other end of a unix socket (<c>man 7 unix</c>, SO_PEERCRED).</summary>
public readonly record struct PeerCredentials(int Pid, uint Uid, uint Gid);

/// <summary>A duplex stream of bytes, whatever carries it. Completing <c>Output</c> half-closes; disposing closes.</summary>
public abstract class TransportConnection : IDuplexPipe, IAsyncDisposable
{
    /// <inheritdoc/>
    public abstract PipeReader Input { get; }

    /// <inheritdoc/>
    public abstract PipeWriter Output { get; }

    /// <summary>The peer's identity; null where the transport has none.</summary>
    public virtual PeerCredentials? Peer => null;

    /// <summary>Where the peer is (<c>127.0.0.1:1234</c>, <c>[::1]:1234</c>, <c>@</c> for unix), for logs.</summary>
    public virtual string RemoteAddress => "@";

    /// <summary>Cancelled when the connection is gone in both directions or was aborted.</summary>
    public abstract CancellationToken Closed { get; }

    /// <summary>Whether a connection that should be idle has ended, or brings bytes that nobody asked for.</summary>
    internal virtual bool IsStale => Closed.IsCancellationRequested;

    /// <summary>Drops the connection at once.</summary>
    public abstract void Abort();

    /// <summary>
    /// Gives the connection's socket away, to who makes <paramref name="heir"/> of it, which is aborted from now on when this is. The caller
    /// closes the handle.
    /// </summary>
    /// <exception cref="IOException">The connection is closed, or bytes of it are in this process already.</exception>
    /// <exception cref="NotSupportedException">It has no socket.</exception>
    internal virtual SafeHandle HandOver(TransportConnection heir) => throw new NotSupportedException("a connection without a socket cannot carry TLS");

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();
}

/// <summary>Accepts connections.</summary>
public abstract class TransportListener : IAsyncDisposable
{
    /// <summary>Where it listens, as a URL: <c>unix:///run/docker.sock</c>, <c>tcp://127.0.0.1:2375</c> (with the port that was given).</summary>
    public abstract string Address { get; }

    /// <summary>The next connection; null once the listener is disposed.</summary>
    public abstract ValueTask<TransportConnection?> AcceptAsync(CancellationToken cancellationToken = default);

    /// <summary>Does with an accepted connection what takes a word of the client's (a TLS handshake), so that accepting need not wait for it.</summary>
    /// <exception cref="IOException">The client failed in it; the connection is closed.</exception>
    public virtual ValueTask<TransportConnection> PrepareAsync(TransportConnection accepted, CancellationToken cancellationToken) => new(accepted);

    /// <summary>Stops listening and removes the socket file, if it made one.</summary>
    public abstract ValueTask DisposeAsync();
}
