using AotRuntime.Json;
using AotRuntime.Linux;
using AotRuntime.Runc.Plan;
using AotRuntime.Runc.Spec;
using AotRuntime.Runc.Systemd;

namespace AotRuntime.Runc.State.Libcontainer;

/// <summary>What of a spec runc keeps in state.json, in its form.</summary>
internal static class ConfigForm
{
    private const long NanosecondsPerSecond = 1_000_000_000;

    /// <summary>The configuration of a container that is not there yet: just enough for runc to read the file.</summary>
    public static ReadOnlySpan<byte> None => "{\"rootfs\":\"/\",\"namespaces\":[],\"cgroups\":{\"devices\":[]},\"version\":\"\",\"labels\":[]}"u8;

    /// <param name="spec">The bundle's.</param>
    /// <param name="state">The container's.</param>
    /// <param name="noPivot">Whether its root was entered without pivot_root.</param>
    /// <param name="seccomp">The profile, by <see cref="SeccompForm"/>; null for none.</param>
    public static byte[] Write(RuntimeSpec spec, ContainerState state, bool noPivot, byte[]? seccomp)
    {
        byte[] config = JsonText.ToBytes(From(spec, state, noPivot), LibcontainerJson.LibcontainerConfig);
        return seccomp is null ? config : [.. config.AsSpan(0, config.Length - 1), .. ",\"seccomp\":"u8, .. seccomp, (byte)'}'];
    }

    private static LibcontainerConfig From(RuntimeSpec spec, ContainerState state, bool noPivot)
    {
        LinuxSpec linux = spec.Linux ?? new LinuxSpec();
        ProcessSpec process = spec.Process!;
        return new LibcontainerConfig
        {
            NoPivotRoot = noPivot,
            Rootfs = state.Rootfs,
            Umask = process.User.Umask,
            ReadonlyFs = spec.Root!.Readonly,
            Mounts = spec.Mounts?.ConvertAll(m => Mount(MountPlanner.One(m, state.Bundle))),
            MountLabel = linux.MountLabel,
            Namespaces = (linux.Namespaces ?? []).ConvertAll(ns => new LibcontainerNamespace { Type = NamespaceForm.ToRunc(ns.Type), Path = ns.Path ?? "" }),
            Capabilities = process.Capabilities is not { } c ? null : new LibcontainerCapabilities
            {
                Bounding = c.Bounding,
                Effective = c.Effective,
                Inheritable = c.Inheritable,
                Permitted = c.Permitted,
                Ambient = c.Ambient,
            },
            Cgroups = Cgroup(linux, state),
            ApparmorProfile = process.ApparmorProfile,
            ProcessLabel = process.SelinuxLabel,
            Rlimits = process.Rlimits?.ConvertAll(r => new LibcontainerRlimit { Type = RlimitNames.Number(r.Type), Hard = r.Hard, Soft = r.Soft }),
            OomScoreAdj = process.OomScoreAdj,
            UidMappings = linux.UidMappings?.ConvertAll(IdMap),
            GidMappings = linux.GidMappings?.ConvertAll(IdMap),
            MaskPaths = linux.MaskedPaths,
            NoNewPrivileges = process.NoNewPrivileges,
            Hooks = spec.Hooks is not { } hooks ? null : new LibcontainerHooks { Poststart = hooks.Poststart?.ConvertAll(Hook), Poststop = hooks.Poststop?.ConvertAll(Hook) },
            Version = spec.OciVersion,
            Labels = [.. (state.Annotations ?? []).Select(a => $"{a.Key}={a.Value}"), "bundle=" + state.Bundle],
            NoNewKeyring = state.NoNewKeyring,
            RootlessEuid = Sys.EffectiveUser() != 0,
            RootlessCgroups = state.RootlessCgroups,
            Scheduler = process.Scheduler,
            Personality = linux.Personality is null ? null : new LibcontainerPersonality { Domain = linux.Personality.Domain == "LINUX32" ? 8 : 0 },
            IoPriority = process.IoPriority,
        };
    }

    private static LibcontainerMount Mount(PlannedMount m) => new()
    {
        Source = m.Source,
        Destination = m.Target,
        Device = m.Type,
        Flags = m.Flags.Flags,
        Data = m.Flags.Data,
    };

    private static LibcontainerIdMap IdMap(IdMapSpec m) => new() { ContainerId = m.ContainerId, HostId = m.HostId, Size = m.Size };

    private static LibcontainerHook Hook(HookSpec h) => new() { Path = h.Path, Args = h.Args, Env = h.Env, Timeout = h.Timeout * NanosecondsPerSecond };

    private static LibcontainerCgroup Cgroup(LinuxSpec linux, ContainerState state)
    {
        ResourcesSpec r = linux.Resources ?? new ResourcesSpec();
        var cgroup = new LibcontainerCgroup
        {
            Rootless = state.RootlessCgroups,
            Memory = r.Memory?.Limit,
            MemoryReservation = r.Memory?.Reservation,
            MemorySwap = r.Memory?.Swap,
            CpuShares = r.Cpu?.Shares,
            CpuQuota = r.Cpu?.Quota,
            CpuPeriod = r.Cpu?.Period,
            CpusetCpus = r.Cpu?.Cpus,
            CpusetMems = r.Cpu?.Mems,
            PidsLimit = r.Pids?.Limit,
            Unified = r.Unified,
        };
        foreach (DeviceRuleSpec rule in r.Devices ?? [])
        {
            cgroup.Devices.Add(new LibcontainerDeviceRule
            {
                Type = string.IsNullOrEmpty(rule.Type) ? 'a' : rule.Type[0],
                Major = rule.Major ?? -1,
                Minor = rule.Minor ?? -1,
                Permissions = rule.Access ?? "",
                Allow = rule.Allow,
            });
        }
        if (state.SystemdUnit is not null)
        {
            UnitName unit = UnitName.Of(linux.CgroupsPath, state.Id);
            cgroup.Systemd = true;
            cgroup.Parent = unit.Slice;
            (cgroup.ScopePrefix, cgroup.Name) = string.IsNullOrEmpty(linux.CgroupsPath) ? ("runc", state.Id) : (linux.CgroupsPath.Split(':')[1], unit.Container);
        }
        else if (string.IsNullOrEmpty(linux.CgroupsPath))
        {
            cgroup.Name = state.Id;
        }
        else
        {
            cgroup.Path = linux.CgroupsPath;
        }
        return cgroup;
    }
}
