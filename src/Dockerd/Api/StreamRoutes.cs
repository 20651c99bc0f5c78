using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using AotRuntime.Dockerd.Containers;
using AotRuntime.Dockerd.Logs;
using AotRuntime.Dockerd.Streams;
using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Api;

/// <summary>Routes that carry a process's input and output: attach, logs, exec.</summary>
internal sealed class StreamRoutes(ContainerManager containers)
{
    /// <summary>Adds the routes.</summary>
    public void Map(Router router)
    {
        router.Map("POST", "/containers/{id}/attach", AttachAsync);
        router.Map("GET", "/containers/{id}/logs", LogsAsync);
        router.Map("POST", "/containers/{id}/exec", CreateExecAsync);
        router.Map("POST", "/exec/{id}/start", StartExecAsync);
        router.Map("POST", "/exec/{id}/resize", ResizeExecAsync);
        router.Map("GET", "/exec/{id}/json", InspectExecAsync);
    }

    private async Task AttachAsync(ApiRequest request)
    {
        Container container = containers.Find(request.Path("id"));
        ContainerConfig config = container.Record.Config;
        byte[] keys = ContainerManager.ParseDetachKeys(request.Text("detachKeys"));
        if (container.State.Paused)
            throw ApiException.Conflict($"container {container.Id} is paused, unpause the container before attach");
        if (container.State.Restarting)
            throw ApiException.Conflict($"container {container.Id} is restarting, wait until the container is running");
        bool stream = request.Bool("stream"), logs = request.Bool("logs");
        AttachOptions options = new()
        {
            Stdin = stream && request.Bool("stdin") && config.OpenStdin,
            Stdout = request.Bool("stdout"),
            Stderr = request.Bool("stderr"),
            Terminal = config.Tty,
            CloseStdin = config.StdinOnce && !config.Tty,
            DetachKeys = keys,
        };
        IDuplexPipe client = await HijackAsync(request, config.Tty).ConfigureAwait(false);
        if (logs)
        {
            await foreach (LogEntry entry in LogReader.ReadAsync(container.Log, new LogQuery(), request.Aborted).ConfigureAwait(false))
            {
                StdStream from = entry.Stream == "stderr" ? StdStream.Stderr : StdStream.Stdout;
                if (from == StdStream.Stdout ? options.Stdout : options.Stderr)
                    WritePiece(client.Output, from, entry.Line, config.Tty);
            }
            await client.Output.FlushAsync(request.Aborted).ConfigureAwait(false);
        }
        if (!stream)
            return;
        containers.Publish(container, "attach");
        if (await AttachSession.RunAsync(client, container.Hub, options, request.Aborted).ConfigureAwait(false) == AttachEnd.Detached)
            containers.Publish(container, "detach");
    }

    private async Task LogsAsync(ApiRequest request)
    {
        Container container = containers.Find(request.Path("id"));
        bool stdout = request.Bool("stdout"), stderr = request.Bool("stderr"), timestamps = request.Bool("timestamps");
        if (!stdout && !stderr)
            throw ApiException.BadRequest("Bad parameters: you must choose at least one stream");
        if (container.Record.HostConfig.LogConfig?.Type == "none")
            throw ApiException.Internal("configured logging driver does not support reading");
        DateTimeOffset now = DateTimeOffset.UtcNow;
        string tail = request.Text("tail");
        LogQuery query = new()
        {
            Follow = request.Bool("follow"),
            Tail = long.TryParse(tail, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long lines) ? lines : -1,
            Since = Time("since"),
            Until = Time("until"),
        };
        bool tty = container.Record.Config.Tty;
        request.Exchange.ResponseHeaders["Content-Type"] = tty || !request.IsAtLeast("1.42") ? StdCopy.RawContentType : StdCopy.MultiplexedContentType;
        await request.Exchange.StartAsync().ConfigureAwait(false);
        PipeWriter output = request.Exchange.ResponseBody;
        ArrayBufferWriter<byte> line = new();
        long unflushed = 0;
        await foreach (LogEntry entry in LogReader.ReadAsync(container.Log, query, request.Aborted).ConfigureAwait(false))
        {
            StdStream from = entry.Stream == "stderr" ? StdStream.Stderr : StdStream.Stdout;
            if (from == StdStream.Stdout ? !stdout : !stderr)
                continue;
            line.ResetWrittenCount();
            if (timestamps)
                line.Write(Encoding.ASCII.GetBytes(GoTime.FormatFixed(entry.Time) + " "));
            // The attributes that labels or environment give a line; this log keeps none.
            if (request.Bool("details"))
                line.Write(" "u8);
            line.Write(entry.Line);
            WritePiece(output, from, line.WrittenSpan, tty);
            unflushed += line.WrittenCount;
            // A follower wants each line at once; a long history goes faster in larger pieces.
            if (query.Follow || unflushed > 32 * 1024)
            {
                unflushed = 0;
                if ((await output.FlushAsync(request.Aborted).ConfigureAwait(false)).IsCompleted)
                    return;
            }
        }
        await output.FlushAsync(request.Aborted).ConfigureAwait(false);

        DateTimeOffset? Time(string name)
        {
            string text = request.Text(name);
            if (text is "" or "0")
                return null;
            return GoTime.TryParseTimestamp(text, now, out DateTimeOffset time) ? time : throw ApiException.BadRequest($"failed to parse value for \"{name}\": {text}");
        }
    }

    private async Task CreateExecAsync(ApiRequest request)
    {
        ExecCreateRequest body = await request.RequireJsonAsync(EngineJson.Types.ExecCreateRequest).ConfigureAwait(false);
        ExecSession exec = containers.CreateExec(containers.Find(request.Path("id")), request.Path("id"), body);
        await request.WriteJsonAsync(new ExecCreateResponse { Id = exec.Id }, EngineJson.Types.ExecCreateResponse, 201).ConfigureAwait(false);
    }

    private async Task StartExecAsync(ApiRequest request)
    {
        ExecSession exec = containers.FindExec(request.Path("id"));
        ExecStartRequest body = await request.ReadJsonAsync(EngineJson.Types.ExecStartRequest).ConfigureAwait(false) ?? new ExecStartRequest();
        (int height, int width) = (body.ConsoleSize ?? exec.Request.ConsoleSize) is [int h, int w] ? (h, w) : (0, 0);
        if (body.Detach)
        {
            await containers.StartExecAsync(exec, height, width).ConfigureAwait(false);
            await request.WriteEmptyAsync(200).ConfigureAwait(false);
            return;
        }
        if (exec.Running)
            throw ApiException.Conflict($"Error: Exec command {exec.Id} is already running");
        if (exec.ExitCode is not null)
            throw ApiException.Conflict($"Error: Exec command {exec.Id} has already run");
        if (!exec.Container.State.Running)
            throw ApiException.Conflict($"container {exec.Container.Id} is not running");
        ExecCreateRequest wanted = exec.Request;
        AttachOptions options = new()
        {
            Stdin = wanted.AttachStdin,
            Stdout = wanted.AttachStdout,
            Stderr = wanted.AttachStderr,
            Terminal = wanted.Tty,
            CloseStdin = true,
            DetachKeys = wanted.Tty ? ContainerManager.ParseDetachKeys(wanted.DetachKeys) : [],
        };
        IDuplexPipe client = await HijackAsync(request, wanted.Tty).ConfigureAwait(false);
        Task<AttachEnd> session = AttachSession.RunAsync(client, exec.Hub, options, request.Aborted);
        try
        {
            await containers.StartExecAsync(exec, height, width).ConfigureAwait(false);
        }
        catch (ApiException e)
        {
            // The connection is a raw stream by now: the error goes where the output would.
            exec.Hub.End();
            await session.ConfigureAwait(false);
            WritePiece(client.Output, StdStream.Stdout, Encoding.UTF8.GetBytes(e.Message + "\r\n"), wanted.Tty);
            await client.Output.FlushAsync(request.Aborted).ConfigureAwait(false);
            return;
        }
        if (await session.ConfigureAwait(false) == AttachEnd.Detached)
            containers.Publish(exec.Container, "exec_detach", ("execID", exec.Id));
    }

    private async Task ResizeExecAsync(ApiRequest request)
    {
        int height = request.Int("h") ?? throw ApiException.BadRequest("invalid resize height \"\"");
        int width = request.Int("w") ?? throw ApiException.BadRequest("invalid resize width \"\"");
        await containers.ResizeExecAsync(containers.FindExec(request.Path("id")), height, width).ConfigureAwait(false);
        await request.WriteEmptyAsync(200).ConfigureAwait(false);
    }

    private async Task InspectExecAsync(ApiRequest request)
    {
        ExecSession exec = containers.FindExec(request.Path("id"));
        ExecCreateRequest wanted = exec.Request;
        await request.WriteJsonAsync(new ExecInspect
        {
            Id = exec.Id,
            Running = exec.Running,
            ExitCode = exec.ExitCode,
            ProcessConfig = new ExecProcessConfig
            {
                Tty = wanted.Tty,
                Entrypoint = wanted.Cmd![0],
                Arguments = wanted.Cmd[1..],
                Privileged = wanted.Privileged,
                User = wanted.User.Length > 0 ? wanted.User : null,
            },
            OpenStdin = wanted.AttachStdin,
            OpenStdout = wanted.AttachStdout,
            OpenStderr = wanted.AttachStderr,
            ContainerId = exec.Container.Id,
            DetachKeys = wanted.DetachKeys,
            Pid = exec.Pid,
        }, EngineJson.Types.ExecInspect).ConfigureAwait(false);
    }

    private static ValueTask<IDuplexPipe> HijackAsync(ApiRequest request, bool tty)
    {
        request.Exchange.ResponseHeaders["Content-Type"] = tty || !request.IsAtLeast("1.42") || request.Exchange.RequestHeaders["Upgrade"] is null
            ? StdCopy.RawContentType
            : StdCopy.MultiplexedContentType;
        return request.Exchange.UpgradeAsync();
    }

    private static void WritePiece(IBufferWriter<byte> output, StdStream stream, ReadOnlySpan<byte> piece, bool tty)
    {
        if (tty)
            output.Write(piece);
        else
            StdCopy.Write(output, stream, piece);
    }
}
