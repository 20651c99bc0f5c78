using AotRuntime.Rpc;

namespace AotRuntime.Containerd;

/// <summary>containerd's error classes (its errdefs package) as RPC errors: the class's words end the text, and clients match on them.</summary>
internal static class ContainerdError
{
    public static RpcException NotFound(string text) => new(RpcStatus.NotFound, $"{text}: not found");

    public static RpcException AlreadyExists(string text) => new(RpcStatus.AlreadyExists, $"{text}: already exists");

    public static RpcException FailedPrecondition(string text) => new(RpcStatus.FailedPrecondition, $"{text}: failed precondition");

    public static RpcException InvalidArgument(string text) => new(RpcStatus.InvalidArgument, $"{text}: invalid argument");

    public static RpcException Unavailable(string text) => new(RpcStatus.Unavailable, $"{text}: unavailable");

    public static RpcException Unimplemented(string text) => new(RpcStatus.Unimplemented, $"{text}: not implemented");
}
