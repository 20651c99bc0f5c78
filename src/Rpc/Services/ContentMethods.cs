using AotRuntime.Rpc.Containerd.Content;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Rpc;

/// <summary>The content store.</summary>
public static class ContentMethods
{
    /// <summary>The service's full name.</summary>
    public const string Service = "containerd.services.content.v1.Content";

    /// <summary><c>Info</c>.</summary>
    public static readonly RpcMethod<InfoRequest, InfoResponse> Info = new(Service, "Info", InfoRequest.Parser, InfoResponse.Parser);

    /// <summary><c>Update</c>.</summary>
    public static readonly RpcMethod<UpdateRequest, UpdateResponse> Update = new(Service, "Update", UpdateRequest.Parser, UpdateResponse.Parser);

    /// <summary><c>List</c>: streams its answers.</summary>
    public static readonly RpcMethod<ListContentRequest, ListContentResponse> List = new(Service, "List", ListContentRequest.Parser, ListContentResponse.Parser);

    /// <summary><c>Delete</c>.</summary>
    public static readonly RpcMethod<DeleteContentRequest, Empty> Delete = new(Service, "Delete", DeleteContentRequest.Parser, Empty.Parser);

    /// <summary><c>Read</c>: streams its answers.</summary>
    public static readonly RpcMethod<ReadContentRequest, ReadContentResponse> Read = new(Service, "Read", ReadContentRequest.Parser, ReadContentResponse.Parser);

    /// <summary><c>Status</c>.</summary>
    public static readonly RpcMethod<StatusRequest, StatusResponse> Status = new(Service, "Status", StatusRequest.Parser, StatusResponse.Parser);

    /// <summary><c>ListStatuses</c>.</summary>
    public static readonly RpcMethod<ListStatusesRequest, ListStatusesResponse> ListStatuses = new(Service, "ListStatuses", ListStatusesRequest.Parser, ListStatusesResponse.Parser);

    /// <summary><c>Write</c>: streams both ways. To a gRPC server's handler, a request's data is valid until it reads the next request.</summary>
    public static readonly RpcMethod<WriteContentRequest, WriteContentResponse> Write = new(Service, "Write", WriteContentRequest.Parser, WriteContentResponse.Parser);

    /// <summary><c>Abort</c>.</summary>
    public static readonly RpcMethod<AbortRequest, Empty> Abort = new(Service, "Abort", AbortRequest.Parser, Empty.Parser);
}
