using AotRuntime.Rpc.Containerd.Namespaces;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Rpc;

/// <summary>Namespaces.</summary>
public static class NamespacesMethods
{
    /// <summary>The service's full name.</summary>
    public const string Service = "containerd.services.namespaces.v1.Namespaces";

    /// <summary><c>Get</c>.</summary>
    public static readonly RpcMethod<GetNamespaceRequest, GetNamespaceResponse> Get = new(Service, "Get", GetNamespaceRequest.Parser, GetNamespaceResponse.Parser);

    /// <summary><c>List</c>.</summary>
    public static readonly RpcMethod<ListNamespacesRequest, ListNamespacesResponse> List = new(Service, "List", ListNamespacesRequest.Parser, ListNamespacesResponse.Parser);

    /// <summary><c>Create</c>.</summary>
    public static readonly RpcMethod<CreateNamespaceRequest, CreateNamespaceResponse> Create = new(Service, "Create", CreateNamespaceRequest.Parser, CreateNamespaceResponse.Parser);

    /// <summary><c>Update</c>.</summary>
    public static readonly RpcMethod<UpdateNamespaceRequest, UpdateNamespaceResponse> Update = new(Service, "Update", UpdateNamespaceRequest.Parser, UpdateNamespaceResponse.Parser);

    /// <summary><c>Delete</c>.</summary>
    public static readonly RpcMethod<DeleteNamespaceRequest, Empty> Delete = new(Service, "Delete", DeleteNamespaceRequest.Parser, Empty.Parser);
}
