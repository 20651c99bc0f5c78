using AotRuntime.Dockerd.Containers;
using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Api;

/// <summary>Routes that copy files to and from containers.</summary>
internal sealed class ArchiveRoutes(ContainerManager containers)
{
    private const string StatHeader = "X-Docker-Container-Path-Stat";

    /// <summary>Adds the routes.</summary>
    public void Map(Router router)
    {
        router.Map("HEAD", "/containers/{id}/archive", StatAsync);
        router.Map("GET", "/containers/{id}/archive", ReadAsync);
        router.Map("PUT", "/containers/{id}/archive", WriteAsync);
        router.Map("GET", "/containers/{id}/export", ExportAsync);
    }

    private Task StatAsync(ApiRequest request)
    {
        (Container container, string path) = Arguments(request);
        return containers.WithFilesAsync(container, volumes: true, async files =>
        {
            AddStat(request, files.Stat(path));
            await request.WriteEmptyAsync(200).ConfigureAwait(false);
        });
    }

    private Task ReadAsync(ApiRequest request)
    {
        (Container container, string path) = Arguments(request);
        return containers.WithFilesAsync(container, volumes: true, async files =>
        {
            AddStat(request, files.Stat(path));
            request.Exchange.ResponseHeaders["Content-Type"] = "application/x-tar";
            await files.ArchiveAsync(path, request.Exchange.ResponseBody, request.Aborted).ConfigureAwait(false);
            containers.Publish(container, "archive-path");
        });
    }

    private async Task WriteAsync(ApiRequest request)
    {
        (Container container, string path) = Arguments(request);
        await containers.WithFilesAsync(container, volumes: true, async files =>
        {
            (uint, uint)? owner = null;
            if (request.Bool("copyUIDGID"))
                owner = files.OwnerOf(container.Record.Config.User);
            await files.ExtractAsync(path, request.Exchange.RequestBody, request.Bool("noOverwriteDirNonDir"), owner, resolved => ReadOnlyReason(container.Record, resolved), request.Aborted)
                .ConfigureAwait(false);
            containers.Publish(container, "extract-to-dir");
        }).ConfigureAwait(false);
        await request.WriteEmptyAsync(200).ConfigureAwait(false);
    }

    private Task ExportAsync(ApiRequest request)
    {
        Container container = containers.Find(request.Path("id"));
        return containers.WithFilesAsync(container, volumes: false, async files =>
        {
            request.Exchange.ResponseHeaders["Content-Type"] = "application/octet-stream";
            await files.ExportAsync(request.Exchange.ResponseBody, request.Aborted).ConfigureAwait(false);
            containers.Publish(container, "export");
        });
    }

    private (Container Container, string Path) Arguments(ApiRequest request)
    {
        string path = request.Text("path");
        if (path.Length == 0)
            throw ApiException.BadRequest("bad parameter: 'path' cannot be empty");
        return (containers.Find(request.Path("id")), path);
    }

    private static void AddStat(ApiRequest request, ContainerPathStat stat) =>
        request.Exchange.ResponseHeaders[StatHeader] = Convert.ToBase64String(EngineJson.ToBytes(stat, EngineJson.Types.ContainerPathStat));

    private static string? ReadOnlyReason(ContainerRecord record, string path)
    {
        foreach (MountRecord mount in record.Mounts)
        {
            string destination = mount.Destination.TrimEnd('/');
            if (mount.Type == "tmpfs" || !(path == destination || path.StartsWith(destination + "/", StringComparison.Ordinal)))
                continue;
            return mount.Writable ? null : "mounted volume is marked read-only";
        }
        return record.HostConfig.ReadonlyRootfs ? "container rootfs is marked read-only" : null;
    }
}
