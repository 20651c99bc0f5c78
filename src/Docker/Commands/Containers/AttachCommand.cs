using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Streams;
using AotRuntime.Docker.Terminals;
using AotRuntime.Http;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary><c>docker attach</c>.</summary>
public static class AttachCommand
{
    /// <summary>Its place in the tree.</summary>
    public static Command Create() => new("attach", "[OPTIONS] CONTAINER", "Attach standard input, output and error to a running container", ArgumentRule.Exactly(1), static flags =>
    {
        Flag<bool> noStdin = flags.Bool("no-stdin", '\0', "Do not attach standard input");
        Flag<bool> proxy = flags.Bool("sig-proxy", '\0', "Pass received signals on to the container", value: true);
        Flag<string> keys = flags.String("detach-keys", '\0', "Keys that detach from the container");
        return (context, args) => RunAsync(context, args[0], !noStdin.Value, proxy.Value, keys.Value);
    })
    {
        FullNames = "docker container attach, docker attach",
    };

    /// <summary>The request that attaches.</summary>
    public static string Path(string container, string keys, bool stdin, bool stdout, bool stderr) =>
        new Query($"/containers/{Query.Segment(container)}/attach")
            .AddUnlessEmpty("detachKeys", keys)
            .AddIf("stderr", stderr)
            .AddIf("stdin", stdin)
            .AddIf("stdout", stdout)
            .AddIf("stream", true)
            .ToString();

    private static async Task<int> RunAsync(CliContext context, string name, bool stdin, bool proxy, string keys)
    {
        bool tty;
        bool open;
        using (JsonDocument container = await InspectAsync(context, name).ConfigureAwait(false))
        {
            JsonElement config = container.RootElement.Member("Config");
            tty = config.Flag("Tty");
            open = config.Flag("OpenStdin");
        }
        context.CheckTty(stdin, tty);
        Task<int> exit = await ContainerWait.StartAsync(context, name, "").ConfigureAwait(false);
        string detachKeys = keys.Length > 0 ? keys : context.Config.DetachKeys;
        using SignalForwarder? signals = proxy && !tty ? SignalForwarder.Start(context, Query.Segment(name)) : null;
        TransportConnection stream = await context.Engine.HijackAsync(Path(name, detachKeys, stdin && open, true, true)).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            // It may have ended between the look and the attach; then nothing would ever come.
            (await InspectAsync(context, name).ConfigureAwait(false)).Dispose();
            WindowFollower? window = null;
            if (tty && Terminal.IsTerminal(1))
            {
                // A program draws its screen anew when its window changes: so the prompt shows again for whoever attaches later.
                string target = $"/containers/{Query.Segment(name)}";
                await WindowFollower.ResizeAsync(context, target, extra: 1).ConfigureAwait(false);
                window = WindowFollower.Start(context, target);
            }
            using (window)
            {
                HijackedSession session = new(context, stream) { Stdin = stdin && open, Stdout = true, Stderr = true, Tty = tty, DetachKeys = detachKeys };
                if (await session.RunAsync().ConfigureAwait(false) == SessionEnd.Detached)
                    throw new CommandException("read escape sequence");
            }
        }
        return await exit.ConfigureAwait(false);
    }

    private static async Task<JsonDocument> InspectAsync(CliContext context, string name)
    {
        JsonDocument container = await context.Engine.GetJsonAsync($"/containers/{Query.Segment(name)}/json").ConfigureAwait(false);
        JsonElement state = container.RootElement.Member("State");
        if (!state.Flag("Running"))
            throw new CommandException("You cannot attach to a stopped container, start it first");
        if (state.Flag("Paused"))
            throw new CommandException("You cannot attach to a paused container, unpause it first");
        if (state.Flag("Restarting"))
            throw new CommandException("You cannot attach to a restarting container, wait until it is running");
        return container;
    }
}
