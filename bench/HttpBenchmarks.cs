using System.Buffers;
using AotRuntime.Http;
using AotRuntime.Http.Http2.Hpack;
using BenchmarkDotNet.Attributes;

namespace AotRuntime.Bench;

/// <summary><c>GET /_ping</c>, client and server, over one connection: in memory, and over a unix socket.</summary>
[MemoryDiagnoser]
public class PingBenchmarks
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly string _socket = Path.Combine(Path.GetTempPath(), $"aot-bench-{Environment.ProcessId}.sock");
    private HttpClient _memory = null!;
    private HttpClient _unix = null!;
    private Task _serving = Task.CompletedTask;

    [GlobalSetup]
    public void Setup()
    {
        HttpServer server = new(exchange =>
        {
            exchange.Respond(200, "text/plain; charset=utf-8", "OK"u8);
            return ValueTask.CompletedTask;
        });
        _memory = new HttpClient(HttpEndpoint.Unix("/unused"), new HttpClientOptions
        {
            Connect = (_, _) =>
            {
                (TransportConnection client, TransportConnection connection) = MemoryTransport.CreatePair();
                _ = server.ServeConnectionAsync(connection);
                return new(client);
            },
        });
        _serving = server.RunAsync(Transport.ListenUnix(_socket), _stopping.Token);
        _unix = new HttpClient(HttpEndpoint.Unix(_socket));
    }

    [GlobalCleanup]
    public async Task CleanupAsync()
    {
        await _memory.DisposeAsync();
        await _unix.DisposeAsync();
        await _stopping.CancelAsync();
        await _serving;
        File.Delete(_socket);
    }

    [Benchmark(Baseline = true)]
    public Task<int> InMemory() => PingAsync(_memory);

    [Benchmark]
    public Task<int> UnixSocket() => PingAsync(_unix);

    private static async Task<int> PingAsync(HttpClient client)
    {
        await using HttpResponse response = await client.SendAsync(new HttpRequest { Target = "/_ping" });
        return (await response.ReadBodyAsync()).Length;
    }
}

/// <summary>A request's head, as the docker client sends it.</summary>
[MemoryDiagnoser]
public class HeadBenchmarks
{
    private static readonly byte[] s_head =
        "GET /v1.47/containers/json?all=1&filters=%7B%22label%22%3A%7B%22a%22%3Atrue%7D%7D HTTP/1.1\r\nHost: api.moby.localhost\r\nUser-Agent: Docker-Client/28.5.1 (linux)\r\nAccept: */*\r\nAccept-Encoding: gzip\r\nContent-Type: application/json\r\n\r\n"u8.ToArray();

    private readonly Counter _counter = new();
    private Http1Parser _parser = new(Http1Parser.Kind.Request, 16 * 1024, 64 * 1024, 100);

    [Benchmark]
    public int Parse()
    {
        ReadOnlySequence<byte> buffer = new(s_head);
        _parser.Reset();
        _parser.Parse(ref buffer, _counter);
        return _counter.Fields;
    }

    private sealed class Counter : IHttp1Sink
    {
        public int Fields { get; private set; }

        public void OnRequestLine(ReadOnlySpan<byte> method, ReadOnlySpan<byte> target, int minorVersion) => Fields = 0;

        public void OnStatusLine(int status, int minorVersion) => Fields = 0;

        public void OnField(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value) => Fields++;
    }
}

/// <summary>The fields of a gRPC call, to and from a header block whose table knows them.</summary>
[MemoryDiagnoser]
public class HpackBenchmarks
{
    private static readonly (string Name, string Value)[] s_fields =
    [
        (":method", "POST"), (":scheme", "http"), (":path", "/containerd.services.tasks.v1.Tasks/Create"), (":authority", "localhost"), ("content-type", "application/grpc"), ("te", "trailers"),
        ("user-agent", "grpc-go/1.72.2"), ("containerd-namespace", "moby"),
    ];

    private readonly ArrayBufferWriter<byte> _output = new(4096);
    private readonly List<HpackField> _read = [];
    private readonly HpackEncoder _encoder = new();
    private readonly HpackDecoder _decoder = new(4096);
    private byte[] _block = [];

    [GlobalSetup]
    public void Setup()
    {
        Encode();
        _decoder.Decode(_output.WrittenSpan, _read, 1 << 16);
        Encode();
        _block = _output.WrittenSpan.ToArray();
    }

    [Benchmark]
    public int Encode()
    {
        _output.ResetWrittenCount();
        _encoder.Begin(_output);
        foreach ((string name, string value) in s_fields)
            _encoder.Write(_output, name, value);
        return _output.WrittenCount;
    }

    [Benchmark]
    public int Decode()
    {
        _read.Clear();
        _decoder.Decode(_block, _read, 1 << 16);
        return _read.Count;
    }
}
