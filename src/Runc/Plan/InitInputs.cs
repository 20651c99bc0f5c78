using AotRuntime.Runc.Seccomp;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Plan;

/// <summary>A namespace that is joined by an open descriptor.</summary>
internal readonly record struct JoinedNamespace(string Type, int Fd, string Path);

/// <summary>A cgroup that is joined by its <c>tasks</c> file: open, or with -1 to be opened by the launcher.</summary>
internal readonly record struct JoinedCgroup(int Fd, string Path);

/// <summary>The ids of an id-mapped mount: given, or those of a user namespace.</summary>
internal sealed record IdMapping(List<IdMapSpec>? Uids, List<IdMapSpec>? Gids, string? Path, bool Recursive);

/// <summary>A mount as the launcher makes it; what a spec's one mount of type cgroup stands for is several of these.</summary>
internal sealed class PlannedMount
{
    public string Source = "";
    public string Target = "";
    public string Type = "";
    public MountFlags Flags = new();
    /// <summary>A detached mount that the parent has opened, or -1.</summary>
    public int SourceFd = -1;
    /// <summary>Ids to map, where it is an id-mapped mount.</summary>
    public IdMapping? Ids;
    /// <summary>The first of those that show the container's cgroups, which it must be in by then.</summary>
    public bool OfCgroups;
    /// <summary>Where cgroup2 can't be mounted, bind the host's.</summary>
    public bool CgroupFallback;
}

/// <summary>All that a container's launch plan is made of: the spec, and what the parent has opened for it.</summary>
internal sealed class InitInputs
{
    public required RuntimeSpec Spec;
    public required string Id;
    /// <summary>Absolute, without symbolic links.</summary>
    public required string Rootfs;
    public required List<PlannedMount> Mounts;
    public List<(string Link, string Target)> MountLinks = [];
    public List<JoinedCgroup> Cgroups = [];
    /// <summary>The cgroups are made while the plan is on its way: joined when the parent says so.</summary>
    public bool LateCgroups;
    public List<JoinedNamespace> Joined = [];
    public int SyncFd = -1;
    /// <summary>The parent's end of the report socket, for the child to close; or -1.</summary>
    public int ParentFd = -1;
    public int CgroupFd = -1;
    public int ConsoleFd = -1;
    public int PidFdSocket = -1;
    /// <summary>The exec fifo of <c>create</c>; -1 for <c>run</c>, which goes on by itself.</summary>
    public int FifoFd = -1;
    public int ExtraFds;
    public bool NoPivot;
    public bool NoNewKeyring;
    public bool OwnStdio;
    /// <summary>The process has the rights to set its resource limits itself.</summary>
    public bool OwnLimits;
    public List<string> Env = [];
    /// <summary>The compiled seccomp filter; null for none.</summary>
    public SeccompProgram? Seccomp;
    /// <summary>The hooks' state around the pid, by status.</summary>
    public Func<string, (string Before, string After)>? HookState;
}
