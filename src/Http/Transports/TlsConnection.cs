using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Http;

/// <summary>TLS over another connection, whose socket is handed to <see cref="TlsHelper"/>; this is the pair that carries its plain text.</summary>
public sealed class TlsConnection : TransportConnection
{
    private readonly SocketConnection _pair;

    private TlsConnection(SocketConnection pair, string remoteAddress, string version, string protocol)
    {
        _pair = pair;
        RemoteAddress = remoteAddress;
        Version = version;
        Protocol = protocol;
    }

    /// <inheritdoc/>
    public override PipeReader Input => _pair.Input;

    /// <inheritdoc/>
    public override PipeWriter Output => _pair.Output;

    /// <inheritdoc/>
    public override string RemoteAddress { get; }

    /// <inheritdoc/>
    public override CancellationToken Closed => _pair.Closed;

    /// <summary>The version that is spoken: <c>TLSv1.3</c>.</summary>
    public string Version { get; }

    /// <summary>What ALPN chose: <c>h2</c>, <c>http/1.1</c>; empty for nothing.</summary>
    public string Protocol { get; }

    internal override bool IsStale => _pair.IsStale;

    /// <summary>Begins TLS as the client on an open connection, which it then owns.</summary>
    /// <exception cref="IOException">The handshake failed: <c>tls: failed to verify certificate: …</c> where the certificate is not trusted.</exception>
    public static ValueTask<TlsConnection> ConnectAsync(
        TransportConnection inner, TlsSettings settings, string? host = null, CancellationToken cancellationToken = default) =>
        BeginAsync(inner, settings.Command(TlsCommand.Connect, settings.ServerName ?? host), cancellationToken);

    /// <summary>Begins TLS as the server on an open connection, which it then owns.</summary>
    /// <exception cref="IOException">The handshake failed.</exception>
    public static ValueTask<TlsConnection> AcceptAsync(
        TransportConnection inner, TlsServerSettings settings, CancellationToken cancellationToken = default) =>
        BeginAsync(inner, settings.Command(TlsCommand.Accept), cancellationToken);

    /// <inheritdoc/>
    public override void Abort() => _pair.Abort();

    /// <inheritdoc/>
    public override ValueTask DisposeAsync() => _pair.DisposeAsync();

    internal override SafeHandle HandOver(TransportConnection heir) => _pair.HandOver(heir);

    private static async ValueTask<TlsConnection> BeginAsync(TransportConnection inner, byte[] command, CancellationToken cancellationToken)
    {
        SocketConnection? pair = null;
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            (SafeFileHandle near, SafeFileHandle far) = Sys.UnixPair(messages: false);
            TlsHelper helper;
            using (far)
            {
                pair = SocketConnection.OfPair(near);
                using SafeHandle socket = inner.HandOver(pair);
                helper = TlsHelper.Send(command, far, socket);
            }
            (bool ok, string text) = await ReadAnswerAsync(pair.Input, helper, cancellationToken).ConfigureAwait(false);
            if (!ok)
                throw new IOException(text);
            int blank = text.IndexOf(' ');
            return new TlsConnection(pair, inner.RemoteAddress, text[..blank], text[(blank + 1)..]);
        }
        catch
        {
            pair?.Abort();
            inner.Abort();
            throw;
        }
    }

    private static async ValueTask<(bool Ok, string Text)> ReadAnswerAsync(PipeReader input, TlsHelper helper, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                ReadResult read = await input.ReadAsync(cancellationToken).ConfigureAwait(false);
                if (TlsHelper.TryParse(read.Buffer.IsSingleSegment ? read.Buffer.FirstSpan : read.Buffer.ToArray(), out bool ok, out string text, out int length))
                {
                    // What follows is the peer's already.
                    input.AdvanceTo(read.Buffer.GetPosition(length));
                    return (ok, text);
                }
                input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                if (read.IsCompleted)
                    throw new CutOffException();
            }
        }
        catch (CutOffException)
        {
            throw helper.Failure();
        }
    }
}

/// <summary>The peer's half ended without a goodbye (RFC 8446 §6.1), or for the reason that it left.</summary>
internal sealed class CutOffException(string why = "unexpected EOF") : IOException(why);
