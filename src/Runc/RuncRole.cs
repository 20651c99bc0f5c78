using AotRuntime.Linux;
using AotRuntime.Runc.Cli;
using AotRuntime.Runc.Commands;
using AotRuntime.Runc.Logging;

namespace AotRuntime.Runc;

/// <summary>The role runc: an OCI runtime with runc's command line.</summary>
public static class RuncRole
{
    /// <summary>What <c>--version</c> and <c>features</c> tell; engines read it as a runc version, and ask for at least 1.0.</summary>
    internal const string Version = "1.3.6+aotruntime.0.1.0";

    /// <summary>The runtime-spec that is followed.</summary>
    internal const string SpecVersion = "1.3.0";

    /// <summary>Runs the role and gives its exit code.</summary>
    public static int Run(string[] args)
    {
        Command? command = null;
        try
        {
            return Dispatch(args, ref command);
        }
        catch (HelpRequested)
        {
            Output.Write(command is null ? Help.Program() : Help.Of(command));
            return 0;
        }
        catch (UsageException e)
        {
            string what = e.Count ? "." : command is null ? ". " + e.Message : ": " + e.Message;
            Output.Write($"Incorrect Usage{what}\n\n{(command is null ? Help.Program() : Help.Of(command))}");
            return Fatal(e.Message, 1);
        }
        catch (ExecFailed e)
        {
            return Fatal(e.Message, 255);
        }
        catch (Exception e) when (e is RuncException or LinuxException or IOException or UnauthorizedAccessException)
        {
            return Fatal(e.Message, 1);
        }
    }

    private static int Dispatch(string[] args, ref Command? command)
    {
        FlagSet flags = FlagSet.Parse(args, Globals.Flags, stopAtFirst: true);
        if (flags.IsOn("version"))
        {
            Output.Write($"runc version {Version}\ncommit: aotruntime\nspec: {SpecVersion}\nlibseccomp: {SeccompFilter.Version}\n");
            return 0;
        }
        if (flags.Args.Count == 0 || flags.IsOn("help"))
            throw new HelpRequested();
        string format = flags.Text("log-format", "text");
        if (format is not ("text" or "json" or ""))
            throw new RuncException("invalid log-format: " + format);
        RuncLog.Configure(CommandLine.Absolute(flags.Text("log")), format == "json", flags.IsOn("debug"));
        Globals globals = Globals.Of(flags);

        List<string> rest = flags.Args;
        bool help = rest[0] is "help" or "h";
        if (help && rest.Count == 1)
            throw new HelpRequested();
        string name = rest[help ? 1 : 0];
        command = Command.Find(name);
        if (command is null)
            return Fatal($"No help topic for '{name}'\n", 3);
        if (help)
            throw new HelpRequested();
        FlagSet own = FlagSet.Parse(rest, 1, command.Flags, command.StopAtFirst);
        CommandLine.RequireArgs(name, own, command.Min, command.Max);
        return command.Run(globals, own);
    }

    /// <summary>An error goes to the log, and where that is a file to standard error too.</summary>
    private static int Fatal(string message, int code)
    {
        RuncLog.Error(message);
        if (!RuncLog.ToStandardError)
            Output.Error(message.TrimEnd('\n') + "\n");
        return code;
    }
}
