namespace AotRuntime.Docker.CommandLine;

/// <summary>Flags before the command's name.</summary>
public sealed class GlobalOptions
{
    /// <summary>Defines them in <paramref name="flags"/>.</summary>
    public GlobalOptions(FlagSet flags)
    {
        string home = Configuration.ConfigFile.DefaultDirectory;
        Config = flags.String("config", '\0', "Folder of the client's configuration files", home);
        Context = flags.String("context", 'c', "Name of the context that tells which daemon to talk to (stronger than DOCKER_HOST and the context that was made the default)");
        Debug = flags.Bool("debug", 'D', "Tell more about what is done");
        Host = flags.Add(new Flag<string>("host", 'H', "", "Socket of the daemon to talk to", "string", OneHost));
        LogLevel = flags.Add(new Flag<string>("log-level", 'l', "info", "Least severe message to log (\"debug\", \"info\", \"warn\", \"error\", \"fatal\")", "string", Level) { DefaultText = "\"info\"" });
        string certificates = Environment.GetEnvironmentVariable("DOCKER_CERT_PATH") is { Length: > 0 } told ? told : home;
        Tls = flags.Bool("tls", '\0', "Speak TLS; implied by --tlsverify", Environment.GetEnvironmentVariable("DOCKER_TLS") is { Length: > 0 });
        TlsCaCert = flags.String("tlscacert", '\0', "File of the CA certificates to trust", Path.Combine(certificates, "ca.pem"));
        TlsCert = flags.String("tlscert", '\0', "File of the client's certificate", Path.Combine(certificates, "cert.pem"));
        TlsKey = flags.String("tlskey", '\0', "File of the client's key", Path.Combine(certificates, "key.pem"));
        TlsVerify = flags.Bool("tlsverify", '\0', "Speak TLS and verify the daemon's certificate", Environment.GetEnvironmentVariable("DOCKER_TLS_VERIFY") is { Length: > 0 });
        Version = flags.Bool("version", 'v', "Print the version and quit");
    }

    /// <summary><c>--config</c>.</summary>
    public Flag<string> Config { get; }

    /// <summary><c>--context</c>.</summary>
    public Flag<string> Context { get; }

    /// <summary><c>--debug</c>.</summary>
    public Flag<bool> Debug { get; }

    /// <summary><c>--host</c>; empty where not given.</summary>
    public Flag<string> Host { get; }

    /// <summary><c>--log-level</c>.</summary>
    public Flag<string> LogLevel { get; }

    /// <summary><c>--tls</c>.</summary>
    public Flag<bool> Tls { get; }

    /// <summary><c>--tlscacert</c>.</summary>
    public Flag<string> TlsCaCert { get; }

    /// <summary><c>--tlscert</c>.</summary>
    public Flag<string> TlsCert { get; }

    /// <summary><c>--tlskey</c>.</summary>
    public Flag<string> TlsKey { get; }

    /// <summary><c>--tlsverify</c>.</summary>
    public Flag<bool> TlsVerify { get; }

    /// <summary><c>--version</c>.</summary>
    public Flag<bool> Version { get; }

    private string OneHost(string text) => Host.Changed ? throw new FlagValueException("specify only one -H") : text;

    private static string Level(string text) => text.ToLowerInvariant() is "panic" or "fatal" or "error" or "warn" or "warning" or "info" or "debug" or "trace"
        ? text
        : throw new CommandException($"Unable to parse logging level: {text}");
}
