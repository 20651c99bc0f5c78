using AotRuntime.Http;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Namespaces;
using AotRuntime.Rpc.Containerd.Shim;
using AotRuntime.Rpc.Grpc;
using AotRuntime.Rpc.Ttrpc;
using BenchmarkDotNet.Attributes;

namespace AotRuntime.Bench;

/// <summary>One call with small messages, client and server, in memory.</summary>
[MemoryDiagnoser]
public class RpcBenchmarks
{
    private RpcChannel _grpc = null!;
    private RpcChannel _ttrpc = null!;

    [GlobalSetup]
    public void Setup()
    {
        RpcServiceTable table = new();
        table.Unary(NamespacesMethods.Get, (request, _) => new GetNamespaceResponse { Namespace = new Namespace { Name = request.Name } });
        table.Unary(ShimTaskMethods.V2.Connect, (request, _) => new ConnectResponse { Version = request.Id });
        HttpServer server = new(new GrpcServer(table).HandleAsync);
        TtrpcServer ttrpc = new(table);
        _grpc = new GrpcChannel(
            cancellation =>
            {
                (TransportConnection client, TransportConnection connection) = MemoryTransport.CreatePair();
                _ = server.ServeConnectionAsync(connection);
                return new(client);
            },
            "memory", GrpcOptions.Default);
        _ttrpc = new TtrpcChannel(
            cancellation =>
            {
                (TransportConnection client, TransportConnection connection) = MemoryTransport.CreatePair();
                _ = ttrpc.ServeAsync(connection);
                return new(client);
            },
            "memory", TtrpcOptions.Default);
    }

    [GlobalCleanup]
    public async Task CleanupAsync()
    {
        await _grpc.DisposeAsync();
        await _ttrpc.DisposeAsync();
    }

    [Benchmark(Baseline = true)]
    public async Task<string> Grpc() => (await _grpc.UnaryAsync(NamespacesMethods.Get, new GetNamespaceRequest { Name = "moby" })).Namespace.Name;

    [Benchmark]
    public async Task<string> Ttrpc() => (await _ttrpc.UnaryAsync(ShimTaskMethods.V2.Connect, new ConnectRequest { Id = "moby" })).Version;
}
