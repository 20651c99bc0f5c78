using System.Diagnostics;
using AotRuntime.Http;

namespace AotRuntime.Tests.Unit.Http;

/// <summary>A TLS listener over real sockets, spoken to by ours and by curl.</summary>
public sealed class TlsListenerTests : IAsyncDisposable
{
    private readonly TlsFiles _files = new TlsFiles()
        .Issue("server", "127.0.0.1")
        .Issue("client", "client", TlsFiles.ClientAuth)
        .Issue("wrong-usage", "client")
        .Issue("stranger", "client", TlsFiles.ClientAuth, "other");
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<string> _errors = [];
    private Task _serving = Task.CompletedTask;
    private string _address = "";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        _stopping.Cancel();
        await _serving.WaitAsync(TimeSpan.FromSeconds(60));
        _files.Dispose();
    }

    private string File(string name) => _files[name == "ca.pem" ? "main-ca.pem" : name];

    private void Serve(bool verify, HttpServerOptions? options = null)
    {
        TlsListener listener = new(Transport.ListenTcp("127.0.0.1", 0), _files.Server(verify: verify));
        _address = listener.Address["tcp://".Length..];
        _serving = new HttpServer(
            static exchange =>
            {
                exchange.Write($"{exchange.MajorVersion} {exchange.Path}");
                return ValueTask.CompletedTask;
            },
            new HttpServerOptions { HeaderTimeout = options?.HeaderTimeout ?? TimeSpan.FromMinutes(1), OnError = e => { lock (_errors) _errors.Add(e.Message); } }).RunAsync(listener, _stopping.Token, TimeSpan.FromSeconds(1));
    }

    private async Task<(int Code, string Output)> CurlAsync(params string[] args)
    {
        ProcessStartInfo start = new("curl") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string arg in (string[])["-sS", "--noproxy", "*", "--max-time", "60", .. args])
            start.ArgumentList.Add(arg);
        using Process curl = Process.Start(start)!;
        Task<string> error = curl.StandardError.ReadToEndAsync(Token);
        string output = await curl.StandardOutput.ReadToEndAsync(Token);
        await curl.WaitForExitAsync(Token);
        return (curl.ExitCode, output + await error);
    }

    private string[] Client(string name) => ["--cacert", File("ca.pem"), "--cert", File($"{name}.pem"), "--key", File($"{name}.key"), $"https://{_address}/x"];

    [Fact]
    public async Task A_client_of_the_authority_is_served()
    {
        Serve(verify: true);
        Assert.Equal((0, "1 /x"), await CurlAsync(Client("client")));
        Assert.Equal((0, "1 /x"), await CurlAsync(["--tls-max", "1.2", .. Client("client")]));
    }

    [Theory]
    [InlineData("stranger")]
    [InlineData("wrong-usage")]
    public async Task Another_client_is_not(string name)
    {
        Serve(verify: true);
        Assert.NotEqual(0, (await CurlAsync(Client(name))).Code);
        Assert.NotEqual(0, (await CurlAsync(["--tls-max", "1.2", .. Client(name)])).Code);
    }

    [Fact]
    public async Task A_client_without_a_certificate_is_served_only_where_none_is_verified()
    {
        Serve(verify: true);
        Assert.NotEqual(0, (await CurlAsync("--cacert", File("ca.pem"), $"https://{_address}/x")).Code);
    }

    [Fact]
    public async Task Without_verification_any_client_is_served()
    {
        Serve(verify: false);
        Assert.Equal((0, "1 /x"), await CurlAsync("--cacert", File("ca.pem"), $"https://{_address}/x"));
    }

    [Fact]
    public async Task Plain_HTTP_is_told_so()
    {
        Serve(verify: true);
        Assert.Equal((0, "Client sent an HTTP request to an HTTPS server.\n"), await CurlAsync($"http://{_address}/x"));
    }

    [Fact]
    public async Task ALPN_chooses_HTTP_2_for_a_client_that_offers_nothing_else()
    {
        Serve(verify: false);
        int colon = _address.LastIndexOf(':');
        TlsSettings options = _files.Client(null, "h2");
        TlsConnection tls = await TlsConnection.ConnectAsync(await Transport.ConnectTcpAsync(_address[..colon], int.Parse(_address[(colon + 1)..]), Token), options, "127.0.0.1", Token);
        Assert.Equal("h2", tls.Protocol);
        await using Http2ClientConnection client = new(tls, _address, Http2Options.Default, scheme: "https");
        await using HttpResponse response = await client.SendAsync(new HttpRequest { Target = "/x" }, Token);
        Assert.Equal("2 /x", await response.ReadTextAsync(cancellationToken: Token));
    }

    [Fact]
    public async Task TLS_older_than_1_2_is_refused()
    {
        Serve(verify: false);
        // A client that would take the old versions and their ciphers.
        (int code, string output) = await CurlAsync("-k", "--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT:@SECLEVEL=0", $"https://{_address}/x");
        Assert.True(code == 35, $"{code} {output}");
        Assert.Equal((0, "1 /x"), await CurlAsync("-k", "--tls-max", "1.2", $"https://{_address}/x"));
    }

    [Fact]
    public async Task A_proxys_tunnel_carries_TLS_to_the_end()
    {
        Serve(verify: true);
        int colon = _address.LastIndexOf(':');
        await using TransportListener proxy = Transport.ListenTcp("127.0.0.1", 0);
        int port = int.Parse(_address[(colon + 1)..]);
        Task<string> relaying = RelayAsync();
        HttpEndpoint endpoint = new()
        {
            Host = "127.0.0.1",
            Port = port,
            Proxy = HttpProxy.Parse(proxy.Address["tcp://".Length..]),
            Tls = _files.Client("client"),
        };
        await using (HttpClient client = new(endpoint))
        {
            for (int i = 0; i < 2; i++)
            {
                await using HttpResponse response = await client.SendAsync(new HttpRequest { Target = $"/{i}" }, Token);
                Assert.Equal($"1 /{i}", await response.ReadTextAsync(cancellationToken: Token));
            }
        }
        Assert.StartsWith($"CONNECT {_address} HTTP/1.1\r\n", await relaying.WaitAsync(TimeSpan.FromSeconds(60), Token));

        async Task<string> RelayAsync()
        {
            await using TransportConnection near = (await proxy.AcceptAsync(Token))!;
            string head = "";
            while (!head.EndsWith("\r\n\r\n", StringComparison.Ordinal))
            {
                System.IO.Pipelines.ReadResult read = await near.Input.ReadAsync(Token);
                head += System.Text.Encoding.Latin1.GetString(System.Buffers.BuffersExtensions.ToArray(read.Buffer));
                near.Input.AdvanceTo(read.Buffer.End);
            }
            await using TransportConnection far = await Transport.ConnectTcpAsync("127.0.0.1", port, Token);
            foreach (byte b in "HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n"u8.ToArray())
                await near.Output.WriteAsync(new[] { b }, Token);
            await Task.WhenAny(near.Input.CopyToAsync(far.Output, Token), far.Input.CopyToAsync(near.Output, Token));
            return head;
        }
    }

    [Fact]
    public async Task A_handshake_that_does_not_come_is_given_up_and_holds_nobody_up()
    {
        Serve(verify: true, new HttpServerOptions { HeaderTimeout = TimeSpan.FromMilliseconds(500) });
        int colon = _address.LastIndexOf(':');
        await using TransportConnection silent = await Transport.ConnectTcpAsync(_address[..colon], int.Parse(_address[(colon + 1)..]), Token);
        Assert.Equal((0, "1 /x"), await CurlAsync(Client("client")));
        await Assert.ThrowsAnyAsync<IOException>(async () =>
        {
            if ((await silent.Input.ReadAsync(Token)).IsCompleted)
                throw new IOException("ended");
        });
        // The end is seen here before it is told there.
        for (int i = 0; i < 500 && !Told(); i++)
            await Task.Delay(20, Token);
        Assert.True(Told());

        bool Told()
        {
            lock (_errors)
                return _errors.Exists(e => e.StartsWith("http: TLS handshake error from 127.0.0.1:", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Files_that_cannot_be_used_are_told_in_Dockers_words()
    {
        Assert.Equal("could not load X509 key pair (cert: \"/nope\", key: \"/nope\"): open /nope: no such file or directory", ErrorOf("/nope", "/nope", null));
        Assert.StartsWith($"could not load X509 key pair (cert: \"{File("server.pem")}\", key: \"/nope\"): open /nope: no such", ErrorOf(File("server.pem"), "/nope", null));
        Assert.StartsWith("error reading X509 key pair - make sure the key is not encrypted", ErrorOf(File("server.pem"), File("client.key"), null));
        Assert.Equal("could not read CA certificate \"/nope\": open /nope: no such file or directory", ErrorOf(File("server.pem"), File("server.key"), "/nope"));
        Assert.Equal($"failed to append certificates from PEM file: \"{File("server.key")}\"", ErrorOf(File("server.pem"), File("server.key"), File("server.key")));
        _files.Server(verify: true).Check();

        using System.Security.Cryptography.RSA encrypted = System.Security.Cryptography.RSA.Create(2048);
        System.IO.File.WriteAllText(File("encrypted.key"), encrypted.ExportEncryptedPkcs8PrivateKeyPem("password", new(System.Security.Cryptography.PbeEncryptionAlgorithm.Aes128Cbc, System.Security.Cryptography.HashAlgorithmName.SHA256, 1)));
        Assert.StartsWith("error reading X509 key pair - make sure the key is not encrypted", ErrorOf(File("server.pem"), File("encrypted.key"), null));

        static string ErrorOf(string certificate, string key, string? authority) => Assert.Throws<IOException>(
            () => new TlsServerSettings { Certificate = new TlsKeyPair(certificate, key), ClientAuthority = authority }.Check()).Message;
    }
}
