using AotRuntime.Dockerd.Events;
using AotRuntime.Dockerd.Host;
using AotRuntime.EngineApi;
using AotRuntime.Http;

namespace AotRuntime.Dockerd.Api;

/// <summary>Routes about the daemon itself.</summary>
internal sealed class SystemRoutes(DaemonServices services, SystemReport report)
{
    /// <summary>Adds the routes.</summary>
    public void Map(Router router)
    {
        router.Map("GET", "/_ping", PingAsync);
        router.Map("HEAD", "/_ping", PingAsync);
        router.Map("GET", "/version", async r => await r.WriteJsonAsync(await report.VersionAsync().ConfigureAwait(false), EngineJson.Types.SystemVersion).ConfigureAwait(false));
        router.Map("GET", "/info", async r => await r.WriteJsonAsync(await report.InfoAsync().ConfigureAwait(false), EngineJson.Types.SystemInfo).ConfigureAwait(false));
        router.Map("GET", "/events", EventsAsync);
        router.Map("POST", "/auth", LoginAsync);
        router.Map("GET", "/system/df", async r => await r.WriteJsonAsync(await report.DiskUsageAsync(r.Aborted).ConfigureAwait(false), EngineJson.Types.DiskUsage).ConfigureAwait(false));
        foreach (string path in (ReadOnlySpan<string>)["/build", "/session", "/grpc"])
            router.Map("POST", path, static _ => throw ApiException.NotImplemented("building images is not supported by this daemon"));
        foreach (string path in (ReadOnlySpan<string>)["/swarm", "/nodes", "/services", "/tasks", "/secrets", "/configs"])
        {
            router.Map("GET", path, static _ => throw new ApiException(503,
                "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again."));
        }
        router.Map("GET", "/plugins", static r => r.WriteAsync(200, "application/json", "[]\n"u8.ToArray()).AsTask());
    }

    /// <summary>Answers a ping, with no version in its path or any. Allocates nothing: clients and monitors ask this more often than all else.</summary>
    public static void Ping(HttpExchange exchange)
    {
        HttpHeaders headers = exchange.ResponseHeaders;
        headers.Add("Cache-Control", "no-cache, no-store, must-revalidate");
        headers.Add("Pragma", "no-cache");
        headers.Add("Builder-Version", "1");
        headers.Add("Swarm", "inactive");
        headers.Add("Content-Type", "text/plain; charset=utf-8");
        headers.Add("Content-Length", "2");
        exchange.Write("OK"u8);
    }

    private static Task PingAsync(ApiRequest request)
    {
        Ping(request.Exchange);
        return Task.CompletedTask;
    }

    private async Task LoginAsync(ApiRequest request)
    {
        AuthConfig auth = await request.RequireJsonAsync(EngineJson.Types.AuthConfig).ConfigureAwait(false);
        await services.Images.LoginAsync(auth, request.Aborted).ConfigureAwait(false);
        await request.WriteJsonAsync(new AuthResponse { Status = "Login Succeeded" }, EngineJson.Types.AuthResponse).ConfigureAwait(false);
    }

    private async Task EventsAsync(ApiRequest request)
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        DateTimeOffset? since = Time("since"), until = Time("until");
        Filters filters = request.Filters();
        if (since > until)
            throw ApiException.BadRequest($"`since` time ({request.Text("since")}) cannot be after `until` time ({request.Text("until")})");
        using EventListener listener = services.Events.Listen();
        await request.StartJsonStreamAsync().ConfigureAwait(false);
        foreach (EventMessage message in since is null && until is null ? [] : listener.Past)
        {
            DateTimeOffset time = GoTime.FromUnixNano(message.TimeNano);
            if ((since is null || time >= since) && (until is null || time <= until) && EventFilter.Matches(message, filters))
                await request.WriteLineAsync(message, EngineJson.Types.EventMessage).ConfigureAwait(false);
        }
        if (until <= now)
            return;
        using CancellationTokenSource ending = CancellationTokenSource.CreateLinkedTokenSource(request.Aborted);
        if (until is { } end)
            ending.CancelAfter(end - now);
        try
        {
            await foreach (EventMessage message in listener.Reader.ReadAllAsync(ending.Token).ConfigureAwait(false))
            {
                if (EventFilter.Matches(message, filters))
                    await request.WriteLineAsync(message, EngineJson.Types.EventMessage).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            return;
        }

        DateTimeOffset? Time(string name)
        {
            string text = request.Text(name);
            if (text.Length == 0)
                return null;
            return GoTime.TryParseTimestamp(text, now, out DateTimeOffset time) ? time : throw ApiException.BadRequest($"failed to parse value for \"{name}\": {text}");
        }
    }
}
