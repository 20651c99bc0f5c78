using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Http;
using AotRuntime.Linux;

namespace AotRuntime.Docker.Api;

/// <summary>
/// The Engine API. There is no ping before the first request: each is sent in the newest version that this client speaks, and a daemon that
/// doesn't answers so before it acts (its <c>Api-Version</c> is lower); then the request goes again, in the daemon's version.
/// </summary>
public sealed class EngineClient
{
    private const int LargestErrorBody = 1024 * 1024;
    private const string LowestVersion = "1.24";

    private readonly HttpClient _http;
    private readonly EngineHost _host;
    private readonly CliContext _context;
    private readonly bool _fixedVersion;

    private EngineClient(CliContext context, EngineHost host)
    {
        _context = context;
        _host = host;
        _http = new HttpClient(host.Endpoint);
        string? told = Environment.GetEnvironmentVariable("DOCKER_API_VERSION");
        _fixedVersion = told is { Length: > 0 };
        Version = _fixedVersion ? told!.TrimStart('v') : Product.ApiVersion;
    }

    /// <summary>The API version in use: the client's own until the daemon has asked for less.</summary>
    public string Version { get; private set; }

    /// <summary>The daemon's address.</summary>
    public string Host => _host.Url;

    /// <summary>A client of the daemon that <paramref name="context"/> tells.</summary>
    public static EngineClient Create(CliContext context) => new(context, EngineHost.Resolve(context));

    /// <summary>GETs a JSON document.</summary>
    public async Task<JsonDocument> GetJsonAsync(string path) => Parse(await ReadAsync("GET", path).ConfigureAwait(false));

    /// <summary>GETs text as it is.</summary>
    public async Task<string> GetTextAsync(string path) => Encoding.UTF8.GetString(await ReadAsync("GET", path).ConfigureAwait(false));

    /// <summary>POSTs and drops the answer.</summary>
    public async Task PostAsync(string path, byte[]? body = null) => await ReadAsync("POST", path, body).ConfigureAwait(false);

    /// <summary>POSTs and reads a JSON document.</summary>
    public async Task<JsonDocument> PostJsonAsync(string path, byte[]? body = null, HttpHeaders? headers = null) =>
        Parse(await ReadAsync("POST", path, body, headers).ConfigureAwait(false));

    /// <summary>DELETEs; gives the answer's text.</summary>
    public async Task<byte[]> DeleteAsync(string path) => await ReadAsync("DELETE", path).ConfigureAwait(false);

    /// <summary>Sends and gives the response, whose body may stream.</summary>
    /// <exception cref="EngineException">The daemon refused.</exception>
    /// <exception cref="CommandException">There is no daemon.</exception>
    public async Task<HttpResponse> OpenAsync(string method, string path, byte[]? body = null, HttpHeaders? headers = null, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            HttpResponse response;
            try
            {
                response = await _http.SendAsync(Request(method, path, body, headers), cancellationToken).ConfigureAwait(false);
            }
            catch (IOException e)
            {
                throw Unreachable(e);
            }
            if (response.StatusCode < 400)
                return response;
            if (!await RetriesAsync(response).ConfigureAwait(false))
                throw await ErrorAsync(response, method, path).ConfigureAwait(false);
        }
    }

    /// <summary>Sends and takes the connection over.</summary>
    /// <exception cref="EngineException">The daemon refused.</exception>
    public async Task<TransportConnection> HijackAsync(string path, byte[]? body = null)
    {
        while (true)
        {
            HttpResponse response;
            TransportConnection? stream;
            try
            {
                (response, stream) = await _http.UpgradeAsync(Request("POST", path, body, null)).ConfigureAwait(false);
            }
            catch (IOException e)
            {
                throw Unreachable(e);
            }
            if (stream is not null)
                return stream;
            if (!await RetriesAsync(response).ConfigureAwait(false))
                throw await ErrorAsync(response, "POST", path).ConfigureAwait(false);
        }
    }

    private HttpRequest Request(string method, string path, byte[]? body, HttpHeaders? headers)
    {
        HttpHeaders fields = new();
        foreach ((string name, string value) in _context.Config.HttpHeaders)
            fields[name] = value;
        fields["User-Agent"] = $"Docker-Client/{Product.Version} (linux)";
        if (headers is not null)
        {
            foreach ((string name, string value) in headers)
                fields[name] = value;
        }
        bool sendsBody = body is not null || method is "POST" or "PUT";
        if (body is not null && fields["Content-Type"] is null)
            fields["Content-Type"] = "application/json";
        return new HttpRequest
        {
            Method = method,
            Target = $"/v{Version}{path}",
            Headers = fields,
            ContentLength = sendsBody ? body?.Length ?? 0 : null,
            Body = body is null ? null : async (writer, cancellationToken) => await writer.WriteAsync(body, cancellationToken).ConfigureAwait(false),
        };
    }

    // A daemon that is too old says 400 and its version, before it has looked at the request.
    private async ValueTask<bool> RetriesAsync(HttpResponse response)
    {
        if (_fixedVersion || response.StatusCode != 400 || response.Headers["Api-Version"] is not { } theirs
            || Compare(theirs, Version) >= 0 || Compare(theirs, LowestVersion) < 0)
        {
            return false;
        }
        await DrainAsync(response.Body).ConfigureAwait(false);
        await response.DisposeAsync().ConfigureAwait(false);
        Version = theirs;
        return true;
    }

    /// <summary>Compares versions by number: 1.9 is less than 1.10.</summary>
    public static int Compare(string a, string b)
    {
        ReadOnlySpan<string> left = a.Split('.');
        ReadOnlySpan<string> right = b.Split('.');
        for (int i = 0; i < Math.Max(left.Length, right.Length); i++)
        {
            _ = int.TryParse(i < left.Length ? left[i] : "0", out int x);
            _ = int.TryParse(i < right.Length ? right[i] : "0", out int y);
            if (x != y)
                return x.CompareTo(y);
        }
        return 0;
    }

    private async Task<byte[]> ReadAsync(string method, string path, byte[]? body = null, HttpHeaders? headers = null)
    {
        HttpResponse response = await OpenAsync(method, path, body, headers).ConfigureAwait(false);
        await using (response.ConfigureAwait(false))
            return await ReadAllAsync(response.Body, int.MaxValue).ConfigureAwait(false);
    }

    private static async Task<byte[]> ReadAllAsync(PipeReader reader, int most)
    {
        while (true)
        {
            ReadResult result = await reader.ReadAsync().ConfigureAwait(false);
            if (result.IsCompleted || result.Buffer.Length >= most)
            {
                byte[] bytes = result.Buffer.Slice(0, Math.Min(most, result.Buffer.Length)).ToArray();
                reader.AdvanceTo(result.Buffer.End);
                return bytes;
            }
            reader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }

    private static async Task DrainAsync(PipeReader reader)
    {
        while (true)
        {
            ReadResult result = await reader.ReadAsync().ConfigureAwait(false);
            reader.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
                return;
        }
    }

    private async Task<EngineException> ErrorAsync(HttpResponse response, string method, string path)
    {
        byte[] body;
        await using (response.ConfigureAwait(false))
            body = method == "HEAD" ? [] : await ReadAllAsync(response.Body, LargestErrorBody).ConfigureAwait(false);
        int status = response.StatusCode;
        string text = Encoding.UTF8.GetString(body).Trim();
        if (text.Length == 0)
        {
            string url = $"{(_host.Endpoint.UnixPath is null ? _host.Url.Replace("tcp://", "http://") : $"http://{Uri.EscapeDataString(_host.Endpoint.UnixPath)}")}/v{Version}{path}";
            return new EngineException(status, $"request returned {status} for API route and version {url}, check if the server supports the requested API version");
        }
        if (response.Headers["Content-Type"] is { } type && type.StartsWith("application/json", StringComparison.OrdinalIgnoreCase))
        {
            try
            {
                using JsonDocument document = JsonDocument.Parse(body);
                string message = document.RootElement.Text("message");
                text = message.Length > 0 ? message.Trim() : $"API returned a {status} but provided no error-message";
            }
            catch (JsonException e)
            {
                text = $"Error reading JSON: {e.Message}";
            }
        }
        return new EngineException(status, $"Error response from daemon: {text}");
    }

    private CommandException Unreachable(IOException e)
    {
        if (e is LinuxException { Errno: Errno.EACCES or Errno.EPERM })
            return new CommandException($"permission denied while trying to connect to the Docker daemon socket at {_host.Url}: {e.Message}");
        if (e is LinuxException or { InnerException: System.Net.Sockets.SocketException })
            return new CommandException($"Cannot connect to the Docker daemon at {_host.Url}. Is the docker daemon running?");
        return new CommandException($"error during connect: {e.Message}");
    }

    private static JsonDocument Parse(byte[] bytes)
    {
        try
        {
            return JsonDocument.Parse(bytes.Length == 0 ? "null"u8.ToArray() : bytes);
        }
        catch (JsonException e)
        {
            throw new CommandException($"the daemon's answer is not JSON: {e.Message}");
        }
    }
}
