using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using AotRuntime.Http;

namespace AotRuntime.Tests.Unit.Http;

public class Http1TortureTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static readonly string s_conversation =
        "GET /one?x=1 HTTP/1.1\r\nHost: h\r\n\r\n"
        + "POST /two HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n10;e\r\n0123456789abcdef\r\n0\r\nT: 1\r\n\r\n"
        + "HEAD /three HTTP/1.1\r\nHost: h\r\n\r\n"
        + "PUT /four HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello world"
        + "GET /five HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

    private static async ValueTask DescribeAsync(HttpExchange exchange)
    {
        exchange.ResponseHeaders["Date"] = "today";
        byte[] body = await exchange.ReadBodyAsync();
        exchange.Write($"{exchange.Method} {exchange.Path} {exchange.QueryString} {Encoding.Latin1.GetString(body)} {exchange.RequestTrailers["t"]}\n");
    }

    [Fact]
    public async Task A_conversation_in_random_pieces_is_answered_alike()
    {
        string expected = await Raw.ExchangeAsync(DescribeAsync, s_conversation);
        Assert.Equal(6, expected.Split("200 OK").Length);
        Random random = new(7);
        for (int round = 0; round < 100; round++)
        {
            await using Raw raw = new(DescribeAsync);
            Task<string> answer = raw.ReadToEndAsync();
            for (int at = 0; at < s_conversation.Length;)
            {
                int length = Math.Min(random.Next(1, 30), s_conversation.Length - at);
                await raw.SendAsync(s_conversation.Substring(at, length));
                at += length;
                if (random.Next(3) == 0)
                    await Task.Yield();
            }
            Assert.Equal(expected, await answer);
        }
    }

    [Fact]
    public async Task Damaged_requests_cost_a_connection_and_nothing_else()
    {
        List<Exception> errors = [];
        HttpServerOptions options = new() { OnError = errors.Add, LingerTimeout = TimeSpan.FromMilliseconds(100) };
        Random random = new(11);
        string alphabet = "\r\n\t :;,=0159afAF/?\0\x7f\x80\xffGETHOST";
        for (int round = 0; round < 2000; round++)
        {
            StringBuilder damaged = new(s_conversation);
            for (int i = random.Next(1, 6); i > 0; i--)
            {
                int at = random.Next(damaged.Length);
                switch (random.Next(3))
                {
                    case 0:
                        damaged[at] = alphabet[random.Next(alphabet.Length)];
                        break;
                    case 1:
                        damaged.Insert(at, alphabet[random.Next(alphabet.Length)]);
                        break;
                    default:
                        damaged.Remove(at, Math.Min(random.Next(1, 20), damaged.Length - at));
                        break;
                }
            }
            string answer = await Raw.ExchangeAsync(DescribeAsync, damaged.ToString(), options);
            Assert.True(answer.Length == 0 || answer.StartsWith("HTTP/1.1 ", StringComparison.Ordinal), answer);
        }
        Assert.Empty(errors);
    }

    [Fact]
    public async Task Damaged_responses_are_errors_of_the_protocol()
    {
        Random random = new(13);
        string response = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n5;e=f\r\nhello\r\nA\r\n0123456789\r\n0\r\nT: v\r\n\r\n";
        for (int round = 0; round < 2000; round++)
        {
            StringBuilder damaged = new(response);
            for (int i = random.Next(1, 4); i > 0; i--)
                damaged[random.Next(damaged.Length)] = (char)random.Next(256);
            HttpClientOptions options = new()
            {
                Connect = async (_, token) =>
                {
                    (TransportConnection client, TransportConnection server) = MemoryTransport.CreatePair();
                    await server.Output.WriteAsync(Encoding.Latin1.GetBytes(damaged.ToString()), token);
                    await server.Output.CompleteAsync();
                    return client;
                },
            };
            await using HttpClient client = new(HttpEndpoint.Unix("/unused"), options);
            try
            {
                await using HttpResponse answer = await client.SendAsync(new HttpRequest { Target = "/" }, Token);
                await answer.ReadBodyAsync(cancellationToken: Token);
            }
            catch (IOException)
            {
                // HttpProtocolException, or an end that came too early; anything else fails the test.
                continue;
            }
        }
    }

    [Fact]
    public async Task The_preface_of_http_2_is_known_in_any_pieces()
    {
        string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        // Followed by an empty SETTINGS frame (RFC 9113 §3.4).
        string settings = "\0\0\0\x04\0\0\0\0\0";
        for (int split = 1; split <= preface.Length; split++)
        {
            await using Raw raw = new(DescribeAsync);
            await raw.SendAsync(preface[..split]);
            await Task.Yield();
            await raw.SendAsync(preface[split..] + settings);
            ReadResult read = await raw.Client.Input.ReadAtLeastAsync(9, Token);
            Assert.Equal(4, read.Buffer.ToArray()[3]);
            raw.Client.Input.AdvanceTo(read.Buffer.End);
        }
    }

    [Fact]
    public async Task Upgrades_that_race_with_the_clients_bytes_lose_none()
    {
        Random random = new(17);
        for (int round = 0; round < 300; round++)
        {
            int spins = random.Next(2000);
            await using Raw raw = new(async exchange =>
            {
                await Task.Yield();
                Thread.SpinWait(spins);
                IDuplexPipe pipe = await exchange.UpgradeAsync();
                while (true)
                {
                    ReadResult read = await pipe.Input.ReadAsync();
                    Assert.False(read.IsCanceled);
                    foreach (ReadOnlyMemory<byte> segment in read.Buffer)
                        await pipe.Output.WriteAsync(segment);
                    pipe.Input.AdvanceTo(read.Buffer.End);
                    if (read.IsCompleted)
                        return;
                }
            });
            await raw.SendAsync("POST / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
            Thread.SpinWait(random.Next(2000));
            await raw.SendAsync("some bytes");
            await raw.ReadUntilAsync("\r\n\r\n");
            Assert.Equal("some bytes", await raw.ReadUntilAsync("some bytes"));
            await raw.Client.Output.CompleteAsync();
            Assert.Equal("", await raw.ReadToEndAsync());
        }
    }

    [Fact]
    public async Task Many_clients_at_once_over_a_real_socket()
    {
        string path = Path.Combine(Path.GetTempPath(), $"aotruntime-http-{Guid.NewGuid():n}.sock");
        using CancellationTokenSource stopping = new();
        Task serving = new HttpServer(async exchange =>
        {
            byte[] body = await exchange.ReadBodyAsync();
            if (body.Length % 2 == 0)
                await Task.Yield();
            exchange.Write(body);
            if (body.Length % 3 == 0)
                await exchange.ResponseBody.FlushAsync();
        }).RunAsync(Transport.ListenUnix(path), stopping.Token, TimeSpan.FromSeconds(10));
        await using HttpClient client = new(HttpEndpoint.Unix(path));
        await Task.WhenAll(Enumerable.Range(0, 16).Select(async worker =>
        {
            Random random = new(worker);
            for (int i = 0; i < 200; i++)
            {
                byte[] body = new byte[random.Next(1, 20_000)];
                random.NextBytes(body);
                HttpRequest request = new()
                {
                    Method = "PUT",
                    Target = $"/{worker}/{i}",
                    ContentLength = i % 2 == 0 ? body.Length : null,
                    Body = async (writer, token) => await writer.WriteAsync(body, token),
                };
                await using HttpResponse response = await client.SendAsync(request, Token);
                Assert.Equal(body, await response.ReadBodyAsync(cancellationToken: Token));
            }
        }));
        stopping.Cancel();
        await serving.WaitAsync(TimeSpan.FromSeconds(60), Token);
        Assert.False(File.Exists(path));
    }
}
