using System.Text;
using AotRuntime.Http;

namespace AotRuntime.Tests.Unit.Http;

public class HttpProxyTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("example.com", 80, "")]
    [InlineData("localhost", 80, null)]
    [InlineData("127.0.0.1", 80, null)]
    [InlineData("::1", 80, null)]
    [InlineData("internal.test", 80, null)]
    [InlineData("INTERNAL.test", 80, null)]
    [InlineData("a.internal.test", 80, null)]
    [InlineData("notinternal.test", 80, "")]
    [InlineData("below.test", 80, "")]
    [InlineData("a.below.test", 80, null)]
    [InlineData("a.star.test", 80, null)]
    [InlineData("port.test", 5000, null)]
    [InlineData("port.test", 5001, "")]
    [InlineData("10.1.2.3", 80, null)]
    [InlineData("10.2.2.3", 80, "")]
    [InlineData("192.0.2.7", 80, null)]
    [InlineData("fd00::7", 80, null)]
    public void Rules_are_read_as_Gos_programs_read_them(string host, int port, string? proxied)
    {
        HttpProxyRules rules = new("proxy.test:3128", null, "internal.test, .below.test,*.star.test,port.test:5000,10.1.0.0/16,192.0.2.7,[fd00::7]");
        Assert.Equal(proxied is null ? null : new HttpProxy("proxy.test", 3128), rules.For(host, port, tls: false));
        Assert.Null(rules.For(host, port, tls: true));
    }

    [Fact]
    public void Names_and_passwords_of_a_proxy_are_decoded()
    {
        HttpProxy proxy = HttpProxy.Parse("https://me:p%40ss@[fd00::1]:8443/")!;
        Assert.Equal(new HttpProxy("fd00::1", 8443, true, $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes("me:p@ss"))}"), proxy);
        Assert.Null(HttpProxy.Parse("ftp://proxy"));
    }

    /// <summary>A proxy that answers each connection with what it heard, and the client's own view.</summary>
    private static async Task<(string Heard, string? Error, string Body)> ThroughAsync(TlsSettings? tls, string answer)
    {
        await using TransportListener listener = Transport.ListenTcp("127.0.0.1", 0);
        int port = int.Parse(listener.Address[(listener.Address.LastIndexOf(':') + 1)..]);
        Task<string> proxy = Task.Run(async () =>
        {
            await using TransportConnection connection = (await listener.AcceptAsync(Token))!;
            StringBuilder heard = new();
            while (!heard.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
            {
                var read = await connection.Input.ReadAsync(Token);
                foreach (ReadOnlyMemory<byte> segment in read.Buffer)
                    heard.Append(Encoding.Latin1.GetString(segment.Span));
                connection.Input.AdvanceTo(read.Buffer.End);
            }
            await connection.Output.WriteAsync(Encoding.Latin1.GetBytes(answer), Token);
            return heard.ToString();
        }, Token);
        await using HttpClient client = new(new HttpEndpoint { Host = "origin.test", Port = 5000, Tls = tls, Proxy = new HttpProxy("127.0.0.1", port, Authorization: "Basic eA==") });
        try
        {
            await using HttpResponse response = await client.SendAsync(new HttpRequest { Target = "/a?b" }, Token);
            return (await proxy, null, await response.ReadTextAsync(cancellationToken: Token));
        }
        catch (IOException e)
        {
            return (await proxy, e.Message, "");
        }
    }

    [Fact]
    public async Task A_plain_request_is_sent_to_the_proxy_with_its_whole_URL()
    {
        (string heard, string? error, string body) = await ThroughAsync(null, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        Assert.StartsWith("GET http://origin.test:5000/a?b HTTP/1.1\r\n", heard);
        Assert.Contains("Host: origin.test:5000\r\n", heard);
        Assert.Contains("Proxy-Authorization: Basic eA==\r\n", heard);
        Assert.Equal((null, "hi"), (error, body));
    }

    [Theory]
    [InlineData("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "proxyconnect tcp: Proxy Authentication Required")]
    [InlineData("HTTP/1.1 200 OK\r\n", "proxyconnect tcp: unexpected EOF")]
    [InlineData("nonsense\r\n\r\n", "malformed HTTP response")]
    public async Task A_tunnel_that_is_refused_is_told(string answer, string error)
    {
        (string heard, string? told, _) = await ThroughAsync(new TlsSettings(), answer);
        Assert.StartsWith("CONNECT origin.test:5000 HTTP/1.1\r\nHost: origin.test:5000\r\nProxy-Authorization: Basic eA==\r\n", heard);
        Assert.Equal(error, told);
    }

    [Fact]
    public async Task A_body_that_stands_still_is_given_up()
    {
        HttpClientOptions options = new()
        {
            BodyTimeout = TimeSpan.FromMilliseconds(200),
            Connect = async (_, token) =>
            {
                (TransportConnection near, TransportConnection far) = MemoryTransport.CreatePair();
                await far.Output.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal"u8.ToArray(), token);
                return near;
            },
        };
        await using HttpClient client = new(HttpEndpoint.Unix("/unused"), options);
        await using HttpResponse response = await client.SendAsync(new HttpRequest { Target = "/" }, Token);
        IOException e = await Assert.ThrowsAsync<IOException>(async () => await response.ReadBodyAsync(cancellationToken: Token));
        Assert.Equal("net/http: timeout reading body", e.Message);
    }
}
