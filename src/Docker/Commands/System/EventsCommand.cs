using System.Text;
using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Formatting;
using AotRuntime.Docker.Templates;
using AotRuntime.Http;

namespace AotRuntime.Docker.Commands.Systems;

/// <summary><c>docker events</c>.</summary>
public static class EventsCommand
{
    private const int BadTemplate = 64;

    /// <summary>Its place in the tree.</summary>
    public static Command Create() => new("events", "[OPTIONS]", "Show what happens, as it happens", ArgumentRule.None, static flags =>
    {
        ListFlag filter = flags.List("filter", 'f', "Show only what matches", FlagValues.Filter, "filter");
        Flag<string> format = flags.String("format", '\0', Formats.InspectHelp);
        Flag<string> since = flags.String("since", '\0', "Show what happened since a time, too");
        Flag<string> until = flags.String("until", '\0', "End at a time");
        return (context, _) =>
        {
            Query query = new("/events");
            if (since.Value.Length > 0)
                query.Add("since", GoTime.Timestamp(since.Value, DateTimeOffset.UtcNow));
            if (until.Value.Length > 0)
                query.Add("until", GoTime.Timestamp(until.Value, DateTimeOffset.UtcNow));
            return RunAsync(context, query.AddFilters(filter.Values).ToString(), format.Value);
        };
    })
    {
        FullNames = "docker system events, docker events",
    };

    private static async Task<int> RunAsync(CliContext context, string path, string format)
    {
        Template? template = null;
        try
        {
            template = format.Length == 0 ? null : Template.Parse(format == "json" ? "{{json .}}" : format);
        }
        catch (TemplateException e)
        {
            throw new CommandException($"Error parsing format: {e.Message}", BadTemplate);
        }
        HttpResponse response = await context.Engine.OpenAsync("GET", path).ConfigureAwait(false);
        await using (response.ConfigureAwait(false))
        {
            await foreach (JsonElement message in JsonStream.ReadAsync(response.Body).ConfigureAwait(false))
                context.Out.Write(template is null ? Pretty(message) : Render(template, message));
        }
        return 0;
    }

    private static string Render(Template template, JsonElement message)
    {
        StringBuilder text = new();
        try
        {
            template.Execute(text, JsonValue.Of(message));
        }
        catch (TemplateException e)
        {
            throw new CommandException(e.Message);
        }
        return text.Append('\n').ToString();
    }

    private static string Pretty(JsonElement message)
    {
        StringBuilder text = new();
        long nano = message.Number("timeNano");
        if (nano == 0)
            nano = message.Number("time") * 1_000_000_000;
        if (nano != 0)
            text.Append(GoTime.Nano(nano)).Append(' ');
        JsonElement actor = message.Member("Actor");
        text.Append(message.Text("Type")).Append(' ').Append(message.Text("Action")).Append(' ').Append(actor.Text("ID"));
        JsonElement attributes = actor.Member("Attributes");
        if (attributes.ValueKind == JsonValueKind.Object)
        {
            List<string> pairs = Values.Sorted(attributes).ConvertAll(static a => $"{a.Name}={a.Value.GetString()}");
            if (pairs.Count > 0)
                text.Append(" (").AppendJoin(", ", pairs).Append(')');
        }
        return text.Append('\n').ToString();
    }
}
