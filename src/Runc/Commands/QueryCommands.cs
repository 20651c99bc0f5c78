using System.Globalization;
using System.Text;
using System.Text.Json;
using AotRuntime.Json;
using AotRuntime.Linux;
using AotRuntime.Runc.Cli;
using AotRuntime.Runc.Containers;

namespace AotRuntime.Runc.Commands;

/// <summary><c>state</c>, <c>list</c> and <c>ps</c>.</summary>
internal static class QueryCommands
{
    public static readonly Flag[] ListFlags =
    [
        new("format", "f", FlagKind.Text, "\"table\" (default) or \"json\""), new("quiet", "q", FlagKind.Bool, "only the ids"),
    ];

    public static readonly Flag[] PsFlags = [new("format", "f", FlagKind.Text, "\"table\" (default) or \"json\"")];

    public static int State(Globals globals, FlagSet flags)
    {
        Container container = Container.Load(globals.Root, flags.Args[0]);
        Output.Write(Describe(container, "", indented: true));
        return 0;
    }

    public static int List(Globals globals, FlagSet flags)
    {
        var containers = new List<Container>();
        if (Directory.Exists(globals.Root))
        {
            string[] directories = Directory.GetDirectories(globals.Root);
            Array.Sort(directories, StringComparer.Ordinal);
            foreach (string directory in directories)
            {
                try
                {
                    if (Container.TryLoad(directory) is { } container)
                        containers.Add(container);
                }
                catch (RuncException e)
                {
                    // One that can't be read must not hide the others.
                    Output.Error($"load container {Path.GetFileName(directory)}: {e.Message}\n");
                }
            }
        }
        else if (globals.RootGiven)
        {
            throw new RuncException($"open {globals.Root}: no such file or directory");
        }
        if (flags.IsOn("quiet"))
        {
            foreach (Container container in containers)
                Output.Write(container.Id + "\n");
            return 0;
        }
        switch (flags.Text("format", "table"))
        {
            case "table":
                Table(containers);
                return 0;
            case "json":
                var json = new StringBuilder();
                foreach (Container container in containers)
                    json.Append(json.Length == 0 ? '[' : ',').Append(Describe(container, Owner(container), indented: false));
                Output.Write(json.Length == 0 ? "null\n" : json.Append("]\n").ToString());
                return 0;
            default:
                throw new RuncException("invalid format option");
        }
    }

    /// <summary>The container's processes: their pids, or ps(1) filtered to them.</summary>
    public static int Ps(Globals globals, FlagSet flags)
    {
        Container container = Container.Load(globals.Root, flags.Args[0]);
        container.Cgroups.Require(Container.NoCgroups);
        List<int> pids = container.Cgroups.Processes();
        switch (flags.Text("format", "table"))
        {
            case "json":
                Output.Write("[" + string.Join(',', pids) + "]\n");
                return 0;
            case "table":
                break;
            default:
                throw new RuncException("invalid format option");
        }
        List<string> arguments = ["ps", .. flags.Args.Count > 1 ? flags.Args.GetRange(1, flags.Args.Count - 1) : ["-ef"]];
        Output.Write(Filter(RunPs(arguments), pids));
        return 0;
    }

    /// <summary>The header, and the lines whose PID column is one of the container's.</summary>
    internal static string Filter(string output, List<int> pids)
    {
        string[] lines = output.Split('\n');
        int column = Array.IndexOf(Fields(lines[0]), "PID");
        if (column < 0)
            throw new RuncException("couldn't find PID field in ps output");
        var kept = new StringBuilder(lines[0]).Append('\n');
        for (int i = 1; i < lines.Length; i++)
        {
            string[] fields = Fields(lines[i]);
            if (fields.Length > column && int.TryParse(fields[column], NumberStyles.None, CultureInfo.InvariantCulture, out int pid) && pids.Contains(pid))
                kept.Append(lines[i]).Append('\n');
        }
        return kept.ToString();
    }

    private static string[] Fields(string line) => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    private static string RunPs(List<string> arguments)
    {
        (Microsoft.Win32.SafeHandles.SafeFileHandle read, Microsoft.Win32.SafeHandles.SafeFileHandle write) = Launcher.SocketPair(Launcher.Stream);
        using (read)
        {
            SpawnedProcess ps;
            using (write)
                ps = ProcessSpawn.Start(new SpawnPlan { Path = "ps", Arguments = arguments, Descriptors = [write, write, write] });
            using (ps)
            {
                using var stream = new FileStream(read, FileAccess.Read, 0);
                using var reader = new StreamReader(stream);
                string output = reader.ReadToEnd();
                ChildExit exit = ps.Wait();
                return exit.Code == 0 ? output : throw new RuncException($"exit status {exit.Code}: {output}");
            }
        }
    }

    private static void Table(List<Container> containers)
    {
        var rows = new List<string[]> { new[] { "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER" } };
        foreach (Container container in containers)
        {
            Status status = container.GetStatus();
            int pid = status == Status.Stopped ? 0 : container.State.Pid;
            rows.Add([container.Id, pid.ToString(CultureInfo.InvariantCulture), Container.Name(status), container.State.Bundle, container.State.Created, Owner(container)]);
        }
        // As Go's tabwriter with a minimal cell of 12 and 3 spaces between.
        var text = new StringBuilder();
        foreach (string[] row in rows)
        {
            for (int column = 0; column < row.Length; column++)
            {
                text.Append(row[column]);
                if (column == row.Length - 1)
                    break;
                int width = 12;
                foreach (string[] other in rows)
                    width = Math.Max(width, other[column].Length + 3);
                text.Append(' ', width - row[column].Length);
            }
            text.Append('\n');
        }
        Output.Write(text.ToString());
    }

    private static string Describe(Container container, string owner, bool indented)
    {
        State.ContainerState state = container.State;
        Status status = container.GetStatus();
        using var stream = new MemoryStream();
        var options = new JsonWriterOptions { Indented = indented, IndentSize = 2, Encoder = GoJsonEncoder.Html };
        using (var json = new Utf8JsonWriter(stream, options))
        {
            json.WriteStartObject();
            json.WriteString("ociVersion", state.OciVersion);
            json.WriteString("id", state.Id);
            json.WriteNumber("pid", status == Status.Stopped ? 0 : state.Pid);
            json.WriteString("status", Container.Name(status));
            json.WriteString("bundle", state.Bundle);
            json.WriteString("rootfs", state.Rootfs);
            json.WriteString("created", state.Created);
            if (state.Annotations is { Count: > 0 })
            {
                json.WriteStartObject("annotations");
                foreach ((string key, string? value) in state.Annotations)
                    json.WriteString(key, value ?? "");
                json.WriteEndObject();
            }
            json.WriteString("owner", owner);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <summary>The user that made the container, by name where /etc/passwd has one.</summary>
    private static string Owner(Container container)
    {
        string uid;
        try
        {
            using Microsoft.Win32.SafeHandles.SafeFileHandle directory = Sys.Open(container.StateDirectory, OpenFlags.Path);
            if (Sys.TryStatAt(directory, "\0"u8, out FileStatus status) != Errno.None)
                return "";
            uid = status.Uid.ToString(CultureInfo.InvariantCulture);
        }
        catch (LinuxException)
        {
            return ""; // it was deleted meanwhile
        }
        if (uid == "0")
            return "root";
        foreach (string line in File.Exists("/etc/passwd") ? File.ReadLines("/etc/passwd") : [])
        {
            string[] fields = line.Split(':');
            if (fields.Length > 2 && fields[2] == uid)
                return fields[0];
        }
        return "#" + uid;
    }
}
