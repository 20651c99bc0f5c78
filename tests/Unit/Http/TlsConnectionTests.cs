using System.Security.Cryptography;
using AotRuntime.Http;

namespace AotRuntime.Tests.Unit.Http;

public sealed class TlsConnectionTests : IDisposable
{
    private readonly TlsFiles _files = new TlsFiles().Issue("server", "registry.test");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _files.Dispose();

    private HttpClient ClientOf(TlsSettings tls, HttpRequestHandler handler, Action? onConnect = null)
    {
        HttpClientOptions options = new()
        {
            Connect = (_, _) =>
            {
                onConnect?.Invoke();
                (TransportConnection client, TransportConnection server) = TlsFiles.Pair();
                _ = ServeAsync(server, handler);
                return new(client);
            },
        };
        return new HttpClient(new HttpEndpoint { Host = "registry.test", Port = 443, Tls = tls }, options);
    }

    private async Task ServeAsync(TransportConnection connection, HttpRequestHandler handler)
    {
        TlsConnection secured;
        try
        {
            secured = await TlsConnection.AcceptAsync(connection, _files.Server());
        }
        catch (IOException)
        {
            // The client did not trust us, as one of the tests wants it.
            return;
        }
        await new HttpServer(handler).ServeConnectionAsync(secured);
    }

    [Fact]
    public async Task Requests_pass_over_tls_and_the_connection_is_kept()
    {
        int connections = 0;
        byte[] body = RandomNumberGenerator.GetBytes(500_000);
        await using HttpClient client = ClientOf(_files.Client(), async exchange => exchange.Write(await exchange.ReadBodyAsync()), () => connections++);
        for (int i = 0; i < 3; i++)
        {
            HttpRequest request = new()
            {
                Method = "POST",
                Target = "/",
                ContentLength = i == 0 ? body.Length : null,
                Body = async (writer, token) => await writer.WriteAsync(body, token),
            };
            await using HttpResponse response = await client.SendAsync(request, Token);
            Assert.Equal(body, await response.ReadBodyAsync(cancellationToken: Token));
        }
        Assert.Equal(1, connections);
    }

    [Fact]
    public async Task A_certificate_of_an_unknown_authority_is_refused_in_gos_words()
    {
        await using HttpClient client = ClientOf(new TlsSettings(), _ => ValueTask.CompletedTask);
        IOException e = await Assert.ThrowsAsync<IOException>(async () => await client.SendAsync(new HttpRequest { Target = "/" }, Token));
        Assert.Equal("tls: failed to verify certificate: x509: certificate signed by unknown authority", e.Message);
    }

    [Fact]
    public async Task A_half_close_passes_over_tls()
    {
        await using HttpClient client = ClientOf(new TlsSettings { Trust = TlsTrust.Anybody }, async exchange =>
        {
            System.IO.Pipelines.IDuplexPipe raw = await exchange.UpgradeAsync();
            while (true)
            {
                System.IO.Pipelines.ReadResult read = await raw.Input.ReadAsync();
                raw.Input.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                    break;
            }
            await raw.Output.WriteAsync("bye"u8.ToArray());
        });
        (HttpResponse response, TransportConnection? stream) = await client.UpgradeAsync(new HttpRequest { Method = "POST", Target = "/" }, Token);
        await response.DisposeAsync();
        await using (stream!)
        {
            await stream!.Output.WriteAsync("hello"u8.ToArray(), Token);
            await stream.Output.CompleteAsync();
            System.IO.Pipelines.ReadResult read = await stream.Input.ReadAtLeastAsync(4, Token);
            Assert.Equal(3, read.Buffer.Length);
            Assert.True(read.IsCompleted);
        }
    }
}
