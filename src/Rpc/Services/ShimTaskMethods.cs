using AotRuntime.Rpc.Containerd.Shim;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Rpc;

/// <summary>A shim's Task service. Versions 2 and 3 differ in the service's name only.</summary>
public sealed class ShimTaskMethods
{
    private ShimTaskMethods(string service)
    {
        Service = service;
        State = new(service, "State", StateRequest.Parser, StateResponse.Parser);
        Create = new(service, "Create", CreateTaskRequest.Parser, CreateTaskResponse.Parser);
        Start = new(service, "Start", StartRequest.Parser, StartResponse.Parser);
        Delete = new(service, "Delete", DeleteRequest.Parser, DeleteResponse.Parser);
        Pids = new(service, "Pids", PidsRequest.Parser, PidsResponse.Parser);
        Pause = new(service, "Pause", PauseRequest.Parser, Empty.Parser);
        Resume = new(service, "Resume", ResumeRequest.Parser, Empty.Parser);
        Checkpoint = new(service, "Checkpoint", CheckpointTaskRequest.Parser, Empty.Parser);
        Kill = new(service, "Kill", KillRequest.Parser, Empty.Parser);
        Exec = new(service, "Exec", ExecProcessRequest.Parser, Empty.Parser);
        ResizePty = new(service, "ResizePty", ResizePtyRequest.Parser, Empty.Parser);
        CloseIO = new(service, "CloseIO", CloseIORequest.Parser, Empty.Parser);
        Update = new(service, "Update", UpdateTaskRequest.Parser, Empty.Parser);
        Wait = new(service, "Wait", WaitRequest.Parser, WaitResponse.Parser);
        Stats = new(service, "Stats", StatsRequest.Parser, StatsResponse.Parser);
        Connect = new(service, "Connect", ConnectRequest.Parser, ConnectResponse.Parser);
        Shutdown = new(service, "Shutdown", ShutdownRequest.Parser, Empty.Parser);
    }

    /// <summary>As containerd 1.x calls it.</summary>
    public static ShimTaskMethods V2 { get; } = new("containerd.task.v2.Task");

    /// <summary>As containerd 2.x calls it where the shim says that it speaks version 3.</summary>
    public static ShimTaskMethods V3 { get; } = new("containerd.task.v3.Task");

    /// <summary>The service's full name.</summary>
    public string Service { get; }

    /// <summary><c>State</c>.</summary>
    public RpcMethod<StateRequest, StateResponse> State { get; }

    /// <summary><c>Create</c>.</summary>
    public RpcMethod<CreateTaskRequest, CreateTaskResponse> Create { get; }

    /// <summary><c>Start</c>.</summary>
    public RpcMethod<StartRequest, StartResponse> Start { get; }

    /// <summary><c>Delete</c>.</summary>
    public RpcMethod<DeleteRequest, DeleteResponse> Delete { get; }

    /// <summary><c>Pids</c>.</summary>
    public RpcMethod<PidsRequest, PidsResponse> Pids { get; }

    /// <summary><c>Pause</c>.</summary>
    public RpcMethod<PauseRequest, Empty> Pause { get; }

    /// <summary><c>Resume</c>.</summary>
    public RpcMethod<ResumeRequest, Empty> Resume { get; }

    /// <summary><c>Checkpoint</c>.</summary>
    public RpcMethod<CheckpointTaskRequest, Empty> Checkpoint { get; }

    /// <summary><c>Kill</c>.</summary>
    public RpcMethod<KillRequest, Empty> Kill { get; }

    /// <summary><c>Exec</c>.</summary>
    public RpcMethod<ExecProcessRequest, Empty> Exec { get; }

    /// <summary><c>ResizePty</c>.</summary>
    public RpcMethod<ResizePtyRequest, Empty> ResizePty { get; }

    /// <summary><c>CloseIO</c>.</summary>
    public RpcMethod<CloseIORequest, Empty> CloseIO { get; }

    /// <summary><c>Update</c>.</summary>
    public RpcMethod<UpdateTaskRequest, Empty> Update { get; }

    /// <summary><c>Wait</c>.</summary>
    public RpcMethod<WaitRequest, WaitResponse> Wait { get; }

    /// <summary><c>Stats</c>.</summary>
    public RpcMethod<StatsRequest, StatsResponse> Stats { get; }

    /// <summary><c>Connect</c>.</summary>
    public RpcMethod<ConnectRequest, ConnectResponse> Connect { get; }

    /// <summary><c>Shutdown</c>.</summary>
    public RpcMethod<ShutdownRequest, Empty> Shutdown { get; }
}
