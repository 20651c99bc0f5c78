using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;

namespace AotRuntime.Http;

/// <summary>TLS over another connection, by SslStream.</summary>
public sealed class TlsConnection : TransportConnection
{
    private readonly TransportConnection _inner;
    private readonly SslStream _stream;

    private TlsConnection(TransportConnection inner, SslStream stream)
    {
        _inner = inner;
        _stream = stream;
        Input = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 16 * 1024, leaveOpen: true, useZeroByteReads: true));
        Output = new TlsWriter(stream, inner);
    }

    /// <inheritdoc/>
    public override PipeReader Input { get; }

    /// <inheritdoc/>
    public override PipeWriter Output { get; }

    /// <inheritdoc/>
    public override PeerCredentials? Peer => _inner.Peer;

    /// <inheritdoc/>
    public override string RemoteAddress => _inner.RemoteAddress;

    /// <inheritdoc/>
    public override CancellationToken Closed => _inner.Closed;

    /// <summary>The session, for its certificates and protocol.</summary>
    public SslStream Session => _stream;

    internal override bool IsStale => _inner.IsStale;

    /// <summary>Begins TLS as the client on an open connection, which it then owns.</summary>
    /// <exception cref="IOException">The handshake failed: <c>tls: failed to verify certificate: …</c> where the certificate is not trusted.</exception>
    public static async ValueTask<TlsConnection> ConnectAsync(
        TransportConnection inner, SslClientAuthenticationOptions options, string? host = null, CancellationToken cancellationToken = default)
    {
        host = string.IsNullOrEmpty(options.TargetHost) ? host : options.TargetHost;
        string? verification = null;
        RemoteCertificateValidationCallback? decide = options.RemoteCertificateValidationCallback;
        // A callback of our own, for SslStream's exception does not tell what was wrong with the certificate.
        RemoteCertificateValidationCallback explain = (sender, certificate, chain, errors) =>
        {
            if (decide is not null ? decide(sender, certificate, chain, errors) : errors == SslPolicyErrors.None)
                return true;
            verification = Explain(errors, host, certificate?.Subject);
            return false;
        };
        SslStream stream = new(new DuplexPipeStream(inner), leaveInnerStreamOpen: true);
        try
        {
            await stream.AuthenticateAsClientAsync(Copy(options, host, explain), cancellationToken).ConfigureAwait(false);
            return new TlsConnection(inner, stream);
        }
        catch (AuthenticationException e)
        {
            inner.Abort();
            throw new IOException(verification is null ? $"tls: {e.Message}" : $"tls: failed to verify certificate: {verification}", e);
        }
        catch
        {
            inner.Abort();
            throw;
        }
    }

    /// <summary>Begins TLS as the server on an open connection, which it then owns.</summary>
    public static async ValueTask<TlsConnection> AcceptAsync(
        TransportConnection inner, SslServerAuthenticationOptions options, CancellationToken cancellationToken = default)
    {
        SslStream stream = new(new DuplexPipeStream(inner), leaveInnerStreamOpen: true);
        try
        {
            await stream.AuthenticateAsServerAsync(options, cancellationToken).ConfigureAwait(false);
            return new TlsConnection(inner, stream);
        }
        catch (AuthenticationException e)
        {
            inner.Abort();
            throw new IOException($"tls: {e.Message}", e);
        }
        catch
        {
            inner.Abort();
            throw;
        }
    }

    /// <inheritdoc/>
    public override void Abort() => _inner.Abort();

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        try
        {
            await Output.CompleteAsync().ConfigureAwait(false);
        }
        catch (IOException)
        {
            // The peer was gone already; there is nobody to say goodbye to.
            _inner.Abort();
        }
        await _inner.DisposeAsync().ConfigureAwait(false);
    }

    private static SslClientAuthenticationOptions Copy(SslClientAuthenticationOptions from, string? host, RemoteCertificateValidationCallback callback) => new()
    {
        AllowRenegotiation = from.AllowRenegotiation,
        AllowTlsResume = from.AllowTlsResume,
        ApplicationProtocols = from.ApplicationProtocols,
        CertificateChainPolicy = from.CertificateChainPolicy,
        CertificateRevocationCheckMode = from.CertificateRevocationCheckMode,
        CipherSuitesPolicy = from.CipherSuitesPolicy,
        ClientCertificateContext = from.ClientCertificateContext,
        ClientCertificates = from.ClientCertificates,
        EnabledSslProtocols = from.EnabledSslProtocols,
        EncryptionPolicy = from.EncryptionPolicy,
        LocalCertificateSelectionCallback = from.LocalCertificateSelectionCallback,
        RemoteCertificateValidationCallback = callback,
        TargetHost = host,
    };

    /// <summary>The reason in the words of Go's crypto/x509, which tools look for.</summary>
    private static string Explain(SslPolicyErrors errors, string? host, string? subject)
    {
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable))
            return "x509: no certificate was presented";
        return errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch)
            ? $"x509: certificate is valid for {subject}, not {host}"
            : "x509: certificate signed by unknown authority";
    }

    /// <summary>Writes to the session; completing says close_notify, and then half-closes what is below.</summary>
    private sealed class TlsWriter(SslStream stream, TransportConnection inner) : PipeWriter
    {
        private readonly PipeWriter _writer = Create(stream, new StreamPipeWriterOptions(leaveOpen: true));
        private Task? _completion;

        public override bool CanGetUnflushedBytes => true;

        public override long UnflushedBytes => _writer.UnflushedBytes;

        public override void Advance(int bytes) => _writer.Advance(bytes);

        public override Memory<byte> GetMemory(int sizeHint = 0) => _writer.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => _writer.GetSpan(sizeHint);

        public override void CancelPendingFlush() => _writer.CancelPendingFlush();

        public override async ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
        {
            try
            {
                return await _writer.FlushAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (IOException)
            {
                // As a pipe does: a reader that is gone is a result, not an exception.
                return new FlushResult(isCanceled: false, isCompleted: true);
            }
        }

        // The goodbye goes on by itself; the connection's disposal waits for it.
        public override void Complete(Exception? exception = null) => _completion ??= EndAsync(exception);

        public override ValueTask CompleteAsync(Exception? exception = null) => new(_completion ??= EndAsync(exception));

        private async Task EndAsync(Exception? exception)
        {
            if (exception is null)
            {
                await _writer.CompleteAsync().ConfigureAwait(false);
                await stream.ShutdownAsync().ConfigureAwait(false);
                await stream.FlushAsync().ConfigureAwait(false);
            }
            await inner.Output.CompleteAsync(exception).ConfigureAwait(false);
        }
    }
}
