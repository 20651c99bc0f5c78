using AotRuntime.Dockerd.Api;
using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Volumes;

/// <summary>A store that has none and makes none.</summary>
internal sealed class NoVolumes : IVolumeStore
{
    public (Volume Volume, bool Created) Create(VolumeCreateRequest request) => throw ApiException.NotImplemented("volumes are not supported by this daemon");

    public Volume? Find(string name) => null;

    public IReadOnlyList<Volume> List() => [];

    public void Remove(string name, bool force) => throw ApiException.NotFound($"get {name}: no such volume");

    public long Size(string name) => 0;

    public ValueTask<string> MountAsync(string name, string containerId, CancellationToken cancellationToken = default) =>
        throw ApiException.NotFound($"get {name}: no such volume");

    public ValueTask UnmountAsync(string name, string containerId, CancellationToken cancellationToken = default) => default;

    public ValueTask PopulateAsync(string name, string rootfs, string path, CancellationToken cancellationToken = default) => default;
}
