using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Commands;

namespace AotRuntime.Docker;

/// <summary>Entry of the role.</summary>
public static class DockerRole
{
    /// <summary>Runs the role and gives its exit code.</summary>
    public static int Run(string[] args)
    {
        CliContext context = new();
        try
        {
            return Dispatcher.RunAsync(CommandTree.Root(), context, args).GetAwaiter().GetResult();
        }
        catch (CommandException e)
        {
            return Fail(context, e.Message, e.ExitCode);
        }
        catch (EngineException e)
        {
            return Fail(context, e.Message, 1);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException or System.Text.Json.JsonException)
        {
            return Fail(context, e.Message, 1);
        }
    }

    private static int Fail(CliContext context, string message, int code)
    {
        try
        {
            if (message.Length > 0)
                context.Error.Write(message + "\n");
        }
        catch (CommandException)
        {
            // Nobody reads standard error any more; the exit code still tells.
            return code;
        }
        return code;
    }
}
