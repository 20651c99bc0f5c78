namespace AotRuntime.Docker.CommandLine;

/// <summary>An error that ends the command: what goes to standard error (nothing where empty) and the exit code.</summary>
public sealed class CommandException(string message, int exitCode = 1) : Exception(message)
{
    /// <summary>The process's exit code.</summary>
    public int ExitCode { get; } = exitCode;
}
