using AotRuntime.EngineApi;
using AotRuntime.Http;
using AotRuntime.Rpc;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Dockerd.Api;

/// <summary>The Engine API: finds the route, negotiates the version, turns exceptions into Docker's errors.</summary>
internal sealed partial class ApiServer(Router router, ILogger log)
{
    /// <summary>The daemon's version, as clients see it.</summary>
    public const string ServerVersion = "28.5.2";

    /// <summary>Answers one exchange.</summary>
    public ValueTask HandleAsync(HttpExchange exchange)
    {
        HttpHeaders headers = exchange.ResponseHeaders;
        headers.Add("Api-Version", ApiVersions.Current);
        headers.Add("Docker-Experimental", "false");
        headers.Add("Ostype", "linux");
        headers.Add("Server", $"Docker/{ServerVersion} (linux)");
        if (exchange.Path != "/_ping" || exchange.Method is not ("GET" or "HEAD"))
            return RouteAsync(exchange);
        LogCall(log, exchange.Method, exchange.Path);
        SystemRoutes.Ping(exchange);
        return ValueTask.CompletedTask;
    }

    private async ValueTask RouteAsync(HttpExchange exchange)
    {
        // A handler may block, and here is the thread that waits for other connections, too.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        Dictionary<string, string> parameters = [];
        ApiRequest request = new(exchange, ApiVersions.Current, parameters);
        try
        {
            (string? version, string path) = SplitVersion(exchange.Path);
            if (version is not null)
            {
                request = new ApiRequest(exchange, version, parameters);
                if (ApiVersions.Compare(version, ApiVersions.Minimum) < 0)
                {
                    throw ApiException.BadRequest($"client version {version} is too old. Minimum supported API version is {ApiVersions.Minimum}, please upgrade your client to a newer version");
                }
                if (ApiVersions.Compare(version, ApiVersions.Current) > 0)
                    throw ApiException.BadRequest($"client version {version} is too new. Maximum supported API version is {ApiVersions.Current}");
            }
            ApiHandler handler = router.Find(exchange.Method, path, parameters) ?? throw ApiException.NotFound("page not found");
            LogCall(log, exchange.Method, exchange.Path);
            await handler(request).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (exchange.Aborted.IsCancellationRequested || exchange.HasStarted)
        {
            return; // nobody is left to answer to
        }
        catch (Exception e) when (!exchange.HasStarted)
        {
            (int status, string message) = Translate(e);
            if (status >= 500)
                LogError(log, exchange.Method, exchange.Path, e);
            await WriteErrorAsync(request, status, message).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            LogBroken(log, exchange.Method, exchange.Path, e);
        }
    }

    private static (int Status, string Message) Translate(Exception error) => error switch
    {
        ApiException api => (api.StatusCode, api.Message),
        AotRuntime.Http.HttpProtocolException http => (400, http.Message),
        RpcException { Status: RpcStatus.Unavailable } rpc => (503, $"containerd is not available: {rpc.Message}"),
        RpcException { Status: RpcStatus.NotFound } rpc => (404, rpc.Message),
        FormatException format => (400, format.Message),
        _ => (500, error.Message),
    };

    private static ValueTask WriteErrorAsync(ApiRequest request, int status, string message)
    {
        if (status is 304 or 204)
            return request.WriteEmptyAsync(status);
        return request.WriteJsonAsync(new ErrorResponse { Message = message }, EngineJson.Types.ErrorResponse, status);
    }

    /// <summary><c>/v1.41/containers/json</c> gives 1.41 and <c>/containers/json</c>.</summary>
    private static (string? Version, string Path) SplitVersion(string path)
    {
        if (path.Length < 3 || path[1] != 'v' || !char.IsAsciiDigit(path[2]))
            return (null, path);
        int slash = path.IndexOf('/', 1);
        string version = slash < 0 ? path[2..] : path[2..slash];
        return version.All(c => char.IsAsciiDigit(c) || c == '.') ? (version, slash < 0 ? "/" : path[slash..]) : (null, path);
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Calling {method} {path}")]
    private static partial void LogCall(ILogger log, string method, string path);

    [LoggerMessage(Level = LogLevel.Error, Message = "Handler for {method} {path} returned an error")]
    private static partial void LogError(ILogger log, string method, string path, Exception error);

    [LoggerMessage(Level = LogLevel.Debug, Message = "the answer to {method} {path} broke off")]
    private static partial void LogBroken(ILogger log, string method, string path, Exception error);
}
