using System.Globalization;
using AotRuntime.Linux;
using AotRuntime.Runc.Cli;
using AotRuntime.Runc.Containers;
using AotRuntime.Runc.Spec;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Commands;

/// <summary><c>exec</c>.</summary>
internal static class ExecCommand
{
    public static readonly Flag[] Flags =
    [
        new("console-socket", "", FlagKind.Text, "unix socket that is sent the terminal's master"),
        new("pidfd-socket", "", FlagKind.Text, "unix socket that is sent a pidfd of the process"),
        new("cwd", "", FlagKind.Text, "working directory in the container"),
        new("env", "e", FlagKind.List, "NAME=VALUE to add to the environment"),
        new("tty", "t", FlagKind.Bool, "give it a terminal"),
        new("user", "u", FlagKind.Text, "uid[:gid] to run as"),
        new("additional-gids", "g", FlagKind.Numbers, "further groups"),
        new("process", "p", FlagKind.Text, "file with the whole process of the spec"),
        new("detach", "d", FlagKind.Bool, "return once the program runs"),
        new("pid-file", "", FlagKind.Text, "file to write the pid to"),
        new("process-label", "", FlagKind.Text, "SELinux label"),
        new("apparmor", "", FlagKind.Text, "AppArmor profile"),
        new("no-new-privs", "", FlagKind.Bool, "let it gain no privileges"),
        new("cap", "c", FlagKind.List, "capability to add"),
        new("preserve-fds", "", FlagKind.Number, "how many descriptors after standard error to pass on"),
        new("cgroup", "", FlagKind.List, "[controller,...:]cgroup below the container's, to run in"),
        new("ignore-paused", "", FlagKind.Bool, "also where the container is paused"),
    ];

    public static int Run(Globals globals, FlagSet flags)
    {
        // Others in the container can see an exec's process before it runs its program (CVE-2019-5736).
        if (!Launcher.HasJoiner)
            OwnFile.Protect();
        try
        {
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
            // And they can see this one too.
            if (!container.State.OwnPidNamespace)
                OwnFile.Protect();
            using SafeFileHandle init = ContainerExec.RequireRunning(container, options.IgnorePaused);
            if (!flags.Has("cgroup"))
                options.Prepared = container.Cgroups.PrepareJoin();
            ProcessSpec process = Process(flags, container);
            options.SubCgroups = SubCgroups(flags.List("cgroup"));
            return ContainerExec.Run(container, init, process, options);
        }
        catch (RuncException e)
        {
            // 255, so that a caller can tell the runtime's failure from the program's.
            throw new ExecFailed($"exec failed: {e.Message}", e);
        }
        catch (LinuxException e)
        {
            throw new ExecFailed($"exec failed: {e.Call} {e.Subject}: {e.Errno.Text()}", e);
        }
    }

    /// <summary>Controller to cgroup below the container's; "" is cgroup2.</summary>
    internal static Dictionary<string, string> SubCgroups(List<string> arguments)
    {
        var paths = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string argument in arguments)
        {
            int colon = argument.IndexOf(':');
            if (colon < 0)
            {
                if (arguments.Count != 1)
                    throw new RuncException($"invalid --cgroup argument: {argument} (missing <controller>: prefix)");
                paths[""] = argument;
                continue;
            }
            foreach (string controller in argument[..colon].Split(','))
            {
                if (controller.Length == 0)
                    throw new RuncException($"invalid --cgroup argument: {argument} (empty <controller> prefix)");
                if (!paths.TryAdd(controller, argument[(colon + 1)..]))
                    throw new RuncException($"invalid --cgroup argument(s): controller {controller} specified multiple times");
            }
        }
        return paths;
    }

    private static ProcessSpec Process(FlagSet flags, Container container)
    {
        string file = flags.Text("process");
        if (file.Length > 0)
        {
            ProcessSpec given = ProcessSetup.WithDefaults(SpecFile.LoadProcess(file), container.State.Defaults);
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
        {
            long number = GoNumbers.Parse(gid);
            if (number < 0)
                throw new RuncException($"additional-gids must be a positive number {number}");
            (process.User.AdditionalGids ??= []).Add(unchecked((uint)number));
        }
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
