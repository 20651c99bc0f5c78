using AotRuntime.Dockerd.Api;
using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Networks;

/// <summary>The two networks that need no work: the host's own, and none.</summary>
internal sealed class PlainNetworks : INetworkManager
{
    private readonly NetworkResource[] _networks =
    [
        new() { Name = "host", Id = new string('1', 64), Driver = "host" },
        new() { Name = "none", Id = new string('2', 64), Driver = "null" },
    ];

    public ValueTask StartAsync(IReadOnlyCollection<NetworkAttachRequest> running, CancellationToken cancellationToken = default) => default;

    public IReadOnlyList<NetworkResource> List() => _networks;

    public NetworkResource? Find(string nameOrId) => Array.Find(_networks, n => n.Name == nameOrId || n.Id == nameOrId);

    public NetworkCreateResponse Create(NetworkCreateRequest request) => throw ApiException.NotImplemented("user-defined networks are not supported by this daemon");

    public NetworkResource Remove(string nameOrId) => throw ApiException.Forbidden($"{nameOrId} is a pre-defined network and cannot be removed");

    public ValueTask<NetworkAttachment> ConnectAsync(NetworkAttachRequest request, CancellationToken cancellationToken = default)
    {
        NetworkResource network = Find(request.NetworkMode) ?? throw ApiException.NotFound($"network {request.NetworkMode} not found");
        return new(new NetworkAttachment { Networks = { [network.Name] = new EndpointSettings { NetworkId = network.Id } } });
    }

    public ValueTask DisconnectAsync(string containerId, CancellationToken cancellationToken = default) => default;

    public ValueTask StopAsync(bool keep) => default;
}
