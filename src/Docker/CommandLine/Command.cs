namespace AotRuntime.Docker.CommandLine;

/// <summary>Runs a command whose flags are set; gives the exit code.</summary>
public delegate Task<int> CommandBody(CliContext context, string[] args);

/// <summary>One command of the tree. Flags are made only for the command that runs: <paramref name="define"/> defines them and gives the body.</summary>
public sealed class Command(string name, string arguments, string summary, ArgumentRule rule, Func<FlagSet, CommandBody> define)
{
    /// <summary>The word it is called by.</summary>
    public string Name { get; } = name;

    /// <summary>What follows the name in the usage line.</summary>
    public string Arguments { get; } = arguments;

    /// <summary>One line of help.</summary>
    public string Summary { get; } = summary;

    /// <summary>More words for its own help; the summary where null.</summary>
    public string? Description { get; init; }

    /// <summary>Other words that mean it.</summary>
    public string[] Aliases { get; init; } = [];

    /// <summary>All its full names, as help lists them; null where it has only one.</summary>
    public string? FullNames { get; init; }

    /// <summary>Place among the common commands of the top help; 0 for not there.</summary>
    public int CommonRank { get; init; }

    /// <summary>Not shown in the list of commands.</summary>
    public bool Hidden { get; init; }

    /// <summary>Commands under it; empty for a leaf.</summary>
    public IReadOnlyList<Command> Children { get; init; } = [];

    /// <summary>How many arguments it takes.</summary>
    public ArgumentRule Rule { get; } = rule;

    /// <summary>A group of commands.</summary>
    public static Command Group(string name, string summary, params Command[] children) =>
        Group(name, "", summary, children);

    /// <summary>A group whose usage line has <paramref name="arguments"/>.</summary>
    public static Command Group(string name, string arguments, string summary, Command[] children) =>
        new(name, arguments, summary, ArgumentRule.None, static _ => static (_, _) => Task.FromResult(0)) { Children = children };

    /// <summary>The same command under another name and in another place.</summary>
    public Command As(string otherName, string[]? aliases = null) =>
        new(otherName, Arguments, Summary, Rule, define) { Aliases = aliases ?? [], FullNames = FullNames, Description = Description };

    /// <summary>Defines the flags and gives the body.</summary>
    public CommandBody Define(FlagSet flags) => define(flags);

    /// <summary>The child called <paramref name="word"/>, or null.</summary>
    public Command? Child(string word)
    {
        foreach (Command child in Children)
        {
            if (child.Name == word || Array.IndexOf(child.Aliases, word) >= 0)
                return child;
        }
        return null;
    }

    /// <summary>The usage line.</summary>
    public string UseLine(string path) => Arguments.Length == 0 ? path : $"{path} {Arguments}";
}
