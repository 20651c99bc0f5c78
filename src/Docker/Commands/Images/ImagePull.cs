using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Configuration;
using AotRuntime.Docker.Progress;
using AotRuntime.Docker.References;
using AotRuntime.Http;

namespace AotRuntime.Docker.Commands.Images;

/// <summary>Lets the daemon pull, and shows its progress.</summary>
public static class ImagePull
{
    /// <summary>Pulls <paramref name="name"/>; its progress goes to <paramref name="output"/>, or nowhere.</summary>
    public static async Task RunAsync(CliContext context, ImageName name, string platform, TextOutput? output)
    {
        string path = new Query("/images/create")
            .Add("fromImage", name.Full[..^TagPart(name).Length])
            .AddUnlessEmpty("platform", platform)
            .AddUnlessEmpty("tag", name.Digest.Length > 0 ? name.Digest : name.Tag)
            .ToString();
        HttpHeaders headers = new() { { "X-Registry-Auth", Auth(context, name).ToHeader() } };
        HttpResponse response = await context.Engine.OpenAsync("POST", path, headers: headers).ConfigureAwait(false);
        await using (response.ConfigureAwait(false))
        {
            ProgressDisplay? display = output is null ? null : ProgressDisplay.On(output);
            ProgressDisplay silent = new(static _ => { }, terminal: false, static () => 0);
            await foreach (JsonElement message in JsonStream.ReadAsync(response.Body).ConfigureAwait(false))
                (display ?? silent).Show(message);
        }
    }

    private static string TagPart(ImageName name) =>
        (name.Tag.Length > 0 ? ":" + name.Tag : "") + (name.Digest.Length > 0 ? "@" + name.Digest : "");

    private static RegistryAuth Auth(CliContext context, ImageName name) =>
        context.Config.Auths.TryGetValue(name.AuthKey, out RegistryAuth? auth) ? auth : new RegistryAuth("", "", "", "");
}
