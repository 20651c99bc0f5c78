using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Http;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary>Waits for a container's end. The daemon answers the head of the response once it watches, the body at the end.</summary>
public static class ContainerWait
{
    private const int Unknown = 125;

    /// <summary>Begins to wait, and returns when the daemon watches; the inner task gives the exit code.</summary>
    public static async Task<Task<int>> StartAsync(CliContext context, string container, string condition, CancellationToken cancellationToken = default)
    {
        string path = new Query($"/containers/{Query.Segment(container)}/wait").AddUnlessEmpty("condition", condition).ToString();
        HttpResponse response = await context.Engine.OpenAsync("POST", path, cancellationToken: cancellationToken).ConfigureAwait(false);
        return ReadAsync(context, response, cancellationToken);
    }

    private static async Task<int> ReadAsync(CliContext context, HttpResponse response, CancellationToken cancellationToken)
    {
        try
        {
            await using (response.ConfigureAwait(false))
            {
                await foreach (JsonElement answer in JsonStream.ReadAsync(response.Body, cancellationToken).ConfigureAwait(false))
                {
                    string error = answer.Member("Error").Text("Message");
                    if (error.Length > 0)
                    {
                        context.Log("error", $"Error waiting for container: {error}");
                        return Unknown;
                    }
                    return (int)answer.Number("StatusCode");
                }
            }
            context.Log("error", "error waiting for container: unexpected EOF");
        }
        catch (Exception e) when (e is IOException or CommandException)
        {
            context.Log("error", $"error waiting for container: {e.Message}");
        }
        catch (OperationCanceledException)
        {
            // The caller no longer wants to know.
            return Unknown;
        }
        return Unknown;
    }
}
