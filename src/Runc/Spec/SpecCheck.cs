using AotRuntime.Linux;
using AotRuntime.Runc.Containers;
using AotRuntime.Runc.Plan;
using AotRuntime.Runc.Resctrl;
using AotRuntime.Runc.Security;

namespace AotRuntime.Runc.Spec;

/// <summary>Refuses what can't be done, before anything is: nothing of a spec is silently left out.</summary>
internal static class SpecCheck
{
    private static readonly string[] IpcSysctls =
    [
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced",
    ];

    /// <exception cref="RuncException">The spec can't be run.</exception>
    public static void Require(RuntimeSpec spec)
    {
        if (spec.Root is null)
            throw new RuncException("root must be specified");
        ProcessSetup.Require(spec.Process);
        LinuxSpec linux = spec.Linux ?? new LinuxSpec();
        if (Sys.EffectiveUser() != 0)
            Rootless(spec, linux);
        if (linux.IntelRdt is not null)
            ResctrlGroup.Require(linux.IntelRdt, ResctrlFs.Find());
        if (!string.IsNullOrEmpty(linux.MountLabel) && !Labels.HasSelinux)
            throw new RuncException("selinux label is specified in config, but selinux is disabled or not supported");

        var seen = new List<string>();
        foreach (NamespaceSpec ns in linux.Namespaces ?? [])
        {
            NamespaceNames.Flag(ns.Type);
            if (seen.Contains(ns.Type))
                throw new RuncException($"malformed spec file: duplicated ns {{\"{ns.Type}\" \"{ns.Path}\"}}");
            seen.Add(ns.Type);
        }
        if (!string.IsNullOrEmpty(spec.Hostname) && !seen.Contains("uts"))
            throw new RuncException("unable to set hostname without a private UTS namespace");
        if (!string.IsNullOrEmpty(spec.Domainname) && !seen.Contains("uts"))
            throw new RuncException("unable to set domainname without a private UTS namespace");
        if ((linux.MaskedPaths is { Count: > 0 } || linux.ReadonlyPaths is { Count: > 0 }) && !seen.Contains("mount"))
            throw new RuncException("unable to restrict sys entries without a private MNT namespace");
        bool mapped = linux.UidMappings is { Count: > 0 } || linux.GidMappings is { Count: > 0 };
        if (mapped && !seen.Contains("user"))
            throw new RuncException("user namespace mappings specified, but user namespace isn't enabled in the config");
        if (InitPlan.IsNew(linux, "user") && !mapped)
            throw new RuncException("user namespaces enabled, but no uid mappings found");
        if (linux.TimeOffsets is not null && !seen.Contains("time"))
            throw new RuncException("time namespace offsets specified, but time namespace isn't enabled in the config");
        if (linux.TimeOffsets is not null && !InitPlan.IsNew(linux, "time"))
            throw new RuncException("time namespace enabled, but both namespace path and time offsets specified -- you may only provide one");
        if (!seen.Contains("mount") && spec.Mounts is { Count: > 0 })
            throw new RuncException("mounts specified, but mount namespace isn't enabled in the config");
        foreach (string name in linux.Sysctl?.Keys ?? (IEnumerable<string>)[])
            Sysctl(name, linux);
        foreach (RlimitSpec limit in spec.Process!.Rlimits ?? [])
            RlimitNames.Number(limit.Type);
        Scheduler(spec.Process.Scheduler);
        ProcessAttributes.Affinity(spec.Process.ExecCpuAffinity);
        NetworkDevices.Require(linux);
        if (linux.MemoryPolicy is { } policy)
            MemoryPolicy.Of(policy);
    }

    /// <summary>What the caller's own rights can't give.</summary>
    internal static void Rootless(RuntimeSpec spec, LinuxSpec linux)
    {
        if (!InitPlan.HasNamespace(linux, "user"))
            throw new RuncException("rootless container requires user namespaces");
        bool fresh = InitPlan.IsNew(linux, "user");
        if (fresh && linux.UidMappings is not { Count: > 0 })
            throw new RuncException("rootless containers requires at least one UID mapping");
        if (fresh && linux.GidMappings is not { Count: > 0 })
            throw new RuncException("rootless containers requires at least one GID mapping");
        foreach (MountSpec mount in spec.Mounts ?? [])
        {
            foreach (string option in mount.Options ?? [])
            {
                bool uid = option.StartsWith("uid=", StringComparison.Ordinal);
                if (!(uid || option.StartsWith("gid=", StringComparison.Ordinal)) || !uint.TryParse(option.AsSpan(4), out uint id))
                    continue;
                // The mappings of a namespace that is joined are the kernel's to check.
                if (fresh && IdMaps.HostId(uid ? linux.UidMappings : linux.GidMappings, id) is null)
                    throw new RuncException($"cannot specify {option} mount option for rootless container: host ID not found for {(uid ? "UID" : "GID")} {id}");
            }
        }
        if (spec.Process!.User.AdditionalGids is { Count: > 0 })
            throw new RuncException("cannot set any additional groups in a rootless container");
    }

    /// <summary>Which of the fields go together (man 2 sched_setattr).</summary>
    private static void Scheduler(SchedulerSpec? s)
    {
        if (s is null)
            return;
        ProcessAttributes.SchedulerPolicy(s.Policy);
        if (s.Policy is "SCHED_OTHER" or "SCHED_BATCH" && s.Nice is < -20 or > 19)
            throw new RuncException($"invalid scheduler.nice: {s.Nice} when scheduler.policy is {s.Policy}");
        if (s.Priority != 0 && s.Policy is not ("SCHED_FIFO" or "SCHED_RR"))
            throw new RuncException("scheduler.priority can only be specified for SchedFIFO or SchedRR policy");
        if (s.Policy != "SCHED_DEADLINE" && (s.Runtime != 0 || s.Deadline != 0 || s.Period != 0))
            throw new RuncException("scheduler runtime/deadline/period can only be specified for SchedDeadline policy");
    }

    /// <summary>Only what belongs to a namespace of the container's own may be set; anything else is the host's.</summary>
    private static void Sysctl(string name, LinuxSpec linux)
    {
        string dotted = InitPlan.SysctlFile(name).Replace('/', '.');
        if (dotted.Contains("..", StringComparison.Ordinal))
            throw new RuncException($"sysctl \"{name}\" is not in a separate kernel namespace");
        if (Array.IndexOf(IpcSysctls, dotted) >= 0 || dotted.StartsWith("fs.mqueue.", StringComparison.Ordinal))
        {
            if (!InitPlan.HasNamespace(linux, "ipc"))
                throw new RuncException($"sysctl \"{name}\" is not allowed in the hosts ipc namespace");
        }
        else if (dotted.StartsWith("net.", StringComparison.Ordinal))
        {
            if (!InitPlan.HasNamespace(linux, "network") || IsOwnNetwork(linux))
                throw new RuncException($"sysctl \"{name}\" not allowed in host network namespace");
        }
        else if (dotted == "kernel.hostname" && InitPlan.HasNamespace(linux, "uts"))
        {
            throw new RuncException($"sysctl \"{name}\" is not allowed as it conflicts with the OCI \"hostname\" field");
        }
        else if (dotted.StartsWith("user.", StringComparison.Ordinal))
        {
            // What a user namespace may make; without one of its own the container would change it for the host.
            if (!InitPlan.HasNamespace(linux, "user"))
                throw new RuncException($"setting ucounts without a user namespace not allowed: {name}");
        }
        else if (dotted != "kernel.domainname" || !InitPlan.HasNamespace(linux, "uts"))
        {
            throw new RuncException($"sysctl \"{name}\" is not in a separate kernel namespace");
        }
    }

    /// <summary>Whether the network namespace that is joined by path is the one that we are in.</summary>
    private static bool IsOwnNetwork(LinuxSpec linux)
    {
        string? path = linux.Namespaces?.Find(ns => ns.Type == "network")?.Path;
        if (string.IsNullOrEmpty(path))
            return false;
        try
        {
            using Microsoft.Win32.SafeHandles.SafeFileHandle theirs = Sys.Open(path, OpenFlags.Path), ours = Sys.Open("/proc/self/ns/net", OpenFlags.Path);
            return Sys.TryStatAt(theirs, "\0"u8, out FileStatus a) == Errno.None && Sys.TryStatAt(ours, "\0"u8, out FileStatus b) == Errno.None
                && a.Inode == b.Inode && a.Device == b.Device;
        }
        catch (LinuxException e)
        {
            throw new RuncException($"invalid netns path: stat {path}: {e.Errno.Text()}", e);
        }
    }
}
