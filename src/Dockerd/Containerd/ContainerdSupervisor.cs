using System.Globalization;
using AotRuntime.Linux;
using AotRuntime.Rpc;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Dockerd.Containerd;

/// <summary>Keeps this daemon's own containerd alive. Containers do not depend on it: their shims go on when it dies.</summary>
internal sealed partial class ContainerdSupervisor : IAsyncDisposable
{
    private static readonly TimeSpan s_startLimit = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan s_stopLimit = TimeSpan.FromSeconds(15);

    private readonly string _folder;
    private readonly string _dataRoot;
    private readonly string _logLevel;
    private readonly ILogger _log;
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _stopping;
    private volatile int _pid;

    /// <summary>Names the places; nothing is started.</summary>
    public ContainerdSupervisor(string execRoot, string dataRoot, string logLevel, ILogger log)
    {
        _folder = Path.Combine(execRoot, "containerd");
        _dataRoot = dataRoot;
        _logLevel = logLevel;
        _log = log;
    }

    /// <summary>Where it listens.</summary>
    public string Address => Path.Combine(_folder, "containerd.sock");

    private string PidPath => Path.Combine(_folder, "containerd.pid");

    private string ConfigPath => Path.Combine(_folder, "containerd.toml");

    /// <summary>Starts it and waits until it answers.</summary>
    public async Task StartAsync(ContainerdClient client, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(_folder);
        File.SetUnixFileMode(_folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
            | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        await EndPredecessorAsync().ConfigureAwait(false);
        await File.WriteAllTextAsync(ConfigPath, Config(), cancellationToken).ConfigureAwait(false);
        // The thread that starts it must live as long: the kernel sends the parent-death signal when that thread ends.
        Thread thread = new(Supervise) { IsBackground = true, Name = "containerd supervisor" };
        thread.Start();
        await WaitReadyAsync(client, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Waits until containerd answers.</summary>
    public static async Task WaitReadyAsync(ContainerdClient client, CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(s_startLimit);
        Exception? last = null;
        while (true)
        {
            try
            {
                await client.VersionAsync(TimeSpan.FromSeconds(2), limit.Token).ConfigureAwait(false);
                return;
            }
            catch (Exception e) when (e is RpcException or IOException)
            {
                last = e;
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new TimeoutException($"timeout waiting for containerd to start: {last?.Message}", last);
            }
            try
            {
                await Task.Delay(20, limit.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new TimeoutException($"timeout waiting for containerd to start: {last?.Message}", last);
            }
        }
    }

    /// <summary>Stops it: asks first, then kills.</summary>
    public async ValueTask DisposeAsync()
    {
        _stopping = true;
        int pid = _pid;
        if (pid == 0)
            return;
        Signal(pid, 15);
        if (await Task.WhenAny(_stopped.Task, Task.Delay(s_stopLimit)).ConfigureAwait(false) != _stopped.Task)
        {
            Signal(pid, 9);
            await _stopped.Task.ConfigureAwait(false);
        }
        File.Delete(PidPath);
    }

    private void Supervise()
    {
        TimeSpan pause = TimeSpan.FromMilliseconds(100);
        while (!_stopping)
        {
            long started = Environment.TickCount64;
            try
            {
                RunOnce();
            }
            catch (Exception e) when (e is LinuxException or IOException)
            {
                LogFailed(_log, e);
            }
            if (_stopping)
                break;
            LogDied(_log);
            // One that dies at once is not started a thousand times a second.
            pause = Environment.TickCount64 - started > 10_000 ? TimeSpan.FromMilliseconds(100) : pause * 2;
            if (pause > TimeSpan.FromSeconds(10))
                pause = TimeSpan.FromSeconds(10);
            Thread.Sleep(pause);
        }
        _stopped.TrySetResult();
    }

    private void RunOnce()
    {
        string file = ProcessSpawn.FindRole("containerd") ?? throw new LinuxException("exec", "containerd", Errno.ENOENT);
        using SafeFileHandle devNull = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite);
        using SafeFileHandle stderr = new(2, ownsHandle: false);
        using SpawnedProcess process = ProcessSpawn.Start(new SpawnPlan
        {
            Path = file,
            // With its path: that is how it finds the shim that lies beside it.
            Arguments = [file, "--config", ConfigPath],
            Descriptors = [devNull, stderr, stderr],
            NewSession = true,
            ParentDeathSignal = 9,
            // Socket activation was meant for this process, not for its children.
            Environment = [.. ProcessSpawn.CurrentEnvironment().Where(v => !v.StartsWith("NOTIFY_SOCKET=", StringComparison.Ordinal) && !v.StartsWith("LISTEN_", StringComparison.Ordinal))],
        });
        _pid = process.Pid;
        LogStarted(_log, Address, process.Pid);
        File.WriteAllText(PidPath, process.Pid.ToString(CultureInfo.InvariantCulture));
        if (_stopping)
            Signal(process.Pid, 15);
        process.Wait();
        _pid = 0;
    }

    /// <summary>A containerd that a killed daemon left behind is dying too, but may not be dead yet: two must never share a root.</summary>
    private async Task EndPredecessorAsync()
    {
        if (!File.Exists(PidPath)
            || !int.TryParse(await File.ReadAllTextAsync(PidPath).ConfigureAwait(false), NumberStyles.None, CultureInfo.InvariantCulture, out int pid))
        {
            return;
        }
        for (int i = 0; i < 150 && IsOurs(pid); i++)
        {
            if (i == 0)
                Signal(pid, 15);
            else if (i == 100)
                Signal(pid, 9);
            await Task.Delay(100).ConfigureAwait(false);
        }
    }

    // Pids are used again: only a process that was started with this very configuration is meant.
    private bool IsOurs(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid.ToString(CultureInfo.InvariantCulture)}/cmdline").Contains(ConfigPath, StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static void Signal(int pid, int signal)
    {
        try
        {
            Sys.Kill(pid, signal);
        }
        catch (LinuxException e) when (e.Errno == Errno.ESRCH)
        {
            return;
        }
    }

    private string Config() => $"""
        version = 2
        root = "{_dataRoot}/containerd/daemon"
        state = "{_folder}/daemon"
        oom_score = 0
        disabled_plugins = ["io.containerd.grpc.v1.cri"]

        [grpc]
          address = "{Address}"
          uid = 0
          gid = 0

        [ttrpc]
          address = "{Address}.ttrpc"

        [debug]
          address = "{_folder}/containerd-debug.sock"
          level = "{_logLevel}"
        """ + "\n";

    [LoggerMessage(Level = LogLevel.Information, Message = "started new containerd process at {address} (pid {pid})")]
    private static partial void LogStarted(ILogger log, string address, int pid);

    [LoggerMessage(Level = LogLevel.Error, Message = "containerd did not start")]
    private static partial void LogFailed(ILogger log, Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "containerd exited, restarting")]
    private static partial void LogDied(ILogger log);
}
