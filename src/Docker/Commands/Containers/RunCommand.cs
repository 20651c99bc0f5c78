using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Streams;
using AotRuntime.Docker.Terminals;
using AotRuntime.Http;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary><c>docker run</c>: create (pulling if need be), attach, wait, start, copy the streams, exit as the container did.</summary>
public static class RunCommand
{
    private const int DaemonError = 125;
    private const int CannotInvoke = 126;
    private const int NotFound = 127;

    /// <summary>Its place in the tree.</summary>
    public static Command Create() => new("run", "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create a container from an image and run it", ArgumentRule.AtLeast(1), static flags =>
    {
        Flag<bool> detach = flags.Bool("detach", 'd', "Run in the background and print the container's ID");
        Flag<bool> proxy = flags.Bool("sig-proxy", '\0', "Pass received signals on to the container", value: true);
        Flag<string> keys = flags.String("detach-keys", '\0', "Keys that detach from the container");
        ContainerFlags container = new(flags, "running");
        return (context, args) => RunAsync(context, container, args, detach.Value, proxy.Value, keys.Value);
    })
    {
        FullNames = "docker container run, docker run",
        CommonRank = 1,
    };

    private static async Task<int> RunAsync(CliContext context, ContainerFlags flags, string[] args, bool detach, bool proxy, string keys)
    {
        ContainerSpec spec;
        try
        {
            ContainerCreation.CheckPull(flags);
            spec = new ContainerSpec(flags, args[0], args[1..]);
        }
        catch (CommandException e)
        {
            throw WithHelp(e.Message, DaemonError);
        }
        if (detach)
        {
            if (flags.Attach.Values.Count > 0)
                throw new CommandException("conflicting options: cannot specify both --attach and --detach");
            spec.AttachStdin = spec.AttachStdout = spec.AttachStderr = false;
        }
        else
        {
            context.CheckTty(spec.AttachStdin, flags.Tty.Value);
        }

        string id;
        try
        {
            id = await ContainerCreation.CreateAsync(context, flags, spec).ConfigureAwait(false);
        }
        catch (Exception e) when (e is EngineException or CommandException { Message.Length: > 0 })
        {
            throw ToStatus(e.Message);
        }
        using SignalForwarder? signals = proxy && !detach ? SignalForwarder.Start(context, id) : null;
        bool attach = spec.AttachStdin || spec.AttachStdout || spec.AttachStderr;
        if (!attach)
        {
            // The ID first: whoever reads it may use it even if the start fails.
            context.Out.Write(id + "\n");
            await StartAsync(context, id).ConfigureAwait(false);
            return 0;
        }
        return await AttachedAsync(context, flags, spec, id, keys).ConfigureAwait(false);
    }

    private static async Task<int> AttachedAsync(CliContext context, ContainerFlags flags, ContainerSpec spec, string id, string keys)
    {
        string detachKeys = keys.Length > 0 ? keys : context.Config.DetachKeys;
        TransportConnection stream = await context.Engine.HijackAsync(
            AttachCommand.Path(id, detachKeys, spec.AttachStdin, spec.AttachStdout, spec.AttachStderr)).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            HijackedSession session = new(context, stream)
            {
                Stdin = spec.AttachStdin,
                Stdout = spec.AttachStdout,
                Stderr = spec.AttachStderr,
                Tty = flags.Tty.Value,
                DetachKeys = detachKeys,
            };
            Task<SessionEnd> copying = session.RunAsync();
            Task<int> exit = await ContainerWait.StartAsync(context, id, flags.Remove.Value ? "removed" : "next-exit").ConfigureAwait(false);
            try
            {
                await StartAsync(context, id).ConfigureAwait(false);
            }
            catch (CommandException)
            {
                stream.Abort();
                await Settle(copying).ConfigureAwait(false);
                if (flags.Remove.Value)
                    await exit.ConfigureAwait(false);
                throw;
            }
            using WindowFollower? window = flags.Tty.Value && Terminal.IsTerminal(1) ? WindowFollower.Start(context, $"/containers/{id}") : null;
            if (!spec.AttachStdout && !spec.AttachStderr)
            {
                // Nothing more will be shown, whether or not all input was read.
                await Task.WhenAny(copying, exit).ConfigureAwait(false);
                if (copying.IsCompletedSuccessfully && await copying.ConfigureAwait(false) == SessionEnd.Detached)
                    return 0;
                return await exit.ConfigureAwait(false);
            }
            return await copying.ConfigureAwait(false) == SessionEnd.Detached ? 0 : await exit.ConfigureAwait(false);
        }
    }

    private static async Task Settle(Task<SessionEnd> copying)
    {
        try
        {
            await copying.ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // It was aborted for a reason that is reported already; what counts is that the terminal is restored.
            return;
        }
    }

    private static async Task StartAsync(CliContext context, string id)
    {
        try
        {
            await context.Engine.PostAsync($"/containers/{id}/start").ConfigureAwait(false);
        }
        catch (EngineException e)
        {
            throw ToStatus(e.Message);
        }
    }

    /// <summary>The exit code by what the daemon said: 127 for a program that isn't there, 126 for one that can't be run, else 125.</summary>
    private static CommandException ToStatus(string message)
    {
        int code = DaemonError;
        if (message.Contains("executable file not found") || message.Contains("no such file or directory") || message.Contains("system cannot find the file specified"))
            code = NotFound;
        else if (message.Contains("permission denied") || message.Contains("is a directory"))
            code = CannotInvoke;
        return WithHelp(message, code);
    }

    private static CommandException WithHelp(string message, int code) =>
        new($"docker: {message}\n\nRun 'docker run --help' for more information", code);
}
