using System.Globalization;
using System.Text.Json;
using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Oci;
using AotRuntime.Dockerd.Streams;
using AotRuntime.EngineApi;
using AotRuntime.Json;
using AotRuntime.Linux;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Tasks;
using AotRuntime.Rpc.Containerd.Types;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Dockerd.Containers;

internal sealed partial class ContainerManager
{
    private const int ExecNotStarted = 126;

    /// <summary>Prepares a process for a running container, which the client called <paramref name="calledBy"/>.</summary>
    public ExecSession CreateExec(Container container, string calledBy, ExecCreateRequest request)
    {
        if (request.Cmd is not { Count: > 0 })
            throw ApiException.BadRequest("No exec command specified");
        RequireExecutable(container, calledBy);
        if (request.User.Length > 0)
            ExecUser(container, request.User);
        if (request.DetachKeys.Length > 0)
            ParseDetachKeys(request.DetachKeys);
        ExecSession exec = new(NameGenerator.NewId(), container, request);
        container.Execs[exec.Id] = exec;
        _execs[exec.Id] = exec;
        exec.ReconcileAsync = () => ReconcileExecAsync(exec);
        Publish(container, "exec_create: " + string.Join(' ', request.Cmd), ("execID", exec.Id));
        return exec;
    }

    /// <summary>A prepared process.</summary>
    /// <exception cref="ApiException">404: there is none.</exception>
    public ExecSession FindExec(string id) => _execs.TryGetValue(id, out ExecSession? exec) ? exec : throw ApiException.NotFound($"No such exec instance: {id}");

    /// <summary>Starts a prepared process; whoever wants its output has subscribed before.</summary>
    /// <exception cref="ApiException">409: it was started before, or the container does not run; 400: it can't be executed.</exception>
    public async Task StartExecAsync(ExecSession exec, int height = 0, int width = 0)
    {
        Container container = exec.Container;
        ExecCreateRequest request = exec.Request;
        if (exec.ExitCode is not null)
            throw ApiException.Conflict($"Error: Exec command {exec.Id} has already run");
        RequireExecutable(container, container.Id);
        if (!exec.TryBegin())
            throw ApiException.Conflict($"Error: Exec command {exec.Id} is already running");
        Publish(container, "exec_start: " + string.Join(' ', request.Cmd!), ("execID", exec.Id));
        try
        {
            OciProcess process = ExecProcess(container, request, height, width);
            ProcessIo io = new(Path.Combine(StreamsFolder, container.Id), exec.Id, request.AttachStdin, request.Tty, exec.Hub.PublishAsync)
            {
                CloseStdinAtShim = () => _services.Containerd.CloseStdinAsync(container.Id, exec.Id),
            };
            exec.Io = io;
            await _services.Containerd.ExecAsync(new ExecProcessRequest
            {
                ContainerId = container.Id,
                ExecId = exec.Id,
                Stdin = io.StdinPath,
                Stdout = io.StdoutPath,
                Stderr = io.StderrPath,
                Terminal = request.Tty,
                Spec = new Any
                {
                    TypeUrl = TypeUrls.RuntimeProcess,
                    Value = ByteString.CopyFrom(JsonText.ToBytes(process, OciJsonContext.OciProcess)),
                },
            }).ConfigureAwait(false);
            exec.Running = true;
            exec.Pid = await _services.Containerd.StartAsync(container.Id, exec.Id).ConfigureAwait(false);
            // Input only now: before the shim has opened its end, a client that ends its input at once would take it along.
            exec.Hub.Begin(io);
        }
        catch (Exception e)
        {
            if (e is not (ApiException or RpcException or IOException))
                LogExecFailed(Log, exec.Id, e.ToString());
            await CleanExecAsync(exec).ConfigureAwait(false);
            (int code, ApiException error) = e is ApiException already ? (ExecNotStarted, already) : StartError.Translate(e.Message, e);
            exec.End(code);
            throw error;
        }
    }

    /// <summary>A process that was added has ended.</summary>
    public async Task OnExecExitAsync(string execId, int exitCode)
    {
        if (!_execs.TryGetValue(execId, out ExecSession? exec) || exec.ExitCode is not null)
            return;
        try
        {
            await _services.Containerd.DeleteProcessAsync(exec.Container.Id, exec.Id).ConfigureAwait(false);
        }
        catch (RpcException e)
        {
            LogDeleteTaskFailed(Log, exec.Id, e);
        }
        if (exec.Io is { } io)
            await io.DrainAsync(s_drainLimit).ConfigureAwait(false);
        await CleanExecAsync(exec).ConfigureAwait(false);
        exec.End(exitCode);
        Publish(exec.Container, "exec_die", ("execID", exec.Id), ("exitCode", exitCode.ToString(CultureInfo.InvariantCulture)));
        _ = ForgetExecLaterAsync(exec);
    }

    /// <summary>Sets the size of a process's terminal.</summary>
    public async Task ResizeExecAsync(ExecSession exec, int height, int width)
    {
        if (!exec.Running)
            throw ApiException.BadRequest($"cannot resize a stopped process: {exec.Id}");
        await CallAsync(_services.Containerd.ResizeAsync(exec.Container.Id, exec.Id, width, height), "cannot resize").ConfigureAwait(false);
    }

    /// <summary>Kills an added process that took too long.</summary>
    public async Task KillExecAsync(ExecSession exec)
    {
        try
        {
            await _services.Containerd.KillAsync(exec.Container.Id, exec.Id, Signals.SIGKILL).ConfigureAwait(false);
        }
        catch (RpcException e)
        {
            LogCleanupFailed(Log, exec.Container.Id, e);
        }
    }

    /// <summary>Reads the <c>detachKeys</c> parameter.</summary>
    public static byte[] ParseDetachKeys(string? keys)
    {
        try
        {
            return DetachKeys.Parse(string.IsNullOrEmpty(keys) ? DetachKeys.Default : keys);
        }
        catch (FormatException)
        {
            throw ApiException.BadRequest($"Invalid detach keys ({keys}) provided");
        }
    }

    private static void RequireExecutable(Container container, string calledBy)
    {
        if (!container.State.Running)
            throw ApiException.Conflict($"container {container.Id} is not running");
        if (container.State.Paused)
            throw ApiException.Conflict($"Container {calledBy} is paused, unpause the container before exec");
        if (container.State.Restarting)
            throw ApiException.Conflict($"Container {calledBy} is restarting, wait until the container is running");
    }

    private static OciProcess ExecProcess(Container container, ExecCreateRequest request, int height, int width)
    {
        ContainerRecord record = container.Record;
        OciUser identity = ExecUser(container, request.User.Length > 0 ? request.User : record.Config.User);
        OciProcess process = new()
        {
            Args = request.Cmd!,
            Cwd = request.WorkingDir.Length > 0 ? request.WorkingDir : record.Config.WorkingDir.Length > 0 ? record.Config.WorkingDir : "/",
            Env = SpecBuilder.MergeEnvironment(SpecBuilder.Environment(record.Config, request.Tty), request.Env),
            Terminal = request.Tty ? true : null,
            User = identity,
            Capabilities = SpecBuilder.ProcessCapabilities(record.HostConfig, identity, request.Privileged || record.HostConfig.Privileged),
            NoNewPrivileges = record.HostConfig.SecurityOpt?.Exists(o => o is "no-new-privileges" or "no-new-privileges:true" or "no-new-privileges=true") == true ? true : null,
        };
        if (height > 0 && width > 0)
            process.ConsoleSize = new OciConsoleSize { Height = height, Width = width };
        return process;
    }

    private static OciUser ExecUser(Container container, string user)
    {
        ContainerRecord record = container.Record;
        // The root directory as the container sees it now.
        using RootFs root = new($"/proc/{record.State.Pid.ToString(CultureInfo.InvariantCulture)}/root");
        return UserLookup.Resolve(user, root.ReadText("/etc/passwd"), root.ReadText("/etc/group"), record.HostConfig.GroupAdd);
    }

    private async ValueTask ReconcileExecAsync(ExecSession exec)
    {
        if (!exec.Running)
            return;
        Process? process = await _services.Containerd.GetAsync(exec.Container.Id, exec.Id).ConfigureAwait(false);
        if (process is null || process.Status == Status.Stopped)
            await OnExecExitAsync(exec.Id, process is null ? 255 : (int)process.ExitStatus).ConfigureAwait(false);
    }

    private async Task CleanExecAsync(ExecSession exec)
    {
        if (exec.Io is not { } io)
            return;
        exec.Io = null;
        try
        {
            await io.DisposeAsync().ConfigureAwait(false);
        }
        catch (IOException e)
        {
            LogCleanupFailed(Log, exec.Container.Id, e);
        }
    }

    // Clients ask for the exit code after the end; Docker keeps it for some minutes.
    private async Task ForgetExecLaterAsync(ExecSession exec)
    {
        await Task.Delay(TimeSpan.FromMinutes(5)).ConfigureAwait(false);
        _execs.TryRemove(exec.Id, out _);
        exec.Container.Execs.TryRemove(exec.Id, out _);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "failed to start exec {id}: {error}")]
    private static partial void LogExecFailed(ILogger log, string id, string error);
}
