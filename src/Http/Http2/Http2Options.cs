namespace AotRuntime.Http;

/// <summary>Limits, sizes and times of HTTP/2 connections, of servers and clients.</summary>
public sealed class Http2Options
{
    /// <summary>Requests of one connection that may run at once (SETTINGS_MAX_CONCURRENT_STREAMS); more are refused. A handler counts until it returns, even when its stream was reset, and a stream until its answer is sent.</summary>
    public int MaxConcurrentStreams { get; init; } = 1000;

    /// <summary>What a peer may send on a new stream ahead of its reader, in bytes; 65,535 at least.</summary>
    public int StreamWindow { get; init => field = AtLeast(value, 65_535); } = 256 * 1024;

    /// <summary>What a stream's window may grow to while its reader keeps up and the round trip is what limits it.</summary>
    public int MaxStreamWindow { get; init; } = 8 << 20;

    /// <summary>What a peer may send on a connection ahead of the read loop, in bytes; 65,535 at least.</summary>
    public int ConnectionWindow { get; init => field = AtLeast(value, 65_535); } = 1 << 20;

    /// <summary>What the connection's window may grow to.</summary>
    public int MaxConnectionWindow { get; init; } = 32 << 20;

    /// <summary>Longest frame taken (SETTINGS_MAX_FRAME_SIZE), 16,384 to 16,777,215. DATA is handed on as it comes, so it costs no buffer of this size.</summary>
    public int MaxFrameSize { get; init => field = AtLeast(value, 16_384); } = 1 << 20;

    /// <summary>Longest frame sent, where the peer takes it.</summary>
    public int MaxSentFrameSize { get; init => field = AtLeast(value, 16_384); } = 1 << 20;

    /// <summary>Octets of a response body that may wait for the peer before its writer waits.</summary>
    public int SendBuffer { get; init; } = 256 * 1024;

    /// <summary>A header block's encoded octets, all its frames together.</summary>
    public int MaxHeaderBlockBytes { get; init; } = 128 * 1024;

    /// <summary>CONTINUATION frames of one header block (CVE-2024-27316).</summary>
    public int MaxContinuationFrames { get; init; } = 16;

    /// <summary>Streams reset by the peer while their handler ran (CVE-2023-44487): how many at once; see <see cref="MaxResetsPerSecond"/>.</summary>
    public int MaxResetBurst { get; init; } = 1000;

    /// <summary>How many resets, of either kind, a second are forgotten.</summary>
    public int MaxResetsPerSecond { get; init; } = 200;

    /// <summary>Streams that this side had to reset for the peer's breaches of the protocol (CVE-2025-8671): how many at once. Good peers cause none.</summary>
    public int MaxProvokedResetBurst { get; init; } = 100;

    /// <summary>PINGs, SETTINGS, PRIORITYs and unknown frames since this side last sent headers or data (gRPC's window probes come with data).</summary>
    public int MaxIdleControlFrames { get; init; } = 1000;

    /// <summary>How many of those a second are forgotten, so that keep-alive PINGs never add up.</summary>
    public int IdleControlFramesPerSecond { get; init; } = 10;

    /// <summary>WINDOW_UPDATEs since this side last sent headers or data.</summary>
    public int MaxIdleWindowUpdates { get; init; } = 10_000;

    /// <summary>Settings in one SETTINGS frame (CVE-2020-11080).</summary>
    public int MaxSettingsPerFrame { get; init; } = 64;

    /// <summary>DATA frames without data or END_STREAM beyond those with (CVE-2019-9518).</summary>
    public int MaxEmptyDataFrames { get; init; } = 100;

    /// <summary>Control frames that may wait, in bytes, for a peer that causes answers and does not read them.</summary>
    public int MaxQueuedControlBytes { get; init; } = 64 * 1024;

    /// <summary>How long the peer may take to acknowledge our SETTINGS (RFC 9113 §6.5.3).</summary>
    public TimeSpan SettingsTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a header block may stay open between its first frame and its last.</summary>
    public TimeSpan HeaderBlockTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the peer may be silent before a PING asks whether it is still there. grpc-go's default for servers.</summary>
    public TimeSpan KeepAliveInterval { get; init; } = TimeSpan.FromHours(2);

    /// <summary>How long the answer to that PING may take before the connection counts as lost.</summary>
    public TimeSpan KeepAliveTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>How long data may wait for a stream's or the connection's window (CVE-2019-9511, 9517) before the stream is reset.</summary>
    public TimeSpan SendStallTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>The defaults.</summary>
    public static Http2Options Default { get; } = new();

    /// <summary>How a stream's send pipe is made.</summary>
    internal System.IO.Pipelines.PipeOptions SendPipe => field ??= new(pauseWriterThreshold: SendBuffer, resumeWriterThreshold: SendBuffer / 2, useSynchronizationContext: false);

    private static int AtLeast(int value, int least)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, least);
        return value;
    }
}
