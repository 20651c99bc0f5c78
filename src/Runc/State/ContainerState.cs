using System.Text.Json.Serialization;
using AotRuntime.Runc.Resctrl;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.State;

/// <summary>state.json of a container, in <c>ROOT/ID/</c>: what later commands need to know of it.</summary>
internal sealed class ContainerState
{
    public string OciVersion { get; set; } = "";
    public string Id { get; set; } = "";
    /// <summary>0 until the first process exists.</summary>
    public int Pid { get; set; }
    /// <summary>Field 22 of /proc/PID/stat: tells the process from a later one with its number.</summary>
    public ulong StartTime { get; set; }
    public string Created { get; set; } = "";
    public string Bundle { get; set; } = "";
    public string Rootfs { get; set; } = "";
    public SortedDictionary<string, string?>? Annotations { get; set; }
    /// <summary>Where the container's processes are: hierarchy ("memory", "name=systemd", "" for cgroup2) to directory.</summary>
    public SortedDictionary<string, string> Cgroups { get; set; } = new(StringComparer.Ordinal);
    /// <summary>The directories among them, and above them, that were made for this container, parents first.</summary>
    public List<string> CgroupsMade { get; set; } = [];
    /// <summary>The unit of systemd that the cgroups belong to, if it made them.</summary>
    public string? SystemdUnit { get; set; }
    /// <summary>Whether a cgroup that can't be used is no error; of systemd it is the user's then.</summary>
    public bool RootlessCgroups { get; set; }
    /// <summary>The spec's names of the namespaces that differ from the host's.</summary>
    public List<string> Namespaces { get; set; } = [];
    /// <summary>Whether the pid namespace is the container's own, so that it ends with its first process.</summary>
    public bool OwnPidNamespace { get; set; }
    public bool NoNewKeyring { get; set; }
    /// <summary>Whether the timeline of its start is kept beside this file.</summary>
    public bool Trace { get; set; }
    /// <summary>What the standard streams lead to ("pipe:[4711]"); null for a terminal of the container's own.</summary>
    public List<string>? Descriptors { get; set; }
    public SeccompState? Seccomp { get; set; }
    /// <summary>The profile of a container that another runtime made, which keeps no compiled one.</summary>
    [JsonIgnore]
    public SeccompSpec? Profile { get; set; }
    public ResctrlState? Resctrl { get; set; }
    /// <summary>What processes of exec take over from the first one, where their own description says nothing.</summary>
    public ProcessSpec? Defaults { get; set; }
    public PersonalitySpec? Personality { get; set; }
    public MemoryPolicySpec? MemoryPolicy { get; set; }
    public List<HookSpec>? Poststart { get; set; }
    public List<HookSpec>? Poststop { get; set; }
}
