using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Networks;

/// <summary>What a container asks of the network.</summary>
public sealed record NetworkAttachRequest
{
    /// <summary>The container's id, 64 hexadecimal digits.</summary>
    public required string ContainerId { get; init; }

    /// <summary>Its name, without the slash.</summary>
    public required string ContainerName { get; init; }

    /// <summary>Its host name.</summary>
    public string Hostname { get; init; } = "";

    /// <summary><c>bridge</c>, <c>default</c>, <c>none</c>, <c>host</c>, or a network's name or id.</summary>
    public required string NetworkMode { get; init; }

    /// <summary>Settings asked for by network name; may be empty, values may be null.</summary>
    public IReadOnlyDictionary<string, EndpointSettings?> Endpoints { get; init; } = new Dictionary<string, EndpointSettings?>();

    /// <summary>Ports that the image or the container exposes, <c>80/tcp</c>.</summary>
    public IReadOnlyCollection<string> ExposedPorts { get; init; } = [];

    /// <summary>Ports to publish; an empty host port, or 0, takes a free one.</summary>
    public IReadOnlyDictionary<string, List<PortBinding>?> PortBindings { get; init; } = new Dictionary<string, List<PortBinding>?>();

    /// <summary>Publish every exposed port on a free one.</summary>
    public bool PublishAllPorts { get; init; }

    /// <summary>A process in the container's network namespace (<c>/proc/PID/ns/net</c>).</summary>
    public int Pid { get; init; }

    /// <summary>Where a running container was attached before the daemon restarted; null for a fresh attachment.</summary>
    public NetworkAttachment? Previous { get; init; }
}

/// <summary>What a container got of the network; kept with the container.</summary>
public sealed record NetworkAttachment
{
    /// <summary>Its endpoints by network name.</summary>
    public Dictionary<string, EndpointSettings> Networks { get; init; } = [];

    /// <summary>Its exposed ports and where each is published (null: not).</summary>
    public Dictionary<string, List<PortBinding>?> Ports { get; init; } = [];

    /// <summary>Id of its network sandbox; may be empty.</summary>
    public string SandboxId { get; init; } = "";

    /// <summary>A path that names its network namespace; may be empty.</summary>
    public string SandboxKey { get; init; } = "";
}

/// <summary>The networks of the daemon.</summary>
public interface INetworkManager
{
    /// <summary>
    /// Makes the default bridge and whatever rules the host needs, and takes over what <paramref name="running"/> containers were given before
    /// the daemon went away (addresses, published ports); removes what belongs to nobody any more.
    /// </summary>
    ValueTask StartAsync(IReadOnlyCollection<NetworkAttachRequest> running, CancellationToken cancellationToken = default);

    /// <summary>All networks, with the containers that are connected.</summary>
    IReadOnlyList<NetworkResource> List();

    /// <summary>One network by name, id or an id's unambiguous beginning; null where there is none.</summary>
    NetworkResource? Find(string nameOrId);

    /// <summary>Makes a network.</summary>
    /// <exception cref="Api.ApiException">It can't be made.</exception>
    NetworkCreateResponse Create(NetworkCreateRequest request);

    /// <summary>Removes a network that no container uses; gives what it was.</summary>
    /// <exception cref="Api.ApiException">There is none, it is in use, or it is one of the three.</exception>
    NetworkResource Remove(string nameOrId);

    /// <summary>Attaches a container whose task is created and not yet started.</summary>
    /// <exception cref="Api.ApiException">No such network, no address left, port taken (Docker's text), …; nothing is left behind.</exception>
    ValueTask<NetworkAttachment> ConnectAsync(NetworkAttachRequest request, CancellationToken cancellationToken = default);

    /// <summary>Takes back all that a container was given. Does nothing for one that has nothing.</summary>
    ValueTask DisconnectAsync(string containerId, CancellationToken cancellationToken = default);

    /// <summary>Stops; leaves the attachments of running containers alone when <paramref name="keep"/>.</summary>
    ValueTask StopAsync(bool keep);
}
