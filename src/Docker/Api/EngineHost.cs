using System.Globalization;
using System.Text;
using System.Text.Json;
using AotRuntime.Digests;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Http;

namespace AotRuntime.Docker.Api;

/// <summary>Which daemon to talk to, and how: from flags, environment and contexts.</summary>
public sealed record EngineHost(string Url, HttpEndpoint Endpoint, string ContextName)
{
    /// <summary>Where the daemon listens unless told otherwise.</summary>
    public const string Default = "unix:///var/run/docker.sock";

    // What the client puts into Host where the socket has no name.
    private const string UnixHost = "api.moby.localhost";

    /// <summary>Chooses the daemon.</summary>
    /// <exception cref="CommandException">It can't be told which.</exception>
    public static EngineHost Resolve(CliContext context)
    {
        GlobalOptions globals = context.Globals;
        string name = ContextOf(context);
        string url = globals.Host.Value;
        if (name != "default")
            url = HostOfContext(globals.Config.Value, name);
        else if (url.Length == 0)
            url = Environment.GetEnvironmentVariable("DOCKER_HOST") is { Length: > 0 } told ? told : "";

        bool verify = globals.TlsVerify.Value;
        bool tls = verify || globals.Tls.Value || globals.TlsCaCert.Changed || globals.TlsCert.Changed || globals.TlsKey.Changed;
        return new EngineHost(Normalize(url, tls), Parse(Normalize(url, tls), tls ? TlsOptions(context, verify) : null), name);
    }

    /// <summary>The context's name: "default" where a host is told directly.</summary>
    public static string ContextOf(CliContext context)
    {
        GlobalOptions globals = context.Globals;
        if (globals.Context.Changed && globals.Host.Changed)
            throw new CommandException("conflicting options: cannot specify both --host and --context");
        if (globals.Context.Value.Length > 0)
            return globals.Context.Value;
        if (globals.Host.Changed || Environment.GetEnvironmentVariable("DOCKER_HOST") is { Length: > 0 })
            return "default";
        if (Environment.GetEnvironmentVariable("DOCKER_CONTEXT") is { Length: > 0 } told)
            return told;
        return context.Config.CurrentContext is { Length: > 0 } chosen ? chosen : "default";
    }

    // Contexts live in folders named by the digest of their names.
    private static string HostOfContext(string config, string name)
    {
        string digest = Sha2.Hex(Sha2Algorithm.Sha256, Encoding.UTF8.GetBytes(name));
        string path = Path.Combine(config, "contexts", "meta", digest, "meta.json");
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            if (document.RootElement.TryGetProperty("Endpoints", out JsonElement endpoints)
                && endpoints.TryGetProperty("docker", out JsonElement docker)
                && docker.TryGetProperty("Host", out JsonElement host)
                && host.GetString() is { } url)
            {
                return url;
            }
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw Failed($"context {GoText.Quote(name)}: context not found: open {path}: no such file or directory");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException)
        {
            throw Failed($"context {GoText.Quote(name)}: {e.Message}");
        }
        throw Failed($"cannot find docker endpoint in context {GoText.Quote(name)}");
    }

    private static string Normalize(string url, bool tls)
    {
        url = url.Trim();
        if (url.Length == 0)
            return tls ? "tcp://localhost:2376" : Default;
        if (!url.Contains("://", StringComparison.Ordinal))
            return "tcp://" + (url.StartsWith(':') ? "localhost" + url : url);
        return url;
    }

    private static HttpEndpoint Parse(string url, TlsSettings? tls)
    {
        int colon = url.IndexOf("://", StringComparison.Ordinal);
        string scheme = url[..colon];
        string rest = url[(colon + 3)..];
        switch (scheme)
        {
            case "unix":
                return HttpEndpoint.Unix(rest.Length == 0 ? Default[7..] : rest, UnixHost);
            case "tcp" or "http" or "https":
                int defaultPort = tls is null && scheme != "https" ? 2375 : 2376;
                (string host, int port) = HostAndPort(url, rest.TrimEnd('/'), defaultPort);
                if (scheme == "https" && tls is null)
                    tls = new TlsSettings();
                return new HttpEndpoint { Host = host, Port = port, Tls = tls is null ? null : tls with { ServerName = host } };
            case "ssh" or "npipe" or "fd":
                throw Failed($"{scheme}:// hosts are not supported by this client: {url}");
            default:
                throw Failed($"invalid bind address format: {url}");
        }
    }

    private static (string Host, int Port) HostAndPort(string url, string authority, int defaultPort)
    {
        if (authority.Contains('/'))
            throw Failed($"a path in the daemon's address is not supported: {url}");
        string host = authority;
        int port = defaultPort;
        int colon = authority.LastIndexOf(':');
        if (colon >= 0 && !authority.EndsWith(']'))
        {
            host = authority[..colon];
            if (!int.TryParse(authority.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port) || port is 0 or > 65535)
                throw Failed($"invalid bind address format: {url}");
        }
        host = host.Trim('[', ']');
        return (host.Length == 0 ? "localhost" : host, port);
    }

    // With --tls alone the daemon's certificate isn't verified, as docker has it; --tlsverify trusts the given CAs only, or where none are the system's.
    private static TlsSettings TlsOptions(CliContext context, bool verify)
    {
        GlobalOptions globals = context.Globals;
        bool given = verify && globals.TlsCaCert.Value.Length > 0;
        TlsSettings settings = new()
        {
            Trust = given ? TlsTrust.Files : verify ? TlsTrust.System : TlsTrust.Anybody,
            Authorities = given ? [globals.TlsCaCert.Value] : [],
            Certificates = globals.TlsCert.Changed || globals.TlsKey.Changed || File.Exists(globals.TlsCert.Value)
                ? [new TlsKeyPair(globals.TlsCert.Value, globals.TlsKey.Value)] : [],
        };
        try
        {
            settings.Check();
        }
        catch (IOException e)
        {
            throw Failed(e.Message);
        }
        return settings;
    }

    private static CommandException Failed(string why) => new($"Failed to initialize: unable to resolve docker endpoint: {why}");
}
