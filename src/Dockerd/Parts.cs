using System.Net;
using AotRuntime.Dockerd.Config;
using AotRuntime.Dockerd.Containerd;
using AotRuntime.Dockerd.Events;
using AotRuntime.Dockerd.Images;
using AotRuntime.Dockerd.Networks;
using AotRuntime.Dockerd.Volumes;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Dockerd;

/// <summary>Makes the daemon's parts from its settings.</summary>
internal static class Parts
{
    /// <summary>Images.</summary>
    public static ImageStore CreateImages(DaemonOptions options, ContainerdClient client, EventBus events)
    {
        ImageStoreOptions settings = new()
        {
            Namespace = client.Namespace,
            Snapshotter = options.StorageDriver.Length > 0 ? options.StorageDriver : "overlayfs",
            MaxConcurrentDownloads = options.MaxConcurrentDownloads,
            Registry = new AotRuntime.Images.Registry.RegistryOptions
            {
                InsecureRegistries = options.InsecureRegistries,
                Mirrors = options.RegistryMirrors,
                Proxies = new(
                    Chosen(options.HttpProxy, "HTTP_PROXY"), Chosen(options.HttpsProxy, "HTTPS_PROXY"), Chosen(options.NoProxy, "NO_PROXY")),
            },
        };
        return new ImageStore(client.Channel, settings, events);
    }

    /// <summary>What the configuration says, else the environment, under its name in capitals or not.</summary>
    public static string Chosen(string configured, string variable) =>
        configured.Length > 0 ? configured
        : Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value ? value
        : Environment.GetEnvironmentVariable(variable.ToLowerInvariant()) ?? "";

    /// <summary>Networks.</summary>
    /// <exception cref="FormatException">An address among the options is none.</exception>
    public static INetworkManager CreateNetworks(DaemonOptions options, string engineId, ILogger log)
    {
        return new NetworkManager(new NetworkOptions
        {
            EngineId = engineId,
            BridgeName = options.Bridge.Length > 0 ? options.Bridge : "docker0",
            BridgeIsForeign = options.Bridge.Length > 0,
            BridgeAddress = options.Bip.Length > 0 ? ParseBip(options.Bip) : null,
            DefaultBindAddress = options.DefaultIp.Length > 0 ? IPAddress.Parse(options.DefaultIp) : null,
            Firewall = options.Iptables,
            InterContainer = options.InterContainerCommunication,
            Mtu = options.Mtu,
        }, log);
    }

    /// <summary>Volumes.</summary>
    public static IVolumeStore CreateVolumes(DaemonOptions options, ILogger log) => new VolumeStore(Path.Combine(options.DataRoot, "volumes"), log);

    private static (IPAddress, int) ParseBip(string bip)
    {
        int slash = bip.IndexOf('/');
        if (slash < 0 || !IPAddress.TryParse(bip.AsSpan(0, slash), out IPAddress? address) || !int.TryParse(bip.AsSpan(slash + 1), out int prefix)
            || address.AddressFamily != System.Net.Sockets.AddressFamily.InterNetwork || prefix is < 1 or > 30)
            throw new FormatException($"invalid CIDR address: {bip}");
        return (address, prefix);
    }
}
