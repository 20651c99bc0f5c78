namespace AotRuntime.Dockerd.Api;

/// <summary>An error for the client: a status code and Docker's text.</summary>
public sealed class ApiException(int statusCode, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>HTTP status.</summary>
    public int StatusCode { get; } = statusCode;

    /// <summary>400: the request is wrong.</summary>
    public static ApiException BadRequest(string message) => new(400, message);

    /// <summary>403: not allowed, whatever the state.</summary>
    public static ApiException Forbidden(string message) => new(403, message);

    /// <summary>404: there is no such thing.</summary>
    public static ApiException NotFound(string message) => new(404, message);

    /// <summary>409: not in this state.</summary>
    public static ApiException Conflict(string message) => new(409, message);

    /// <summary>304: nothing to do.</summary>
    public static ApiException NotModified() => new(304, "");

    /// <summary>501: not part of this daemon.</summary>
    public static ApiException NotImplemented(string message) => new(501, message);

    /// <summary>500: it went wrong.</summary>
    public static ApiException Internal(string message, Exception? inner = null) => new(500, message, inner);
}
