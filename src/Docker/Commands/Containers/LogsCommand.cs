using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Formatting;
using AotRuntime.Docker.Streams;
using AotRuntime.Http;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary><c>docker logs</c>.</summary>
public static class LogsCommand
{
    /// <summary>Its place in the tree.</summary>
    public static Command Create() => new("logs", "[OPTIONS] CONTAINER", "Show the logs of a container", ArgumentRule.Exactly(1), static flags =>
    {
        Flag<bool> details = flags.Bool("details", '\0', "Show more of what the log knows");
        Flag<bool> follow = flags.Bool("follow", 'f', "Go on showing what is logged");
        Flag<string> since = flags.String("since", '\0', "Show what was logged since a time (\"2013-01-02T13:23:37Z\", say) or in a span before now (\"42m\" for 42 minutes)");
        Flag<string> tail = flags.Add(new Flag<string>("tail", 'n', "all", "How many lines from the end to show", "string", static s => s) { DefaultText = "\"all\"" });
        Flag<bool> timestamps = flags.Bool("timestamps", 't', "Show when each line was logged");
        Flag<string> until = flags.String("until", '\0', "Show what was logged before a time (\"2013-01-02T13:23:37Z\", say) or before a span before now (\"42m\" for 42 minutes)");
        return (context, args) =>
        {
            Query query = new Query("/logs").AddIf("stdout", true).AddIf("stderr", true);
            if (since.Value.Length > 0)
                query.Add("since", Moment("since", since.Value));
            if (until.Value.Length > 0)
                query.Add("until", Moment("until", until.Value));
            query.AddIf("timestamps", timestamps.Value).AddIf("details", details.Value).AddIf("follow", follow.Value).Add("tail", tail.Value);
            return RunAsync(context, args[0], query.ToString());
        };
    })
    {
        FullNames = "docker container logs, docker logs",
    };

    private static string Moment(string name, string text)
    {
        string stamp = GoTime.Timestamp(text, DateTimeOffset.UtcNow);
        return stamp.AsSpan().ContainsAnyExcept("0123456789.")
            ? throw new CommandException($"invalid value for {GoText.Quote(name)}: failed to parse value as time or duration: {GoText.Quote(text)}")
            : stamp;
    }

    private static async Task<int> RunAsync(CliContext context, string name, string query)
    {
        string id;
        bool tty;
        using (JsonDocument container = await context.Engine.GetJsonAsync($"/containers/{Query.Segment(name)}/json").ConfigureAwait(false))
        {
            id = container.RootElement.Text("Id");
            tty = container.RootElement.Member("Config").Flag("Tty");
        }
        HttpResponse response = await context.Engine.OpenAsync("GET", $"/containers/{id}{query}").ConfigureAwait(false);
        await using (response.ConfigureAwait(false))
        {
            StreamDemultiplexer? frames = tty ? null : new StreamDemultiplexer(context.Out.Write, context.Error.Write);
            await HijackedSession.PumpAsync(response.Body, frames, context.Out).ConfigureAwait(false);
        }
        return 0;
    }
}
