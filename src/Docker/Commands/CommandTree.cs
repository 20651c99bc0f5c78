using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Commands.Containers;
using AotRuntime.Docker.Commands.Images;
using AotRuntime.Docker.Commands.Networks;
using AotRuntime.Docker.Commands.Registry;
using AotRuntime.Docker.Commands.Systems;
using AotRuntime.Docker.Commands.Volumes;

namespace AotRuntime.Docker.Commands;

/// <summary>All commands: the short ones, and the same under the kind of object that they manage.</summary>
public static class CommandTree
{
    /// <summary>The root.</summary>
    public static Command Root()
    {
        Command attach = AttachCommand.Create();
        Command copy = CopyCommand.Create();
        Command create = CreateCommand.Create();
        Command diff = LifecycleCommands.Diff();
        Command events = EventsCommand.Create();
        Command exec = ExecCommand.Create();
        Command history = ImageCommands.History();
        Command images = ImagesCommand.Create();
        Command info = InfoCommand.Create();
        Command kill = LifecycleCommands.Kill();
        Command logs = LogsCommand.Create();
        Command pause = LifecycleCommands.Pause();
        Command port = LookCommands.Port();
        Command ps = PsCommand.Create();
        Command pull = PullCommand.Create();
        Command rename = LifecycleCommands.Rename();
        Command restart = LifecycleCommands.Restart();
        Command rm = LifecycleCommands.Remove();
        Command rmi = ImageCommands.Remove();
        Command run = RunCommand.Create();
        Command start = StartCommand.Create();
        Command stats = StatsCommand.Create();
        Command stop = LifecycleCommands.Stop();
        Command tag = ImageCommands.Tag();
        Command top = LookCommands.Top();
        Command unpause = LifecycleCommands.Unpause();
        Command update = UpdateCommand.Create();
        Command wait = LifecycleCommands.Wait();

        Command container = Command.Group(
            "container",
            "Manage containers",
            attach, copy, create, diff, exec,
            InspectCommand.OfKind("container", "[OPTIONS] CONTAINER [CONTAINER...]", "Show all that is known of containers", sizes: true),
            kill, logs, ps.As("ls", ["ps", "list"]), pause, port, LifecycleCommands.Prune(), rename, restart, rm.As("rm", ["remove"]), run, start, stats, stop,
            top, unpause, update, wait);
        Command image = Command.Group(
            "image",
            "Manage images",
            history,
            InspectCommand.OfKind("image", "[OPTIONS] IMAGE [IMAGE...]", "Show all that is known of images"),
            images.As("ls", ["list"]), ImageCommands.Prune(), pull, rmi.As("rm", ["rmi", "remove"]), tag);
        Command system = Command.Group("system", "Manage docker itself", DiskUsageCommand.Create(), events, info, SystemPruneCommand.Create());

        return new Command("docker", "", "Runs programs in containers", ArgumentRule.Any, static _ => static (_, _) => Task.FromResult(0))
        {
            Children =
            [
                attach, container, copy, create, diff, events, exec, history, image, images, info, InspectCommand.Create(), kill, LoginCommands.Login(),
                LoginCommands.Logout(), logs, NetworkCommands.Group(), pause, port, ps, pull, rename, restart, rm, rmi, run, start, stats, stop, system, tag,
                top, unpause, update, VersionCommand.Create(), VolumeCommands.Group(), wait,
            ],
        };
    }
}
