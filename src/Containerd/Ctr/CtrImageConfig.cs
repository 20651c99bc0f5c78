using System.Text.Json;
using AotRuntime.Images;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Images;

namespace AotRuntime.Containerd.Ctr;

/// <summary>What an image says of its process.</summary>
internal sealed record CtrImageConfig(List<string> Environment, List<string> Entrypoint, List<string> Command, string WorkingDirectory, string User)
{
    /// <summary>Reads an image's config, and the chain id of its layers: the name of their snapshot.</summary>
    public static async Task<(CtrImageConfig Config, string ChainId)> ReadAsync(CtrClient client, string image)
    {
        GetImageResponse got;
        try
        {
            got = await client.CallAsync(ImagesMethods.Get, new GetImageRequest { Name = image }).ConfigureAwait(false);
        }
        catch (RpcException e) when (e.Status == RpcStatus.NotFound)
        {
            throw new CtrException($"image \"{image}\": not found");
        }
        string manifest = await ManifestAsync(client, got.Image.Target.Digest).ConfigureAwait(false);
        using JsonDocument document = JsonDocument.Parse(await CtrContent.ReadAsync(client, manifest).ConfigureAwait(false));
        string digest = document.RootElement.GetProperty("config").GetProperty("digest").GetString()!;
        using JsonDocument config = JsonDocument.Parse(await CtrContent.ReadAsync(client, digest).ConfigureAwait(false));
        return (Parse(config.RootElement), ChainOf(config.RootElement));
    }

    /// <summary>The manifest for this machine: the target itself, or the one that an index names.</summary>
    public static async Task<string> ManifestAsync(CtrClient client, string target)
    {
        using JsonDocument document = JsonDocument.Parse(await CtrContent.ReadAsync(client, target).ConfigureAwait(false));
        if (!document.RootElement.TryGetProperty("manifests", out JsonElement manifests))
            return target;
        foreach (JsonElement manifest in manifests.EnumerateArray())
        {
            if (!manifest.TryGetProperty("platform", out JsonElement platform) || CtrPlatform.IsThis(platform))
                return manifest.GetProperty("digest").GetString()!;
        }
        throw new CtrException("no match for platform in manifest: not found");
    }

    /// <summary>The chain id of all of a config's layers.</summary>
    public static string ChainOf(JsonElement config)
    {
        Digest chain = default;
        foreach (JsonElement diff in config.GetProperty("rootfs").GetProperty("diff_ids").EnumerateArray())
            chain = ChainId.Next(chain, Digest.Parse(diff.GetString()!));
        return chain.ToString();
    }

    private static CtrImageConfig Parse(JsonElement root)
    {
        JsonElement config = root.TryGetProperty("config", out JsonElement c) ? c : default;
        return new CtrImageConfig(List(config, "Env"), List(config, "Entrypoint"), List(config, "Cmd"), Text(config, "WorkingDir"), Text(config, "User"));
    }

    private static List<string> List(JsonElement config, string name)
    {
        var list = new List<string>();
        if (config.ValueKind == JsonValueKind.Object && config.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement item in value.EnumerateArray())
                list.Add(item.GetString() ?? "");
        }
        return list;
    }

    private static string Text(JsonElement config, string name) =>
        config.ValueKind == JsonValueKind.Object && config.TryGetProperty(name, out JsonElement value) ? value.GetString() ?? "" : "";
}
