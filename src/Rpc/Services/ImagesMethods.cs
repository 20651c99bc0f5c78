using AotRuntime.Rpc.Containerd.Images;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Rpc;

/// <summary>Image names.</summary>
public static class ImagesMethods
{
    /// <summary>The service's full name.</summary>
    public const string Service = "containerd.services.images.v1.Images";

    /// <summary><c>Get</c>.</summary>
    public static readonly RpcMethod<GetImageRequest, GetImageResponse> Get = new(Service, "Get", GetImageRequest.Parser, GetImageResponse.Parser);

    /// <summary><c>List</c>.</summary>
    public static readonly RpcMethod<ListImagesRequest, ListImagesResponse> List = new(Service, "List", ListImagesRequest.Parser, ListImagesResponse.Parser);

    /// <summary><c>Create</c>.</summary>
    public static readonly RpcMethod<CreateImageRequest, CreateImageResponse> Create = new(Service, "Create", CreateImageRequest.Parser, CreateImageResponse.Parser);

    /// <summary><c>Update</c>.</summary>
    public static readonly RpcMethod<UpdateImageRequest, UpdateImageResponse> Update = new(Service, "Update", UpdateImageRequest.Parser, UpdateImageResponse.Parser);

    /// <summary><c>Delete</c>.</summary>
    public static readonly RpcMethod<DeleteImageRequest, Empty> Delete = new(Service, "Delete", DeleteImageRequest.Parser, Empty.Parser);
}
