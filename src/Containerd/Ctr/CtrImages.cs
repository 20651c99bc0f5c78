using System.Text.Json;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Images;
using AotRuntime.Rpc.Containerd.Types;

namespace AotRuntime.Containerd.Ctr;

/// <summary><c>images</c>.</summary>
internal static class CtrImages
{
    public static async Task<int> RunAsync(CtrClient client, string command, List<string> rest)
    {
        switch (command)
        {
            case "list":
                return await ListAsync(client, CtrArguments.Parse(rest, "quiet,q")).ConfigureAwait(false);
            case "pull":
                return await CtrPull.RunAsync(client, rest).ConfigureAwait(false);
            case "tag":
                return await TagAsync(client, CtrArguments.Parse(rest, "force")).ConfigureAwait(false);
            case "remove":
            {
                int code = 0;
                CtrArguments args = CtrArguments.Parse(rest, "sync");
                foreach (string name in args.Positional)
                {
                    try
                    {
                        await client.CallAsync(ImagesMethods.Delete, new DeleteImageRequest { Name = name, Sync = args.Has("sync") }).ConfigureAwait(false);
                        Console.Out.WriteLine(name);
                    }
                    catch (RpcException e) when (e.Status == RpcStatus.NotFound)
                    {
                        Console.Error.WriteLine($"{name}: image not found");
                    }
                    catch (RpcException e)
                    {
                        Console.Error.WriteLine($"ctr: unable to delete {name}: {e.Message}");
                        code = 1;
                    }
                }
                return code;
            }
            default:
                throw CtrRole.Unknown(command);
        }
    }

    private static async Task<int> ListAsync(CtrClient client, CtrArguments args)
    {
        var request = new ListImagesRequest();
        request.Filters.AddRange(args.Positional);
        ListImagesResponse list = await client.CallAsync(ImagesMethods.List, request).ConfigureAwait(false);
        var table = new CtrTable(1, 1, "REF", "TYPE", "DIGEST", "SIZE", "PLATFORMS", "LABELS");
        foreach (Image image in list.Images)
        {
            if (args.Has("quiet"))
            {
                Console.Out.WriteLine(image.Name);
                continue;
            }
            (long size, string platforms) = await DescribeAsync(client, image.Target).ConfigureAwait(false);
            table.Add(image.Name, image.Target.MediaType, image.Target.Digest, size < 0 ? "-" : CtrContent.BinarySize(size), platforms, CtrRole.Labels(image.Labels, "-"));
        }
        if (!args.Has("quiet"))
            Console.Out.Write(table.Format());
        return 0;
    }

    private static async Task<int> TagAsync(CtrClient client, CtrArguments args)
    {
        if (args.Positional.Count < 2)
            throw new CtrException("please provide an image reference and a target reference");
        GetImageResponse source = await client.CallAsync(ImagesMethods.Get, new GetImageRequest { Name = args.Positional[0] }).ConfigureAwait(false);
        foreach (string target in args.Positional[1..])
        {
            var image = new Image(source.Image) { Name = target };
            try
            {
                await client.CallAsync(ImagesMethods.Create, new CreateImageRequest { Image = image }).ConfigureAwait(false);
            }
            catch (RpcException e) when (e.Status == RpcStatus.AlreadyExists && args.Has("force"))
            {
                await client.CallAsync(ImagesMethods.Delete, new DeleteImageRequest { Name = target }).ConfigureAwait(false);
                await client.CallAsync(ImagesMethods.Create, new CreateImageRequest { Image = image }).ConfigureAwait(false);
            }
            Console.Out.WriteLine(target);
        }
        return 0;
    }

    // The size of what one platform needs, and the platforms that there are; what is missing locally does not count.
    private static async Task<(long Size, string Platforms)> DescribeAsync(CtrClient client, OciDescriptor target)
    {
        var platforms = new SortedSet<string>(StringComparer.Ordinal);
        long size = -1;
        try
        {
            using JsonDocument top = JsonDocument.Parse(await CtrContent.ReadAsync(client, target.Digest).ConfigureAwait(false));
            if (!top.RootElement.TryGetProperty("manifests", out JsonElement manifests))
                return (await AddManifestAsync(client, top.RootElement, target.Size, platforms).ConfigureAwait(false), string.Join(',', platforms));
            foreach (JsonElement manifest in manifests.EnumerateArray())
            {
                if (manifest.TryGetProperty("platform", out JsonElement platform))
                    platforms.Add(CtrPlatform.Name(platform));
                if (!manifest.TryGetProperty("platform", out platform) || CtrPlatform.IsThis(platform))
                {
                    string digest = manifest.GetProperty("digest").GetString()!;
                    using JsonDocument document = JsonDocument.Parse(await CtrContent.ReadAsync(client, digest).ConfigureAwait(false));
                    size = await AddManifestAsync(client, document.RootElement, target.Size + manifest.GetProperty("size").GetInt64(), platforms).ConfigureAwait(false);
                }
            }
        }
        catch (Exception e) when (e is RpcException or JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return (size, platforms.Count > 0 ? string.Join(',', platforms) : "-");
        }
        return (size, platforms.Count > 0 ? string.Join(',', platforms) : "-");
    }

    private static async Task<long> AddManifestAsync(CtrClient client, JsonElement manifest, long size, SortedSet<string> platforms)
    {
        JsonElement config = manifest.GetProperty("config");
        size += config.GetProperty("size").GetInt64();
        foreach (JsonElement layer in manifest.GetProperty("layers").EnumerateArray())
            size += layer.GetProperty("size").GetInt64();
        if (platforms.Count == 0)
        {
            using JsonDocument document = JsonDocument.Parse(await CtrContent.ReadAsync(client, config.GetProperty("digest").GetString()!).ConfigureAwait(false));
            platforms.Add(CtrPlatform.Name(document.RootElement));
        }
        return size;
    }
}

/// <summary>Platforms of images.</summary>
internal static class CtrPlatform
{
    /// <summary><c>linux/arm/v7</c>.</summary>
    public static string Name(JsonElement platform)
    {
        string name = $"{Field(platform, "os")}/{Field(platform, "architecture")}";
        string variant = Field(platform, "variant");
        return variant.Length > 0 ? $"{name}/{variant}" : name;
    }

    /// <summary>Whether this machine runs it.</summary>
    public static bool IsThis(JsonElement platform) => Field(platform, "os") == "linux" && Field(platform, "architecture") == "amd64";

    private static string Field(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) ? value.GetString() ?? "" : "";
}
