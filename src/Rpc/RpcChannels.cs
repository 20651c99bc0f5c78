using AotRuntime.Http;
using AotRuntime.Rpc.Grpc;
using AotRuntime.Rpc.Ttrpc;

namespace AotRuntime.Rpc;

/// <summary>Makes channels.</summary>
public static class RpcChannels
{
    /// <summary>gRPC over a unix socket; connects when first used.</summary>
    public static RpcChannel GrpcUnix(string path) =>
        new GrpcChannel(cancellation => Transport.ConnectUnixAsync(path, cancellation), $"unix {path}", GrpcOptions.Default);

    /// <summary>ttrpc over a unix socket (abstract with <c>@</c>); connects when first used.</summary>
    public static RpcChannel TtrpcUnix(string path) =>
        new TtrpcChannel(cancellation => Transport.ConnectUnixAsync(path, cancellation), $"unix {path}", TtrpcOptions.Default);
}
