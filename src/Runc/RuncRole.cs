using AotRuntime.Linux;
using AotRuntime.Runc.Cli;
using AotRuntime.Runc.Commands;
using AotRuntime.Runc.Logging;

namespace AotRuntime.Runc;

/// <summary>The role runc: an OCI runtime with runc's command line.</summary>
public static class RuncRole
{
    /// <summary>What <c>--version</c> and <c>features</c> tell; engines read it as a runc version, and ask for at least 1.0.</summary>
    internal const string Version = "1.3.0+aotruntime.0.1.0";

    /// <summary>The runtime-spec that is followed.</summary>
    internal const string SpecVersion = "1.2.1";

    private const string NoSuchCommand = "No help topic for ";

    private const string Usage = """
        NAME:
           runc - Open Container Initiative runtime

        USAGE:
           runc [global options] command [command options] [arguments...]

        COMMANDS:
           create    create a container
           delete    delete any resources held by the container
           events    display container statistics
           exec      execute new process inside the container
           features  show the enabled features
           kill      send the specified signal to the container's init process
           list      list containers started with the given root
           pause     suspend all processes inside the container
           ps        display the processes running inside a container
           resume    resume all processes that have been previously paused
           run       create and run a container
           spec      create a new specification file
           start     execute the user defined process in a created container
           state     output the state of a container
           update    update container resource constraints

        GLOBAL OPTIONS:
           --debug             enable debug logging
           --log value         set the log file (default is '/dev/stderr')
           --log-format value  set the log format ('text' (default), or 'json')
           --root value        root directory for storage of container state (default: "/run/runc")
           --help, -h          show help
           --version, -v       print the version

        """;

    /// <summary>Runs the role and gives its exit code.</summary>
    public static int Run(string[] args)
    {
        try
        {
            return Dispatch(args);
        }
        catch (UsageException e) when (e.Message.StartsWith(NoSuchCommand, StringComparison.Ordinal))
        {
            return Fatal(e.Message, 3);
        }
        catch (ExecFailed e)
        {
            return Fatal(e.Message, 255);
        }
        catch (Exception e) when (e is RuncException or LinuxException or UsageException or IOException or UnauthorizedAccessException)
        {
            return Fatal(e.Message, 1);
        }
    }

    private static int Dispatch(string[] args)
    {
        FlagSet flags = FlagSet.Parse(args, Globals.Flags, stopAtFirst: true);
        if (flags.IsOn("version"))
        {
            Output.Write($"runc version {Version}\ncommit: aotruntime\nspec: {SpecVersion}\nlibseccomp: {SeccompFilter.Version}\n");
            return 0;
        }
        string format = flags.Text("log-format", "text");
        if (format is not ("text" or "json" or ""))
            throw new RuncException("invalid log-format: " + format);
        RuncLog.Configure(CommandLine.Absolute(flags.Text("log")), format == "json", flags.IsOn("debug"));
        if (flags.Args.Count == 0 || flags.IsOn("help") || flags.Args[0] is "help" or "h")
        {
            Output.Write(Usage);
            return 0;
        }
        string root = flags.Text("root");
        var globals = new Globals
        {
            Root = root.Length == 0 ? "/run/runc" : CommandLine.Absolute(root),
            RootGiven = root.Length > 0,
            SystemdCgroup = flags.IsOn("systemd-cgroup"),
        };
        if (globals.SystemdCgroup && flags.Args[0] is "exec" or "update")
            throw new RuncException("systemd cgroup driver is not supported");

        List<string> rest = flags.Args;
        // Others in the container can see an exec's process before it runs its program (CVE-2019-5736).
        if (rest[0] == "exec")
            OwnFile.Protect();
        return rest[0] switch
        {
            "create" => StartCommands.Create(globals, rest, 1),
            "run" => StartCommands.Run(globals, rest, 1),
            "start" => StartCommands.Start(globals, rest, 1),
            "state" => QueryCommands.State(globals, rest, 1),
            "kill" => LifeCommands.Kill(globals, rest, 1),
            "delete" => LifeCommands.Delete(globals, rest, 1),
            "list" => QueryCommands.List(globals, rest, 1),
            "ps" => QueryCommands.Ps(globals, rest, 1),
            "exec" => ExecCommand.Run(globals, rest, 1),
            "pause" => LifeCommands.Pause(globals, rest, 1),
            "resume" => LifeCommands.Resume(globals, rest, 1),
            "update" => UpdateCommand.Run(globals, rest, 1),
            "events" => EventsCommand.Run(globals, rest, 1),
            "spec" => SpecCommand.Run(globals, rest, 1),
            "features" => FeaturesCommand.Run(rest, 1),
            _ => throw new UsageException($"{NoSuchCommand}'{rest[0]}'"),
        };
    }

    /// <summary>An error goes to the log, and where that is a file to standard error too.</summary>
    private static int Fatal(string message, int code)
    {
        RuncLog.Error(message);
        if (!RuncLog.ToStandardError)
            Output.Error(message + "\n");
        return code;
    }
}
