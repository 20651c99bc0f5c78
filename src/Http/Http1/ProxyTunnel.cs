using System.Buffers;
using System.IO.Pipelines;

namespace AotRuntime.Http;

/// <summary>Asks a proxy for a way through (RFC 9110 §9.3.6).</summary>
internal static class ProxyTunnel
{
    /// <summary>Opens a tunnel to <paramref name="authority"/> on a connection to the proxy, which is the tunnel afterwards.</summary>
    /// <exception cref="IOException">The proxy refused, or is none.</exception>
    public static async ValueTask OpenAsync(TransportConnection proxy, string authority, string? authorization, HttpClientOptions options, CancellationToken cancellationToken)
    {
        PipeWriter output = proxy.Output;
        Http1HeadWriter.WriteRequestLine(output, "CONNECT", authority);
        Http1HeadWriter.WriteField(output, "Host", authority);
        if (authorization is not null)
            Http1HeadWriter.WriteField(output, "Proxy-Authorization", authorization);
        output.Write("\r\n"u8);
        await output.FlushAsync(cancellationToken).ConfigureAwait(false);

        Answer answer = new();
        Http1Parser parser = new(Http1Parser.Kind.Response, options.MaxStatusLineBytes, options.MaxHeaderBytes, options.MaxHeaderFields);
        while (true)
        {
            ReadResult read = await proxy.Input.ReadAsync(cancellationToken).ConfigureAwait(false);
            ReadOnlySequence<byte> buffer = read.Buffer;
            bool complete;
            try
            {
                complete = parser.Parse(ref buffer, answer);
            }
            catch
            {
                proxy.Input.AdvanceTo(read.Buffer.Start);
                throw;
            }
            // What follows the head is the tunnel's.
            proxy.Input.AdvanceTo(buffer.Start, complete ? buffer.Start : buffer.End);
            if (complete && answer.Status is >= 200 and < 300)
                return;
            if (complete && answer.Status >= 200)
                throw new IOException($"proxyconnect tcp: {HttpStatus.ReasonPhrase(answer.Status)}");
            if (read.IsCompleted)
                throw new IOException("proxyconnect tcp: unexpected EOF");
            if (complete)
                parser.Reset();
        }
    }

    private sealed class Answer : IHttp1Sink
    {
        public int Status { get; private set; }

        public void OnRequestLine(ReadOnlySpan<byte> method, ReadOnlySpan<byte> target, int minorVersion) => throw new HttpProtocolException("malformed HTTP response");

        public void OnStatusLine(int status, int minorVersion) => Status = status;

        public void OnField(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
        {
            // Nothing in its fields matters: the tunnel begins after them (RFC 9110 §9.3.6).
        }

        public void OnFold(ReadOnlySpan<byte> value)
        {
            // Nor what is left of one.
        }
    }
}
