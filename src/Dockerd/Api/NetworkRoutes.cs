using AotRuntime.Dockerd.Containers;
using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Api;

/// <summary>Routes of networks and volumes.</summary>
internal sealed class NetworkRoutes(DaemonServices services, ContainerManager containers)
{
    /// <summary>Adds the routes.</summary>
    public void Map(Router router)
    {
        router.Map("GET", "/networks", ListNetworksAsync);
        router.Map("GET", "/networks/{id}", async r => await r.WriteJsonAsync(FindNetwork(r), EngineJson.Types.NetworkResource).ConfigureAwait(false));
        router.Map("POST", "/networks/create", CreateNetworkAsync);
        router.Map("POST", "/networks/{id}/connect", static _ => throw ApiException.NotImplemented("connecting running containers to networks is not supported by this daemon"));
        router.Map("POST", "/networks/{id}/disconnect", static _ => throw ApiException.NotImplemented("disconnecting running containers from networks is not supported by this daemon"));
        router.Map("POST", "/networks/prune", static r => r.WriteJsonAsync(new NetworksPruneReport(), EngineJson.Types.NetworksPruneReport).AsTask());
        router.Map("DELETE", "/networks/{id}", RemoveNetworkAsync);
        router.Map("GET", "/volumes", ListVolumesAsync);
        router.Map("POST", "/volumes/create", CreateVolumeAsync);
        router.Map("POST", "/volumes/prune", PruneVolumesAsync);
        router.Map("GET", "/volumes/{name}", async r => await r.WriteJsonAsync(
            services.Volumes.Find(r.Path("name")) ?? throw ApiException.NotFound($"get {r.Path("name")}: no such volume"), EngineJson.Types.Volume).ConfigureAwait(false));
        router.Map("DELETE", "/volumes/{name}", RemoveVolumeAsync);
    }

    private NetworkResource FindNetwork(ApiRequest request) =>
        services.Networks.Find(request.Path("id")) ?? throw ApiException.NotFound($"network {request.Path("id")} not found");

    private async Task ListNetworksAsync(ApiRequest request)
    {
        Filters filters = request.Filters();
        if (filters.FirstUnknown("dangling", "driver", "id", "label", "name", "scope", "type") is { } unknown)
            throw ApiException.BadRequest($"invalid filter '{unknown}'");
        List<NetworkResource> result = [];
        foreach (NetworkResource network in services.Networks.List())
        {
            bool builtIn = network.Name is "bridge" or "host" or "none";
            if (filters.ExactMatch("driver", network.Driver) && filters.PrefixMatch("id", network.Id) && filters.ExactMatch("scope", network.Scope)
                && filters.MatchLabels("label", network.Labels) && filters.ExactMatch("type", builtIn ? "builtin" : "custom")
                && (!filters.Contains("name") || filters.Get("name").Any(n => network.Name.Contains(n, StringComparison.Ordinal)))
                && (!filters.Contains("dangling") || filters.GetBool("dangling", false) == (!builtIn && network.Containers.Count == 0)))
            {
                result.Add(network);
            }
        }
        await request.WriteJsonAsync(result, EngineJson.Types.ListNetworkResource).ConfigureAwait(false);
    }

    private async Task CreateNetworkAsync(ApiRequest request)
    {
        NetworkCreateRequest body = await request.RequireJsonAsync(EngineJson.Types.NetworkCreateRequest).ConfigureAwait(false);
        if (body.Name.Length == 0)
            throw ApiException.BadRequest("network name cannot be empty");
        NetworkCreateResponse response = services.Networks.Create(body);
        services.Events.Publish("network", "create", response.Id, new Dictionary<string, string> { ["name"] = body.Name, ["type"] = body.Driver.Length > 0 ? body.Driver : "bridge" });
        await request.WriteJsonAsync(response, EngineJson.Types.NetworkCreateResponse, 201).ConfigureAwait(false);
    }

    private async Task RemoveNetworkAsync(ApiRequest request)
    {
        NetworkResource network = services.Networks.Remove(request.Path("id"));
        services.Events.Publish("network", "destroy", network.Id, new Dictionary<string, string> { ["name"] = network.Name, ["type"] = network.Driver });
        await request.WriteEmptyAsync(204).ConfigureAwait(false);
    }

    private async Task ListVolumesAsync(ApiRequest request)
    {
        Filters filters = request.Filters();
        if (filters.FirstUnknown("dangling", "driver", "label", "name") is { } unknown)
            throw ApiException.BadRequest($"invalid filter '{unknown}'");
        VolumeListResponse response = new();
        foreach (Volume volume in services.Volumes.List())
        {
            if (filters.ExactMatch("driver", volume.Driver) && filters.MatchLabels("label", volume.Labels)
                && (!filters.Contains("name") || filters.Get("name").Any(n => volume.Name.Contains(n, StringComparison.Ordinal)))
                && (!filters.Contains("dangling") || filters.GetBool("dangling", false) == (containers.UsersOfVolume(volume.Name).Count == 0)))
            {
                response.Volumes.Add(volume);
            }
        }
        await request.WriteJsonAsync(response, EngineJson.Types.VolumeListResponse).ConfigureAwait(false);
    }

    private async Task CreateVolumeAsync(ApiRequest request)
    {
        VolumeCreateRequest body = await request.ReadJsonAsync(EngineJson.Types.VolumeCreateRequest).ConfigureAwait(false) ?? new VolumeCreateRequest();
        (Volume volume, bool created) = services.Volumes.Create(body);
        if (created)
            PublishVolume("create", volume);
        await request.WriteJsonAsync(volume, EngineJson.Types.Volume, 201).ConfigureAwait(false);
    }

    private async Task RemoveVolumeAsync(ApiRequest request)
    {
        string name = request.Path("name");
        bool force = request.Bool("force");
        if (services.Volumes.Find(name) is { } volume)
        {
            IReadOnlyList<string> users = containers.UsersOfVolume(name);
            if (users.Count > 0)
                throw ApiException.Conflict($"remove {name}: volume is in use - [{string.Join(", ", users)}]");
            services.Volumes.Remove(name, force);
            PublishVolume("destroy", volume);
        }
        else if (!force)
        {
            throw ApiException.NotFound($"get {name}: no such volume");
        }
        await request.WriteEmptyAsync(204).ConfigureAwait(false);
    }

    private async Task PruneVolumesAsync(ApiRequest request)
    {
        Filters filters = request.Filters();
        bool all = !request.IsAtLeast("1.42") || filters.GetBool("all", false);
        VolumesPruneReport report = new() { VolumesDeleted = [] };
        foreach (Volume volume in services.Volumes.List())
        {
            bool anonymous = volume.Labels?.ContainsKey("com.docker.volume.anonymous") == true;
            if ((!all && !anonymous) || containers.UsersOfVolume(volume.Name).Count > 0 || !filters.MatchLabels("label", volume.Labels)
                || (filters.Contains("label!") && filters.MatchLabels("label!", volume.Labels)))
            {
                continue;
            }
            report.SpaceReclaimed += (ulong)Math.Max(0, services.Volumes.Size(volume.Name));
            services.Volumes.Remove(volume.Name, force: true);
            report.VolumesDeleted.Add(volume.Name);
            PublishVolume("destroy", volume);
        }
        await request.WriteJsonAsync(report, EngineJson.Types.VolumesPruneReport).ConfigureAwait(false);
    }

    private void PublishVolume(string action, Volume volume) =>
        services.Events.Publish("volume", action, volume.Name, new Dictionary<string, string> { ["driver"] = volume.Driver });
}
