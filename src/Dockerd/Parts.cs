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
            },
        };
        return new ImageStore(client.Channel, settings, events);
    }

    /// <summary>Networks.</summary>
    public static INetworkManager CreateNetworks() => new PlainNetworks();

    /// <summary>Volumes.</summary>
    public static IVolumeStore CreateVolumes() => new NoVolumes();
}
