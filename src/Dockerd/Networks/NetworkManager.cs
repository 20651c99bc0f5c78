using System.Net;
using System.Text;
using AotRuntime.Digests;
using AotRuntime.Dockerd.Api;
using AotRuntime.EngineApi;
using AotRuntime.Linux;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Dockerd.Networks;

/// <summary>The three networks that every daemon has: bridge, host and none. User-defined networks are not there yet.</summary>
public sealed partial class NetworkManager : INetworkManager, IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Endpoint> _endpoints = [];
    private readonly NetworkOptions _options;
    private readonly ILogger _log;
    private readonly string _created = GoTime.Format(DateTimeOffset.UtcNow);
    private Bridge? _bridge;
    private BridgeFirewall? _firewall;

    /// <summary>Does nothing yet: <see cref="StartAsync"/> makes the bridge.</summary>
    public NetworkManager(NetworkOptions options, ILogger log)
    {
        _options = options;
        _log = log;
    }

    private bool HasBridge => _options.BridgeName != "none";

    /// <inheritdoc/>
    public ValueTask StartAsync(IReadOnlyCollection<NetworkAttachRequest> running, CancellationToken cancellationToken = default)
    {
        if (!HasBridge)
            return ValueTask.CompletedTask;
        _bridge = Bridge.Open(_options);
        if (_options.Firewall)
        {
            try
            {
                _firewall = new BridgeFirewall(_options.BridgeName);
                _firewall.Reset(_bridge.Pool.Subnet, _options.InterContainer);
            }
            catch (LinuxException e) when (e.Errno is Errno.EPROTONOSUPPORT or Errno.ENOTSUP or Errno.EINVAL or Errno.ENOENT)
            {
                // A kernel without nf_tables: ports still work through the relay; containers reach this host, but nothing beyond it.
                LogNoFirewall(e.Message);
                _firewall?.Dispose();
                _firewall = null;
            }
        }
        foreach (NetworkAttachRequest request in running)
        {
            if (request.Previous?.Networks.GetValueOrDefault("bridge") is { EndpointId.Length: > 0 } previous)
                Restore(request, previous);
        }
        lock (_gate)
            _bridge.UnplugAllBut(_endpoints.Values.Select(e => e.Settings.EndpointId).ToHashSet());
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public IReadOnlyList<NetworkResource> List() => HasBridge ? [BridgeResource(), Plain("host"), Plain("none")] : [Plain("host"), Plain("none")];

    /// <inheritdoc/>
    public NetworkResource? Find(string nameOrId)
    {
        IReadOnlyList<NetworkResource> all = List();
        return all.FirstOrDefault(n => n.Name == nameOrId || n.Id == nameOrId)
            ?? (nameOrId.Length > 0 && all.Count(n => n.Id.StartsWith(nameOrId, StringComparison.Ordinal)) == 1
                ? all.First(n => n.Id.StartsWith(nameOrId, StringComparison.Ordinal)) : null);
    }

    /// <inheritdoc/>
    public NetworkCreateResponse Create(NetworkCreateRequest request)
    {
        if (request.Name is "bridge" or "host" or "none" or "default")
            throw ApiException.Forbidden($"operation is not permitted on predefined {request.Name} network ");
        throw ApiException.NotImplemented("user-defined networks are not supported by this version: use --network bridge, host or none");
    }

    /// <inheritdoc/>
    public NetworkResource Remove(string nameOrId)
    {
        NetworkResource network = Find(nameOrId) ?? throw ApiException.NotFound($"network {nameOrId} not found");
        throw ApiException.Forbidden($"{network.Name} is a pre-defined network and cannot be removed");
    }

    /// <inheritdoc/>
    public ValueTask<NetworkAttachment> ConnectAsync(NetworkAttachRequest request, CancellationToken cancellationToken = default)
    {
        NetworkResource network = Find(request.NetworkMode is "default" or "" ? (HasBridge ? "bridge" : "none") : request.NetworkMode)
            ?? throw ApiException.NotFound($"network {request.NetworkMode} not found");
        NetworkAttachment attachment = network.Name == "bridge" ? Attach(request) : Unbridged(request, network);
        return ValueTask.FromResult(attachment);
    }

    /// <inheritdoc/>
    public ValueTask DisconnectAsync(string containerId, CancellationToken cancellationToken = default)
    {
        Endpoint? endpoint;
        lock (_gate)
            _endpoints.Remove(containerId, out endpoint);
        endpoint?.Release(_bridge!);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask StopAsync(bool keep)
    {
        List<Endpoint> endpoints;
        lock (_gate)
        {
            endpoints = [.. _endpoints.Values];
            if (!keep)
                _endpoints.Clear();
        }
        if (!keep)
        {
            foreach (Endpoint endpoint in endpoints)
                endpoint.Release(_bridge!);
            if (endpoints.Count == 0)
                _firewall?.Remove();
        }
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _firewall?.Dispose();
        _bridge?.Dispose();
    }

    private static NetworkAttachment Unbridged(NetworkAttachRequest request, NetworkResource network) => new()
    {
        Networks = { [network.Name] = new EndpointSettings { NetworkId = network.Id, EndpointId = NewId() } },
        SandboxId = NewId(),
        SandboxKey = network.Name == "host" ? "/var/run/docker/netns/default" : $"/proc/{request.Pid}/ns/net",
    };

    private NetworkAttachment Attach(NetworkAttachRequest request)
    {
        Bridge bridge = _bridge ?? throw ApiException.Internal("the bridge network is not there");
        EndpointSettings? wanted = request.Endpoints.GetValueOrDefault("bridge") ?? request.Endpoints.GetValueOrDefault("default");
        if (wanted?.IpamConfig?.IPv4Address is { Length: > 0 })
            throw ApiException.BadRequest("invalid endpoint settings:\nuser specified IP address is supported on user defined networks only");
        string endpointId = NewId();
        IPAddress address = bridge.Pool.Take() ?? throw ApiException.Internal("failed to set up container networking: no available IPv4 addresses on this network's address pools: bridge");
        PortPublisher? ports = null;
        try
        {
            byte[] mac = Mac(wanted?.MacAddress, address);
            ports = PortPublisher.Publish(request, address, _firewall, _options.DefaultBindAddress, IsHeld);
            bridge.Plug(endpointId, request.Pid, address, mac);
            EndpointSettings settings = new()
            {
                NetworkId = IdOf("bridge"),
                EndpointId = endpointId,
                Gateway = bridge.Pool.Gateway.ToString(),
                IPAddress = address.ToString(),
                IPPrefixLen = bridge.Pool.Subnet.PrefixLength,
                MacAddress = string.Join(':', mac.Select(b => b.ToString("x2", System.Globalization.CultureInfo.InvariantCulture))),
                Aliases = wanted?.Aliases,
                Links = wanted?.Links,
                DriverOpts = wanted?.DriverOpts,
            };
            Remember(request, settings, address, ports);
            return new NetworkAttachment { Networks = { ["bridge"] = settings }, Ports = ports.Ports, SandboxId = NewId(), SandboxKey = $"/proc/{request.Pid}/ns/net" };
        }
        catch (Exception e)
        {
            ports?.Dispose();
            bridge.Pool.Release(address);
            throw e switch
            {
                PortException => ApiException.Internal($"failed to set up container networking: driver failed programming external connectivity on endpoint {request.ContainerName} ({endpointId}): {e.Message}", e),
                LinuxException => ApiException.Internal($"failed to set up container networking: failed to add interface {Bridge.HostEnd(endpointId)} to sandbox: {e.Message}", e),
                _ => e,
            };
        }
    }

    /// <summary>Takes over what a running container had: its cable is still plugged in; address and ports are taken again.</summary>
    private void Restore(NetworkAttachRequest request, EndpointSettings previous)
    {
        if (!IPAddress.TryParse(previous.IPAddress, out IPAddress? address) || !_bridge!.Pool.TryTake(address))
        {
            LogAddressLost(request.ContainerName, previous.IPAddress);
            return;
        }
        // The very ports that it had, also where any free one was asked for.
        NetworkAttachRequest same = request with
        {
            ExposedPorts = [.. request.Previous!.Ports.Where(p => p.Value is null).Select(p => p.Key)],
            PortBindings = request.Previous.Ports.Where(p => p.Value is not null).ToDictionary(p => p.Key, p => p.Value),
            PublishAllPorts = false,
        };
        PortPublisher ports;
        try
        {
            ports = PortPublisher.Publish(same, address, _firewall, _options.DefaultBindAddress, IsHeld);
        }
        catch (PortException e)
        {
            LogPortsLost(request.ContainerName, e.Message);
            ports = PortPublisher.Publish(same with { PortBindings = new Dictionary<string, List<PortBinding>?>() }, address, _firewall, null, IsHeld);
        }
        Remember(request, previous, address, ports);
    }

    private void Remember(NetworkAttachRequest request, EndpointSettings settings, IPAddress address, PortPublisher ports)
    {
        lock (_gate)
            _endpoints[request.ContainerId] = new Endpoint(request.ContainerName, settings, address, ports);
    }

    private bool IsHeld(PortProtocol protocol, ushort port)
    {
        lock (_gate)
            return _endpoints.Values.Any(e => e.Ports.Published.Any(p => p.HostPort == port && p.Protocol == protocol));
    }

    private NetworkResource BridgeResource()
    {
        NetworkResource bridge = Plain("bridge");
        if (_bridge is { } b)
            bridge.Ipam.Config = [new IpamConfig { Subnet = b.Pool.Subnet.ToString(), Gateway = b.Pool.Gateway.ToString() }];
        bridge.Options = new()
        {
            ["com.docker.network.bridge.default_bridge"] = "true",
            ["com.docker.network.bridge.enable_icc"] = _options.InterContainer ? "true" : "false",
            ["com.docker.network.bridge.enable_ip_masquerade"] = "true",
            ["com.docker.network.bridge.host_binding_ipv4"] = (_options.DefaultBindAddress ?? IPAddress.Any).ToString(),
            ["com.docker.network.bridge.name"] = _options.BridgeName,
            ["com.docker.network.driver.mtu"] = _options.Mtu.ToString(System.Globalization.CultureInfo.InvariantCulture),
        };
        lock (_gate)
        {
            foreach ((string id, Endpoint endpoint) in _endpoints)
            {
                bridge.Containers[id] = new NetworkContainer
                {
                    Name = endpoint.ContainerName,
                    EndpointId = endpoint.Settings.EndpointId,
                    MacAddress = endpoint.Settings.MacAddress,
                    IPv4Address = $"{endpoint.Settings.IPAddress}/{endpoint.Settings.IPPrefixLen}",
                };
            }
        }
        return bridge;
    }

    private NetworkResource Plain(string name) => new()
    {
        Name = name,
        Id = IdOf(name),
        Created = _created,
        Driver = name == "none" ? "null" : name,
    };

    private string IdOf(string name) => Sha2.Hex(Sha2Algorithm.Sha256, Encoding.UTF8.GetBytes($"{_options.EngineId}/network/{name}"));

    private static string NewId() => RandomSource.Hex(32);

    /// <summary>The address that was asked for, or 02:42 (locally administered) and the IPv4 address.</summary>
    private static byte[] Mac(string? wanted, IPAddress address)
    {
        if (string.IsNullOrEmpty(wanted))
            return [0x02, 0x42, .. address.GetAddressBytes()];
        try
        {
            byte[] mac = Convert.FromHexString(wanted.Replace(":", "", StringComparison.Ordinal).Replace("-", "", StringComparison.Ordinal));
            return mac.Length == 6 ? mac : throw new FormatException();
        }
        catch (FormatException)
        {
            throw ApiException.BadRequest($"invalid MAC address: {wanted}");
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "nf_tables is not available: ports are relayed in user space, containers reach this host only: {reason}")]
    private partial void LogNoFirewall(string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "address {address} of running container {container} is taken")]
    private partial void LogAddressLost(string container, string address);

    [LoggerMessage(Level = LogLevel.Error, Message = "ports of running container {container} could not be published again: {reason}")]
    private partial void LogPortsLost(string container, string reason);

    private sealed record Endpoint(string ContainerName, EndpointSettings Settings, IPAddress Address, PortPublisher Ports)
    {
        public void Release(Bridge bridge)
        {
            try
            {
                Ports.Dispose();
            }
            finally
            {
                bridge.Unplug(Settings.EndpointId);
                bridge.Pool.Release(Address);
            }
        }
    }
}
