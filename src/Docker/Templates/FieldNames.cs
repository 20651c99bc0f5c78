using System.Text.Json;

namespace AotRuntime.Docker.Templates;

/// <summary>
/// Finds Go's fields in JSON documents. Templates name the fields of docker's Go structs (<c>.ID</c>, <c>.HostIP</c>); the documents
/// have their JSON names (<c>Id</c>, <c>HostIp</c>), which differ in case at most; and what Go leaves out when empty is still a field.
/// </summary>
internal static class FieldNames
{
    // Objects whose member names are data.
    private static readonly HashSet<string> s_maps = new(StringComparer.Ordinal)
    {
        "Annotations", "Config.Volumes", "Containers", "Data", "Details", "DriverOpts", "ExposedPorts", "Labels", "LogPath", "Networks", "Options",
        "PortBindings", "Ports", "Runtimes", "StorageOpt", "Sysctls", "Tmpfs", "Volumes", "Attributes", "IndexConfigs", "ExtraHostsMap", "AuxiliaryAddresses",
    };

    // Of these, the ones that hold strings.
    private static readonly HashSet<string> s_stringMaps = new(StringComparer.Ordinal)
    {
        "Annotations", "Data", "Details", "DriverOpts", "Labels", "Options", "StorageOpt", "Sysctls", "Tmpfs", "Attributes", "ExtraHostsMap", "AuxiliaryAddresses",
    };

    // Fields that a document may lack (Go's omitempty), and that are nil, zero or empty then.
    private static readonly HashSet<string> s_optional = new(StringComparer.Ordinal)
    {
        "Health", "Healthcheck", "SizeRw", "SizeRootFs", "StopTimeout", "StopSignal", "Shell", "OnBuild", "MacAddress", "NetworkDisabled",
        "ArgsEscaped", "ImageManifestDescriptor", "Annotations", "Tmpfs", "Sysctls", "Mounts", "Init", "StorageOpt", "GraphDriver", "Driver", "ExposedPorts",
        "UsageData", "ClusterVolume", "Status", "CreatedAt", "Platform", "Manifests", "Descriptor", "DriverStatus", "Warnings", "Runtimes",
        "Labels", "SystemStatus", "ServerErrors", "ClientErrors", "CDISpecDirs", "DefaultAddressPools", "Volumes", "VirtualSize", "Parent", "Container",
        "OsVersion", "Variant", "Author", "Comment", "DockerVersion", "FirewallBackend", "DiscoveredDevices", "GwPriority", "Peers", "Services",
    };

    // Fields that are lists in Go: their null prints as [].
    private static readonly HashSet<string> s_lists = new(StringComparer.Ordinal)
    {
        "Binds", "CapAdd", "CapDrop", "Cmd", "Dns", "DnsOptions", "DnsSearch", "Entrypoint", "Env", "ExtraHosts", "GroupAdd", "Links", "Aliases", "DNSNames",
        "SecurityOpt", "Ulimits", "VolumesFrom", "Devices", "DeviceCgroupRules", "DeviceRequests", "BlkioWeightDevice", "OnBuild", "ExecIDs", "Shell",
        "MaskedPaths", "ReadonlyPaths", "RepoTags", "RepoDigests", "Warnings", "BlkioDeviceReadBps", "BlkioDeviceWriteBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteIOps",
        "SecondaryIPAddresses", "SecondaryIPv6Addresses",
    };

    private static readonly object s_emptyMap = new Dictionary<string, object?>();
    private static readonly object s_emptyList = new List<object?>();

    /// <summary>The field <paramref name="name"/> of <paramref name="element"/>; false where Go would not know it.</summary>
    public static bool TryGet(JsonElement element, string name, out object? value)
    {
        if (element.TryGetProperty(name, out JsonElement found))
        {
            value = Wrap(name, found);
            return true;
        }
        foreach (JsonProperty property in element.EnumerateObject())
        {
            if (string.Equals(property.Name, name, StringComparison.OrdinalIgnoreCase) && IsGoName(name))
            {
                value = Wrap(property.Name, property.Value);
                return true;
            }
        }
        value = s_maps.Contains(name) ? s_emptyMap : s_lists.Contains(name) ? s_emptyList : null;
        return s_optional.Contains(name);
    }

    /// <summary>A member's value, with what its name tells about its Go type.</summary>
    public static object? Wrap(string name, JsonElement element)
    {
        if (element.ValueKind == JsonValueKind.Null)
            return s_maps.Contains(name) ? s_emptyMap : s_lists.Contains(name) ? s_emptyList : null;
        return JsonValue.Of(element, s_maps.Contains(name), s_stringMaps.Contains(name));
    }

    /// <summary>The value of a key of <paramref name="map"/>; docker's maps of nullable values (ports) hold lists.</summary>
    public static object? WrapIn(JsonValue map, string key, JsonElement element) =>
        map.IsMap && element.ValueKind == JsonValueKind.Null ? s_emptyList : Wrap(key, element);

    // Exported Go names begin with a capital; initialisms (ID, IP, OS, DNS, API) are all capitals where JSON's are not.
    private static bool IsGoName(string name) => char.IsAsciiLetterUpper(name[0]);
}
