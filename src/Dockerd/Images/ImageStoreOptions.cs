using AotRuntime.Images;
using AotRuntime.Images.Registry;

namespace AotRuntime.Dockerd.Images;

/// <summary>How the daemon keeps and pulls images.</summary>
public sealed record ImageStoreOptions
{
    /// <summary>containerd's namespace.</summary>
    public string Namespace { get; init; } = "moby";

    /// <summary>The snapshotter that holds the layers.</summary>
    public string Snapshotter { get; init; } = "overlayfs";

    /// <summary>How many layers download at once, over all pulls.</summary>
    public int MaxConcurrentDownloads { get; init; } = 3;

    /// <summary>How registries are reached.</summary>
    public RegistryOptions Registry { get; init; } = new();

    /// <summary>Limits of unpacking; the directory is set for each layer.</summary>
    public UnpackOptions Unpack { get; init; } = new() { Directory = "" };
}
