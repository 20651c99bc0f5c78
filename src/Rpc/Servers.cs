using AotRuntime.Http;

namespace AotRuntime.Rpc;

/// <summary>Serves a table over gRPC: pass <see cref="HandleAsync"/> to an <see cref="HttpServer"/>.</summary>
public sealed class GrpcServer(RpcServiceTable services)
{
    /// <summary>Answers one gRPC call.</summary>
    public ValueTask HandleAsync(HttpExchange exchange) => throw new NotImplementedException(services.ToString());
}

/// <summary>Serves a table over ttrpc.</summary>
public sealed class TtrpcServer(RpcServiceTable services)
{
    /// <summary>Accepts and serves until <paramref name="stopping"/>.</summary>
    public Task RunAsync(TransportListener listener, CancellationToken stopping) => throw new NotImplementedException(services.ToString());
}

/// <summary>Makes channels.</summary>
public static class RpcChannels
{
    /// <summary>gRPC over a unix socket; connects when first used.</summary>
    public static RpcChannel GrpcUnix(string path) => throw new NotImplementedException();

    /// <summary>ttrpc over a unix socket (abstract with <c>@</c>); connects when first used.</summary>
    public static RpcChannel TtrpcUnix(string path) => throw new NotImplementedException();
}
