using System.Globalization;
using AotRuntime.Runc.Cli;
using AotRuntime.Runc.Containers;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Commands;

/// <summary><c>exec</c>.</summary>
internal static class ExecCommand
{
    private static readonly Flag[] Flags =
    [
        new("console-socket", "", FlagKind.Text), new("pidfd-socket", "", FlagKind.Text), new("cwd", "", FlagKind.Text),
        new("env", "e", FlagKind.List), new("tty", "t", FlagKind.Bool), new("user", "u", FlagKind.Text),
        new("additional-gids", "g", FlagKind.List), new("process", "p", FlagKind.Text), new("detach", "d", FlagKind.Bool),
        new("pid-file", "", FlagKind.Text), new("process-label", "", FlagKind.Text), new("apparmor", "", FlagKind.Text),
        new("no-new-privs", "", FlagKind.Bool), new("cap", "c", FlagKind.List), new("preserve-fds", "", FlagKind.Text),
        new("cgroup", "", FlagKind.List), new("ignore-paused", "", FlagKind.Bool),
    ];

    public static int Run(Globals globals, List<string> args, int start)
    {
        FlagSet flags = FlagSet.Parse(args, start, Flags, stopAtFirst: true);
        CommandLine.RequireArgs("exec", flags, 1, -1);
        try
        {
            if (flags.Has("cgroup"))
                throw new RuncException("--cgroup is not supported");
            var options = new ExecOptions
            {
                Detach = flags.IsOn("detach"),
                IgnorePaused = flags.IsOn("ignore-paused"),
                PidFile = CommandLine.Absolute(flags.Text("pid-file")),
                ConsoleSocket = CommandLine.Absolute(flags.Text("console-socket")),
                PidFdSocket = CommandLine.Absolute(flags.Text("pidfd-socket")),
                PreserveFds = flags.Number("preserve-fds"),
            };
            Container container = Container.Load(globals.Root, flags.Args[0]);
            return ContainerExec.Run(container, Process(flags, container), options);
        }
        catch (RuncException e)
        {
            // 255, so that a caller can tell the runtime's failure from the program's.
            throw new ExecFailed($"exec failed: {e.Message}", e);
        }
    }

    private static ProcessSpec Process(FlagSet flags, Container container)
    {
        string file = flags.Text("process");
        if (file.Length > 0)
        {
            ProcessSpec given = SpecFile.LoadProcess(file);
            ProcessSetup.Require(given);
            return given;
        }
        ProcessSpec process = SpecFile.LoadConfig(container.State.Bundle + "/" + SpecFile.Config).Process
            ?? throw new RuncException("process property must not be empty");
        if (flags.Args.Count < 2)
            throw new RuncException("exec args cannot be empty");
        process.Args = flags.Args.GetRange(1, flags.Args.Count - 1);
        if (flags.Text("cwd").Length > 0)
            process.Cwd = flags.Text("cwd");
        if (flags.Text("apparmor").Length > 0)
            process.ApparmorProfile = flags.Text("apparmor");
        if (flags.Text("process-label").Length > 0)
            process.SelinuxLabel = flags.Text("process-label");
        foreach (string cap in flags.List("cap"))
            Grant(process.Capabilities ??= new CapabilitiesSpec(), cap);
        foreach (string entry in flags.List("env"))
            (process.Env ??= []).Add(entry);
        process.Terminal = flags.IsOn("tty");
        if (flags.Has("no-new-privs"))
            process.NoNewPrivileges = flags.IsOn("no-new-privs");
        User(process.User, flags.Text("user"));
        foreach (string gid in flags.List("additional-gids"))
            (process.User.AdditionalGids ??= []).Add(Id(gid, "additional-gids"));
        ProcessSetup.Require(process);
        return process;
    }

    // Ambient ones need inheritable ones, which --cap does not set: only added where the spec has some.
    private static void Grant(CapabilitiesSpec caps, string cap)
    {
        (caps.Bounding ??= []).Add(cap);
        (caps.Effective ??= []).Add(cap);
        (caps.Permitted ??= []).Add(cap);
        if (caps.Inheritable is not null)
            (caps.Ambient ??= []).Add(cap);
    }

    private static void User(UserSpec user, string text)
    {
        if (text.Length == 0)
            return;
        int colon = text.IndexOf(':');
        if (colon >= 0)
            user.Gid = Id(text[(colon + 1)..], "gid");
        user.Uid = Id(colon < 0 ? text : text[..colon], "uid");
    }

    private static uint Id(string text, string what) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint id)
            ? id
            : throw new RuncException($"bad {what}: strconv.Atoi: parsing \"{text}\": invalid syntax");
}

/// <summary>An exec that the runtime could not start.</summary>
internal sealed class ExecFailed(string message, Exception inner) : Exception(message, inner);
