using System.Net;
using System.Text;

namespace AotRuntime.Http;

/// <summary>A proxy that requests go through.</summary>
/// <param name="Host">Its host.</param>
/// <param name="Port">Its port.</param>
/// <param name="Tls">Whether the proxy itself speaks TLS.</param>
/// <param name="Authorization">The value of Proxy-Authorization; null for none.</param>
public sealed record HttpProxy(string Host, int Port, bool Tls = false, string? Authorization = null)
{
    /// <summary>Reads <c>http://user:password@host:port</c>; the scheme may be missing. Null where it is no such address.</summary>
    public static HttpProxy? Parse(string text)
    {
        if (!text.Contains("://", StringComparison.Ordinal))
            text = $"http://{text}";
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? url) || url.Scheme is not ("http" or "https") || url.Host.Length == 0)
            return null;
        string? authorization = url.UserInfo.Length == 0
            ? null : $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes(Uri.UnescapeDataString(url.UserInfo)))}";
        return new HttpProxy(url.Host.Trim('[', ']'), url.Port, url.Scheme == "https", authorization);
    }
}

/// <summary>Which proxy a request goes through, by the variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY, as Go's programs read them.</summary>
public sealed class HttpProxyRules
{
    private readonly HttpProxy? _http;
    private readonly HttpProxy? _https;
    private readonly string[] _direct;

    /// <summary>Rules from the values of the three variables; null or empty for those that are not set.</summary>
    public HttpProxyRules(string? http, string? https, string? none)
    {
        _http = string.IsNullOrEmpty(http) ? null : HttpProxy.Parse(http);
        _https = string.IsNullOrEmpty(https) ? null : HttpProxy.Parse(https);
        _direct = (none ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>The rules of this process's environment.</summary>
    public static HttpProxyRules FromEnvironment() => new(
        // A CGI program's HTTP_PROXY is its client's "Proxy" field (CVE-2016-5386).
        Environment.GetEnvironmentVariable("REQUEST_METHOD") is null ? Variable("HTTP_PROXY") : null, Variable("HTTPS_PROXY"), Variable("NO_PROXY"));

    /// <summary>The proxy for a host and port; null where it is to be reached directly.</summary>
    public HttpProxy? For(string host, int port, bool tls)
    {
        HttpProxy? proxy = tls ? _https : _http;
        return proxy is null || IsDirect(host.TrimEnd('.').ToLowerInvariant(), port) ? null : proxy;
    }

    private bool IsDirect(string host, int port)
    {
        IPAddress? address = IPAddress.TryParse(host, out IPAddress? parsed) ? parsed : null;
        // Go's golang.org/x/net/http/httpproxy: "localhost" and loopback addresses never go through a proxy.
        if (host == "localhost" || (address is not null && IPAddress.IsLoopback(address)))
            return true;
        foreach (string rule in _direct)
        {
            if (Matches(rule.ToLowerInvariant(), host, address, port))
                return true;
        }
        return false;
    }

    private static bool Matches(string rule, string host, IPAddress? address, int port)
    {
        if (rule == "*")
            return true;
        if (rule.Contains('/'))
            return address is not null && IPNetwork.TryParse(rule, out IPNetwork network) && network.Contains(address);
        if (rule.LastIndexOf(':') is > 0 and int colon && (rule[0] == '[' ? rule[colon - 1] == ']' : rule.IndexOf(':') == colon))
        {
            if (!int.TryParse(rule[(colon + 1)..], out int only) || only != port)
                return false;
            rule = rule[..colon];
        }
        rule = rule.Trim('[', ']');
        if (address is not null)
            return IPAddress.TryParse(rule, out IPAddress? ruled) && ruled.Equals(address);
        // "example.com" means the domain and all below it; ".example.com" and "*.example.com" only what is below.
        bool below = rule.StartsWith('.') || rule.StartsWith("*.", StringComparison.Ordinal);
        string domain = below ? rule[rule.IndexOf('.')..] : $".{rule}";
        return (!below && host == rule) || host.EndsWith(domain, StringComparison.Ordinal);
    }

    private static string? Variable(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : Environment.GetEnvironmentVariable(name.ToLowerInvariant());
}
