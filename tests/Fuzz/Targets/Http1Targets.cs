using System.Buffers;
using System.Text;
using AotRuntime.Http;

namespace AotRuntime.Tests.Fuzz.Targets;

/// <summary>Writes down what a parser finds.</summary>
internal sealed class Notes : IHttp1Sink
{
    public StringBuilder Text { get; } = new();

    public void OnRequestLine(ReadOnlySpan<byte> method, ReadOnlySpan<byte> target, int minorVersion) => Text.Append($"[{Of(method)} {Of(target)} {minorVersion}]");

    public void OnStatusLine(int status, int minorVersion) => Text.Append($"[{status} {minorVersion}]");

    public void OnField(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value) => Text.Append($"[{Of(name)}={Of(value)}]");

    private static string Of(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes);
}

internal static class Http1Words
{
    public static readonly string[] Words =
    [
        "\r\n", "\n", "\r\n\r\n", "\r", "GET ", " HTTP/1.1\r\n", " HTTP/1.0\r\n", "Host: h\r\n", "Content-Length: 5\r\n", "Content-Length: -1\r\n", "Content-Length: 99999999999999999999\r\n",
        "Transfer-Encoding: chunked\r\n", "transfer-encoding: identity, chunked\r\n", "Connection: close\r\n", "Connection: Upgrade\r\nUpgrade: tcp\r\n", "Expect: 100-continue\r\n",
        "0\r\n\r\n", "5\r\nhello\r\n", "ffffffffffffffff\r\n", ";x=y", " ", "\t", ":", "\0", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 101 Switching Protocols\r\n",
        "HTTP/1.1 204 No Content\r\n", "/v1.47/_ping", "*", "http://h/x", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ];
}

/// <summary>Start lines and fields: the same whatever the splits.</summary>
internal sealed class Http1ParserTarget : Target
{
    public override string Name => "http1-parser";

    public override IReadOnlyList<string> Words => Http1Words.Words;

    public override IEnumerable<byte[]> Seeds =>
    [
        Latin1("GET /_ping HTTP/1.1\r\nHost: docker\r\nUser-Agent: x/1 (y; z)\r\nAccept: */*\r\n\r\nrest"),
        Latin1("\r\nPOST /v1.47/containers/create?name=a%20b HTTP/1.0\nA:\tb \nC: \x80\xff\n\n"),
        Latin1("HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"),
        Latin1("HTTP/1.0 200\r\nX: \r\n\r\n"),
    ];

    public override Task RunAsync(byte[] input, Random random)
    {
        foreach (Http1Parser.Kind kind in (ReadOnlySpan<Http1Parser.Kind>)[Http1Parser.Kind.Request, Http1Parser.Kind.Response, Http1Parser.Kind.Trailers])
        {
            string whole = Describe(kind, input, step =>
            {
                ReadOnlySequence<byte> buffer = new(input);
                return step(ref buffer);
            });
            for (int i = 0; i < 3; i++)
                Same(whole, Describe(kind, input, step => Pieces.Feed(input, random, step)), $"{kind}");
        }
        return Task.CompletedTask;
    }

    private static string Describe(Http1Parser.Kind kind, byte[] input, Func<Step, bool> feed)
    {
        Notes notes = new();
        Http1Parser parser = new(kind, 300, 1000, 20);
        long left = input.Length;
        try
        {
            bool done = feed((ref ReadOnlySequence<byte> buffer) => parser.Parse(ref buffer, notes));
            notes.Text.Append(done ? " done" : " more");
        }
        catch (HttpProtocolException e)
        {
            notes.Text.Append($" {e.StatusCode} {e.Message}");
        }
        return notes.Text.ToString();
    }
}

/// <summary>The chunked coding: the same data and trailers whatever the splits.</summary>
internal sealed class ChunkedTarget : Target
{
    public override string Name => "http1-chunked";

    public override IReadOnlyList<string> Words => Http1Words.Words;

    public override IEnumerable<byte[]> Seeds =>
    [
        Latin1("5\r\nhello\r\n6;ext=\"x\"\r\n world\r\n0\r\nT: 1\r\nU: 2\r\n\r\nnext"),
        Latin1("0\r\n\r\n"),
        Latin1("00a \r\n0123456789\r\n000\r\n\r\n"),
        Latin1("7fffffffffffffe\r\nx"),
    ];

    public override Task RunAsync(byte[] input, Random random)
    {
        string whole = Describe(step =>
        {
            ReadOnlySequence<byte> buffer = new(input);
            return step(ref buffer);
        });
        for (int i = 0; i < 3; i++)
            Same(whole, Describe(step => Pieces.Feed(input, random, step)), "chunks");
        return Task.CompletedTask;
    }

    private static string Describe(Func<Step, bool> feed)
    {
        Notes notes = new();
        ArrayBufferWriter<byte> data = new();
        ChunkedDecoder decoder = new(1000, 20);
        string end;
        try
        {
            end = feed((ref ReadOnlySequence<byte> buffer) => decoder.Decode(ref buffer, data, notes)) ? "done" : "more";
        }
        catch (HttpProtocolException e)
        {
            end = e.Message;
        }
        return $"{Encoding.Latin1.GetString(data.WrittenSpan)} {notes.Text} {end}";
    }
}

/// <summary>A server that gets anything: it answers or hangs up, and no handler's error is its own.</summary>
internal sealed class Http1ServerTarget : Target
{
    public override string Name => "http1-server";

    public override IReadOnlyList<string> Words => Http1Words.Words;

    public override IEnumerable<byte[]> Seeds =>
    [
        Latin1("GET /a?b=c HTTP/1.1\r\nHost: h\r\n\r\nPOST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
        Latin1("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n5\r\nhello\r\n0\r\nT: 1\r\n\r\nHEAD / HTTP/1.0\r\n\r\n"),
        Latin1("POST /skip HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nabc"),
        Latin1("POST /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nraw bytes"),
    ];

    public override async Task RunAsync(byte[] input, Random random)
    {
        Exception? error = null;
        HttpServer server = new(AnswerAsync, new HttpServerOptions { OnError = e => error ??= e, LingerTimeout = TimeSpan.FromMilliseconds(1) });
        (TransportConnection client, TransportConnection connection) = MemoryTransport.CreatePair();
        Task serving = server.ServeConnectionAsync(connection);
        Task drain = Pieces.DrainAsync(client.Input);
        await Pieces.SendAsync(client.Output, input, random);
        await drain;
        await client.DisposeAsync();
        await serving;
        if (error is not null)
            throw new FuzzException($"the server was told of {error}");
    }

    private static async ValueTask AnswerAsync(HttpExchange exchange)
    {
        if (exchange.Path == "/skip")
            return;
        try
        {
            exchange.Write(await exchange.ReadBodyAsync());
        }
        catch (IOException)
        {
            // A body that is broken off or badly framed.
        }
    }
}

/// <summary>A client whose server says anything.</summary>
internal sealed class Http1ClientTarget : Target
{
    public override string Name => "http1-client";

    public override IReadOnlyList<string> Words => Http1Words.Words;

    public override IEnumerable<byte[]> Seeds =>
    [
        Latin1("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        Latin1("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nT: 1\r\n\r\n"),
        Latin1("HTTP/1.0 200 OK\r\n\r\nuntil the end"),
        Latin1("HTTP/1.1 204 No Content\r\n\r\n"),
        Latin1("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nraw"),
    ];

    public override async Task RunAsync(byte[] input, Random random)
    {
        Task sending = Task.CompletedTask;
        HttpClientOptions options = new()
        {
            Connect = (_, _) =>
            {
                (TransportConnection client, TransportConnection server) = MemoryTransport.CreatePair();
                sending = SendAsync(server);
                return new(client);
            },
        };
        async Task SendAsync(TransportConnection server)
        {
            await Pieces.SendAsync(server.Output, input, random);
            await Pieces.DrainAsync(server.Input);
            await server.DisposeAsync();
        }
        await using (HttpClient client = new(HttpEndpoint.Unix("/unused"), options))
        {
            try
            {
                HttpRequest request = new() { Target = "/", Method = random.Next(4) == 0 ? "HEAD" : "GET" };
                if (random.Next(4) == 0)
                {
                    (HttpResponse response, TransportConnection? stream) = await client.UpgradeAsync(request);
                    await using (response)
                    {
                        if (stream is null)
                            await response.ReadBodyAsync();
                        else
                            await stream.DisposeAsync();
                    }
                }
                else
                {
                    await using HttpResponse response = await client.SendAsync(request);
                    await response.ReadBodyAsync();
                }
            }
            catch (IOException)
            {
                // What a bad response is told as; HttpProtocolException is one.
            }
        }
        await sending;
    }
}
