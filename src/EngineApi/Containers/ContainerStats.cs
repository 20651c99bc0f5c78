using System.Text.Json.Serialization;

namespace AotRuntime.EngineApi;

/// <summary>One sample of <c>GET /containers/{id}/stats</c>.</summary>
public sealed class ContainerStats
{
    [JsonPropertyName("name")] public string Name { get; set; } = "";
    [JsonPropertyName("id")] public string Id { get; set; } = "";
    [JsonPropertyName("read")] public string Read { get; set; } = GoTime.Zero;
    [JsonPropertyName("preread")] public string PreRead { get; set; } = GoTime.Zero;
    [JsonPropertyName("pids_stats")] public PidsStats Pids { get; set; } = new();
    [JsonPropertyName("blkio_stats")] public BlkioStats Blkio { get; set; } = new();
    [JsonPropertyName("num_procs")] public int NumProcs { get; set; }
    [JsonPropertyName("storage_stats")] public EmptyObject Storage { get; set; } = new();
    [JsonPropertyName("cpu_stats")] public CpuStats Cpu { get; set; } = new();
    [JsonPropertyName("precpu_stats")] public CpuStats PreCpu { get; set; } = new();
    [JsonPropertyName("memory_stats")] public MemoryStats Memory { get; set; } = new();
    [JsonPropertyName("networks"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public Dictionary<string, NetworkStats>? Networks { get; set; }
}

/// <summary>Tasks in the container.</summary>
public sealed class PidsStats
{
    [JsonPropertyName("current"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public ulong Current { get; set; }
    [JsonPropertyName("limit"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public ulong Limit { get; set; }
}

/// <summary>Block I/O.</summary>
public sealed class BlkioStats
{
    [JsonPropertyName("io_service_bytes_recursive")] public List<BlkioEntry>? ServiceBytes { get; set; }
    [JsonPropertyName("io_serviced_recursive")] public List<BlkioEntry>? Serviced { get; set; }
    [JsonPropertyName("io_queue_recursive")] public List<BlkioEntry>? Queue { get; set; }
    [JsonPropertyName("io_service_time_recursive")] public List<BlkioEntry>? ServiceTime { get; set; }
    [JsonPropertyName("io_wait_time_recursive")] public List<BlkioEntry>? WaitTime { get; set; }
    [JsonPropertyName("io_merged_recursive")] public List<BlkioEntry>? Merged { get; set; }
    [JsonPropertyName("io_time_recursive")] public List<BlkioEntry>? Time { get; set; }
    [JsonPropertyName("sectors_recursive")] public List<BlkioEntry>? Sectors { get; set; }
}

/// <summary>One device's count.</summary>
public sealed class BlkioEntry
{
    [JsonPropertyName("major")] public ulong Major { get; set; }
    [JsonPropertyName("minor")] public ulong Minor { get; set; }
    [JsonPropertyName("op")] public string Op { get; set; } = "";
    [JsonPropertyName("value")] public ulong Value { get; set; }
}

/// <summary>Processor time, in nanoseconds.</summary>
public sealed class CpuStats
{
    [JsonPropertyName("cpu_usage")] public CpuUsage Usage { get; set; } = new();
    [JsonPropertyName("system_cpu_usage"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public ulong SystemUsage { get; set; }
    [JsonPropertyName("online_cpus"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public int OnlineCpus { get; set; }
    [JsonPropertyName("throttling_data")] public ThrottlingData Throttling { get; set; } = new();
}

/// <summary>Processor time of the container.</summary>
public sealed class CpuUsage
{
    [JsonPropertyName("total_usage")] public ulong Total { get; set; }
    [JsonPropertyName("percpu_usage"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public List<ulong>? PerCpu { get; set; }
    [JsonPropertyName("usage_in_kernelmode")] public ulong InKernel { get; set; }
    [JsonPropertyName("usage_in_usermode")] public ulong InUser { get; set; }
}

/// <summary>How often the quota was hit.</summary>
public sealed class ThrottlingData
{
    [JsonPropertyName("periods")] public ulong Periods { get; set; }
    [JsonPropertyName("throttled_periods")] public ulong ThrottledPeriods { get; set; }
    [JsonPropertyName("throttled_time")] public ulong ThrottledTime { get; set; }
}

/// <summary>Memory, in bytes.</summary>
public sealed class MemoryStats
{
    [JsonPropertyName("usage"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public ulong Usage { get; set; }
    [JsonPropertyName("max_usage"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public ulong MaxUsage { get; set; }
    [JsonPropertyName("stats"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public Dictionary<string, ulong>? Stats { get; set; }
    [JsonPropertyName("failcnt"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public ulong FailCount { get; set; }
    [JsonPropertyName("limit"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public ulong Limit { get; set; }
}

/// <summary>One interface's counts.</summary>
public sealed class NetworkStats
{
    [JsonPropertyName("rx_bytes")] public ulong RxBytes { get; set; }
    [JsonPropertyName("rx_packets")] public ulong RxPackets { get; set; }
    [JsonPropertyName("rx_errors")] public ulong RxErrors { get; set; }
    [JsonPropertyName("rx_dropped")] public ulong RxDropped { get; set; }
    [JsonPropertyName("tx_bytes")] public ulong TxBytes { get; set; }
    [JsonPropertyName("tx_packets")] public ulong TxPackets { get; set; }
    [JsonPropertyName("tx_errors")] public ulong TxErrors { get; set; }
    [JsonPropertyName("tx_dropped")] public ulong TxDropped { get; set; }
}
