using AotRuntime.Rpc.Containerd.Leases;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Rpc;

/// <summary>Leases, which keep resources from garbage collection.</summary>
public static class LeasesMethods
{
    /// <summary>The service's full name.</summary>
    public const string Service = "containerd.services.leases.v1.Leases";

    /// <summary><c>Create</c>.</summary>
    public static readonly RpcMethod<CreateRequest, CreateResponse> Create = new(Service, "Create", CreateRequest.Parser, CreateResponse.Parser);

    /// <summary><c>Delete</c>.</summary>
    public static readonly RpcMethod<DeleteRequest, Empty> Delete = new(Service, "Delete", DeleteRequest.Parser, Empty.Parser);

    /// <summary><c>List</c>.</summary>
    public static readonly RpcMethod<ListRequest, ListResponse> List = new(Service, "List", ListRequest.Parser, ListResponse.Parser);

    /// <summary><c>AddResource</c>.</summary>
    public static readonly RpcMethod<AddResourceRequest, Empty> AddResource = new(Service, "AddResource", AddResourceRequest.Parser, Empty.Parser);

    /// <summary><c>DeleteResource</c>.</summary>
    public static readonly RpcMethod<DeleteResourceRequest, Empty> DeleteResource = new(Service, "DeleteResource", DeleteResourceRequest.Parser, Empty.Parser);

    /// <summary><c>ListResources</c>.</summary>
    public static readonly RpcMethod<ListResourcesRequest, ListResourcesResponse> ListResources = new(Service, "ListResources", ListResourcesRequest.Parser, ListResourcesResponse.Parser);
}
