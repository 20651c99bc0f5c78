using AotRuntime.Docker.Api;
using AotRuntime.Docker.Configuration;
using AotRuntime.Docker.Terminals;

namespace AotRuntime.Docker.CommandLine;

/// <summary>What commands work with. The configuration and the connection are made when first needed.</summary>
public sealed class CliContext
{
    private ConfigFile? _config;
    private EngineClient? _engine;

    /// <summary>Standard output.</summary>
    public TextOutput Out { get; } = new(1);

    /// <summary>Standard error.</summary>
    public TextOutput Error { get; } = new(2);

    /// <summary>The flags before the command.</summary>
    public GlobalOptions Globals { get; set; } = new(new FlagSet());

    /// <summary>The running command's full name.</summary>
    public string CommandPath { get; set; } = "docker";

    /// <summary>The user's configuration.</summary>
    public ConfigFile Config => _config ??= ConfigFile.Load(Globals.Config.Value);

    /// <summary>The daemon.</summary>
    public EngineClient Engine => _engine ??= EngineClient.Create(this);

    /// <summary>Refuses a terminal in the container where there is none here.</summary>
    public void CheckTty(bool attachStdin, bool tty)
    {
        if (tty && attachStdin && !Terminal.IsTerminal(0))
            throw new CommandException("the input device is not a TTY");
    }

    /// <summary>Logs for <c>--debug</c>.</summary>
    public void Debug(string message)
    {
        if (Globals.Debug.Value)
            Log("debug", message);
    }

    /// <summary>Logs in logrus's form.</summary>
    public void Log(string level, string message) =>
        Error.Write($"time=\"{DateTime.UtcNow:yyyy-MM-dd'T'HH:mm:ss'Z'}\" level={level} msg={GoText.Quote(message)}\n");
}
