using System.Text.Json.Serialization;

#pragma warning disable CS1591 // the members are the runtime-spec's own (config-linux.md), and are explained there

namespace AotRuntime.Runc.Spec;

/// <summary><c>linux.resources</c>; alone, the input of <c>update --resources</c>.</summary>
public sealed class ResourcesSpec
{
    public List<DeviceRuleSpec>? Devices { get; set; }
    public MemorySpec? Memory { get; set; }
    public CpuSpec? Cpu { get; set; }
    public PidsSpec? Pids { get; set; }
    [JsonPropertyName("blockIO")]
    public BlockIoSpec? BlockIo { get; set; }
    public List<HugepageLimitSpec>? HugepageLimits { get; set; }
    public NetworkSpec? Network { get; set; }
    /// <summary>By the device's name.</summary>
    public SortedDictionary<string, RdmaSpec?>? Rdma { get; set; }
    public SortedDictionary<string, string?>? Unified { get; set; }
}

public sealed class DeviceRuleSpec
{
    public bool Allow { get; set; }
    public string? Type { get; set; }
    public long? Major { get; set; }
    public long? Minor { get; set; }
    public string? Access { get; set; }
}

public sealed class MemorySpec
{
    public long? Limit { get; set; }
    public long? Reservation { get; set; }
    public long? Swap { get; set; }
    public ulong? Swappiness { get; set; }
    [JsonPropertyName("disableOOMKiller")]
    public bool? DisableOomKiller { get; set; }
    public bool? CheckBeforeUpdate { get; set; }
}

public sealed class CpuSpec
{
    public ulong? Shares { get; set; }
    public long? Quota { get; set; }
    public ulong? Burst { get; set; }
    public ulong? Period { get; set; }
    public long? RealtimeRuntime { get; set; }
    public ulong? RealtimePeriod { get; set; }
    public string? Cpus { get; set; }
    public string? Mems { get; set; }
    public long? Idle { get; set; }
}

public sealed class PidsSpec
{
    public long? Limit { get; set; }
}

public sealed class BlockIoSpec
{
    public ushort? Weight { get; set; }
    public ushort? LeafWeight { get; set; }
    public List<WeightDeviceSpec>? WeightDevice { get; set; }
    public List<ThrottleDeviceSpec>? ThrottleReadBpsDevice { get; set; }
    public List<ThrottleDeviceSpec>? ThrottleWriteBpsDevice { get; set; }
    [JsonPropertyName("throttleReadIOPSDevice")]
    public List<ThrottleDeviceSpec>? ThrottleReadIopsDevice { get; set; }
    [JsonPropertyName("throttleWriteIOPSDevice")]
    public List<ThrottleDeviceSpec>? ThrottleWriteIopsDevice { get; set; }
}

public sealed class WeightDeviceSpec
{
    public long Major { get; set; }
    public long Minor { get; set; }
    public ushort? Weight { get; set; }
    public ushort? LeafWeight { get; set; }
}

public sealed class ThrottleDeviceSpec
{
    public long Major { get; set; }
    public long Minor { get; set; }
    public ulong Rate { get; set; }
}

public sealed class HugepageLimitSpec
{
    public string PageSize { get; set; } = "";
    public ulong Limit { get; set; }
}

public sealed class RdmaSpec
{
    public uint? HcaHandles { get; set; }
    public uint? HcaObjects { get; set; }
}

public sealed class NetworkSpec
{
    [JsonPropertyName("classID")]
    public uint? ClassId { get; set; }
    public List<InterfacePrioritySpec>? Priorities { get; set; }
}

public sealed class InterfacePrioritySpec
{
    public string Name { get; set; } = "";
    public uint Priority { get; set; }
}
