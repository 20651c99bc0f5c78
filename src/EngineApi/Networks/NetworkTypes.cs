using System.Text.Json.Serialization;

namespace AotRuntime.EngineApi;

/// <summary>A container's place in one network.</summary>
public sealed class EndpointSettings
{
    [JsonPropertyName("IPAMConfig")] public EndpointIpamConfig? IpamConfig { get; set; }
    public List<string>? Links { get; set; }
    public List<string>? Aliases { get; set; }
    public string MacAddress { get; set; } = "";
    public Dictionary<string, string>? DriverOpts { get; set; }
    public int GwPriority { get; set; }
    [JsonPropertyName("NetworkID")] public string NetworkId { get; set; } = "";
    [JsonPropertyName("EndpointID")] public string EndpointId { get; set; } = "";
    public string Gateway { get; set; } = "";
    public string IPAddress { get; set; } = "";
    public int IPPrefixLen { get; set; }
    public string IPv6Gateway { get; set; } = "";
    public string GlobalIPv6Address { get; set; } = "";
    public int GlobalIPv6PrefixLen { get; set; }
    [JsonPropertyName("DNSNames")] public List<string>? DnsNames { get; set; }
}

/// <summary>Addresses that were asked for.</summary>
public sealed class EndpointIpamConfig
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? IPv4Address { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? IPv6Address { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull), JsonPropertyName("LinkLocalIPs")] public List<string>? LinkLocalIps { get; set; }
}

/// <summary>A network, as listed and inspected.</summary>
public sealed class NetworkResource
{
    public string Name { get; set; } = "";
    public string Id { get; set; } = "";
    public string Created { get; set; } = GoTime.Zero;
    public string Scope { get; set; } = "local";
    public string Driver { get; set; } = "";
    public bool EnableIPv4 { get; set; } = true;
    public bool EnableIPv6 { get; set; }
    [JsonPropertyName("IPAM")] public Ipam Ipam { get; set; } = new();
    public bool Internal { get; set; }
    public bool Attachable { get; set; }
    public bool Ingress { get; set; }
    public NetworkConfigReference ConfigFrom { get; set; } = new();
    public bool ConfigOnly { get; set; }
    public Dictionary<string, NetworkContainer> Containers { get; set; } = [];
    public Dictionary<string, string> Options { get; set; } = [];
    public Dictionary<string, string> Labels { get; set; } = [];
}

/// <summary>Address management of a network.</summary>
public sealed class Ipam
{
    public string Driver { get; set; } = "default";
    public Dictionary<string, string>? Options { get; set; }
    public List<IpamConfig>? Config { get; set; }
}

/// <summary>One address pool.</summary>
public sealed class IpamConfig
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Subnet { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? IPRange { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Gateway { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull), JsonPropertyName("AuxiliaryAddresses")] public Dictionary<string, string>? AuxiliaryAddresses { get; set; }
}

/// <summary>The network that a configuration comes from.</summary>
public sealed class NetworkConfigReference
{
    public string Network { get; set; } = "";
}

/// <summary>A container in a network.</summary>
public sealed class NetworkContainer
{
    public string Name { get; set; } = "";
    [JsonPropertyName("EndpointID")] public string EndpointId { get; set; } = "";
    public string MacAddress { get; set; } = "";
    public string IPv4Address { get; set; } = "";
    public string IPv6Address { get; set; } = "";
}

/// <summary>Body of network create.</summary>
public sealed class NetworkCreateRequest
{
    public string Name { get; set; } = "";
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public bool? CheckDuplicate { get; set; }
    public string Driver { get; set; } = "";
    public string Scope { get; set; } = "";
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public bool? EnableIPv4 { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public bool? EnableIPv6 { get; set; }
    [JsonPropertyName("IPAM")] public Ipam? Ipam { get; set; }
    public bool Internal { get; set; }
    public bool Attachable { get; set; }
    public bool Ingress { get; set; }
    public bool ConfigOnly { get; set; }
    public NetworkConfigReference? ConfigFrom { get; set; }
    public Dictionary<string, string>? Options { get; set; }
    public Dictionary<string, string>? Labels { get; set; }
}

/// <summary>Answer of network create.</summary>
public sealed class NetworkCreateResponse
{
    public string Id { get; set; } = "";
    public string Warning { get; set; } = "";
}

/// <summary>Body of connect.</summary>
public sealed class NetworkConnectRequest
{
    public string Container { get; set; } = "";
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public EndpointSettings? EndpointConfig { get; set; }
}

/// <summary>Body of disconnect.</summary>
public sealed class NetworkDisconnectRequest
{
    public string Container { get; set; } = "";
    public bool Force { get; set; }
}

/// <summary>Answer of prune.</summary>
public sealed class NetworksPruneReport
{
    public List<string>? NetworksDeleted { get; set; }
}
