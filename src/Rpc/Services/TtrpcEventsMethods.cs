using AotRuntime.Rpc.Containerd.Events;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Rpc;

/// <summary>How shims hand their events to containerd, over ttrpc at TTRPC_ADDRESS.</summary>
public static class TtrpcEventsMethods
{
    /// <summary>The service's full name.</summary>
    public const string Service = "containerd.services.events.ttrpc.v1.Events";

    /// <summary><c>Forward</c>.</summary>
    public static readonly RpcMethod<ForwardRequest, Empty> Forward = new(Service, "Forward", ForwardRequest.Parser, Empty.Parser);
}
