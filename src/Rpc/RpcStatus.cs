using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Rpc;

/// <summary>gRPC's status codes (google/rpc/code.proto), also ttrpc's.</summary>
public enum RpcStatus
{
#pragma warning disable CS1591 // the names are the specification's own
    OK = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
#pragma warning restore CS1591
}

/// <summary>A call that ended with a status other than OK; thrown by handlers and by clients.</summary>
public sealed class RpcException(RpcStatus status, string message, IReadOnlyList<Any>? details = null) : Exception(message)
{
    /// <summary>Why the call failed.</summary>
    public RpcStatus Status { get; } = status;

    /// <summary>What else is known (google.rpc.Status, <c>details</c>); travels over gRPC.</summary>
    public IReadOnlyList<Any> Details { get; } = details ?? [];
}
