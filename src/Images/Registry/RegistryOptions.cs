using System.Net;
using AotRuntime.Http;

namespace AotRuntime.Images.Registry;

/// <summary>How registries are reached: dockerd's options, and limits.</summary>
public sealed record RegistryOptions
{
    /// <summary>Registries (<c>host:port</c> or <c>network/bits</c>) that may be spoken to without TLS or with an unknown certificate.</summary>
    public IReadOnlyList<string> InsecureRegistries { get; init; } = [];

    /// <summary>Mirrors of Docker Hub, as URLs, tried before it.</summary>
    public IReadOnlyList<string> Mirrors { get; init; } = [];

    /// <summary>Where certificates of registries lie, in a folder for each <c>host:port</c>.</summary>
    public string CertificateDirectory { get; init; } = "/etc/docker/certs.d";

    /// <summary>Proxies on the way to registries.</summary>
    public HttpProxyRules Proxies { get; init; } = HttpProxyRules.FromEnvironment();

    /// <summary>How long a download may stand still before it is begun again where it broke.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a registry may take to begin an answer.</summary>
    public TimeSpan ResponseTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Largest manifest or index.</summary>
    public int MaxManifestBytes { get; init; } = 4 << 20;

    /// <summary>Largest image configuration.</summary>
    public int MaxConfigBytes { get; init; } = 8 << 20;

    /// <summary>Most tags of one repository.</summary>
    public int MaxTags { get; init; } = 100_000;

    /// <summary>Largest error body or token answer.</summary>
    public int MaxErrorBytes { get; init; } = 64 << 10;

    /// <summary>Most redirects of one request.</summary>
    public int MaxRedirects { get; init; } = 10;

    /// <summary>How often a broken download goes on from where it broke.</summary>
    public int MaxDownloadAttempts { get; init; } = 5;

    /// <summary>How long to wait before the next attempt, times the attempts so far.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Sent as User-Agent.</summary>
    public string UserAgent { get; init; } = "docker/28.5.2 (linux)";

    /// <summary>Whether a registry may be insecure: it is named so, or lies on the loopback network.</summary>
    public bool IsInsecure(string hostPort)
    {
        (string host, _) = RegistryEndpoint.SplitHostPort(hostPort, 0);
        if (host == "localhost")
            return true;
        bool isAddress = IPAddress.TryParse(host, out IPAddress? address);
        if (isAddress && IPAddress.IsLoopback(address!))
            return true;
        foreach (string entry in InsecureRegistries)
        {
            string bare = entry;
            foreach (string prefix in (string[])["http://", "https://"])
            {
                if (bare.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
                    bare = bare[prefix.Length..].TrimEnd('/');
            }
            if (string.Equals(bare, hostPort, StringComparison.OrdinalIgnoreCase) || string.Equals(bare, host, StringComparison.OrdinalIgnoreCase))
                return true;
            if (isAddress && IPNetwork.TryParse(bare, out IPNetwork network) && network.Contains(address!))
                return true;
        }
        return false;
    }
}
