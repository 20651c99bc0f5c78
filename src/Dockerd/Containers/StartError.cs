using AotRuntime.Dockerd.Api;

namespace AotRuntime.Dockerd.Containers;

/// <summary>What a runtime's refusal to start means to clients: exit codes 126 and 127, and the status code.</summary>
internal static class StartError
{
    /// <summary>Nothing better known.</summary>
    public const int Unknown = 128;

    private const int NotExecutable = 126;
    private const int NotFound = 127;

    /// <summary>Reads the runtime's message as dockerd does (the client looks for the same words).</summary>
    public static (int ExitCode, ApiException Error) Translate(string message, Exception inner)
    {
        if (Contains("permission denied"))
            return (NotExecutable, new ApiException(400, message, inner));
        if (Contains("is a directory"))
            return (NotExecutable, new ApiException(400, message + ": permission denied", inner));
        if (Contains("not a directory"))
        {
            return (NotFound, new ApiException(400,
                message + ": Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type", inner));
        }
        if (Contains("executable file not found") || Contains("no such file or directory") || Contains("system cannot find the file specified")
            || Contains("failed to run runc create/exec call"))
        {
            return (NotFound, new ApiException(400, message, inner));
        }
        return (Unknown, new ApiException(500, message, inner));

        bool Contains(string text) => message.Contains(text, StringComparison.OrdinalIgnoreCase);
    }
}
