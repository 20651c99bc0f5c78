using AotRuntime.Http;

namespace AotRuntime.Images.Registry;

/// <summary>Connections to registries, token servers and wherever they redirect to: one pooled client for each place.</summary>
internal sealed class RegistryTransport(RegistryOptions options) : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, HttpClient> _clients = [];

    /// <summary>Sends to an endpoint.</summary>
    /// <exception cref="RegistryException">No connection.</exception>
    public ValueTask<HttpResponse> SendAsync(RegistryEndpoint endpoint, HttpRequest request, CancellationToken cancellationToken) =>
        SendAsync(ClientFor(endpoint), $"{(endpoint.Tls ? "https" : "http")}://{endpoint.Authority}", request, cancellationToken);

    /// <summary>Sends to the host of a URL.</summary>
    /// <exception cref="RegistryException">No connection.</exception>
    public ValueTask<HttpResponse> SendAsync(Uri url, HttpRequest request, CancellationToken cancellationToken) =>
        SendAsync(EndpointOf(url), request, cancellationToken);

    /// <summary>The endpoint that a URL names.</summary>
    public RegistryEndpoint EndpointOf(Uri url) => new()
    {
        Host = url.Host.Trim('[', ']'),
        Port = url.Port,
        Tls = url.Scheme == "https",
        SkipVerify = url.Scheme == "https" && options.IsInsecure(url.Authority),
    };

    private static async ValueTask<HttpResponse> SendAsync(HttpClient client, string origin, HttpRequest request, CancellationToken cancellationToken)
    {
        try
        {
            return await client.SendAsync(request, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or System.Net.Sockets.SocketException)
        {
            throw new RegistryException($"Get \"{origin}{Shown(request)}\": {error.Message}", RegistryFailure.Unreachable, error);
        }
    }

    // A token server's query may hold more than a log should show.
    private static string Shown(HttpRequest request) => request.Target.Split('?')[0];

    private HttpClient ClientFor(RegistryEndpoint endpoint)
    {
        string key = $"{endpoint.Tls} {endpoint.SkipVerify} {endpoint.Authority}";
        lock (_gate)
        {
            if (_clients.TryGetValue(key, out HttpClient? client))
                return client;
            TlsSettings? tls = endpoint.Tls ? RegistryTls.SettingsFor(endpoint, options.CertificateDirectory) : null;
            HttpProxy? proxy = options.Proxies.For(endpoint.Host, endpoint.Port, endpoint.Tls);
            client = new HttpClient(
                new HttpEndpoint { Host = endpoint.Host, Port = endpoint.Port, Tls = tls, Proxy = proxy },
                new HttpClientOptions { BodyTimeout = options.StallTimeout, ResponseTimeout = options.ResponseTimeout });
            _clients.Add(key, client);
            return client;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        List<HttpClient> clients;
        lock (_gate)
        {
            clients = [.. _clients.Values];
            _clients.Clear();
        }
        foreach (HttpClient client in clients)
            await client.DisposeAsync().ConfigureAwait(false);
    }
}
