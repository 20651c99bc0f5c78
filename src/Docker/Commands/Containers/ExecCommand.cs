using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Streams;
using AotRuntime.Docker.Terminals;
using AotRuntime.Http;
using AotRuntime.Linux;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary><c>docker exec</c>.</summary>
public static class ExecCommand
{
    /// <summary>Its place in the tree.</summary>
    public static Command Create() => new("exec", "[OPTIONS] CONTAINER COMMAND [ARG...]", "Run a command in a running container", ArgumentRule.AtLeast(2), static flags =>
    {
        flags.Interspersed = false;
        Options options = new()
        {
            Detach = flags.Bool("detach", 'd', "Run in the background"),
            Keys = flags.String("detach-keys", '\0', "Keys that detach from the container"),
            Env = flags.List("env", 'e', "Set an environment variable", FlagValues.Environment),
            EnvFile = flags.List("env-file", '\0', "Set the environment variables that a file lists"),
            Interactive = flags.Bool("interactive", 'i', "Keep standard input open even if not attached"),
            Privileged = flags.Bool("privileged", '\0', "Give the command all privileges"),
            Tty = flags.Bool("tty", 't', "Give the command a terminal"),
            User = flags.String("user", 'u', "User, by name or number, perhaps with a group (\"<name|uid>[:<group|gid>]\")"),
            Workdir = flags.String("workdir", 'w', "Working directory inside the container"),
        };
        return (context, args) => RunAsync(context, options, args);
    })
    {
        FullNames = "docker container exec, docker exec",
        CommonRank = 2,
    };

    private sealed class Options
    {
        public required Flag<bool> Detach { get; init; }

        public required Flag<string> Keys { get; init; }

        public required ListFlag Env { get; init; }

        public required ListFlag EnvFile { get; init; }

        public required Flag<bool> Interactive { get; init; }

        public required Flag<bool> Privileged { get; init; }

        public required Flag<bool> Tty { get; init; }

        public required Flag<string> User { get; init; }

        public required Flag<string> Workdir { get; init; }
    }

    private static async Task<int> RunAsync(CliContext context, Options options, string[] args)
    {
        List<string> env = KeyValueFile.Read(options.EnvFile.Values, options.Env.Values, Environment.GetEnvironmentVariable);
        bool detach = options.Detach.Value;
        bool stdin = options.Interactive.Value && !detach;
        bool tty = options.Tty.Value;
        if (tty && stdin && !Terminal.IsTerminal(0))
        {
            // That there is no such container counts more; and an exec that is made and never started stays with the daemon.
            (await context.Engine.GetJsonAsync($"/containers/{Query.Segment(args[0])}/json").ConfigureAwait(false)).Dispose();
            context.CheckTty(stdin, tty);
        }
        string keys = options.Keys.Value.Length > 0 ? options.Keys.Value : context.Config.DetachKeys;
        WindowSize size = tty ? Terminal.WindowSize(1) : default;
        byte[] create = JsonBody.Object(writer =>
        {
            writer.WriteString("User", options.User.Value);
            writer.WriteBoolean("Privileged", options.Privileged.Value);
            writer.WriteBoolean("Tty", tty);
            WriteSize(writer, tty, size);
            writer.WriteBoolean("AttachStdin", stdin);
            writer.WriteBoolean("AttachStderr", !detach);
            writer.WriteBoolean("AttachStdout", !detach);
            writer.WriteString("DetachKeys", keys);
            writer.Texts("Env", env);
            writer.WriteString("WorkingDir", options.Workdir.Value);
            writer.Texts("Cmd", args[1..]);
        });
        string id;
        using (JsonDocument answer = await context.Engine.PostJsonAsync($"/containers/{Query.Segment(args[0])}/exec", create).ConfigureAwait(false))
            id = answer.RootElement.Text("Id");
        if (id.Length == 0)
            throw new CommandException("exec ID empty");

        byte[] start = JsonBody.Object(writer =>
        {
            writer.WriteBoolean("Detach", detach);
            writer.WriteBoolean("Tty", tty);
            WriteSize(writer, tty, size);
        });
        if (detach)
        {
            await context.Engine.PostAsync($"/exec/{id}/start", start).ConfigureAwait(false);
            return 0;
        }
        TransportConnection stream = await context.Engine.HijackAsync($"/exec/{id}/start", start).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            HijackedSession session = new(context, stream) { Stdin = stdin, Stdout = true, Stderr = true, Tty = tty, DetachKeys = keys };
            Task<SessionEnd> copying = session.RunAsync();
            using WindowFollower? window = tty && Terminal.IsTerminal(0) ? WindowFollower.Start(context, $"/exec/{id}") : null;
            if (await copying.ConfigureAwait(false) == SessionEnd.Detached)
                throw new CommandException("read escape sequence");
        }
        using JsonDocument state = await context.Engine.GetJsonAsync($"/exec/{id}/json").ConfigureAwait(false);
        return (int)state.RootElement.Number("ExitCode");
    }

    private static void WriteSize(Utf8JsonWriter writer, bool tty, WindowSize size)
    {
        if (!tty)
            return;
        writer.WriteStartArray("ConsoleSize");
        writer.WriteNumberValue(size.Rows);
        writer.WriteNumberValue(size.Columns);
        writer.WriteEndArray();
    }
}
