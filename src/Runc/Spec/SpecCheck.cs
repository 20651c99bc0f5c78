using AotRuntime.Runc.Containers;
using AotRuntime.Runc.Plan;

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
        IntelRdt(linux.IntelRdt);
        if (!string.IsNullOrEmpty(linux.MountLabel))
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
            Sysctl(name, spec, linux);
        foreach (RlimitSpec limit in spec.Process!.Rlimits ?? [])
            RlimitNames.Number(limit.Type);
        Scheduler(spec.Process.Scheduler);
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

    /// <summary>A group without limits asks for nothing; the others need what is not there.</summary>
    private static void IntelRdt(IntelRdtSpec? rdt)
    {
        if (rdt is null)
            return;
        if (rdt.ClosId is "." or ".." || rdt.ClosId?.Contains('/') == true)
            throw new RuncException($"invalid intelRdt.ClosID \"{rdt.ClosId}\"");
        if (!string.IsNullOrEmpty(rdt.L3CacheSchema))
            throw new RuncException("intelRdt.l3CacheSchema is specified in config, but Intel RDT/CAT is not enabled");
        if (!string.IsNullOrEmpty(rdt.MemBwSchema))
            throw new RuncException("intelRdt.memBwSchema is specified in config, but Intel RDT/MBA is not enabled");
        throw new RuncException("intelRdt is specified in config, but Intel RDT is not enabled");
    }

    /// <summary>Only what belongs to a namespace of the container's own may be set; anything else is the host's.</summary>
    private static void Sysctl(string name, RuntimeSpec spec, LinuxSpec linux)
    {
        string dotted = InitPlan.SysctlFile(name).Replace('/', '.');
        if (dotted.Contains("..", StringComparison.Ordinal))
            throw new RuncException($"sysctl \"{name}\" is not in a separate kernel namespace");
        if (Array.IndexOf(IpcSysctls, dotted) >= 0 || dotted.StartsWith("fs.mqueue.", StringComparison.Ordinal))
        {
            if (!InitPlan.HasNamespace(linux, "ipc"))
                throw new RuncException($"sysctl \"{name}\" is not allowed in the hosts ipc namespace");
            return;
        }
        if (dotted.StartsWith("net.", StringComparison.Ordinal))
        {
            if (!InitPlan.HasNamespace(linux, "network"))
                throw new RuncException($"sysctl \"{name}\" not allowed in host network namespace");
            return;
        }
        if (dotted is "kernel.domainname" or "kernel.hostname" && InitPlan.HasNamespace(linux, "uts"))
        {
            if (dotted == "kernel.hostname")
                throw new RuncException($"sysctl \"{name}\" is not allowed as it conflicts with the OCI \"hostname\" field");
            return;
        }
        throw new RuncException($"sysctl \"{name}\" is not in a separate kernel namespace");
    }
}
