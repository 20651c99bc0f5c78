using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Volumes;

/// <summary>The daemon's volumes. Who uses which volume is the containers' business; this knows volumes only.</summary>
public interface IVolumeStore
{
    /// <summary>Makes a volume, or gives the one there is where its driver and options agree. An empty name takes a random one (64 hexadecimal digits, label <c>com.docker.volume.anonymous</c>).</summary>
    /// <exception cref="Api.ApiException">A bad name, an unknown driver, options that differ.</exception>
    (Volume Volume, bool Created) Create(VolumeCreateRequest request);

    /// <summary>One volume; null where there is none.</summary>
    Volume? Find(string name);

    /// <summary>All volumes, by name.</summary>
    IReadOnlyList<Volume> List();

    /// <summary>Removes a volume and its content.</summary>
    /// <exception cref="Api.ApiException">There is none (and not <paramref name="force"/>).</exception>
    void Remove(string name, bool force);

    /// <summary>Bytes in a volume.</summary>
    long Size(string name);

    /// <summary>Makes a volume's content available and gives its directory on the host.</summary>
    ValueTask<string> MountAsync(string name, string containerId, CancellationToken cancellationToken = default);

    /// <summary>Ends one container's use.</summary>
    ValueTask UnmountAsync(string name, string containerId, CancellationToken cancellationToken = default);

    /// <summary>
    /// Copies an image's directory into a volume that is still empty, with owners, modes and extended attributes, and gives the volume's
    /// directory the owner and mode of <paramref name="path"/>. <paramref name="path"/> is looked up inside <paramref name="rootfs"/> and
    /// never outside of it, whatever symbolic links say; does nothing where it does not exist.
    /// </summary>
    ValueTask PopulateAsync(string name, string rootfs, string path, CancellationToken cancellationToken = default);
}
