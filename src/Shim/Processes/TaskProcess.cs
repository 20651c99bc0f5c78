using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Types;
using AotRuntime.Shim.Stdio;

namespace AotRuntime.Shim.Processes;

/// <summary>A process that containerd knows by name: a container's first one, or one executed in it.</summary>
internal abstract class TaskProcess(string id, StdioPaths paths) : IDisposable
{
    private readonly TaskCompletionSource _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The container's id, or the exec's.</summary>
    public string Id { get; } = id;

    /// <summary>Where its streams lead.</summary>
    public StdioPaths Paths { get; } = paths;

    /// <summary>Its pid in the host's numbers; 0 before it is there.</summary>
    public int Pid { get; protected set; }

    /// <summary>Where it is in its life. Written only by who holds the <see cref="Gate"/>.</summary>
    public Status Status { get; set; } = Status.Created;

    /// <summary>Whether it has been deleted; <see cref="Status"/> is then Stopped.</summary>
    public bool Deleted { get; protected set; }

    /// <summary>Its exit status, once stopped.</summary>
    public int ExitStatus { get; private set; }

    /// <summary>When it ended; null before.</summary>
    public DateTimeOffset? ExitedAt { get; private set; }

    /// <summary>Held while its state changes: events come in the order of what they tell, and a start is told before an exit.</summary>
    public SemaphoreSlim Gate { get; } = new(1, 1);

    /// <summary>Done when it has ended, and its status is set.</summary>
    public Task Exited => _exited.Task;

    /// <summary>Its streams, once there.</summary>
    protected ProcessStdio? Stdio { get; set; }

    /// <summary>Notes the exit. Called with the <see cref="Gate"/> held.</summary>
    public void SetExited(ProcessExit exit)
    {
        ExitStatus = exit.Status;
        ExitedAt = exit.At;
        Status = Status.Stopped;
    }

    /// <summary>Lets those go on who wait for the exit: after its event is on its way, or where it never ran and never will.</summary>
    public void EndWait() => _exited.TrySetResult();

    /// <summary>Sets its terminal's size.</summary>
    public void Resize(uint width, uint height) => Stdio?.Resize((ushort)width, (ushort)height);

    /// <summary>Ends its input.</summary>
    public void CloseInput() => Stdio?.CloseInput();

    /// <inheritdoc/>
    public void Dispose() => Stdio?.Dispose();

    /// <summary>A failure of the runtime's, which has no code of its own in containerd.</summary>
    protected static RpcException Failed(string message) => new(RpcStatus.Unknown, message);

    /// <summary>Reads a pid file that the runtime has written.</summary>
    protected static int ReadPid(string file, string what)
    {
        try
        {
            return int.Parse(File.ReadAllText(file), System.Globalization.CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or FormatException)
        {
            throw Failed($"failed to retrieve OCI runtime {what} pid: {e.Message}");
        }
    }

    /// <summary>The words for a signal that could not be sent.</summary>
    protected static RpcException KillError(RuncRuntime runtime, RuncResult result)
    {
        string message = runtime.Error("", result);
        if (message.Contains("container not running", StringComparison.Ordinal)
            || message.Contains("process already finished", StringComparison.Ordinal)
            || message.Contains("no such process", StringComparison.OrdinalIgnoreCase))
        {
            return AlreadyFinished();
        }
        return message.Contains("does not exist", StringComparison.Ordinal)
            ? new RpcException(RpcStatus.NotFound, "no such container: not found")
            : Failed($"unknown error after kill{message}");
    }

    /// <summary>It ended before it could be signalled.</summary>
    protected static RpcException AlreadyFinished() => new(RpcStatus.NotFound, "process already finished: not found");
}
