using System.Buffers;
using System.Text.Json;
using AotRuntime.Json;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Containers;
using AotRuntime.Rpc.Containerd.Tasks;
using AotRuntime.Rpc.Containerd.Types;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Containerd.Ctr;

/// <summary><c>tasks</c>.</summary>
internal static class CtrTasks
{
    public static async Task<int> RunAsync(CtrClient client, string command, List<string> rest)
    {
        switch (command)
        {
            case "list":
                return await ListAsync(client, CtrArguments.Parse(rest, "quiet,q")).ConfigureAwait(false);
            case "kill":
            {
                CtrArguments args = CtrArguments.Parse(rest, "signal,s=", "all,a", "exec-id=");
                if (args.Positional.Count == 0)
                    throw new CtrException("container id must be provided");
                await client.CallAsync(TasksMethods.Kill, new KillRequest
                {
                    ContainerId = args.Positional[0],
                    ExecId = args.Value("exec-id") ?? "",
                    Signal = Signal(args.Value("signal") ?? "SIGTERM"),
                    All = args.Has("all"),
                }).ConfigureAwait(false);
                return 0;
            }
            case "remove":
            {
                CtrArguments args = CtrArguments.Parse(rest, "force,f", "exec-id=");
                foreach (string id in args.Positional)
                {
                    if (args.Has("force"))
                        await KillAsync(client, id).ConfigureAwait(false);
                    DeleteResponse gone = await client.CallAsync(TasksMethods.Delete, new DeleteTaskRequest { ContainerId = id }).ConfigureAwait(false);
                    if (gone.ExitStatus != 0)
                        Console.Error.WriteLine($"task {id} exit with non-zero exit code {gone.ExitStatus}");
                }
                return 0;
            }
            case "exec":
                return await ExecAsync(client, CtrArguments.Parse(rest, "exec-id=", "tty,t", "detach,d", "cwd=", "user=")).ConfigureAwait(false);
            default:
                throw CtrRole.Unknown(command);
        }
    }

    private static async Task<int> ListAsync(CtrClient client, CtrArguments args)
    {
        ListTasksResponse list = await client.CallAsync(TasksMethods.List, new ListTasksRequest()).ConfigureAwait(false);
        var table = new CtrTable(4, 4, "TASK", "PID", "STATUS    ");
        foreach (Process task in list.Tasks)
        {
            string id = task.ContainerId.Length > 0 ? task.ContainerId : task.Id;
            if (args.Has("quiet"))
                Console.Out.WriteLine(id);
            else
                table.Add(id, task.Pid.ToString(System.Globalization.CultureInfo.InvariantCulture), task.Status.ToString().ToUpperInvariant());
        }
        if (!args.Has("quiet"))
            Console.Out.Write(table.Format(padLast: false));
        return 0;
    }

    // Until it is gone; a task that has ended already is as good.
    private static async Task KillAsync(CtrClient client, string id)
    {
        try
        {
            await client.CallAsync(TasksMethods.Kill, new KillRequest { ContainerId = id, Signal = 9, All = true }).ConfigureAwait(false);
            await client.CallAsync(TasksMethods.Wait, new WaitRequest { ContainerId = id }).ConfigureAwait(false);
        }
        catch (RpcException e) when (e.Status is RpcStatus.NotFound or RpcStatus.FailedPrecondition)
        {
            return;
        }
    }

    private static async Task<int> ExecAsync(CtrClient client, CtrArguments args)
    {
        string execId = args.Value("exec-id") ?? throw new CtrException("Required flag \"exec-id\" not set");
        if (args.Positional.Count < 2)
            throw new CtrException("container id and a command must be provided");
        string id = args.Positional[0];
        Container container = (await client.CallAsync(ContainersMethods.Get, new GetContainerRequest { Id = id }).ConfigureAwait(false)).Container;
        bool tty = args.Has("tty");
        ByteString process = ProcessOf(container.Spec.Value, args.Positional[1..], tty, args.Value("cwd"));

        using CtrStreams streams = args.Has("detach") ? CtrStreams.None() : CtrStreams.Open(execId, tty);
        await client.CallAsync(TasksMethods.Exec, new ExecProcessRequest
        {
            ContainerId = id,
            ExecId = execId,
            Terminal = tty,
            Stdin = streams.Stdin,
            Stdout = streams.Stdout,
            Stderr = streams.Stderr,
            Spec = new Any { TypeUrl = TypeUrls.RuntimeProcess, Value = process },
        }).ConfigureAwait(false);
        try
        {
            return await FollowAsync(client, id, execId, streams, args.Has("detach")).ConfigureAwait(false);
        }
        finally
        {
            if (!args.Has("detach"))
                await client.CallAsync(TasksMethods.DeleteProcess, new DeleteProcessRequest { ContainerId = id, ExecId = execId }).ConfigureAwait(false);
        }
    }

    /// <summary>Starts a process, and unless it is detached relays its streams until it has ended; its exit status.</summary>
    public static async Task<int> FollowAsync(CtrClient client, string id, string execId, CtrStreams streams, bool detach)
    {
        RpcAnswer<WaitResponse>? exited = null;
        if (!detach)
            exited = client.CallAsync(TasksMethods.Wait, new WaitRequest { ContainerId = id, ExecId = execId });
        streams.Start(() => client.CallAsync(TasksMethods.CloseIO, new CloseIORequest { ContainerId = id, ExecId = execId, Stdin = true }).AsTask());
        await client.CallAsync(TasksMethods.Start, new StartRequest { ContainerId = id, ExecId = execId }).ConfigureAwait(false);
        if (exited is not { } exiting)
            return 0;
        using IDisposable resized = streams.OnResize((columns, rows) => client.CallAsync(
            TasksMethods.ResizePty, new ResizePtyRequest { ContainerId = id, ExecId = execId, Width = columns, Height = rows }).AsTask());
        WaitResponse exit = await exiting.ConfigureAwait(false);
        await streams.DrainAsync().ConfigureAwait(false);
        return (int)exit.ExitStatus;
    }

    // The container's own process with other arguments.
    private static ByteString ProcessOf(ByteString spec, List<string> command, bool tty, string? cwd)
    {
        using JsonDocument document = JsonDocument.Parse(spec.Memory);
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = GoJsonEncoder.Html }))
        {
            json.WriteStartObject();
            json.WriteBoolean("terminal", tty);
            json.WriteStartArray("args");
            foreach (string argument in command)
                json.WriteStringValue(argument);
            json.WriteEndArray();
            if (cwd is not null)
                json.WriteString("cwd", cwd);
            foreach (JsonProperty property in document.RootElement.GetProperty("process").EnumerateObject())
            {
                if (property.Name is "terminal" or "args" || (property.Name == "cwd" && cwd is not null))
                    continue;
                property.WriteTo(json);
            }
            json.WriteEndObject();
        }
        return ByteString.CopyFrom(buffer.WrittenSpan);
    }

    private static uint Signal(string text)
    {
        string name = text.ToUpperInvariant();
        if (name.StartsWith("SIG", StringComparison.Ordinal))
            name = name[3..];
        string[] names =
        [
            "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT",
            "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
        ];
        int index = Array.IndexOf(names, name);
        return index > 0 ? (uint)index : uint.TryParse(text, out uint number) ? number : throw new CtrException($"unknown signal \"{text}\"");
    }
}
