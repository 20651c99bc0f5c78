using System.Text.Json;
using System.Text.Json.Serialization;

#pragma warning disable CS1591 // the members are the runtime-spec's own (config.md), and are explained there

namespace AotRuntime.Runc.Spec;

/// <summary>config.json of a bundle (OCI runtime-spec, config.md).</summary>
public sealed class RuntimeSpec
{
    public string OciVersion { get; set; } = "";
    public ProcessSpec? Process { get; set; }
    public RootSpec? Root { get; set; }
    public string? Hostname { get; set; }
    public string? Domainname { get; set; }
    public List<MountSpec>? Mounts { get; set; }
    public HooksSpec? Hooks { get; set; }
    public SortedDictionary<string, string?>? Annotations { get; set; }
    public LinuxSpec? Linux { get; set; }
}

/// <summary><c>process</c>; alone, the file of <c>exec --process</c>.</summary>
public sealed class ProcessSpec
{
    public bool Terminal { get; set; }
    public ConsoleSizeSpec? ConsoleSize { get; set; }
    public UserSpec User { get; set; } = new();
    public List<string>? Args { get; set; }
    public List<string>? Env { get; set; }
    public string? Cwd { get; set; }
    public CapabilitiesSpec? Capabilities { get; set; }
    public List<RlimitSpec>? Rlimits { get; set; }
    public bool NoNewPrivileges { get; set; }
    public string? ApparmorProfile { get; set; }
    public int? OomScoreAdj { get; set; }
    public SchedulerSpec? Scheduler { get; set; }
    public string? SelinuxLabel { get; set; }
    [JsonPropertyName("ioPriority")]
    public IoPrioritySpec? IoPriority { get; set; }
    [JsonPropertyName("execCPUAffinity")]
    public CpuAffinitySpec? ExecCpuAffinity { get; set; }
}

public sealed class ConsoleSizeSpec
{
    public uint Height { get; set; }
    public uint Width { get; set; }
}

public sealed class UserSpec
{
    public uint Uid { get; set; }
    public uint Gid { get; set; }
    public uint? Umask { get; set; }
    public List<uint>? AdditionalGids { get; set; }
}

public sealed class CapabilitiesSpec
{
    public List<string>? Bounding { get; set; }
    public List<string>? Effective { get; set; }
    public List<string>? Inheritable { get; set; }
    public List<string>? Permitted { get; set; }
    public List<string>? Ambient { get; set; }
}

public sealed class RlimitSpec
{
    public string Type { get; set; } = "";
    public ulong Hard { get; set; }
    public ulong Soft { get; set; }
}

public sealed class SchedulerSpec
{
    public string Policy { get; set; } = "";
    public int Nice { get; set; }
    public int Priority { get; set; }
    public List<string>? Flags { get; set; }
    public ulong Runtime { get; set; }
    public ulong Deadline { get; set; }
    public ulong Period { get; set; }
}

public sealed class IoPrioritySpec
{
    public string Class { get; set; } = "";
    public int Priority { get; set; }
}

/// <summary>On which CPUs an exec's process runs: until it is in the container's cgroup, and from then on.</summary>
public sealed class CpuAffinitySpec
{
    public string? Initial { get; set; }
    public string? Final { get; set; }
}

public sealed class RootSpec
{
    public string Path { get; set; } = "";
    public bool Readonly { get; set; }
}

public sealed class MountSpec
{
    public string Destination { get; set; } = "";
    public string? Type { get; set; }
    public string? Source { get; set; }
    public List<string>? Options { get; set; }
    public List<IdMapSpec>? UidMappings { get; set; }
    public List<IdMapSpec>? GidMappings { get; set; }
}

public sealed class HooksSpec
{
    public List<HookSpec>? Prestart { get; set; }
    public List<HookSpec>? CreateRuntime { get; set; }
    public List<HookSpec>? CreateContainer { get; set; }
    public List<HookSpec>? StartContainer { get; set; }
    public List<HookSpec>? Poststart { get; set; }
    public List<HookSpec>? Poststop { get; set; }
}

public sealed class HookSpec
{
    public string Path { get; set; } = "";
    public List<string>? Args { get; set; }
    public List<string>? Env { get; set; }
    public int? Timeout { get; set; }
}

public sealed class IdMapSpec
{
    [JsonPropertyName("containerID")]
    public uint ContainerId { get; set; }
    [JsonPropertyName("hostID")]
    public uint HostId { get; set; }
    public uint Size { get; set; }
}

public sealed class LinuxSpec
{
    public List<IdMapSpec>? UidMappings { get; set; }
    public List<IdMapSpec>? GidMappings { get; set; }
    public SortedDictionary<string, string?>? Sysctl { get; set; }
    public ResourcesSpec? Resources { get; set; }
    public string? CgroupsPath { get; set; }
    public List<NamespaceSpec>? Namespaces { get; set; }
    public List<DeviceSpec>? Devices { get; set; }
    /// <summary>As <see cref="SeccompSpec"/>, which is only read where the profile is not compiled yet.</summary>
    public JsonElement? Seccomp { get; set; }
    public string? RootfsPropagation { get; set; }
    public List<string>? MaskedPaths { get; set; }
    public List<string>? ReadonlyPaths { get; set; }
    public string? MountLabel { get; set; }
    public IntelRdtSpec? IntelRdt { get; set; }
    public SortedDictionary<string, NetDeviceSpec?>? NetDevices { get; set; }
    public MemoryPolicySpec? MemoryPolicy { get; set; }
    public PersonalitySpec? Personality { get; set; }
    public SortedDictionary<string, TimeOffsetSpec?>? TimeOffsets { get; set; }
}

public sealed class IntelRdtSpec
{
    [JsonPropertyName("closID")]
    public string? ClosId { get; set; }
    public List<string>? Schemata { get; set; }
    public string? L3CacheSchema { get; set; }
    public string? MemBwSchema { get; set; }
    public bool EnableMonitoring { get; set; }
}

public sealed class MemoryPolicySpec
{
    public string Mode { get; set; } = "";
    public string? Nodes { get; set; }
    public List<string>? Flags { get; set; }
}

/// <summary>An interface of the host that the container's network namespace gets; its key is its name on the host.</summary>
public sealed class NetDeviceSpec
{
    public string? Name { get; set; }
}

public sealed class NamespaceSpec
{
    public string Type { get; set; } = "";
    public string? Path { get; set; }
}

public sealed class DeviceSpec
{
    public string Path { get; set; } = "";
    public string Type { get; set; } = "";
    public long Major { get; set; }
    public long Minor { get; set; }
    public uint? FileMode { get; set; }
    public uint? Uid { get; set; }
    public uint? Gid { get; set; }
}

public sealed class PersonalitySpec
{
    public string Domain { get; set; } = "";
    public List<string>? Flags { get; set; }
}

public sealed class TimeOffsetSpec
{
    public long Secs { get; set; }
    public uint Nanosecs { get; set; }
}
