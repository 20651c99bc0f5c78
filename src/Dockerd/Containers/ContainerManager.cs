using System.Collections.Concurrent;
using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Config;
using AotRuntime.Dockerd.Images;
using AotRuntime.EngineApi;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Dockerd.Containers;

/// <summary>The daemon's containers: looking them up here; what happens to them in the other files of this class.</summary>
internal sealed partial class ContainerManager : IDisposable
{
    private readonly DaemonServices _services;
    private readonly ContainerStore _store;
    private readonly MountResolver _mounts;
    private readonly ConcurrentDictionary<string, Container> _containers = new();
    private readonly ConcurrentDictionary<string, ExecSession> _execs = new();
    private readonly Lock _adding = new();
    private volatile bool _shuttingDown;

    /// <summary>Opens the store; <see cref="RestoreAsync"/> brings the containers back.</summary>
    public ContainerManager(DaemonServices services)
    {
        _services = services;
        _store = new ContainerStore(Path.Combine(services.Options.DataRoot, "dockerd.db"), services.Log);
        _mounts = new MountResolver(services.Volumes, Find);
    }

    private ILogger Log => _services.Log;

    private DaemonOptions Options => _services.Options;

    private string ContainersFolder => Path.Combine(Options.DataRoot, "containers");

    private string StreamsFolder => Path.Combine(Options.ExecRoot, "containerd");

    private string MountsFolder => Path.Combine(Options.ExecRoot, "rootfs");

    /// <summary>All containers, the newest first.</summary>
    public IReadOnlyList<Container> All() =>
        [.. _containers.Values.OrderByDescending(c => c.Record.Created, StringComparer.Ordinal)];

    /// <summary>A container by id, name, or an id's beginning.</summary>
    /// <exception cref="ApiException">404: there is none; 400: the beginning fits several.</exception>
    public Container Find(string nameOrId) => FindOrNull(nameOrId) ?? throw ApiException.NotFound($"No such container: {nameOrId}");

    /// <summary>As <see cref="Find"/>; null where there is none.</summary>
    private Container? FindOrNull(string nameOrId)
    {
        if (_containers.TryGetValue(nameOrId, out Container? container))
            return container;
        string name = nameOrId.StartsWith('/') ? nameOrId[1..] : nameOrId;
        Container? found = null;
        foreach (Container candidate in _containers.Values)
        {
            if (candidate.Record.Name == name)
                return candidate;
        }
        foreach (Container candidate in _containers.Values)
        {
            if (nameOrId.Length == 0 || !candidate.Id.StartsWith(nameOrId, StringComparison.Ordinal))
                continue;
            if (found is not null)
                throw ApiException.BadRequest($"multiple IDs found with provided prefix: {nameOrId}");
            found = candidate;
        }
        return found;
    }

    /// <summary>A container that a namespace is joined with; it must run.</summary>
    private Container FindRunning(string nameOrId, string purpose)
    {
        Container container = Find(nameOrId);
        if (!container.State.Running)
            throw ApiException.Conflict($"cannot join {purpose} of a non running container: {container.Id}");
        return container;
    }

    /// <summary>Containers made from an image, for those who want to remove it.</summary>
    public IReadOnlyList<ImageUser> UsersOfImage(string imageId) =>
        [.. _containers.Values.Where(c => c.Record.ImageId == imageId).Select(c => new ImageUser(c.Id, c.State.Running))];

    /// <summary>Ids of containers that use a volume.</summary>
    public IReadOnlyList<string> UsersOfVolume(string name) =>
        [.. _containers.Values.Where(c => c.Record.Mounts.Exists(m => m.Type == "volume" && m.Name == name)).Select(c => c.Id)];

    /// <summary>Gives a container another name.</summary>
    public async Task RenameAsync(Container container, string newName)
    {
        string name = newName.TrimStart('/');
        if (name.Length == 0)
            throw ApiException.BadRequest("Neither old nor new names may be empty");
        if (!NameGenerator.IsValid(name))
            throw ApiException.BadRequest($"Error when allocating new name: Invalid container name (/{name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
        await container.Lock.WaitAsync().ConfigureAwait(false);
        try
        {
            string old = container.Record.Name;
            if (old == name)
                throw ApiException.BadRequest("Renaming a container with the same name as its current name");
            lock (_adding)
            {
                if (_containers.Values.FirstOrDefault(c => c.Record.Name == name) is { } other)
                    throw ApiException.Conflict("Error when allocating new name: " + ContainerStore.NameConflict(name, other.Id).Message);
                container.Record.Name = name;
                _store.Save(container.Record);
            }
            Publish(container, "rename", ("oldName", "/" + old));
        }
        finally
        {
            container.Lock.Release();
        }
    }

    /// <summary>Tells of a container, with the attributes that Docker gives.</summary>
    public void Publish(Container container, string action, params ReadOnlySpan<(string Key, string Value)> more)
    {
        Dictionary<string, string> attributes = new(container.Record.Config.Labels ?? []);
        attributes["image"] = container.Record.Config.Image;
        attributes["name"] = container.Record.Name;
        foreach ((string key, string value) in more)
            attributes[key] = value;
        _services.Events.Publish("container", action, container.Id, attributes);
    }

    /// <inheritdoc/>
    public void Dispose() => _store.Dispose();
}
