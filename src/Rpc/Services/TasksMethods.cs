using AotRuntime.Rpc.Containerd.Tasks;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Rpc;

/// <summary>Running containers.</summary>
public static class TasksMethods
{
    /// <summary>The service's full name.</summary>
    public const string Service = "containerd.services.tasks.v1.Tasks";

    /// <summary><c>Create</c>.</summary>
    public static readonly RpcMethod<CreateTaskRequest, CreateTaskResponse> Create = new(Service, "Create", CreateTaskRequest.Parser, CreateTaskResponse.Parser);

    /// <summary><c>Start</c>.</summary>
    public static readonly RpcMethod<StartRequest, StartResponse> Start = new(Service, "Start", StartRequest.Parser, StartResponse.Parser);

    /// <summary><c>Delete</c>.</summary>
    public static readonly RpcMethod<DeleteTaskRequest, DeleteResponse> Delete = new(Service, "Delete", DeleteTaskRequest.Parser, DeleteResponse.Parser);

    /// <summary><c>DeleteProcess</c>.</summary>
    public static readonly RpcMethod<DeleteProcessRequest, DeleteResponse> DeleteProcess = new(Service, "DeleteProcess", DeleteProcessRequest.Parser, DeleteResponse.Parser);

    /// <summary><c>Get</c>.</summary>
    public static readonly RpcMethod<GetRequest, GetResponse> Get = new(Service, "Get", GetRequest.Parser, GetResponse.Parser);

    /// <summary><c>List</c>.</summary>
    public static readonly RpcMethod<ListTasksRequest, ListTasksResponse> List = new(Service, "List", ListTasksRequest.Parser, ListTasksResponse.Parser);

    /// <summary><c>Kill</c>.</summary>
    public static readonly RpcMethod<KillRequest, Empty> Kill = new(Service, "Kill", KillRequest.Parser, Empty.Parser);

    /// <summary><c>Exec</c>.</summary>
    public static readonly RpcMethod<ExecProcessRequest, Empty> Exec = new(Service, "Exec", ExecProcessRequest.Parser, Empty.Parser);

    /// <summary><c>ResizePty</c>.</summary>
    public static readonly RpcMethod<ResizePtyRequest, Empty> ResizePty = new(Service, "ResizePty", ResizePtyRequest.Parser, Empty.Parser);

    /// <summary><c>CloseIO</c>.</summary>
    public static readonly RpcMethod<CloseIORequest, Empty> CloseIO = new(Service, "CloseIO", CloseIORequest.Parser, Empty.Parser);

    /// <summary><c>Pause</c>.</summary>
    public static readonly RpcMethod<PauseTaskRequest, Empty> Pause = new(Service, "Pause", PauseTaskRequest.Parser, Empty.Parser);

    /// <summary><c>Resume</c>.</summary>
    public static readonly RpcMethod<ResumeTaskRequest, Empty> Resume = new(Service, "Resume", ResumeTaskRequest.Parser, Empty.Parser);

    /// <summary><c>ListPids</c>.</summary>
    public static readonly RpcMethod<ListPidsRequest, ListPidsResponse> ListPids = new(Service, "ListPids", ListPidsRequest.Parser, ListPidsResponse.Parser);

    /// <summary><c>Checkpoint</c>.</summary>
    public static readonly RpcMethod<CheckpointTaskRequest, CheckpointTaskResponse> Checkpoint = new(Service, "Checkpoint", CheckpointTaskRequest.Parser, CheckpointTaskResponse.Parser);

    /// <summary><c>Update</c>.</summary>
    public static readonly RpcMethod<UpdateTaskRequest, Empty> Update = new(Service, "Update", UpdateTaskRequest.Parser, Empty.Parser);

    /// <summary><c>Metrics</c>.</summary>
    public static readonly RpcMethod<MetricsRequest, MetricsResponse> Metrics = new(Service, "Metrics", MetricsRequest.Parser, MetricsResponse.Parser);

    /// <summary><c>Wait</c>.</summary>
    public static readonly RpcMethod<WaitRequest, WaitResponse> Wait = new(Service, "Wait", WaitRequest.Parser, WaitResponse.Parser);
}
