using System.Collections.Concurrent;
using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Logs;
using AotRuntime.Dockerd.Streams;
using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Containers;

/// <summary>When a wait ends.</summary>
internal enum WaitCondition
{
    /// <summary>Once the container does not run; at once where it does not.</summary>
    NotRunning,
    /// <summary>With the next end of a run.</summary>
    NextExit,
    /// <summary>With its removal.</summary>
    Removed,
}

/// <summary>
/// A container as the daemon has it in memory. <see cref="Lock"/> guards changes of state; the record's state may be read without it
/// (inspect shows a moment).
/// </summary>
internal sealed class Container
{
    private readonly Lock _waiters = new();
    private TaskCompletionSource<ContainerWaitResponse> _stopped = NewWaiter();
    private TaskCompletionSource<ContainerWaitResponse> _nextExit = NewWaiter();
    private readonly TaskCompletionSource<ContainerWaitResponse> _removed = NewWaiter();

    /// <summary>Wraps a record.</summary>
    public Container(ContainerRecord record, string folder)
    {
        Record = record;
        Folder = folder;
        Log = new JsonFileLog(Path.Combine(folder, record.Id + "-json.log"), JsonFileOptions.Parse(record.HostConfig.LogConfig?.Config));
    }

    /// <summary>What is kept on disk.</summary>
    public ContainerRecord Record { get; }

    /// <summary>Its id.</summary>
    public string Id => Record.Id;

    /// <summary>Its state.</summary>
    public ContainerState State => Record.State;

    /// <summary>Its folder under the data root.</summary>
    public string Folder { get; }

    /// <summary>Serialises changes of its state.</summary>
    public SemaphoreSlim Lock { get; } = new(1, 1);

    /// <summary>Clients that are attached.</summary>
    public StreamHub Hub { get; } = new();

    /// <summary>Its log.</summary>
    public JsonFileLog Log { get; }

    /// <summary>Streams of the current run.</summary>
    public ProcessIo? Io { get; set; }

    /// <summary>Processes that were added to it.</summary>
    public ConcurrentDictionary<string, ExecSession> Execs { get; } = new();

    /// <summary>Its probe, while it runs and has one.</summary>
    public HealthMonitor? Health { get; set; }

    /// <summary>Ends a pause before a restart.</summary>
    public CancellationTokenSource? RestartDelay { get; set; }

    /// <summary>The pause before the next restart.</summary>
    public TimeSpan RestartBackOff { get; set; }

    /// <summary>Whether a client asked for its end: then no policy restarts it.</summary>
    public bool StopRequested { get; set; }

    /// <summary>Whether an earlier daemon had begun to remove it.</summary>
    public bool RemovalWasInterrupted { get; init; }

    /// <summary>Whether the kernel killed a process of this run for want of memory.</summary>
    public bool OomInThisRun { get; set; }

    /// <summary>Network mode <c>container:ID</c> and the like: the id; null for other modes.</summary>
    public static string? JoinedContainer(string mode) => mode.StartsWith("container:", StringComparison.Ordinal) ? mode["container:".Length..] : null;

    /// <summary>The container's files.</summary>
    public string HostsPath => Path.Combine(Folder, "hosts");

    /// <inheritdoc cref="HostsPath"/>
    public string HostnamePath => Path.Combine(Folder, "hostname");

    /// <inheritdoc cref="HostsPath"/>
    public string ResolvConfPath => Path.Combine(Folder, "resolv.conf");

    /// <inheritdoc cref="HostsPath"/>
    public string ShmPath => Path.Combine(Folder, "mounts", "shm");

    /// <summary>Throws Docker's error where the container does not run.</summary>
    public void RequireRunning()
    {
        if (!State.Running)
            throw ApiException.Conflict($"container {Id} is not running");
    }

    /// <summary>A task that ends as <paramref name="condition"/> says.</summary>
    public Task<ContainerWaitResponse> WaitAsync(WaitCondition condition)
    {
        lock (_waiters)
        {
            return condition switch
            {
                WaitCondition.Removed => _removed.Task,
                WaitCondition.NextExit => _nextExit.Task,
                _ when !State.Running && !State.Restarting => Task.FromResult(Result()),
                _ => _stopped.Task,
            };
        }
    }

    /// <summary>Tells those who wait that a run is over.</summary>
    public void NotifyExit()
    {
        lock (_waiters)
        {
            ContainerWaitResponse result = Result();
            _nextExit.TrySetResult(result);
            _nextExit = NewWaiter();
            if (!State.Restarting)
            {
                _stopped.TrySetResult(result);
                _stopped = NewWaiter();
            }
        }
    }

    /// <summary>Tells those who wait that it is gone.</summary>
    public void NotifyRemoved()
    {
        lock (_waiters)
        {
            ContainerWaitResponse result = new() { StatusCode = State.ExitCode };
            _removed.TrySetResult(result);
            _nextExit.TrySetResult(result);
            _stopped.TrySetResult(result);
        }
    }

    private ContainerWaitResponse Result() => new()
    {
        StatusCode = State.ExitCode,
        Error = State.Error.Length > 0 ? new WaitExitError { Message = State.Error } : null,
    };

    private static TaskCompletionSource<ContainerWaitResponse> NewWaiter() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
