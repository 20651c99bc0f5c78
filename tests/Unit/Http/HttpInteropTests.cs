using System.Buffers;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AotRuntime.Http;

namespace AotRuntime.Tests.Unit.Http;

/// <summary>Other people's clients and servers: curl, nghttp, h2load, httpx and the h2 library.</summary>
public sealed class HttpInteropTests : IAsyncDisposable
{
    private const int BigBytes = 4 << 20;

    private static readonly byte[] s_piece = new byte[64 * 1024];

    private readonly string _folder = Directory.CreateTempSubdirectory("aotruntime-interop-").FullName;
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<Task> _serving = [];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_serving).WaitAsync(TimeSpan.FromSeconds(60));
        _stopping.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static async ValueTask AnswerAsync(HttpExchange exchange)
    {
        switch (exchange.Path)
        {
            case "/echo":
                exchange.ResponseHeaders["X-Path"] = exchange.QueryString.Length == 0 ? exchange.Path : $"{exchange.Path}?{exchange.QueryString}";
                exchange.ResponseHeaders["X-A"] = exchange.RequestHeaders["x-a"];
                exchange.Write(await exchange.ReadBodyAsync());
                break;
            case "/big":
                for (int sent = 0; sent < BigBytes; sent += s_piece.Length)
                    await exchange.ResponseBody.WriteAsync(s_piece);
                break;
            case "/trailers":
                exchange.Write("x");
                await exchange.ResponseBody.FlushAsync();
                exchange.ResponseTrailers.Add("X-Trailer", "t");
                break;
            default:
                exchange.RespondError(404, "page not found");
                break;
        }
    }

    /// <summary>Serves on a free port, over TLS where there is a certificate; its number.</summary>
    private int Serve(string? certificate = null)
    {
        TransportListener listener = Transport.ListenTcp("127.0.0.1", 0);
        int port = new Uri(listener.Address).Port;
        if (certificate is not null)
            listener = new TlsListener(listener, new TlsServerSettings { Certificate = new TlsKeyPair(certificate, certificate + ".key") });
        _serving.Add(new HttpServer(AnswerAsync).RunAsync(listener, _stopping.Token, TimeSpan.FromSeconds(2)));
        return port;
    }

    /// <summary>A certificate of its own for localhost.</summary>
    private string Certificate()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=localhost", key, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder names = new();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        string path = Path.Combine(_folder, "cert.pem");
        File.WriteAllText(path, certificate.ExportCertificatePem());
        File.WriteAllText(path + ".key", key.ExportPkcs8PrivateKeyPem());
        return path;
    }

    private static Process Start(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        start.Environment["no_proxy"] = "*";
        return Process.Start(start)!;
    }

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using Process process = Start(program, arguments);
        process.StandardInput.Close();
        Task<string> error = process.StandardError.ReadToEndAsync(Token);
        string output = await process.StandardOutput.ReadToEndAsync(Token);
        await process.WaitForExitAsync(Token);
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: exit code {process.ExitCode}\n{output}\n{await error}");
        return output;
    }

    [Theory]
    [InlineData("--http1.1", "1.1")]
    [InlineData("--http1.0", "1.1")] // we answer with our own version (RFC 9110 §2.5)
    [InlineData("--http2-prior-knowledge", "2")]
    [InlineData("--http2", "1.1")] // an upgrade, which is declined
    public async Task Curl(string version, string answered)
    {
        int port = Serve();
        string upload = Path.Combine(_folder, "upload"), download = Path.Combine(_folder, "download");
        byte[] bytes = RandomNumberGenerator.GetBytes(3_000_000);
        await File.WriteAllBytesAsync(upload, bytes, Token);
        string url = $"http://127.0.0.1:{port}";
        Assert.Equal($"200 {answered}", await RunAsync("curl", "-sS", version, "-o", download, "-w", "%{http_code} %{http_version}", $"{url}/big"));
        Assert.Equal(BigBytes, new FileInfo(download).Length);
        // curl asks before it sends a body of that size (Expect: 100-continue).
        await RunAsync("curl", "-sS", version, "-T", upload, "-o", download, $"{url}/echo");
        Assert.Equal(bytes, await File.ReadAllBytesAsync(download, Token));
        Assert.Equal("200", await RunAsync("curl", "-sSI", version, "-o", download, "-w", "%{http_code}", $"{url}/echo"));
        Assert.Equal("404", await RunAsync("curl", "-sS", version, "-o", download, "-w", "%{http_code}", $"{url}/a"));
        if (version == "--http1.1")
        {
            // Two requests on one connection; curl 7.88 can't do that with HTTP/2 by prior knowledge, whatever the server.
            Assert.Equal("404 404 0", await RunAsync("curl", "-sS", version, "-o", download, "-w", "%{http_code}", $"{url}/a", "--next", "-sS", version, "-o", download, "-w", " %{http_code} %{num_connects}", $"{url}/b"));
            Assert.Contains("x-trailer: t", (await RunAsync("curl", "-sSi", version, "--raw", $"{url}/trailers")).ToLowerInvariant());
            await RunAsync("curl", "-sS", version, "-H", "Transfer-Encoding: chunked", "-T", upload, "-o", download, $"{url}/echo");
            Assert.Equal(bytes, await File.ReadAllBytesAsync(download, Token));
        }
    }

    [Fact]
    public async Task Curl_over_TLS_speaks_HTTP_2_where_it_offers_nothing_else()
    {
        string certificate = Certificate();
        int port = Serve(certificate);
        string download = Path.Combine(_folder, "download");
        Assert.Equal("200 1.1", await RunAsync("curl", "-sS", "--http1.1", "--cacert", certificate, "-o", download, "-w", "%{http_code} %{http_version}", $"https://localhost:{port}/big"));
        Assert.Equal(BigBytes, new FileInfo(download).Length);
    }

    [Fact]
    public async Task Nghttp_and_h2load()
    {
        int port = Serve();
        string url = $"http://127.0.0.1:{port}";
        string verbose = await RunAsync("nghttp", "-nv", "--no-dep", $"{url}/echo?one", $"{url}/big", $"{url}/trailers");
        Assert.Contains("x-path: /echo?one", verbose);
        Assert.Contains("x-trailer: t", verbose);
        Assert.DoesNotContain("PROTOCOL_ERROR", verbose);
        await RunAsync("nghttp", "-n", "--window-bits=10", "--header-table-size=0", "--padding=30", "-m", "3", $"{url}/big");
        foreach (string[] load in (string[][])[["-c1", "-m32"], ["-c16", "-m10"], ["-c4", "-m1", "--h1"]])
        {
            string told = await RunAsync("h2load", [.. load, "-n4000", $"{url}/echo"]);
            Assert.Contains("4000 succeeded, 0 failed, 0 errored", told);
        }
    }

    [Fact]
    public async Task Httpx_and_h2()
    {
        string certificate = Certificate();
        Assert.Equal("ok\n", await RunAsync(
            "/usr/bin/python3", Path.Combine(AppContext.BaseDirectory, "Interop", "Http", "client.py"), $"{Serve()}", $"{Serve(certificate)}", certificate));
    }

    [Fact]
    public async Task The_h2_librarys_server_serves_us()
    {
        using Process server = Start("/usr/bin/python3", Path.Combine(AppContext.BaseDirectory, "Interop", "Http", "server.py"));
        server.StandardInput.Close();
        Task<string> error = server.StandardError.ReadToEndAsync(Token);
        int port = int.Parse((await server.StandardOutput.ReadLineAsync(Token))!);
        await using (Http2ClientConnection client = new(await Transport.ConnectTcpAsync("127.0.0.1", port, Token)))
        {
            // Before the first answer the server's limit is not known, and the library does not wait for us to have heard of it.
            await using (HttpResponse first = await client.SendAsync(new HttpRequest { Target = "/" }, Token))
                await first.ReadBodyAsync(cancellationToken: Token);
            await Task.WhenAll(Enumerable.Range(0, 40).Select(async i =>
            {
                byte[] body = RandomNumberGenerator.GetBytes(i * 10_000);
                HttpRequest request = new()
                {
                    Method = "POST",
                    Target = $"/{i}",
                    Headers = new HttpHeaders { { "x-n", $"{i}" } },
                    Body = async (writer, token) => await writer.WriteAsync(body, token),
                };
                await using HttpResponse response = await client.SendAsync(request, Token);
                Assert.Equal(body, await response.ReadBodyAsync(cancellationToken: Token));
                Assert.Equal($"{body.Length}", response.Trailers["x-length"]);
            })).WaitAsync(TimeSpan.FromSeconds(60), Token);
        }
        Assert.Equal("3", await server.StandardOutput.ReadLineAsync(Token)); // its limit on streams, reached and kept
        await server.WaitForExitAsync(Token);
        Assert.Equal("", await error);
    }
}
