using AotRuntime.Rpc.Containerd.Introspection;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Rpc;

/// <summary>What the daemon is made of.</summary>
public static class IntrospectionMethods
{
    /// <summary>The service's full name.</summary>
    public const string Service = "containerd.services.introspection.v1.Introspection";

    /// <summary><c>Plugins</c>.</summary>
    public static readonly RpcMethod<PluginsRequest, PluginsResponse> Plugins = new(Service, "Plugins", PluginsRequest.Parser, PluginsResponse.Parser);

    /// <summary><c>Server</c>.</summary>
    public static readonly RpcMethod<Empty, ServerResponse> Server = new(Service, "Server", Empty.Parser, ServerResponse.Parser);

    /// <summary><c>PluginInfo</c>.</summary>
    public static readonly RpcMethod<PluginInfoRequest, PluginInfoResponse> PluginInfo = new(Service, "PluginInfo", PluginInfoRequest.Parser, PluginInfoResponse.Parser);
}
