using AotRuntime.Dockerd.Containers;
using AotRuntime.Dockerd.Host;
using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Api;

/// <summary>Routes that change or describe containers.</summary>
internal sealed class ContainerRoutes(DaemonServices services, ContainerManager containers)
{
    /// <summary>Adds the routes.</summary>
    public void Map(Router router)
    {
        router.Map("POST", "/containers/create", CreateAsync);
        router.Map("GET", "/containers/json", ListAsync);
        router.Map("POST", "/containers/prune", async r =>
            await r.WriteJsonAsync(await containers.PruneAsync(r.Filters(), r.Aborted).ConfigureAwait(false), EngineJson.Types.ContainersPruneReport).ConfigureAwait(false));
        router.Map("GET", "/containers/{id}/json", InspectAsync);
        router.Map("POST", "/containers/{id}/start", Change((c, _) => containers.StartAsync(c)));
        router.Map("POST", "/containers/{id}/stop", Change((c, r) => containers.StopAsync(c, r.Int("t"), r.Text("signal"))));
        router.Map("POST", "/containers/{id}/restart", Change((c, r) => containers.RestartAsync(c, r.Int("t"), r.Text("signal"), CancellationToken.None)));
        router.Map("POST", "/containers/{id}/kill", KillAsync);
        router.Map("POST", "/containers/{id}/pause", Change((c, _) => containers.PauseAsync(c)));
        router.Map("POST", "/containers/{id}/unpause", Change((c, _) => containers.UnpauseAsync(c)));
        router.Map("POST", "/containers/{id}/rename", Change((c, r) => containers.RenameAsync(c, r.Text("name"))));
        router.Map("POST", "/containers/{id}/resize", ResizeAsync);
        router.Map("POST", "/containers/{id}/update", UpdateAsync);
        router.Map("POST", "/containers/{id}/wait", WaitAsync);
        router.Map("GET", "/containers/{id}/top", TopAsync);
        router.Map("GET", "/containers/{id}/stats", StatsAsync);
        router.Map("DELETE", "/containers/{id}", Change((c, r) =>
            r.Bool("link") ? throw ApiException.BadRequest("links are not supported") : containers.RemoveAsync(c, r.Path("id"), r.Bool("force"), r.Bool("v"), CancellationToken.None)));
    }

    private ApiHandler Change(Func<Container, ApiRequest, Task> change) => async request =>
    {
        await change(containers.Find(request.Path("id")), request).ConfigureAwait(false);
        await request.WriteEmptyAsync(204).ConfigureAwait(false);
    };

    private async Task KillAsync(ApiRequest request)
    {
        try
        {
            await containers.KillAsync(containers.Find(request.Path("id")), request.Text("signal"), CancellationToken.None).ConfigureAwait(false);
        }
        catch (ApiException e)
        {
            throw new ApiException(e.StatusCode, $"cannot kill container: {request.Path("id")}: {e.Message}", e);
        }
        await request.WriteEmptyAsync(204).ConfigureAwait(false);
    }

    private async Task CreateAsync(ApiRequest request)
    {
        ContainerCreateRequest body = await request.RequireJsonAsync(EngineJson.Types.ContainerCreateRequest).ConfigureAwait(false);
        if (body.Image.Length == 0)
            throw ApiException.BadRequest("config.Image must not be empty");
        ContainerCreateResponse response = await containers.CreateAsync(request.Text("name"), request.Text("platform"), body, request.Aborted).ConfigureAwait(false);
        await request.WriteJsonAsync(response, EngineJson.Types.ContainerCreateResponse, 201).ConfigureAwait(false);
    }

    private async Task ListAsync(ApiRequest request)
    {
        List<Container> selected = ContainerFilter.Apply(
            containers.All(), request.Filters(), request.Bool("all"), request.Int("limit") is > 0 and int limit ? limit : null, containers.Find);
        List<ContainerSummary> result = [];
        foreach (Container container in selected)
        {
            ContainerSummary summary = ContainerView.Summary(container);
            if (request.Bool("size"))
                (summary.SizeRw, summary.SizeRootFs) = await SizesAsync(container, request.Aborted).ConfigureAwait(false);
            result.Add(summary);
        }
        await request.WriteJsonAsync(result, EngineJson.Types.ListContainerSummary).ConfigureAwait(false);
    }

    private async Task InspectAsync(ApiRequest request)
    {
        Container container = containers.Find(request.Path("id"));
        ContainerInspect result = ContainerView.Inspect(container);
        if (request.Bool("size"))
            (result.SizeRw, result.SizeRootFs) = await SizesAsync(container, request.Aborted).ConfigureAwait(false);
        await request.WriteJsonAsync(result, EngineJson.Types.ContainerInspect).ConfigureAwait(false);
    }

    /// <summary>Bytes of a container's own layer, and of all of its layers.</summary>
    private async Task<(long Own, long All)> SizesAsync(Container container, CancellationToken cancellationToken)
    {
        long own = await services.Containerd.SnapshotUsageAsync(container.Record.Snapshotter, container.Id, cancellationToken).ConfigureAwait(false);
        ImageInspect? image = await services.Images.InspectAsync(container.Record.ImageId, cancellationToken).ConfigureAwait(false);
        return (own, own + (image?.Size ?? 0));
    }

    private async Task ResizeAsync(ApiRequest request)
    {
        int height = request.Int("h") ?? throw ApiException.BadRequest("invalid resize height \"\"");
        int width = request.Int("w") ?? throw ApiException.BadRequest("invalid resize width \"\"");
        await containers.ResizeAsync(containers.Find(request.Path("id")), height, width).ConfigureAwait(false);
        await request.WriteEmptyAsync(200).ConfigureAwait(false);
    }

    private async Task UpdateAsync(ApiRequest request)
    {
        ContainerUpdateRequest body = await request.RequireJsonAsync(EngineJson.Types.ContainerUpdateRequest).ConfigureAwait(false);
        List<string> warnings = await containers.UpdateAsync(containers.Find(request.Path("id")), body).ConfigureAwait(false);
        await request.WriteJsonAsync(new ContainerUpdateResponse { Warnings = warnings }, EngineJson.Types.ContainerUpdateResponse).ConfigureAwait(false);
    }

    private async Task WaitAsync(ApiRequest request)
    {
        WaitCondition condition = request.Text("condition") switch
        {
            "" or "not-running" => WaitCondition.NotRunning,
            "next-exit" => WaitCondition.NextExit,
            "removed" => WaitCondition.Removed,
            string other => throw ApiException.BadRequest($"invalid condition: \"{other}\""),
        };
        Container container = containers.Find(request.Path("id"));
        Task<ContainerWaitResponse> waiting = container.WaitAsync(condition);
        // The client starts the container once it has seen that the daemon waits.
        if (request.IsAtLeast("1.30"))
            await request.StartJsonStreamAsync().ConfigureAwait(false);
        else
            request.Exchange.ResponseHeaders["Content-Type"] = "application/json";
        ContainerWaitResponse result = await waiting.WaitAsync(request.Aborted).ConfigureAwait(false);
        await request.WriteLineAsync(result, EngineJson.Types.ContainerWaitResponse).ConfigureAwait(false);
    }

    private async Task TopAsync(ApiRequest request)
    {
        Container container = containers.Find(request.Path("id"));
        container.RequireRunning();
        IReadOnlyList<int> pids = await services.Containerd.PidsAsync(container.Id, request.Aborted).ConfigureAwait(false);
        string arguments = request.Text("ps_args");
        ContainerTopResponse result = ProcessTable.List(pids, arguments.Length > 0 ? arguments : "-ef");
        await request.WriteJsonAsync(result, EngineJson.Types.ContainerTopResponse).ConfigureAwait(false);
        containers.Publish(container, "top");
    }

    private async Task StatsAsync(ApiRequest request)
    {
        Container container = containers.Find(request.Path("id"));
        bool stream = request.Bool("stream", fallback: true);
        bool oneShot = request.Bool("one-shot");
        if (stream && oneShot)
            throw ApiException.BadRequest("cannot have stream=true and one-shot=true");
        await request.StartJsonStreamAsync().ConfigureAwait(false);
        if (!container.State.Running)
        {
            await request.WriteLineAsync(new ContainerStats { Name = "/" + container.Record.Name, Id = container.Id }, EngineJson.Types.ContainerStats).ConfigureAwait(false);
            if (!stream)
                return;
        }
        ContainerStats? before = null;
        while (true)
        {
            ContainerStats? now = container.State.Running ? await StatsReader.ReadAsync(services.Containerd, container, before, request.Aborted).ConfigureAwait(false) : null;
            if (now is not null && (stream || oneShot || before is not null))
            {
                await request.WriteLineAsync(now, EngineJson.Types.ContainerStats).ConfigureAwait(false);
                if (!stream)
                    return;
            }
            if (now is null && !stream)
                return;
            if (now is null && !container.State.Running && container.Record.Removing)
                return;
            before = now;
            await Task.Delay(TimeSpan.FromSeconds(1), request.Aborted).ConfigureAwait(false);
        }
    }
}
