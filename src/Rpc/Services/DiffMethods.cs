using AotRuntime.Rpc.Containerd.Diff;

namespace AotRuntime.Rpc;

/// <summary>Layers into snapshots and back.</summary>
public static class DiffMethods
{
    /// <summary>The service's full name.</summary>
    public const string Service = "containerd.services.diff.v1.Diff";

    /// <summary><c>Apply</c>.</summary>
    public static readonly RpcMethod<ApplyRequest, ApplyResponse> Apply = new(Service, "Apply", ApplyRequest.Parser, ApplyResponse.Parser);

    /// <summary><c>Diff</c>.</summary>
    public static readonly RpcMethod<DiffRequest, DiffResponse> Diff = new(Service, "Diff", DiffRequest.Parser, DiffResponse.Parser);
}
