namespace AotRuntime.Rpc;

/// <summary>Limits of gRPC calls, of servers and clients; containerd's own defaults.</summary>
public sealed class GrpcOptions
{
    /// <summary>Longest message taken, in bytes, after decompression.</summary>
    public int MaxReceiveMessageBytes { get; init; } = 16 << 20;

    /// <summary>Longest message sent, in bytes.</summary>
    public int MaxSendMessageBytes { get; init; } = 16 << 20;

    /// <summary>The defaults.</summary>
    public static GrpcOptions Default { get; } = new();
}
