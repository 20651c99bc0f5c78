using AotRuntime.Docker.Terminals;

namespace AotRuntime.Docker.CommandLine;

/// <summary>Finds the command that the words name, sets its flags and runs it.</summary>
public static class Dispatcher
{
    /// <summary>Exit code of a command line that can't be read.</summary>
    public const int BadFlags = 125;

    private const int DefaultWidth = 80;

    /// <summary>Runs <paramref name="args"/> against the tree under <paramref name="root"/>.</summary>
    /// <exception cref="CommandException">With what to say and the exit code.</exception>
    public static Task<int> RunAsync(Command root, CliContext context, string[] args)
    {
        FlagSet globals = new() { Interspersed = false };
        GlobalOptions options = new(globals);
        List<string> words;
        try
        {
            words = globals.Parse(args);
        }
        catch (FlagValueException e)
        {
            throw new CommandException($"{e.Message}\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help' for more information", BadFlags);
        }
        WriteNotes(context, globals);
        context.Globals = options;

        if (!globals.HelpAsked && options.Version.Value)
        {
            context.Out.Write($"Docker version {Product.Version}, build {Product.Commit}\n");
            return Done;
        }
        if (words.Count > 0 && words[0] == "help")
            return Help(root, globals, context, words[1..]);
        if (globals.HelpAsked || words.Count == 0)
        {
            // Asked for, it is output; in place of a command, it is advice.
            (globals.HelpAsked ? context.Out : context.Error).Write(HelpPage.Root(root, globals, WrapWidth()));
            return Done;
        }

        Command? command = root.Child(words[0]);
        if (command is null)
            throw new CommandException($"docker: unknown command: docker {words[0]}\n\nRun 'docker --help' for more information");
        return RunCommandAsync(command, $"docker {command.Name}", context, words[1..]);
    }

    private static Task<int> Done => Task.FromResult(0);

    private static Task<int> RunCommandAsync(Command command, string path, CliContext context, List<string> words)
    {
        FlagSet flags = new();
        if (command.Children.Count > 0)
        {
            if (words.Count > 0 && command.Child(words[0]) is { } child)
                return RunCommandAsync(child, $"{path} {child.Name}", context, words[1..]);
            List<string> rest = Parse(flags, words, command, path);
            WriteNotes(context, flags);
            if (!flags.HelpAsked && rest.Count > 0)
                throw new CommandException($"docker: unknown command: {path} {rest[0]}\n\nUsage:  {command.UseLine(path)}\n\nRun '{path} --help' for more information");
            (flags.HelpAsked ? context.Out : context.Error).Write(HelpPage.Group(command, path));
            return Done;
        }

        CommandBody body = command.Define(flags);
        List<string> positional = Parse(flags, words, command, path);
        WriteNotes(context, flags);
        if (flags.HelpAsked)
        {
            context.Out.Write(HelpPage.Leaf(command, path, flags, WrapWidth()));
            return Done;
        }
        command.Rule.Check(positional.Count, path, command.UseLine(path));
        context.CommandPath = path;
        return body(context, positional.ToArray());
    }

    private static List<string> Parse(FlagSet flags, List<string> words, Command command, string path)
    {
        try
        {
            return flags.Parse(words.ToArray());
        }
        catch (FlagValueException e)
        {
            throw new CommandException($"{e.Message}\n\nUsage:  {command.UseLine(path)}\n\nRun '{path} --help' for more information", BadFlags);
        }
    }

    private static Task<int> Help(Command root, FlagSet globals, CliContext context, List<string> topic)
    {
        Command command = root;
        string path = "docker";
        foreach (string word in topic)
        {
            command = command.Child(word) ?? throw new CommandException($"unknown help topic: {string.Join(' ', topic)}");
            path += " " + command.Name;
        }
        if (topic.Count == 0)
        {
            context.Out.Write(HelpPage.Root(root, globals, WrapWidth()));
        }
        else if (command.Children.Count > 0)
        {
            context.Out.Write(HelpPage.Group(command, path));
        }
        else
        {
            FlagSet flags = new();
            command.Define(flags);
            context.Out.Write(HelpPage.Leaf(command, path, flags, WrapWidth()));
        }
        return Done;
    }

    private static void WriteNotes(CliContext context, FlagSet flags)
    {
        foreach (string note in flags.Notes)
            context.Out.Write(note + "\n");
    }

    // The width of the terminal on standard input, less one, as docker asks it.
    private static int WrapWidth() => (Terminal.WindowSize(0) is { Columns: > 0 } size ? size.Columns : DefaultWidth) - 1;
}
