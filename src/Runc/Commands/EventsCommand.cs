using System.Text;
using System.Text.Json;
using AotRuntime.Json;
using AotRuntime.Linux;
using AotRuntime.Runc.Cgroups;
using AotRuntime.Runc.Cli;
using AotRuntime.Runc.Containers;
using AotRuntime.Runc.Resctrl;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Commands;

/// <summary><c>events</c>: what a container uses, and when it ran out of memory, as one JSON object a line.</summary>
internal static class EventsCommand
{
    public static readonly Flag[] Flags =
    [
        new("interval", "", FlagKind.Duration, "how often (default: 5s)"), new("stats", "", FlagKind.Bool, "once, and exit"),
    ];

    public static int Run(Globals globals, FlagSet flags)
    {
        Container container = Container.Load(globals.Root, flags.Args[0]);
        TimeSpan interval = GoNumbers.Duration(flags.Text("interval", "5s"))!.Value;
        if (interval <= TimeSpan.Zero)
            throw new RuncException("duration interval must be greater than 0");
        if (container.GetStatus() == Status.Stopped)
            throw new RuncException($"container with id {container.Id} is not running");
        container.Cgroups.Require(Container.NoCgroups);
        if (flags.IsOn("stats"))
        {
            Output.Write(Line(container, "stats"));
            return 0;
        }
        Follow(container, (int)Math.Max(1, interval.TotalMilliseconds));
        return 0;
    }

    /// <summary>Until the container ends, which shortens the wait.</summary>
    private static void Follow(Container container, int interval)
    {
        using SafeFileHandle? init = container.OpenInit();
        if (init is null)
            return;
        using OomWatch oom = OomWatch.Of(container.Cgroups);
        long next = Environment.TickCount64 + interval;
        while (true)
        {
            int left = (int)Math.Max(0, next - Environment.TickCount64);
            (EpollEvents ended, EpollEvents news) = Sys.PollTwo(init, EpollEvents.In, oom.Handle, oom.Events, left);
            if (news != EpollEvents.None && oom.Happened())
                Output.Write(Line(container, "oom"));
            if (ended != EpollEvents.None)
                return;
            if (Environment.TickCount64 < next)
                continue;
            Output.Write(Line(container, "stats"));
            next = Environment.TickCount64 + interval;
        }
    }

    private static string Line(Container container, string type)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = GoJsonEncoder.Html }))
        {
            json.WriteStartObject();
            json.WriteString("type", type);
            json.WriteString("id", container.Id);
            if (type == "stats")
            {
                json.WriteStartObject("data");
                CgroupStats.Write(json, container.Cgroups);
                ResctrlStats.Write(json, ResctrlFs.Find(), container.State.Resctrl);
                json.WriteNull("network_interfaces");
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }
}
