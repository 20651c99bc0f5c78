using System.Text;

namespace AotRuntime.Docker.CommandLine;

/// <summary>Help texts in docker's layout.</summary>
public static class HelpPage
{
    private const int NarrowestName = 11;

    /// <summary>Help of a leaf command.</summary>
    public static string Leaf(Command command, string path, FlagSet flags, int width)
    {
        StringBuilder page = new();
        page.Append("Usage:  ").Append(command.UseLine(path)).Append("\n\n").Append(command.Description ?? command.Summary).Append('\n');
        if (command.FullNames is { } names)
            page.Append("\nAliases:\n  ").Append(names).Append('\n');
        string usages = flags.Usages(width);
        if (usages.Length > 0)
            page.Append("\nOptions:\n").Append(usages.TrimEnd()).Append('\n');
        return page.ToString();
    }

    /// <summary>Help of a group of commands.</summary>
    public static string Group(Command command, string path)
    {
        StringBuilder page = new();
        page.Append("Usage:  ").Append(path).Append(" COMMAND\n\n").Append(command.Summary).Append('\n');
        AppendCommands(page, "Commands", Visible(command, static _ => true), Padding(command));
        page.Append("\nRun '").Append(path).Append(" COMMAND --help' for more information on a command.\n");
        return page.ToString();
    }

    /// <summary>Help of docker itself.</summary>
    public static string Root(Command root, FlagSet flags, int width)
    {
        StringBuilder page = new();
        page.Append("Usage:  docker [OPTIONS] COMMAND\n\n").Append(root.Summary).Append('\n');
        int padding = Padding(root);
        List<Command> common = Visible(root, static c => c.CommonRank > 0);
        common.Sort(static (a, b) => a.CommonRank.CompareTo(b.CommonRank));
        AppendCommands(page, "Common Commands", common, padding);
        AppendCommands(page, "Management Commands", Visible(root, static c => c.Children.Count > 0), padding);
        AppendCommands(page, "Commands", Visible(root, static c => c.CommonRank == 0 && c.Children.Count == 0), padding);
        page.Append("\nGlobal Options:\n").Append(flags.Usages(width).TrimEnd());
        page.Append("\n\nRun 'docker COMMAND --help' for more information on a command.\n");
        return page.ToString();
    }

    private static List<Command> Visible(Command parent, Predicate<Command> wanted)
    {
        List<Command> found = [];
        foreach (Command child in parent.Children)
        {
            if (!child.Hidden && wanted(child))
                found.Add(child);
        }
        found.Sort(static (a, b) => string.CompareOrdinal(a.Name, b.Name));
        return found;
    }

    private static int Padding(Command parent)
    {
        int padding = NarrowestName;
        foreach (Command child in parent.Children)
            padding = Math.Max(padding, child.Name.Length);
        return padding;
    }

    private static void AppendCommands(StringBuilder page, string title, List<Command> commands, int padding)
    {
        if (commands.Count == 0)
            return;
        page.Append('\n').Append(title).Append(":\n");
        foreach (Command command in commands)
            page.Append("  ").Append(command.Name.PadRight(padding)).Append(' ').Append(command.Summary).Append('\n');
    }
}
