using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Streams;
using AotRuntime.Docker.Terminals;
using AotRuntime.Http;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary><c>docker start</c>.</summary>
public static class StartCommand
{
    /// <summary>Its place in the tree.</summary>
    public static Command Create() => new("start", "[OPTIONS] CONTAINER [CONTAINER...]", "Start stopped containers", ArgumentRule.AtLeast(1), static flags =>
    {
        Flag<bool> attach = flags.Bool("attach", 'a', "Attach output and errors, and pass signals on");
        Flag<bool> interactive = flags.Bool("interactive", 'i', "Attach standard input");
        Flag<string> keys = flags.String("detach-keys", '\0', "Keys that detach from the container");
        return (context, args) => attach.Value || interactive.Value
            ? AttachedAsync(context, args, interactive.Value, keys.Value)
            : StartAllAsync(context, args);
    })
    {
        FullNames = "docker container start, docker start",
    };

    private static async Task<int> StartAllAsync(CliContext context, string[] names)
    {
        List<string> failed = [];
        foreach (string name in names)
        {
            try
            {
                await context.Engine.PostAsync($"/containers/{Query.Segment(name)}/start").ConfigureAwait(false);
                context.Out.Write(name + "\n");
            }
            catch (EngineException e)
            {
                context.Error.Write(e.Message + "\n");
                failed.Add(name);
            }
        }
        return failed.Count == 0 ? 0 : throw new CommandException($"Error: failed to start containers: {string.Join(", ", failed)}");
    }

    private static async Task<int> AttachedAsync(CliContext context, string[] names, bool interactive, string keys)
    {
        if (names.Length > 1)
            throw new CommandException("you cannot start and attach multiple containers at once");
        string id;
        bool tty;
        bool stdin;
        bool remove;
        using (JsonDocument container = await context.Engine.GetJsonAsync($"/containers/{Query.Segment(names[0])}/json").ConfigureAwait(false))
        {
            JsonElement root = container.RootElement;
            id = root.Text("Id");
            tty = root.Member("Config").Flag("Tty");
            stdin = interactive && root.Member("Config").Flag("OpenStdin");
            remove = root.Member("HostConfig").Flag("AutoRemove");
        }
        using SignalForwarder? signals = tty ? null : SignalForwarder.Start(context, id);
        string detachKeys = keys.Length > 0 ? keys : context.Config.DetachKeys;
        TransportConnection stream = await context.Engine.HijackAsync(AttachCommand.Path(id, detachKeys, stdin, true, true)).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            HijackedSession session = new(context, stream) { Stdin = stdin, Stdout = true, Stderr = true, Tty = tty, DetachKeys = detachKeys };
            Task<SessionEnd> copying = session.RunAsync();
            Task<int> exit = await ContainerWait.StartAsync(context, id, remove ? "removed" : "next-exit").ConfigureAwait(false);
            try
            {
                await context.Engine.PostAsync($"/containers/{id}/start").ConfigureAwait(false);
            }
            catch (EngineException)
            {
                stream.Abort();
                if (remove)
                    await exit.ConfigureAwait(false);
                throw;
            }
            using WindowFollower? window = tty && Terminal.IsTerminal(1) ? WindowFollower.Start(context, $"/containers/{id}") : null;
            return await copying.ConfigureAwait(false) == SessionEnd.Detached ? 0 : await exit.ConfigureAwait(false);
        }
    }
}
