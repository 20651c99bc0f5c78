namespace AotRuntime.Http;

/// <summary>Puts TLS on another listener's connections.</summary>
public sealed class TlsListener(TransportListener inner, TlsServerSettings settings) : TransportListener
{
    /// <inheritdoc/>
    public override string Address => inner.Address;

    /// <inheritdoc/>
    public override ValueTask<TransportConnection?> AcceptAsync(CancellationToken cancellationToken = default) => inner.AcceptAsync(cancellationToken);

    /// <inheritdoc/>
    public override async ValueTask<TransportConnection> PrepareAsync(TransportConnection accepted, CancellationToken cancellationToken)
    {
        try
        {
            return await TlsConnection.AcceptAsync(accepted, settings, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            string why = e is OperationCanceledException ? "i/o timeout" : e.Message;
            throw new IOException($"http: TLS handshake error from {accepted.RemoteAddress}: {why}", e);
        }
    }

    /// <inheritdoc/>
    public override ValueTask DisposeAsync() => inner.DisposeAsync();
}
