using AotRuntime.Rpc.Health;
using ServingStatus = AotRuntime.Rpc.Health.HealthCheckResponse.Types.ServingStatus;

namespace AotRuntime.Rpc;

/// <summary>gRPC's health service (grpc.health.v1): a server that answers is healthy. dockerd asks it until containerd is up.</summary>
public static class GrpcHealth
{
    /// <summary>Adds the service to a table.</summary>
    public static void AddTo(RpcServiceTable services)
    {
        services.Unary(HealthMethods.Check, (request, _) =>
            Knows(services, request.Service)
                ? new HealthCheckResponse { Status = ServingStatus.Serving }
                : throw new RpcException(RpcStatus.NotFound, "unknown service"), quick: true);
        services.ServerStream(HealthMethods.Watch, async (request, writer, context) =>
        {
            ServingStatus status = Knows(services, request.Service) ? ServingStatus.Serving : ServingStatus.ServiceUnknown;
            await writer.WriteAsync(new HealthCheckResponse { Status = status }, context.Cancelled).ConfigureAwait(false);
            await Task.Delay(Timeout.Infinite, context.Cancelled).ConfigureAwait(false);
        });
    }

    private static bool Knows(RpcServiceTable services, string service) => service.Length == 0 || services.HasService(service);
}
