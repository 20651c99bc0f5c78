using System.Text;
using AotRuntime.Runc.Commands;

namespace AotRuntime.Runc.Cli;

/// <summary>What <c>--help</c> prints, and what follows on a command line that can't be read.</summary>
internal static class Help
{
    public static string Program()
    {
        var text = new StringBuilder("NAME:\n   runc - Open Container Initiative runtime\n\nUSAGE:\n   runc [global options] command [command options] [arguments...]\n\nCOMMANDS:\n");
        foreach (string name in Command.Names)
        {
            if (Command.Find(name) is { } command)
                text.Append("   ").Append(name.PadRight(12)).Append(command.About).Append('\n');
        }
        text.Append("   help        show this, or more about one command\n\nGLOBAL OPTIONS:\n");
        Flags(text, Globals.Flags);
        return text.ToString();
    }

    public static string Of(Command command)
    {
        var text = new StringBuilder();
        text.Append("NAME:\n   runc ").Append(command.Name).Append(" - ").Append(command.About).Append("\n\nUSAGE:\n   runc ").Append(command.Name);
        if (command.Flags.Length > 0)
            text.Append(" [command options]");
        text.Append(' ').Append(command.Arguments).Append('\n');
        if (command.Flags.Length > 0)
        {
            text.Append("\nOPTIONS:\n");
            Flags(text, command.Flags);
        }
        return text.Append('\n').ToString();
    }

    private static void Flags(StringBuilder text, Flag[] flags)
    {
        foreach (Flag flag in flags)
        {
            if (flag.About.Length == 0)
                continue;
            string value = flag.Kind == FlagKind.Bool ? "" : " value";
            string names = $"--{flag.Name}{value}";
            if (flag.Short.Length > 0)
                names += $", -{flag.Short}{value}";
            text.Append("   ").Append(names.PadRight(34)).Append(' ').Append(flag.About).Append('\n');
        }
    }
}
