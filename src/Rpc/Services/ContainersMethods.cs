using AotRuntime.Rpc.Containerd.Containers;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Rpc;

/// <summary>Container records.</summary>
public static class ContainersMethods
{
    /// <summary>The service's full name.</summary>
    public const string Service = "containerd.services.containers.v1.Containers";

    /// <summary><c>Get</c>.</summary>
    public static readonly RpcMethod<GetContainerRequest, GetContainerResponse> Get = new(Service, "Get", GetContainerRequest.Parser, GetContainerResponse.Parser);

    /// <summary><c>List</c>.</summary>
    public static readonly RpcMethod<ListContainersRequest, ListContainersResponse> List = new(Service, "List", ListContainersRequest.Parser, ListContainersResponse.Parser);

    /// <summary><c>ListStream</c>: streams its answers.</summary>
    public static readonly RpcMethod<ListContainersRequest, ListContainerMessage> ListStream = new(Service, "ListStream", ListContainersRequest.Parser, ListContainerMessage.Parser);

    /// <summary><c>Create</c>.</summary>
    public static readonly RpcMethod<CreateContainerRequest, CreateContainerResponse> Create = new(Service, "Create", CreateContainerRequest.Parser, CreateContainerResponse.Parser);

    /// <summary><c>Update</c>.</summary>
    public static readonly RpcMethod<UpdateContainerRequest, UpdateContainerResponse> Update = new(Service, "Update", UpdateContainerRequest.Parser, UpdateContainerResponse.Parser);

    /// <summary><c>Delete</c>.</summary>
    public static readonly RpcMethod<DeleteContainerRequest, Empty> Delete = new(Service, "Delete", DeleteContainerRequest.Parser, Empty.Parser);
}
