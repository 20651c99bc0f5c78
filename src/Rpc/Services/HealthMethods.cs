using AotRuntime.Rpc.Health;

namespace AotRuntime.Rpc;

/// <summary>gRPC's health checking.</summary>
public static class HealthMethods
{
    /// <summary>The service's full name.</summary>
    public const string Service = "grpc.health.v1.Health";

    /// <summary><c>Check</c>.</summary>
    public static readonly RpcMethod<HealthCheckRequest, HealthCheckResponse> Check = new(Service, "Check", HealthCheckRequest.Parser, HealthCheckResponse.Parser);

    /// <summary><c>Watch</c>: streams its answers.</summary>
    public static readonly RpcMethod<HealthCheckRequest, HealthCheckResponse> Watch = new(Service, "Watch", HealthCheckRequest.Parser, HealthCheckResponse.Parser);
}
