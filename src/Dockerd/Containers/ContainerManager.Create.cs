using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Images;
using AotRuntime.EngineApi;
using AotRuntime.Rpc;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Dockerd.Containers;

internal sealed partial class ContainerManager
{
    /// <summary>Makes a container. Nothing is left behind where that fails.</summary>
    /// <exception cref="ApiException">404: no such image; 409: the name is taken; 400: the configuration is invalid.</exception>
    public async Task<ContainerCreateResponse> CreateAsync(string name, ContainerCreateRequest request, CancellationToken cancellationToken)
    {
        name = name.TrimStart('/');
        if (name.Length > 0 && !NameGenerator.IsValid(name))
            throw ApiException.BadRequest($"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
        if (name.Length > 0 && _containers.Values.FirstOrDefault(c => c.Record.Name == name) is { } taken)
            throw ContainerStore.NameConflict(name, taken.Id);
        HostConfig host = request.HostConfig ?? new HostConfig();
        LocalImage image = await _services.Images.FindAsync(request.Image, cancellationToken).ConfigureAwait(false)
            ?? throw ApiException.NotFound($"No such image: {WithTag(request.Image)}");

        List<string> warnings = [];
        ContainerConfig config = ConfigMerge.WithImage(request, image.Config);
        ConfigMerge.Complete(host, Options, warnings);
        CheckNetwork(config, host);

        ContainerRecord record = new()
        {
            Id = NameGenerator.NewId(),
            Created = GoTime.Format(DateTimeOffset.UtcNow),
            ImageId = image.Id,
            Snapshotter = _services.Images.Snapshotter,
            Config = config,
            HostConfig = host,
            Endpoints = request.NetworkingConfig?.EndpointsConfig ?? [],
        };
        if (config.Hostname.Length == 0)
            config.Hostname = host.NetworkMode == "host" || host.UTSMode == "host" ? Environment.MachineName : record.Id[..12];
        (record.Path, record.Args) = ConfigMerge.Command(config);

        string folder = Path.Combine(ContainersFolder, record.Id);
        try
        {
            record.Mounts = _mounts.Resolve(config, host, record.Id);
            await _services.Containerd.PrepareSnapshotAsync(record.Snapshotter, record.Id, image.ChainId, cancellationToken).ConfigureAwait(false);
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute);
            Add(record, name, folder);
        }
        catch (Exception e)
        {
            await UndoCreateAsync(record, folder).ConfigureAwait(false);
            if (e is RpcException rpc)
                throw ApiException.Internal(rpc.Message, rpc);
            throw;
        }
        Publish(_containers[record.Id], "create");
        return new ContainerCreateResponse { Id = record.Id, Warnings = warnings };
    }

    private void Add(ContainerRecord record, string name, string folder)
    {
        // One lock for the look and the entry, so that of two clients with one name only one gets it.
        lock (_adding)
        {
            for (int attempt = 0; ; attempt++)
            {
                record.Name = name.Length > 0 ? name : NameGenerator.NewName(attempt);
                Container? other = _containers.Values.FirstOrDefault(c => c.Record.Name == record.Name);
                if (other is null)
                    break;
                if (name.Length > 0 || attempt > 100)
                    throw ContainerStore.NameConflict(record.Name, other.Id);
            }
            Container container = new(record, folder);
            _store.Add(record);
            _containers[record.Id] = container;
        }
    }

    private async Task UndoCreateAsync(ContainerRecord record, string folder)
    {
        try
        {
            await _services.Containerd.RemoveSnapshotAsync(record.Snapshotter, record.Id).ConfigureAwait(false);
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
            foreach (MountRecord mount in record.Mounts)
            {
                if (mount.Anonymous && mount.Name.Length > 0)
                    _services.Volumes.Remove(mount.Name, force: true);
            }
        }
        catch (Exception e) when (e is RpcException or IOException or ApiException)
        {
            LogUndoFailed(Log, record.Id, e);
        }
    }

    private void CheckNetwork(ContainerConfig config, HostConfig host)
    {
        if (Container.JoinedContainer(host.NetworkMode) is { } joined)
        {
            Container other = Find(joined);
            host.NetworkMode = "container:" + other.Id;
            return;
        }
        if (host.NetworkMode == "host" && host.Links is { Count: > 0 })
            throw ApiException.BadRequest("conflicting options: host type networking can't be used with links. This would result in undefined behavior");
        if (host.NetworkMode is "host" or "none" or "bridge" || config.NetworkDisabled)
            return;
        if (_services.Networks.Find(host.NetworkMode) is null)
            throw ApiException.NotFound($"network {host.NetworkMode} not found");
    }

    // The way in which the error names an image: with the tag that was meant.
    private static string WithTag(string reference)
    {
        if (reference.Contains('@') || reference.StartsWith("sha256:", StringComparison.Ordinal))
            return reference;
        int slash = reference.LastIndexOf('/');
        return reference.IndexOf(':', slash + 1) >= 0 ? reference : reference + ":latest";
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "failed to clean up after a failed create of container {id}")]
    private static partial void LogUndoFailed(ILogger log, string id, Exception error);
}
