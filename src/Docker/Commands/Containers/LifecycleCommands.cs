using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary><c>docker stop, restart, kill, pause, unpause, rm, wait, rename</c>: one request per container.</summary>
public static class LifecycleCommands
{
    /// <summary><c>docker stop</c>.</summary>
    public static Command Stop() => StopLike("stop", "Stop running containers");

    /// <summary><c>docker restart</c>.</summary>
    public static Command Restart() => StopLike("restart", "Restart containers");

    private static Command StopLike(string name, string summary) => new(name, "[OPTIONS] CONTAINER [CONTAINER...]", summary, ArgumentRule.AtLeast(1), flags =>
    {
        Flag<string> signal = flags.String("signal", 's', "Signal that asks the container to stop");
        Flag<long> timeout = flags.Int("timeout", 't', "Seconds to wait before the container is killed");
        Flag<long> time = flags.Int("time", '\0', "Seconds to wait before the container is killed", deprecated: "use --timeout instead");
        return (context, args) =>
        {
            if (timeout.Changed && time.Changed)
                throw new CommandException("conflicting options: cannot specify both --timeout and --time");
            return EachNamed.RunAsync(context, args, container =>
            {
                Query query = new Query($"/containers/{Query.Segment(container)}/{name}").AddUnlessEmpty("signal", signal.Value);
                if (timeout.Changed || time.Changed)
                    query.Add("t", timeout.Changed ? timeout.Value : time.Value);
                return context.Engine.PostAsync(query.ToString());
            });
        };
    })
    {
        FullNames = $"docker container {name}, docker {name}",
    };

    /// <summary><c>docker kill</c>.</summary>
    public static Command Kill() => new("kill", "[OPTIONS] CONTAINER [CONTAINER...]", "Kill running containers", ArgumentRule.AtLeast(1), static flags =>
    {
        Flag<string> signal = flags.String("signal", 's', "Signal to send");
        return (context, args) => EachNamed.RunAsync(context, args, container =>
            context.Engine.PostAsync(new Query($"/containers/{Query.Segment(container)}/kill").AddUnlessEmpty("signal", signal.Value).ToString()));
    })
    {
        FullNames = "docker container kill, docker kill",
    };

    /// <summary><c>docker pause</c>.</summary>
    public static Command Pause() => Plain("pause", "CONTAINER [CONTAINER...]", "Pause all processes of containers");

    /// <summary><c>docker unpause</c>.</summary>
    public static Command Unpause() => Plain("unpause", "CONTAINER [CONTAINER...]", "Let all processes of containers go on");

    private static Command Plain(string name, string arguments, string summary) => new(name, arguments, summary, ArgumentRule.AtLeast(1), _ =>
        (context, args) => EachNamed.RunAsync(context, args, container => context.Engine.PostAsync($"/containers/{Query.Segment(container)}/{name}")))
    {
        FullNames = $"docker container {name}, docker {name}",
    };

    /// <summary><c>docker rm</c>.</summary>
    public static Command Remove() => new("rm", "[OPTIONS] CONTAINER [CONTAINER...]", "Remove containers", ArgumentRule.AtLeast(1), static flags =>
    {
        Flag<bool> force = flags.Bool("force", 'f', "Remove a container that runs, too (by SIGKILL)");
        Flag<bool> link = flags.Bool("link", 'l', "Remove the link, not a container");
        Flag<bool> volumes = flags.Bool("volumes", 'v', "Remove the container's anonymous volumes");
        return (context, args) => EachNamed.RunAsync(context, args, container =>
        {
            string name = container.Trim('/');
            if (name.Length == 0)
                throw new CommandException("container name cannot be empty");
            return context.Engine.DeleteAsync(new Query($"/containers/{Query.Segment(name)}")
                .AddIf("force", force.Value).AddIf("link", link.Value).AddIf("v", volumes.Value).ToString());
        }, e => force.Value && e.IsNotFound);
    })
    {
        FullNames = "docker container rm, docker container remove, docker rm",
    };

    /// <summary><c>docker wait</c>.</summary>
    public static Command Wait() => new("wait", "CONTAINER [CONTAINER...]", "Wait until containers stop, then print their exit codes", ArgumentRule.AtLeast(1), static _ => WaitAsync)
    {
        FullNames = "docker container wait, docker wait",
    };

    private static async Task<int> WaitAsync(CliContext context, string[] names)
    {
        List<string> errors = [];
        foreach (string name in names)
        {
            try
            {
                using JsonDocument answer = await context.Engine.PostJsonAsync($"/containers/{Query.Segment(name)}/wait").ConfigureAwait(false);
                context.Out.Write($"{answer.RootElement.Number("StatusCode")}\n");
            }
            catch (EngineException e)
            {
                errors.Add(e.Message);
            }
        }
        return errors.Count == 0 ? 0 : throw new CommandException(string.Join('\n', errors));
    }

    /// <summary><c>docker rename</c>.</summary>
    public static Command Rename() => new("rename", "CONTAINER NEW_NAME", "Rename a container", ArgumentRule.Exactly(2), static _ => async (context, args) =>
    {
        string before = args[0].Trim();
        string after = args[1].Trim();
        if (before.Length == 0 || after.Length == 0)
            throw new CommandException("Error: Neither old nor new names may be empty");
        try
        {
            await context.Engine.PostAsync(new Query($"/containers/{Query.Segment(before)}/rename").Add("name", after).ToString()).ConfigureAwait(false);
            return 0;
        }
        catch (EngineException e)
        {
            throw new CommandException($"{e.Message}\nError: failed to rename container named {before}");
        }
    })
    {
        FullNames = "docker container rename, docker rename",
    };

    /// <summary><c>docker container prune</c>.</summary>
    public static Command Prune() => new("prune", "[OPTIONS]", "Remove all stopped containers", ArgumentRule.None, static flags =>
    {
        ListFlag filter = flags.List("filter", '\0', "Remove only what matches (\"until=<timestamp>\", say)", FlagValues.Filter, "filter");
        Flag<bool> force = flags.Bool("force", 'f', "Do not ask");
        return async (context, _) =>
        {
            if (!force.Value)
                Confirmation.Ask(context, "WARNING! This will remove all stopped containers.");
            using JsonDocument answer = await context.Engine.PostJsonAsync(new Query("/containers/prune").AddFilters(filter.Values).ToString()).ConfigureAwait(false);
            PruneReport.Print(context, "Deleted Containers:", answer.RootElement.Texts("ContainersDeleted"), answer.RootElement.Number("SpaceReclaimed"));
            return 0;
        };
    });

    /// <summary><c>docker diff</c>.</summary>
    public static Command Diff() => new("diff", "CONTAINER", "Show what changed in a container's file system", ArgumentRule.Exactly(1), static _ => async (context, args) =>
    {
        using JsonDocument changes = await context.Engine.GetJsonAsync($"/containers/{Query.Segment(args[0])}/changes").ConfigureAwait(false);
        foreach (JsonElement change in changes.RootElement.Items())
            context.Out.Write($"{"CAD"[(int)Math.Clamp(change.Number("Kind"), 0, 2)]} {change.Text("Path")}\n");
        return 0;
    })
    {
        FullNames = "docker container diff, docker diff",
    };
}
