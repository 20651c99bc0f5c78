namespace AotRuntime.Docker.Api;

/// <summary>An error that the daemon answered.</summary>
public sealed class EngineException(int statusCode, string message) : Exception(message)
{
    /// <summary>HTTP's status.</summary>
    public int StatusCode { get; } = statusCode;

    /// <summary>Whether what was named isn't there.</summary>
    public bool IsNotFound => StatusCode == 404;
}
