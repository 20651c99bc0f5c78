using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Events;
using AotRuntime.Rpc.Containerd.Shim;
using AotRuntime.Shim.Events;
using AotRuntime.Shim.Processes;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Shim.Tasks;

/// <summary>What happens to tasks, told under containerd's topics.</summary>
internal sealed class TaskEvents(EventPublisher publisher)
{
    public void Create(CreateTaskRequest request, int pid)
    {
        var created = new TaskCreate
        {
            ContainerId = request.Id,
            Bundle = request.Bundle,
            Io = new TaskIO { Stdin = request.Stdin, Stdout = request.Stdout, Stderr = request.Stderr, Terminal = request.Terminal },
            Checkpoint = request.Checkpoint,
            Pid = (uint)pid,
        };
        created.Rootfs.AddRange(request.Rootfs);
        publisher.Publish("/tasks/create", TypeUrls.TaskCreate, created);
    }

    public void Start(string id, int pid) =>
        publisher.Publish("/tasks/start", TypeUrls.TaskStart, new TaskStart { ContainerId = id, Pid = (uint)pid });

    public void ExecAdded(string id, string execId) =>
        publisher.Publish("/tasks/exec-added", TypeUrls.TaskExecAdded, new TaskExecAdded { ContainerId = id, ExecId = execId });

    public void ExecStarted(string id, string execId, int pid) =>
        publisher.Publish("/tasks/exec-started", TypeUrls.TaskExecStarted, new TaskExecStarted { ContainerId = id, ExecId = execId, Pid = (uint)pid });

    public void Exit(string id, TaskProcess process) => publisher.Publish("/tasks/exit", TypeUrls.TaskExit, new TaskExit
    {
        ContainerId = id,
        Id = process.Id,
        Pid = (uint)process.Pid,
        ExitStatus = (uint)process.ExitStatus,
        ExitedAt = TimestampOf(process),
    });

    public void Delete(string id, TaskProcess process) => publisher.Publish("/tasks/delete", TypeUrls.TaskDelete, new TaskDelete
    {
        ContainerId = id,
        Pid = (uint)process.Pid,
        ExitStatus = (uint)process.ExitStatus,
        ExitedAt = TimestampOf(process),
    });

    public void Paused(string id) => publisher.Publish("/tasks/paused", TypeUrls.TaskPaused, new TaskPaused { ContainerId = id });

    public void Resumed(string id) => publisher.Publish("/tasks/resumed", TypeUrls.TaskResumed, new TaskResumed { ContainerId = id });

    public void Checkpointed(string id, string checkpoint) =>
        publisher.Publish("/tasks/checkpointed", TypeUrls.TaskCheckpointed, new TaskCheckpointed { ContainerId = id, Checkpoint = checkpoint });

    public void Oom(string id) => publisher.Publish("/tasks/oom", TypeUrls.TaskOOM, new TaskOOM { ContainerId = id });

    /// <summary>When a process ended. Go's zero time, which is year 1, stands for "not yet".</summary>
    public static Timestamp TimestampOf(TaskProcess process) =>
        process.ExitedAt is { } at ? Timestamp.FromDateTimeOffset(at) : new Timestamp { Seconds = -62135596800 };
}
