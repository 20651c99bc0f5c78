using AotRuntime.Http;

namespace AotRuntime.Rpc;

/// <summary>Serves a table over gRPC: pass <see cref="HandleAsync"/> to an <see cref="HttpServer"/>.</summary>
public sealed class GrpcServer(RpcServiceTable services)
{
    /// <summary>Answers one gRPC call.</summary>
    public ValueTask HandleAsync(HttpExchange exchange) => throw new NotImplementedException(services.ToString());
}
