using System.Globalization;

namespace AotRuntime.Images.Registry;

/// <summary>One place to ask for an image.</summary>
public sealed record RegistryEndpoint
{
    private const string DockerHub = "docker.io";
    private const string DockerHubHost = "registry-1.docker.io";

    /// <summary>Host name or address, without brackets.</summary>
    public required string Host { get; init; }

    /// <summary>Port.</summary>
    public required int Port { get; init; }

    /// <summary>Whether to speak TLS.</summary>
    public required bool Tls { get; init; }

    /// <summary>Whether any certificate will do.</summary>
    public bool SkipVerify { get; init; }

    /// <summary>Whether this mirrors another registry: any failure leads on to the next endpoint.</summary>
    public bool IsMirror { get; init; }

    /// <summary>A path in front of <c>/v2/</c>; empty for most.</summary>
    public string PathPrefix { get; init; } = "";

    /// <summary><c>host:port</c>, the port left out where it is the scheme's.</summary>
    public string Authority
    {
        get
        {
            string host = Host.Contains(':') ? $"[{Host}]" : Host;
            return Port == (Tls ? 443 : 80) ? host : $"{host}:{Port.ToString(CultureInfo.InvariantCulture)}";
        }
    }

    /// <summary>The endpoint as a URL.</summary>
    public string Url => $"{(Tls ? "https" : "http")}://{Authority}{PathPrefix}";

    /// <summary>
    /// Where images of <paramref name="domain"/> are to be had, in the order to try: Docker Hub's mirrors, the registry by TLS, and without it
    /// where the registry may be insecure.
    /// </summary>
    public static List<RegistryEndpoint> For(string domain, RegistryOptions options)
    {
        List<RegistryEndpoint> endpoints = [];
        if (domain == DockerHub)
        {
            foreach (string mirror in options.Mirrors)
            {
                if (FromMirror(mirror, options) is { } endpoint)
                    endpoints.Add(endpoint);
            }
            endpoints.Add(new RegistryEndpoint { Host = DockerHubHost, Port = 443, Tls = true });
            return endpoints;
        }
        bool insecure = options.IsInsecure(domain);
        (string host, int port) = SplitHostPort(domain, 443);
        endpoints.Add(new RegistryEndpoint { Host = host, Port = port, Tls = true, SkipVerify = insecure });
        if (insecure)
        {
            (host, port) = SplitHostPort(domain, 80);
            endpoints.Add(new RegistryEndpoint { Host = host, Port = port, Tls = false });
        }
        return endpoints;
    }

    /// <summary>Splits <c>host[:port]</c>, with IPv6 in brackets.</summary>
    public static (string Host, int Port) SplitHostPort(string text, int defaultPort)
    {
        int colon = text.LastIndexOf(':');
        if (colon < 0 || text.EndsWith(']') || !int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port))
            return (text.Trim('[', ']'), defaultPort);
        return (text[..colon].Trim('[', ']'), port);
    }

    private static RegistryEndpoint? FromMirror(string mirror, RegistryOptions options)
    {
        if (!Uri.TryCreate(mirror, UriKind.Absolute, out Uri? url) || url.Scheme is not ("http" or "https"))
            return null;
        return new RegistryEndpoint
        {
            Host = url.Host.Trim('[', ']'),
            Port = url.Port,
            Tls = url.Scheme == "https",
            SkipVerify = url.Scheme == "https" && options.IsInsecure(url.Authority),
            IsMirror = true,
            PathPrefix = url.AbsolutePath.TrimEnd('/'),
        };
    }
}
