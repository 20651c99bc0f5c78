using System.Buffers.Text;
using System.Text.Json;
using AotRuntime.Dockerd.Containers;
using AotRuntime.Dockerd.Images;
using AotRuntime.EngineApi;
using AotRuntime.Images;
using AotRuntime.Rpc;

namespace AotRuntime.Dockerd.Api;

/// <summary>Routes of images.</summary>
internal sealed class ImageRoutes(DaemonServices services, ContainerManager containers)
{
    /// <summary>Adds the routes.</summary>
    public void Map(Router router)
    {
        router.Map("GET", "/images/json", ListAsync);
        router.Map("POST", "/images/create", PullAsync);
        router.Map("POST", "/images/prune", async r => await r.WriteJsonAsync(
            await services.Images.PruneAsync(r.Filters(), containers.UsersOfImage, r.Aborted).ConfigureAwait(false), EngineJson.Types.ImagesPruneReport).ConfigureAwait(false));
        router.Map("GET", "/images/{name*}/json", InspectAsync);
        router.Map("GET", "/images/{name*}/history", async r => await r.WriteJsonAsync(
            await services.Images.HistoryAsync(r.Path("name"), r.Aborted).ConfigureAwait(false) ?? throw Missing(r), EngineJson.Types.ListImageHistoryItem).ConfigureAwait(false));
        router.Map("POST", "/images/{name*}/tag", async r =>
        {
            await services.Images.TagAsync(r.Path("name"), r.Text("repo"), r.Text("tag"), r.Aborted).ConfigureAwait(false);
            await r.WriteEmptyAsync(201).ConfigureAwait(false);
        });
        router.Map("POST", "/images/{name*}/push", static _ => throw ApiException.NotImplemented("pushing images is not supported by this daemon"));
        router.Map("DELETE", "/images/{name*}", async r => await r.WriteJsonAsync(
            await services.Images.DeleteAsync(r.Path("name"), r.Bool("force"), r.Bool("noprune"), containers.UsersOfImage, r.Aborted).ConfigureAwait(false),
            EngineJson.Types.ListImageDeleteItem).ConfigureAwait(false));
        router.Map("POST", "/images/load", static _ => throw ApiException.NotImplemented("loading images is not supported by this daemon"));
        router.Map("GET", "/images/search", static _ => throw ApiException.NotImplemented("searching images is not supported by this daemon"));
    }

    private static ApiException Missing(ApiRequest request)
    {
        string name = request.Path("name");
        return ApiException.NotFound($"No such image: {ImageReference.TryParse(name)?.WithDefaultTag().Familiar ?? name}");
    }

    private async Task ListAsync(ApiRequest request)
    {
        List<ImageSummary> images = await services.Images.ListAsync(request.Filters(), request.Bool("all"), request.Bool("shared-size"), request.Aborted).ConfigureAwait(false);
        foreach (ImageSummary image in images)
        {
            if (request.IsAtLeast("1.51"))
                image.Containers = containers.UsersOfImage(image.Id).Count;
            if (!request.IsAtLeast("1.44"))
                image.VirtualSize = image.Size;
        }
        await request.WriteJsonAsync(images, EngineJson.Types.ListImageSummary).ConfigureAwait(false);
    }

    private async Task InspectAsync(ApiRequest request)
    {
        ImageInspect image = await services.Images.InspectAsync(request.Path("name"), request.Aborted).ConfigureAwait(false) ?? throw Missing(request);
        if (!request.IsAtLeast("1.44"))
            image.VirtualSize = image.Size;
        // 1.50 took away what can't be an image's.
        if (!request.IsAtLeast("1.50"))
            image.Config?.AddContainerMembers();
        await request.WriteJsonAsync(image, EngineJson.Types.ImageInspect).ConfigureAwait(false);
    }

    private async Task PullAsync(ApiRequest request)
    {
        if (request.Text("fromImage").Length == 0)
            throw request.Has("fromSrc") ? ApiException.NotImplemented("importing images is not supported by this daemon") : ApiException.BadRequest("invalid reference format");
        PullRequest pull = new()
        {
            FromImage = request.Text("fromImage"),
            Tag = request.Text("tag"),
            Platform = request.Text("platform"),
            Auth = ReadAuth(request.Exchange.RequestHeaders["X-Registry-Auth"]),
        };
        // Reports come from several layers at once; the stream is one.
        using SemaphoreSlim writing = new(1, 1);
        request.Exchange.ResponseHeaders["Content-Type"] = "application/json";
        try
        {
            await services.Images.PullAsync(pull, async message =>
            {
                await writing.WaitAsync(request.Aborted).ConfigureAwait(false);
                try
                {
                    await request.WriteProgressAsync(message).ConfigureAwait(false);
                }
                finally
                {
                    writing.Release();
                }
            }, request.Aborted).ConfigureAwait(false);
        }
        catch (Exception e) when (request.Exchange.HasStarted && e is ApiException or RpcException or IOException)
        {
            // The status is out already: the error is the last object of the stream.
            await request.WriteProgressAsync(new JsonMessage { ErrorDetail = new JsonMessageError { Message = e.Message }, Error = e.Message }).ConfigureAwait(false);
        }
    }

    /// <summary>Credentials, as URL-safe base64 of JSON. What can't be read counts as none, as with Docker.</summary>
    private static AuthConfig? ReadAuth(string? header)
    {
        if (string.IsNullOrEmpty(header))
            return null;
        try
        {
            string text = header.Replace('+', '-').Replace('/', '_').TrimEnd('=');
            return EngineJson.Parse(Base64Url.DecodeFromChars(text), EngineJson.Types.AuthConfig);
        }
        catch (Exception e) when (e is FormatException or JsonException)
        {
            return null;
        }
    }
}
