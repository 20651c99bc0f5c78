using AotRuntime.Linux;
using AotRuntime.Runc.Cli;
using AotRuntime.Runc.Containers;
using AotRuntime.Runc.Tracing;

namespace AotRuntime.Runc.Commands;

/// <summary><c>trace</c>: the timeline of a container's start.</summary>
internal static class TraceCommand
{
    public static readonly Flag[] Flags = [new("format", "f", FlagKind.Text, "\"text\" (default), or \"json\" as Chrome's and Perfetto's viewers read it")];

    public static int Run(Globals globals, FlagSet flags)
    {
        string format = flags.Text("format", "text");
        if (format is not ("text" or "json"))
            throw new RuncException("invalid format option");
        Container container = Container.Load(globals.Root, flags.Args[0]);
        if (!container.State.Trace)
            throw new RuncException("container was not created with --trace");
        byte[] bytes = Sys.ReadSmallFile(container.StateDirectory + "/" + Trace.FileName);
        Sys.WriteDescriptor(1, new Timeline(bytes).Format(format == "json"));
        return 0;
    }
}
