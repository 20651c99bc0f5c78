using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AotRuntime.Http;

/// <summary>Puts TLS on another listener's connections.</summary>
public sealed class TlsListener(TransportListener inner, SslServerAuthenticationOptions options) : TransportListener
{
    /// <summary>The first octet of a TLS record that carries a handshake (RFC 8446 §5.1).</summary>
    private const byte HandshakeRecord = 22;

    /// <inheritdoc/>
    public override string Address => inner.Address;

    /// <inheritdoc/>
    public override ValueTask<TransportConnection?> AcceptAsync(CancellationToken cancellationToken = default) => inner.AcceptAsync(cancellationToken);

    /// <inheritdoc/>
    public override async ValueTask<TransportConnection> PrepareAsync(TransportConnection accepted, CancellationToken cancellationToken)
    {
        try
        {
            ReadResult first = await accepted.Input.ReadAsync(cancellationToken).ConfigureAwait(false);
            bool plain = !first.Buffer.IsEmpty && first.Buffer.FirstSpan[0] != HandshakeRecord;
            bool gone = first.Buffer.IsEmpty;
            accepted.Input.AdvanceTo(first.Buffer.Start);
            if (gone)
                throw new IOException("EOF");
            if (plain)
            {
                // What Go's server answers, and Docker's client shows to a user who forgot --tls.
                await accepted.Output.WriteAsync("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"u8.ToArray(), cancellationToken).ConfigureAwait(false);
                await accepted.Output.CompleteAsync().ConfigureAwait(false);
                throw new IOException("tls: first record does not look like a TLS handshake");
            }
            return await TlsConnection.AcceptAsync(accepted, options, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            await accepted.DisposeAsync().ConfigureAwait(false);
            string why = e is OperationCanceledException ? "i/o timeout" : e.Message;
            throw new IOException($"http: TLS handshake error from {accepted.RemoteAddress}: {why}", e);
        }
    }

    /// <inheritdoc/>
    public override ValueTask DisposeAsync() => inner.DisposeAsync();

    /// <summary>A server's settings from PEM files; with <paramref name="clientAuthority"/>, only clients with a certificate of it are served.</summary>
    /// <exception cref="IOException">A file cannot be used, in the words of Docker's tlsconfig.</exception>
    public static SslServerAuthenticationOptions OptionsOf(string certificate, string key, string? clientAuthority)
    {
        SslServerAuthenticationOptions options = new()
        {
            ServerCertificateContext = LoadPair(certificate, key),
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            // HTTP/1.1 where the client leaves it to us: only it can carry attach and exec.
            ApplicationProtocols = [SslApplicationProtocol.Http11, SslApplicationProtocol.Http2],
        };
        if (clientAuthority is null)
            return options;
        X509ChainPolicy policy = new()
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.ApplicationPolicy.Add(new Oid("1.3.6.1.5.5.7.3.2")); // id-kp-clientAuth, RFC 5280 §4.2.1.12
        policy.CustomTrustStore.AddRange(LoadAuthorities(clientAuthority));
        options.ClientCertificateRequired = true;
        options.CertificateChainPolicy = policy;
        options.RemoteCertificateValidationCallback = static (_, _, _, errors) => errors == SslPolicyErrors.None;
        return options;
    }

    private static SslStreamCertificateContext LoadPair(string certificate, string key)
    {
        try
        {
            X509Certificate2 leaf = X509Certificate2.CreateFromPemFile(certificate, key);
            X509Certificate2Collection chain = [];
            chain.ImportFromPemFile(certificate);
            chain.RemoveAt(0);
            return SslStreamCertificateContext.Create(leaf, chain, offline: true);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            string missing = File.Exists(certificate) ? key : certificate;
            throw new IOException($"could not load X509 key pair (cert: \"{certificate}\", key: \"{key}\"): open {missing}: no such file or directory", e);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or UnauthorizedAccessException)
        {
            throw new IOException($"error reading X509 key pair - make sure the key is not encrypted (cert: \"{certificate}\", key: \"{key}\"): {e.Message}", e);
        }
    }

    private static X509Certificate2Collection LoadAuthorities(string path)
    {
        X509Certificate2Collection authorities = [];
        try
        {
            authorities.ImportFromPemFile(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new IOException($"could not read CA certificate \"{path}\": open {path}: no such file or directory", e);
        }
        catch (Exception e) when (e is CryptographicException or UnauthorizedAccessException)
        {
            throw new IOException($"could not read CA certificate \"{path}\": {e.Message}", e);
        }
        return authorities.Count > 0 ? authorities : throw new IOException($"failed to append certificates from PEM file: \"{path}\"");
    }
}
