using System.Globalization;
using AotRuntime.Dockerd.Config;
using AotRuntime.Http;
using AotRuntime.Linux;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Dockerd.Host;

/// <summary>Opens what <c>-H</c> names.</summary>
internal static partial class Listeners
{
    private const int DefaultPort = 2375, DefaultTlsPort = 2376;

    /// <summary>Opens all of them, or none.</summary>
    /// <exception cref="ConfigException">An address is invalid or not to be had.</exception>
    public static IReadOnlyList<TransportListener> Open(DaemonOptions options, ILogger log)
    {
        List<TransportListener> listeners = [];
        TlsServerSettings? tls = options.Tls || options.TlsVerify ? TlsOptions(options) : null;
        foreach (string host in options.Hosts)
        {
            int scheme = host.IndexOf("://", StringComparison.Ordinal);
            string protocol = scheme < 0 ? "tcp" : host[..scheme];
            string address = scheme < 0 ? host : host[(scheme + 3)..];
            try
            {
                switch (protocol)
                {
                    case "unix":
                        listeners.Add(Unix(address.Length > 0 ? address : "/var/run/docker.sock", options, log));
                        break;
                    case "tcp":
                        listeners.Add(Tcp(address, tls, log));
                        break;
                    case "fd":
                        listeners.AddRange(SystemdSockets.Listen(address));
                        break;
                    default:
                        throw new ConfigException($"invalid bind address ({host}): unsupported proto '{protocol}'");
                }
            }
            catch (IOException e)
            {
                throw new ConfigException($"failed to load listeners: {e.Message}");
            }
        }
        if (listeners.Count == 0)
            throw new ConfigException("failed to load listeners: no sockets found via socket activation: make sure the service was started by systemd");
        return listeners;
    }

    private static TlsServerSettings TlsOptions(DaemonOptions options)
    {
        try
        {
            TlsServerSettings settings = new()
            {
                Certificate = new TlsKeyPair(options.TlsCert, options.TlsKey),
                ClientAuthority = options.TlsVerify ? options.TlsCaCert : null,
            };
            settings.Check();
            return settings;
        }
        catch (IOException e)
        {
            throw new ConfigException($"failed to load listeners: invalid TLS configuration: {e.Message}");
        }
    }

    private static TransportListener Unix(string path, DaemonOptions options, ILogger log)
    {
        uint gid = 0;
        if (options.Group.Length > 0)
        {
            if (FindGroup(options.Group) is { } found)
                gid = found;
            else if (options.GroupIsGiven)
                throw new ConfigException($"failed to load listeners: can't create unix socket {path}: unable to resolve group \"{options.Group}\": no such group");
            else
                LogNoGroup(log, path, options.Group);
        }
        if (Path.GetDirectoryName(path) is { Length: > 0 } folder)
            Directory.CreateDirectory(folder);
        return Transport.ListenUnix(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite, gid);
    }

    private static TransportListener Tcp(string address, TlsServerSettings? tls, ILogger log)
    {
        string host = address, port = "";
        int colon = address.LastIndexOf(':');
        if (colon >= 0 && !address.EndsWith(']'))
        {
            host = address[..colon];
            port = address[(colon + 1)..];
        }
        host = host.Trim('[', ']');
        int number = tls is null ? DefaultPort : DefaultTlsPort;
        if (port.Length > 0 && (!int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out number) || number > 65535))
            throw new ConfigException($"invalid bind address (tcp://{address}): invalid port \"{port}\"");
        if (host.Length == 0)
            host = "127.0.0.1";
        if (tls is { ClientAuthority: null })
            LogUnverified(log, $"tcp://{address}");
        TransportListener listener = Transport.ListenTcp(host, number);
        return tls is null ? listener : new TlsListener(listener, tls);
    }

    private static uint? FindGroup(string group)
    {
        if (uint.TryParse(group, NumberStyles.None, CultureInfo.InvariantCulture, out uint id))
            return id;
        foreach (string line in File.Exists("/etc/group") ? File.ReadLines("/etc/group") : [])
        {
            string[] fields = line.Split(':');
            if (fields.Length >= 3 && fields[0] == group && uint.TryParse(fields[2], NumberStyles.None, CultureInfo.InvariantCulture, out uint gid))
                return gid;
        }
        return null;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "could not change group {path} to {group}: group {group} not found")]
    private static partial void LogNoGroup(ILogger log, string path, string group);

    [LoggerMessage(Level = LogLevel.Warning, Message = "API is accessible on {address} without client verification (--tlsverify): whoever can reach it is root on this host")]
    private static partial void LogUnverified(ILogger log, string address);
}
