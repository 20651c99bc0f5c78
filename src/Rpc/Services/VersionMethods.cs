using AotRuntime.Rpc.Containerd.Version;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Rpc;

/// <summary>The daemon's version.</summary>
public static class VersionMethods
{
    /// <summary>The service's full name.</summary>
    public const string Service = "containerd.services.version.v1.Version";

    /// <summary><c>Version</c>.</summary>
    public static readonly RpcMethod<Empty, VersionResponse> Version = new(Service, "Version", Empty.Parser, VersionResponse.Parser);
}
