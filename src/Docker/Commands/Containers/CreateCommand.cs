using AotRuntime.Docker.CommandLine;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary><c>docker create</c>.</summary>
public static class CreateCommand
{
    private const int DaemonError = 125;

    /// <summary>Its place in the tree.</summary>
    public static Command Create() => new("create", "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create a container", ArgumentRule.AtLeast(1), static flags =>
    {
        ContainerFlags container = new(flags, "creating");
        return (context, args) => RunAsync(context, container, args);
    })
    {
        FullNames = "docker container create, docker create",
    };

    private static async Task<int> RunAsync(CliContext context, ContainerFlags flags, string[] args)
    {
        ContainerSpec spec;
        try
        {
            ContainerCreation.CheckPull(flags);
            spec = new ContainerSpec(flags, args[0], args[1..]);
        }
        catch (CommandException e)
        {
            throw new CommandException($"docker: {e.Message}\n\nRun 'docker create --help' for more information", DaemonError);
        }
        string id = await ContainerCreation.CreateAsync(context, flags, spec).ConfigureAwait(false);
        context.Out.Write(id + "\n");
        return 0;
    }
}
