using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;

namespace AotRuntime.Docker.Commands;

/// <summary><c>docker inspect</c>, over all kinds of objects, and its like for one kind.</summary>
public static class InspectCommand
{
    private static readonly string[] s_types = ["config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume"];

    /// <summary><c>docker inspect</c>.</summary>
    public static Command Create() => new("inspect", "[OPTIONS] NAME|ID [NAME|ID...]", "Show all that is known of an object", ArgumentRule.AtLeast(1), static flags =>
    {
        Flag<string> format = flags.String("format", 'f', Formats.InspectHelp);
        Flag<bool> size = flags.Bool("size", 's', "Show sizes, of containers");
        Flag<string> type = flags.String("type", '\0', "Inspect only objects of this type");
        return (context, args) =>
        {
            string known = string.Join("\", \"", s_types);
            if (type.Changed && type.Value.Length == 0)
                throw new CommandException($"type is empty: must be one of \"{known}\"");
            if (type.Value.Length > 0 && Array.IndexOf(s_types, type.Value) < 0)
                throw new CommandException($"unknown type: {GoText.Quote(type.Value)}: must be one of \"{known}\"");
            return InspectReport.RunAsync(context, args, format.Value, name => FetchAsync(context, name, type.Value, size.Value));
        };
    });

    /// <summary><c>docker KIND inspect</c>.</summary>
    public static Command OfKind(string kind, string arguments, string summary, bool sizes = false) => new("inspect", arguments, summary, ArgumentRule.AtLeast(1), flags =>
    {
        Flag<string> format = flags.String("format", 'f', Formats.InspectHelp);
        Flag<bool>? size = sizes ? flags.Bool("size", 's', "Show sizes") : null;
        Flag<bool>? verbose = kind == "network" ? flags.Bool("verbose", 'v', "Show more, for diagnosis") : null;
        return (context, args) => InspectReport.RunAsync(context, args, format.Value, name =>
            context.Engine.GetTextAsync(Path(kind, name, size?.Value ?? false, verbose?.Value ?? false)));
    });

    private static string Path(string kind, string name, bool size, bool verbose = false) => kind switch
    {
        "container" => new Query($"/containers/{Query.Segment(name)}/json").AddIf("size", size).ToString(),
        "image" => $"/images/{Query.ImagePath(name)}/json",
        "network" => new Query($"/networks/{Query.Segment(name)}").AddIf("verbose", verbose).ToString(),
        "volume" => $"/volumes/{Query.Segment(name)}",
        "plugin" => $"/plugins/{Query.ImagePath(name)}/json",
        _ => $"/{kind}s/{Query.Segment(name)}",
    };

    private static async Task<string> FetchAsync(CliContext context, string name, string type, bool size)
    {
        if (type.Length > 0)
        {
            if (size && type != "container")
                context.Error.Write($"WARNING: --size ignored for {type}\n");
            return await context.Engine.GetTextAsync(Path(type, name, size)).ConfigureAwait(false);
        }
        foreach (string kind in (string[])["container", "image", "network", "volume", "plugin"])
        {
            try
            {
                string document = await context.Engine.GetTextAsync(Path(kind, name, size)).ConfigureAwait(false);
                if (size && kind != "container")
                    context.Error.Write($"WARNING: --size ignored for {kind}\n");
                return document;
            }
            catch (EngineException e) when (e.IsNotFound || e.Message.Contains("not supported") || e.Message.Contains("invalid reference format"))
            {
                continue;
            }
        }
        throw new CommandException($"Error: No such object: {name}");
    }
}
