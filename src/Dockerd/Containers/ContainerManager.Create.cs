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
    public async Task<ContainerCreateResponse> CreateAsync(string name, string platform, ContainerCreateRequest request, CancellationToken cancellationToken)
    {
        name = name.TrimStart('/');
        if (name.Length > 0 && !NameGenerator.IsValid(name))
            throw ApiException.BadRequest($"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
        if (name.Length > 0 && _containers.Values.FirstOrDefault(c => c.Record.Name == name) is { } taken)
            throw ContainerStore.NameConflict(name, taken.Id);
        HostConfig host = request.HostConfig ?? new HostConfig();
        LocalImage image = await _services.Images.FindAsync(request.Image, cancellationToken).ConfigureAwait(false)
            ?? throw ApiException.NotFound($"No such image: {WithTag(request.Image)}");

        CheckPlatform(image, platform, request.Image);

        List<string> warnings = [];
        ContainerConfig config = ConfigMerge.WithImage(request, image.Config);
        ConfigMerge.Complete(host, Options, warnings);
        ConfigCheck.Check(config, host, request.NetworkingConfig?.EndpointsConfig ?? [], warnings);
        ResolveOthers(host);

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
        if (!string.IsNullOrEmpty(config.MacAddress) && record.Endpoints.GetValueOrDefault(host.NetworkMode)?.MacAddress is not { Length: > 0 })
        {
            // Clients before 1.44 say it here.
            EndpointSettings endpoint = record.Endpoints.GetValueOrDefault(host.NetworkMode) ?? new EndpointSettings();
            endpoint.MacAddress = config.MacAddress;
            record.Endpoints[host.NetworkMode] = endpoint;
        }
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

    // A client that gets 404 pulls the image for the platform that it asked for.
    private static void CheckPlatform(LocalImage image, string platform, string reference)
    {
        if (platform.Length == 0)
            return;
        AotRuntime.Images.Platform wanted;
        try
        {
            wanted = AotRuntime.Images.Platform.Parse(platform);
        }
        catch (FormatException e)
        {
            throw new ApiException(400, e.Message, e);
        }
        AotRuntime.Images.Platform actual = new AotRuntime.Images.Platform { Os = image.Os, Architecture = image.Architecture, Variant = image.Variant }.Normalized();
        if (image.Architecture.Length > 0 && wanted.Distance(actual) is null)
            throw ApiException.NotFound($"image with reference {reference} was found but its platform ({actual}) does not match the specified platform ({wanted})");
    }

    /// <summary>
    /// Other containers that this one refers to. Never 404: clients would take that for a missing image. A network, or a container whose
    /// network is to be joined, may come until the start.
    /// </summary>
    private void ResolveOthers(HostConfig host)
    {
        try
        {
            if (Container.JoinedContainer(host.PidMode) is { } pid)
                Find(pid);
            if (Container.JoinedContainer(host.IpcMode) is { } ipc)
                Find(ipc);
            foreach (string from in host.VolumesFrom ?? [])
                Find(from.Split(':')[0]);
        }
        catch (ApiException e) when (e.StatusCode == 404)
        {
            throw new ApiException(400, e.Message, e);
        }
        if (Container.JoinedContainer(host.NetworkMode) is { } joined && FindOrNull(joined) is { } other)
            host.NetworkMode = "container:" + other.Id;
        if (host.NetworkMode == "host" && host.Links is { Count: > 0 })
            throw ApiException.BadRequest("conflicting options: host type networking can't be used with links. This would result in undefined behavior");
        foreach (string link in host.Links ?? [])
        {
            string name = link.Split(':')[0];
            _ = FindOrNull(name) ?? throw ApiException.BadRequest($"could not get container for {name}: No such container: {name}");
        }
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
