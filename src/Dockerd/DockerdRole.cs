using AotRuntime.Dockerd.Config;
using AotRuntime.Logging;
using AotRuntime.Rpc;
using AotRuntime.Storage;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Dockerd;

/// <summary>Entry of the role.</summary>
public static class DockerdRole
{
    /// <summary>Runs the role and gives its exit code.</summary>
    public static int Run(string[] args)
    {
        DaemonOptions options;
        try
        {
            options = OptionParser.Parse(args);
        }
        catch (ConfigException e)
        {
            Console.Error.WriteLine(e.Message);
            return 1;
        }
        if (options.ShowHelp)
        {
            Console.Out.Write(Usage.Text());
            return 0;
        }
        if (options.ShowVersion)
        {
            Console.Out.WriteLine($"Docker version {Api.ApiServer.ServerVersion}, build aotruntime");
            return 0;
        }
        if (options.Validate)
        {
            Console.Error.WriteLine("configuration OK");
            return 0;
        }
        _ = Log.TryParseLevel(options.Debug ? "debug" : options.LogLevel, out LogLevel level);
        ILogger log = Log.Create(null, new LogOptions { Level = level, Format = options.LogFormat == "json" ? LogFormat.Json : LogFormat.Text });
        try
        {
            return new Daemon(options, log).RunAsync().GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is ConfigException or IOException or TimeoutException or UnauthorizedAccessException or RpcException or StorageException)
        {
            Console.Error.WriteLine(e is ConfigException ? e.Message : $"failed to start daemon: {e.Message}");
            return 1;
        }
    }

    /// <summary>Runs the port relay.</summary>
    public static int RunProxy(string[] args) => Networks.ProxyRole.Run(args);

    /// <summary>Runs the read-only registry.</summary>
    public static int RunRegistry(string[] args) => RegistryRole.Run(args);
}
