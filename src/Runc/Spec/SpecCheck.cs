using System.Text.Json;
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
        if (linux.IntelRdt is { ValueKind: not JsonValueKind.Null })
            throw new RuncException("intelRdt is specified in config, but Intel RDT is not enabled");
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
            throw new RuncException("user namespaces enabled, but no namespace path to join nor mappings to apply specified");
        if (linux.TimeOffsets is { Count: > 0 } && !seen.Contains("time"))
            throw new RuncException("time namespace offsets specified, but time namespace isn't enabled in the config");
        if (!seen.Contains("mount") && spec.Mounts is { Count: > 0 })
            throw new RuncException("mounts specified, but mount namespace isn't enabled in the config");
        foreach (string name in linux.Sysctl?.Keys ?? (IEnumerable<string>)[])
            Sysctl(name, spec, linux);
        foreach (RlimitSpec limit in spec.Process!.Rlimits ?? [])
            RlimitNames.Number(limit.Type);
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
