using System.Text.Json.Serialization;
using AotRuntime.Json;
using AotRuntime.Runc.Spec;

#pragma warning disable CS1591 // the members are runc's own (libcontainer: State, configs.Config, cgroups.Cgroup), and are explained there

namespace AotRuntime.Runc.State.Libcontainer;

/// <summary>JSON of runc's state.json.</summary>
[JsonContext(OmitNulls = true, NullIsZero = true)]
[JsonRoot(typeof(LibcontainerState))]
[JsonRoot(typeof(LibcontainerConfig))]
[JsonRoot(typeof(LibcontainerSeccomp))]
internal static partial class LibcontainerJson;

/// <summary>
/// state.json as runc has it: what both programs must agree on, for one to go on with the containers of the other. Of the configuration
/// there is only what a command after <c>create</c> reads.
/// </summary>
internal sealed class LibcontainerState
{
    [JsonPropertyName("id")]
    public string Id { get; set; } = "";
    [JsonPropertyName("init_process_pid")]
    public int Pid { get; set; }
    [JsonPropertyName("init_process_start")]
    public ulong StartTime { get; set; }
    [JsonPropertyName("created")]
    public string Created { get; set; } = "";
    [JsonPropertyName("config")]
    public LibcontainerConfig? Config { get; set; }
    [JsonPropertyName("cgroup_paths")]
    public SortedDictionary<string, string>? CgroupPaths { get; set; }
    [JsonPropertyName("external_descriptors")]
    public List<string>? Descriptors { get; set; }
    [JsonPropertyName("intel_rdt_path")]
    public string? IntelRdtPath { get; set; }
    [JsonPropertyName("intel_rdt_mon_path")]
    public string? IntelRdtMonPath { get; set; }
}

internal sealed class LibcontainerConfig
{
    [JsonPropertyName("no_pivot_root")]
    public bool NoPivotRoot { get; set; }
    [JsonPropertyName("rootfs")]
    public string Rootfs { get; set; } = "";
    [JsonPropertyName("umask")]
    public uint? Umask { get; set; }
    [JsonPropertyName("readonlyfs")]
    public bool ReadonlyFs { get; set; }
    [JsonPropertyName("mounts")]
    public List<LibcontainerMount>? Mounts { get; set; }
    [JsonPropertyName("mount_label")]
    public string? MountLabel { get; set; }
    [JsonPropertyName("namespaces")]
    public List<LibcontainerNamespace>? Namespaces { get; set; }
    [JsonPropertyName("capabilities")]
    public LibcontainerCapabilities? Capabilities { get; set; }
    [JsonPropertyName("cgroups")]
    public LibcontainerCgroup? Cgroups { get; set; }
    [JsonPropertyName("apparmor_profile")]
    public string? ApparmorProfile { get; set; }
    [JsonPropertyName("process_label")]
    public string? ProcessLabel { get; set; }
    [JsonPropertyName("rlimits")]
    public List<LibcontainerRlimit>? Rlimits { get; set; }
    [JsonPropertyName("oom_score_adj")]
    public int? OomScoreAdj { get; set; }
    [JsonPropertyName("uid_mappings")]
    public List<LibcontainerIdMap>? UidMappings { get; set; }
    [JsonPropertyName("gid_mappings")]
    public List<LibcontainerIdMap>? GidMappings { get; set; }
    [JsonPropertyName("mask_paths")]
    public List<string>? MaskPaths { get; set; }
    [JsonPropertyName("seccomp")]
    public LibcontainerSeccomp? Seccomp { get; set; }
    [JsonPropertyName("no_new_privileges")]
    public bool NoNewPrivileges { get; set; }
    [JsonPropertyName("Hooks")]
    public LibcontainerHooks? Hooks { get; set; }
    [JsonPropertyName("version")]
    public string Version { get; set; } = "";
    /// <summary>The annotations, "name=value", and "bundle=PATH".</summary>
    [JsonPropertyName("labels")]
    public List<string>? Labels { get; set; }
    [JsonPropertyName("no_new_keyring")]
    public bool NoNewKeyring { get; set; }
    [JsonPropertyName("rootless_euid")]
    public bool RootlessEuid { get; set; }
    [JsonPropertyName("rootless_cgroups")]
    public bool RootlessCgroups { get; set; }
    [JsonPropertyName("scheduler")]
    public SchedulerSpec? Scheduler { get; set; }
    [JsonPropertyName("personality")]
    public LibcontainerPersonality? Personality { get; set; }
    [JsonPropertyName("io_priority")]
    public IoPrioritySpec? IoPriority { get; set; }
}

internal sealed class LibcontainerMount
{
    [JsonPropertyName("source")]
    public string Source { get; set; } = "";
    [JsonPropertyName("destination")]
    public string Destination { get; set; } = "";
    [JsonPropertyName("device")]
    public string Device { get; set; } = "";
    [JsonPropertyName("flags")]
    public ulong Flags { get; set; }
    [JsonPropertyName("data")]
    public string Data { get; set; } = "";
}

internal sealed class LibcontainerNamespace
{
    [JsonPropertyName("type")]
    public string Type { get; set; } = "";
    [JsonPropertyName("path")]
    public string Path { get; set; } = "";
}

internal sealed class LibcontainerCapabilities
{
    public List<string>? Bounding { get; set; }
    public List<string>? Effective { get; set; }
    public List<string>? Inheritable { get; set; }
    public List<string>? Permitted { get; set; }
    public List<string>? Ambient { get; set; }
}

internal sealed class LibcontainerCgroup
{
    [JsonPropertyName("name")]
    public string? Name { get; set; }
    [JsonPropertyName("parent")]
    public string? Parent { get; set; }
    [JsonPropertyName("path")]
    public string? Path { get; set; }
    [JsonPropertyName("scope_prefix")]
    public string? ScopePrefix { get; set; }
    public bool Systemd { get; set; }
    public bool Rootless { get; set; }
    /// <summary>Where no resource is named at all, runc before 1.4 fails on what it takes for granted.</summary>
    [JsonPropertyName("devices")]
    public List<LibcontainerDeviceRule> Devices { get; set; } = [];
    [JsonPropertyName("memory")]
    public long? Memory { get; set; }
    [JsonPropertyName("memory_reservation")]
    public long? MemoryReservation { get; set; }
    [JsonPropertyName("memory_swap")]
    public long? MemorySwap { get; set; }
    [JsonPropertyName("cpu_shares")]
    public ulong? CpuShares { get; set; }
    [JsonPropertyName("cpu_quota")]
    public long? CpuQuota { get; set; }
    [JsonPropertyName("cpu_period")]
    public ulong? CpuPeriod { get; set; }
    [JsonPropertyName("cpuset_cpus")]
    public string? CpusetCpus { get; set; }
    [JsonPropertyName("cpuset_mems")]
    public string? CpusetMems { get; set; }
    [JsonPropertyName("pids_limit")]
    public long? PidsLimit { get; set; }
    [JsonPropertyName("unified")]
    public SortedDictionary<string, string?>? Unified { get; set; }
}

internal sealed class LibcontainerDeviceRule
{
    /// <summary>The letter's number: 'a', 'b', 'c'.</summary>
    [JsonPropertyName("type")]
    public int Type { get; set; }
    [JsonPropertyName("major")]
    public long Major { get; set; }
    [JsonPropertyName("minor")]
    public long Minor { get; set; }
    [JsonPropertyName("permissions")]
    public string Permissions { get; set; } = "";
    [JsonPropertyName("allow")]
    public bool Allow { get; set; }
}

internal sealed class LibcontainerRlimit
{
    [JsonPropertyName("type")]
    public int Type { get; set; }
    [JsonPropertyName("hard")]
    public ulong Hard { get; set; }
    [JsonPropertyName("soft")]
    public ulong Soft { get; set; }
}

internal sealed class LibcontainerIdMap
{
    [JsonPropertyName("container_id")]
    public long ContainerId { get; set; }
    [JsonPropertyName("host_id")]
    public long HostId { get; set; }
    [JsonPropertyName("size")]
    public long Size { get; set; }
}

internal sealed class LibcontainerPersonality
{
    [JsonPropertyName("domain")]
    public int Domain { get; set; }
}

internal sealed class LibcontainerHooks
{
    [JsonPropertyName("poststart")]
    public List<LibcontainerHook>? Poststart { get; set; }
    [JsonPropertyName("poststop")]
    public List<LibcontainerHook>? Poststop { get; set; }
}

internal sealed class LibcontainerHook
{
    [JsonPropertyName("path")]
    public string Path { get; set; } = "";
    [JsonPropertyName("args")]
    public List<string>? Args { get; set; }
    [JsonPropertyName("env")]
    public List<string>? Env { get; set; }
    /// <summary>Nanoseconds.</summary>
    [JsonPropertyName("timeout")]
    public long? Timeout { get; set; }
}

internal sealed class LibcontainerSeccomp
{
    [JsonPropertyName("default_action")]
    public int DefaultAction { get; set; }
    [JsonPropertyName("architectures")]
    public List<string>? Architectures { get; set; }
    [JsonPropertyName("flags")]
    public List<string>? Flags { get; set; }
    [JsonPropertyName("syscalls")]
    public List<LibcontainerSyscall>? Syscalls { get; set; }
    [JsonPropertyName("default_errno_ret")]
    public uint? DefaultErrnoRet { get; set; }
    [JsonPropertyName("listener_path")]
    public string? ListenerPath { get; set; }
    [JsonPropertyName("listener_metadata")]
    public string? ListenerMetadata { get; set; }
}

internal sealed class LibcontainerSyscall
{
    [JsonPropertyName("name")]
    public string Name { get; set; } = "";
    [JsonPropertyName("action")]
    public int Action { get; set; }
    [JsonPropertyName("errnoRet")]
    public uint? ErrnoRet { get; set; }
    [JsonPropertyName("args")]
    public List<LibcontainerArgument>? Args { get; set; }
}

internal sealed class LibcontainerArgument
{
    [JsonPropertyName("index")]
    public uint Index { get; set; }
    [JsonPropertyName("value")]
    public ulong Value { get; set; }
    [JsonPropertyName("value_two")]
    public ulong ValueTwo { get; set; }
    [JsonPropertyName("op")]
    public int Op { get; set; }
}
