namespace AotRuntime.Http;

/// <summary>Limits and sizes of HTTP/2 connections, of servers and clients.</summary>
public sealed class Http2Options
{
    /// <summary>Requests of one connection that may run at once (SETTINGS_MAX_CONCURRENT_STREAMS); more are refused.</summary>
    public int MaxConcurrentStreams { get; init; } = 1000;

    /// <summary>What a peer may send on one stream ahead of its reader, in bytes. Buffered bodies are bounded by this times the streams.</summary>
    public int StreamWindow { get; init; } = 1 << 20;

    /// <summary>What a peer may send on a connection ahead of the read loop, in bytes.</summary>
    public int ConnectionWindow { get; init; } = 8 << 20;

    /// <summary>Longest frame taken (SETTINGS_MAX_FRAME_SIZE).</summary>
    public int MaxFrameSize { get; init; } = 64 * 1024;

    /// <summary>Octets of a response body that may wait for the peer before its writer waits.</summary>
    public int SendBuffer { get; init; } = 256 * 1024;

    /// <summary>A header block's encoded octets, all its frames together.</summary>
    public int MaxHeaderBlockBytes { get; init; } = 128 * 1024;

    /// <summary>CONTINUATION frames of one header block.</summary>
    public int MaxContinuationFrames { get; init; } = 16;

    /// <summary>Streams reset by the peer while their handler ran: how many at once, and how many a second in the long run.</summary>
    public int MaxResetBurst { get; init; } = 1000;

    /// <inheritdoc cref="MaxResetBurst"/>
    public int MaxResetsPerSecond { get; init; } = 200;

    /// <summary>PINGs, SETTINGS, PRIORITYs and unknown frames since this side last sent headers or data (gRPC's window probes come with data).</summary>
    public int MaxIdleControlFrames { get; init; } = 1000;

    /// <summary>DATA frames without data or END_STREAM, on a connection.</summary>
    public int MaxEmptyDataFrames { get; init; } = 100;

    /// <summary>Control frames that may wait, in bytes, for a peer that asks for answers and does not read them.</summary>
    public int MaxQueuedControlBytes { get; init; } = 64 * 1024;

    /// <summary>The defaults.</summary>
    public static Http2Options Default { get; } = new();
}
