using AotRuntime.Linux;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Runc;
using AotRuntime.Rpc.Containerd.Types;
using AotRuntime.Shim.Stdio;

namespace AotRuntime.Shim.Processes;

/// <summary>A container's first process, and with it the container as the runtime sees it.</summary>
internal sealed class InitProcess(string id, string bundle, string rootfs, RuncRuntime runtime, Options options, Reaper reaper, StdioPaths paths)
    : TaskProcess(id, paths)
{
    /// <summary>The file in the bundle that the runtime writes the pid to.</summary>
    public const string PidFile = "init.pid";

    private static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(10);
    private const int KilledStatus = 128 + Sys.SIGKILL;
    private readonly TaskCompletionSource<ProcessExit> _restoredExit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string _checkpoint = "";

    /// <summary>The runtime that the container is in.</summary>
    public RuncRuntime Runtime => runtime;

    /// <summary>Creates the container; its process waits to be started.</summary>
    /// <param name="loop">Relays its streams.</param>
    /// <param name="ns">containerd's namespace.</param>
    /// <param name="checkpoint">Images to restore it from at the start: until then there is nothing but its streams. Empty for none.</param>
    /// <returns>The promise of the process's exit.</returns>
    /// <exception cref="RpcException">The runtime refused, in its words.</exception>
    public async Task<Task<ProcessExit>> CreateAsync(IoLoop loop, string ns, string checkpoint)
    {
        using Reaper.Scope scope = reaper.Watch();
        try
        {
            Stdio = await ProcessStdio.OpenAsync(loop, reaper, Paths, Id, ns, options.IoUid, options.IoGid).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ShimException or UnauthorizedAccessException)
        {
            throw Failed($"failed to create init process I/O: {e.Message}");
        }
        if (checkpoint.Length > 0)
        {
            _checkpoint = checkpoint;
            return _restoredExit.Task;
        }
        string pidFile = Path.Combine(bundle, PidFile);
        RuncResult result = await runtime.CreateAsync(
            Id, bundle, pidFile, Stdio.ConsoleSocketPath, options.NoPivotRoot, options.NoNewKeyring, Stdio.Inherited).ConfigureAwait(false);
        if (!result.Succeeded)
            throw Failed(runtime.Error("OCI runtime create failed", result));
        try
        {
            Stdio.Started();
            Pid = ReadPid(pidFile, "container");
        }
        catch (Exception e)
        {
            await runtime.DeleteForceAsync(Id).ConfigureAwait(false);
            throw e is RpcException ? e : Failed(e.Message);
        }
        return scope.Claim(Pid);
    }

    /// <summary>Lets the process go on to the container's program. With the gate held.</summary>
    public async Task StartAsync()
    {
        if (Deleted)
            throw Failed("cannot start a deleted process");
        if (Status != Status.Created)
            throw Failed(Status == Status.Stopped ? "cannot start a stopped process" : "cannot start a running process");
        if (_checkpoint.Length > 0)
        {
            await RestoreAsync().ConfigureAwait(false);
            Status = Status.Running;
            return;
        }
        RuncResult result = await runtime.StartAsync(Id).ConfigureAwait(false);
        if (!result.Succeeded)
            throw Failed(runtime.Error("OCI runtime start failed", result));
        Status = Status.Running;
    }

    private async Task RestoreAsync()
    {
        using Reaper.Scope scope = reaper.Watch();
        string pidFile = Path.Combine(bundle, PidFile);
        RuncResult result = await runtime.RestoreAsync(
            Id, bundle, _checkpoint, WorkPath, pidFile, Stdio!.ConsoleSocketPath, options.NoPivotRoot, Stdio.Inherited).ConfigureAwait(false);
        if (!result.Succeeded)
            throw Failed(runtime.Error("OCI runtime restore failed", result));
        Stdio.Started();
        Pid = ReadPid(pidFile, "container");
        _ = PassOnAsync(scope.Claim(Pid));

        async Task PassOnAsync(Task<ProcessExit> exit) => _restoredExit.SetResult(await exit.ConfigureAwait(false));
    }

    /// <summary>Where criu's own files go, its log among them.</summary>
    private string WorkPath => options.CriuWorkPath.Length > 0 ? options.CriuWorkPath : Path.Combine(bundle, "criu-work");

    /// <summary>Freezes all processes of the container. With the gate held.</summary>
    public async Task PauseAsync()
    {
        if (Status != Status.Running)
            throw Failed($"cannot pause a {Word} container");
        Status = Status.Pausing;
        RuncResult result = await runtime.PauseAsync(Id).ConfigureAwait(false);
        Status = result.Succeeded ? Status.Paused : Status.Running;
        if (!result.Succeeded)
            throw Failed(runtime.Error("OCI runtime pause failed", result));
    }

    /// <summary>Thaws them. With the gate held.</summary>
    public async Task ResumeAsync()
    {
        if (Status != Status.Paused)
            throw Failed($"cannot resume a {Word} process");
        RuncResult result = await runtime.ResumeAsync(Id).ConfigureAwait(false);
        if (!result.Succeeded)
            throw Failed(runtime.Error("OCI runtime resume failed", result));
        Status = Status.Running;
    }

    /// <summary>Sends a signal to the first process, or to all.</summary>
    public async Task KillAsync(int signal, bool all)
    {
        if (Deleted)
            throw new RpcException(RpcStatus.NotFound, "cannot kill a deleted process: not found");
        // A frozen process takes even SIGKILL only once thawed, which the runtime knows how to do.
        if (!all && runtime.PidIsContainers && Status is Status.Created or Status.Running)
        {
            try
            {
                if (!reaper.Kill(Pid, signal))
                    throw AlreadyFinished();
            }
            catch (LinuxException e)
            {
                throw Failed($"unknown error after kill: {e.Errno.Text()}");
            }
            return;
        }
        if (!all && Status == Status.Stopped)
            throw AlreadyFinished();
        RuncResult result = await runtime.KillAsync(Id, signal, all).ConfigureAwait(false);
        if (!result.Succeeded)
            throw KillError(runtime, result);
    }

    /// <summary>Changes the container's resources.</summary>
    public async Task UpdateAsync(ReadOnlyMemory<byte> resources)
    {
        if (Status == Status.Stopped)
            throw Failed("cannot update a stopped container");
        RuncResult result = await runtime.UpdateAsync(Id, resources).ConfigureAwait(false);
        if (!result.Succeeded)
            throw Failed(runtime.Error("OCI runtime update failed", result));
    }

    /// <summary>Writes the container's state to a folder, by CRIU.</summary>
    public async Task CheckpointAsync(string path, CheckpointOptions checkpoint)
    {
        if (Status is not (Status.Running or Status.Paused))
            throw Failed($"cannot checkpoint a task in {Word} state");
        List<string> flags = ["--image-path", path, "--work-path", checkpoint.WorkPath.Length > 0 ? checkpoint.WorkPath : WorkPath];
        if (checkpoint.ParentPath.Length > 0)
            flags.AddRange(["--parent-path", checkpoint.ParentPath]);
        if (checkpoint.OpenTcp)
            flags.Add("--tcp-established");
        if (checkpoint.ExternalUnixSockets)
            flags.Add("--ext-unix-sk");
        if (checkpoint.Terminal)
            flags.Add("--shell-job");
        if (checkpoint.FileLocks)
            flags.Add("--file-locks");
        foreach (string ns in checkpoint.EmptyNamespaces)
            flags.AddRange(["--empty-ns", ns]);
        if (!checkpoint.Exit)
            flags.Add("--leave-running");
        RuncResult result = await runtime.CheckpointAsync(Id, flags).ConfigureAwait(false);
        if (!result.Succeeded)
            throw Failed(runtime.Error("OCI runtime checkpoint failed", result));
    }

    /// <summary>
    /// Forgets the container: waits for its last output, removes what the runtime keeps, unmounts. With the gate held; a process
    /// that was created and never started is killed by the runtime.
    /// </summary>
    /// <returns>Why the output did not end in time, where it did not; null else.</returns>
    public async Task<string?> DeleteAsync()
    {
        if (Deleted)
            throw new RpcException(RpcStatus.NotFound, "cannot delete a deleted process: not found");
        if (Status is Status.Running or Status.Paused or Status.Pausing)
            throw Failed($"cannot delete a {Word} process");

        string? undrained = null;
        if (Status == Status.Stopped && Stdio is not null && !await Stdio.DrainAsync(DrainTimeout).ConfigureAwait(false))
            undrained = $"failed to drain init process {Id} io";
        RuncResult result = await runtime.DeleteAsync(Id).ConfigureAwait(false);
        if (!result.Succeeded && runtime.Error("", result) is var message && !message.Contains("does not exist", StringComparison.Ordinal))
            throw Failed("failed to delete task" + message);
        Stdio?.Dispose();
        Unmount();
        if (_checkpoint.Length > 0 && Pid == 0)
            _restoredExit.TrySetResult(new ProcessExit(0, KilledStatus, DateTimeOffset.UtcNow));
        Deleted = true;
        return undrained;
    }

    /// <summary>Takes away what is mounted as the container's root.</summary>
    public void Unmount()
    {
        if (rootfs.Length > 0)
            MountTable.UnmountTree(rootfs);
    }

    private string Word => Status switch
    {
        Status.Created => "created",
        Status.Running => "running",
        Status.Paused or Status.Pausing => "paused",
        _ => "stopped",
    };
}
