using AotRuntime.Rpc.Containerd.Events;
using AotRuntime.Rpc.Containerd.Types;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Rpc;

/// <summary>Published events.</summary>
public static class EventsMethods
{
    /// <summary>The service's full name.</summary>
    public const string Service = "containerd.services.events.v1.Events";

    /// <summary><c>Publish</c>.</summary>
    public static readonly RpcMethod<PublishRequest, Empty> Publish = new(Service, "Publish", PublishRequest.Parser, Empty.Parser);

    /// <summary><c>Forward</c>.</summary>
    public static readonly RpcMethod<ForwardRequest, Empty> Forward = new(Service, "Forward", ForwardRequest.Parser, Empty.Parser);

    /// <summary><c>Subscribe</c>: streams its answers.</summary>
    public static readonly RpcMethod<SubscribeRequest, Envelope> Subscribe = new(Service, "Subscribe", SubscribeRequest.Parser, Envelope.Parser);
}
