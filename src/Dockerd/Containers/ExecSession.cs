using AotRuntime.Dockerd.Streams;
using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Containers;

/// <summary>A process that is added to a running container. Lives in memory only, as Docker's do.</summary>
internal sealed class ExecSession(string id, Container container, ExecCreateRequest request)
{
    private readonly TaskCompletionSource<int> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _started;

    /// <summary>64 hexadecimal digits.</summary>
    public string Id { get; } = id;

    /// <summary>The container.</summary>
    public Container Container { get; } = container;

    /// <summary>What was asked for.</summary>
    public ExecCreateRequest Request { get; } = request;

    /// <summary>Clients that are attached.</summary>
    public StreamHub Hub { get; } = new();

    /// <summary>Its streams, while it runs.</summary>
    public ProcessIo? Io { get; set; }

    /// <summary>Its process; 0 where it does not run.</summary>
    public int Pid { get; set; }

    /// <summary>How it ended; null as long as it has not.</summary>
    public int? ExitCode { get; set; }

    /// <summary>Whether it runs.</summary>
    public bool Running { get; set; }

    /// <summary>Ends with the process.</summary>
    public Task<int> Exited => _exited.Task;

    /// <summary>Asks containerd whether the process has ended.</summary>
    public Func<ValueTask> ReconcileAsync { get; set; } = static () => default;

    /// <summary>Takes the right to start it; true once.</summary>
    public bool TryBegin() => Interlocked.Exchange(ref _started, 1) == 0;

    /// <summary>It has ended.</summary>
    public void End(int exitCode)
    {
        ExitCode = exitCode;
        Running = false;
        Pid = 0;
        Hub.End();
        _exited.TrySetResult(exitCode);
    }

    /// <summary>Its container has ended, and it with it.</summary>
    public void OnContainerExit()
    {
        if (Running)
            End(137);
    }
}
