using AotRuntime.Logging;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Containerd;

/// <summary>The daemon's command line.</summary>
internal static class ContainerdCommand
{
    private const string Usage =
        """
        NAME:
           containerd - high performance container runtime

        USAGE:
           containerd [global options] [command]

        COMMANDS:
           config default   print the default configuration
           config dump      print the configuration in effect

        GLOBAL OPTIONS:
           --config FILE, -c FILE       path to the configuration file (default: "/etc/containerd/config.toml")
           --log-level LEVEL, -l LEVEL  trace, debug, info, warn, error, fatal or panic
           --address PATH, -a PATH      address of the gRPC server
           --root PATH                  folder of persistent data
           --state PATH                 folder of the state of running tasks
           --version, -v                print the version
           --help, -h                   show help
        """;

    /// <summary>Runs the role and gives its exit code.</summary>
    public static int Run(string[] args)
    {
        string? configPath = null;
        Dictionary<string, string> given = [];
        List<string> words = [];
        for (int i = 0; i < args.Length; i++)
        {
            string arg = args[i];
            if (!arg.StartsWith('-') || words.Count > 0)
            {
                words.Add(arg);
                continue;
            }
            string name = arg.TrimStart('-');
            string? value = null;
            int equals = name.IndexOf('=', StringComparison.Ordinal);
            if (equals >= 0)
                (name, value) = (name[..equals], name[(equals + 1)..]);
            switch (name)
            {
                case "version" or "v":
                    Console.Out.WriteLine($"containerd github.com/containerd/containerd/v2 {VersionService.Version} {VersionService.Revision}");
                    return 0;
                case "help" or "h":
                    Console.Out.WriteLine(Usage);
                    return 0;
                case "config" or "c" or "log-level" or "l" or "address" or "a" or "root" or "state":
                    if (value is null && ++i == args.Length)
                        return Fail($"flag needs an argument: {arg}");
                    value ??= args[i];
                    if (name is "config" or "c")
                        configPath = value;
                    else
                        given[name is "l" ? "log-level" : name is "a" ? "address" : name] = value;
                    break;
                default:
                    return Fail($"flag provided but not defined: -{name}");
            }
        }

        if (words is ["config", "default"])
        {
            Console.Out.WriteLine(new ContainerdConfig().ToToml());
            return 0;
        }
        if (words.Count > 0 && words is not ["config", "dump"])
            return Fail($"No help topic for '{words[0]}'");

        ContainerdConfig config;
        try
        {
            config = configPath is null && !File.Exists(ContainerdConfig.DefaultPath)
                ? new ContainerdConfig()
                : ContainerdConfig.Load(configPath ?? ContainerdConfig.DefaultPath);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            return Fail($"failed to load TOML: {configPath ?? ContainerdConfig.DefaultPath}: {e.Message}");
        }
        config.Root = given.GetValueOrDefault("root", config.Root);
        config.State = given.GetValueOrDefault("state", config.State);
        config.Address = given.GetValueOrDefault("address", config.Address);
        config.LogLevel = given.GetValueOrDefault("log-level", config.LogLevel);
        if (words.Count > 0)
        {
            Console.Out.WriteLine(config.ToToml());
            return 0;
        }

        LogLevel level = LogLevel.Information;
        if (config.LogLevel.Length > 0 && !Log.TryParseLevel(config.LogLevel, out level))
            return Fail($"invalid log level: {config.LogLevel}");
        if (!Path.IsPathRooted(config.Root) || !Path.IsPathRooted(config.State) || config.Root == config.State)
            return Fail("root and state must be different absolute paths");
        if (config.Address.Length == 0)
            return Fail("grpc address cannot be empty");
        LogOptions options = new() { Level = level, Format = config.LogFormat == "json" ? LogFormat.Json : LogFormat.Text };
        return ContainerdDaemon.RunAsync(config, Log.Create(null, options), level <= LogLevel.Debug).GetAwaiter().GetResult();
    }

    private static int Fail(string text)
    {
        Console.Error.WriteLine($"containerd: {text}");
        return 1;
    }
}
