using System.Text;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Formatting;

namespace AotRuntime.Docker.Commands;

/// <summary>What prune commands print at their end.</summary>
public static class PruneReport
{
    /// <summary>The list of what went, and the space it left.</summary>
    public static void Print(CliContext context, string title, IReadOnlyList<string> deleted, long? reclaimed)
    {
        StringBuilder text = new();
        if (deleted.Count > 0)
        {
            text.Append(title).Append('\n');
            foreach (string name in deleted)
                text.Append(name).Append('\n');
            text.Append('\n');
        }
        if (reclaimed is { } bytes)
            text.Append("Total reclaimed space: ").Append(ByteSize.Human(bytes)).Append('\n');
        context.Out.Write(text.ToString());
    }
}
