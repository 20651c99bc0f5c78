using System.Globalization;
using System.Text;
using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Formatting;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary><c>docker port</c> and <c>docker top</c>.</summary>
public static class LookCommands
{
    private const int TopColumn = 20;

    /// <summary><c>docker port</c>.</summary>
    public static Command Port() => new("port", "CONTAINER [PRIVATE_PORT[/PROTO]]", "List the published ports of a container, or one of them", new ArgumentRule(1, 2), static _ => PortAsync)
    {
        FullNames = "docker container port, docker port",
    };

    private static async Task<int> PortAsync(CliContext context, string[] args)
    {
        using JsonDocument container = await context.Engine.GetJsonAsync($"/containers/{Query.Segment(args[0])}/json").ConfigureAwait(false);
        JsonElement settings = container.RootElement.Member("NetworkSettings");
        List<string> lines = [];
        if (args.Length > 1)
        {
            int slash = args[1].IndexOf('/');
            string port = slash < 0 ? args[1] : args[1][..slash];
            string protocol = slash < 0 || slash == args[1].Length - 1 ? "tcp" : args[1][(slash + 1)..];
            if (!ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                throw new CommandException($"Error: invalid port ({port}): strconv.ParseUint: parsing {GoText.Quote(port)}: {(ulong.TryParse(port, out _) ? "value out of range" : "invalid syntax")}");
            foreach (JsonElement binding in settings.Member("Ports").Items($"{port}/{protocol}"))
                lines.Add(Text.HostPort(binding.Text("HostIp"), binding.Text("HostPort")));
            if (lines.Count == 0)
                throw new CommandException($"Error: No public port '{args[1]}' published for {args[0]}");
        }
        else
        {
            foreach (JsonProperty port in settings.Members("Ports"))
            {
                foreach (JsonElement binding in port.Value.Items())
                    lines.Add($"{port.Name} -> {Text.HostPort(binding.Text("HostIp"), binding.Text("HostPort"))}");
            }
        }
        lines.Sort(Text.CompareNatural);
        if (lines.Count > 0)
            context.Out.Write(string.Join('\n', lines) + "\n");
        return 0;
    }

    /// <summary><c>docker top</c>.</summary>
    public static Command Top() => new("top", "CONTAINER [ps OPTIONS]", "Show the processes of a container", ArgumentRule.AtLeast(1), static flags =>
    {
        flags.Interspersed = false;
        return TopAsync;
    })
    {
        FullNames = "docker container top, docker top",
    };

    private static async Task<int> TopAsync(CliContext context, string[] args)
    {
        string path = new Query($"/containers/{Query.Segment(args[0])}/top").AddUnlessEmpty("ps_args", string.Join(' ', args[1..])).ToString();
        using JsonDocument answer = await context.Engine.GetJsonAsync(path).ConfigureAwait(false);
        StringBuilder text = new();
        text.AppendJoin('\t', answer.RootElement.Texts("Titles")).Append('\n');
        foreach (JsonElement process in answer.RootElement.Items("Processes"))
        {
            List<string> cells = [];
            foreach (JsonElement cell in process.Items())
                cells.Add(cell.GetString() ?? "");
            text.AppendJoin('\t', cells).Append('\n');
        }
        context.Out.Write(new TabWriter(TopColumn, 3).Align(text.ToString()));
        return 0;
    }
}
