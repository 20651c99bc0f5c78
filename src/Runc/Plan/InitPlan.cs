using System.Globalization;
using System.Text;
using AotRuntime.Runc.Seccomp;
using AotRuntime.Runc.Security;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Plan;

/// <summary>Translates a container's spec into the launch plan of its first process.</summary>
internal static class InitPlan
{
    private const uint S_IFCHR = 0x2000, S_IFBLK = 0x6000, S_IFIFO = 0x1000;

    /// <summary>"Default Devices" of config-linux.md; console and ptmx are made otherwise.</summary>
    private static readonly (string Path, uint Major, uint Minor)[] DefaultDevices =
    [
        ("/dev/null", 1, 3), ("/dev/random", 1, 8), ("/dev/full", 1, 7), ("/dev/tty", 5, 0), ("/dev/zero", 1, 5), ("/dev/urandom", 1, 9),
    ];

    private static readonly (string Target, string Path)[] DefaultLinks =
    [
        ("/proc/self/fd", "/dev/fd"), ("/proc/self/fd/0", "/dev/stdin"), ("/proc/self/fd/1", "/dev/stdout"), ("/proc/self/fd/2", "/dev/stderr"),
    ];

    /// <summary>The plan, ready for <see cref="PlanWriter.Finish"/>.</summary>
    public static PlanWriter Build(InitInputs inputs)
    {
        RuntimeSpec spec = inputs.Spec;
        LinuxSpec linux = spec.Linux ?? new LinuxSpec();
        ProcessSpec process = spec.Process!;
        var plan = new PlanWriter { SyncFd = inputs.SyncFd, CgroupFd = inputs.CgroupFd };
        if (inputs.ParentFd >= 0)
            plan.Op(PlanOp.Close).Fd(inputs.ParentFd);
        if (!inputs.LateCgroups)
            JoinCgroups(plan, inputs);

        bool userNamespace = HasNamespace(linux, "user");
        bool mountNamespace = HasNamespace(linux, "mount");
        Namespaces(plan, inputs, linux, userNamespace);
        Labels.Open(plan, process, keyring: !inputs.NoNewKeyring);
        plan.Op(PlanOp.SetSid);
        if (!inputs.NoNewKeyring)
            plan.Op(PlanOp.Keyring).Text("_ses." + inputs.Id).U32(0xffffffff).U32(userNamespace ? 0x8u : 0x80000u);
        if (IsNew(linux, "network"))
            plan.Op(PlanOp.LoopbackUp);
        if (linux.NetDevices is { Count: > 0 })
            plan.Sync(SyncKind.Devices, wait: true);

        Rootfs(plan, inputs, linux, mountNamespace, userNamespace);

        if (inputs.ConsoleFd >= 0)
        {
            plan.Op(PlanOp.Console).Fd(inputs.ConsoleFd)
                .U32(process.ConsoleSize?.Width ?? 0).U32(process.ConsoleSize?.Height ?? 0).U32(mountNamespace ? 1u : 0);
        }
        if (inputs.PidFdSocket >= 0)
            plan.Op(PlanOp.PidFdSend).Fd(inputs.PidFdSocket).Text("standard");
        FinishRootfs(plan, inputs, spec, mountNamespace, process);

        Attributes(plan, process, linux.Personality, linux.MemoryPolicy);
        Labels.Write(plan, process);
        plan.Op(PlanOp.Undumpable);
        plan.Sync(SyncKind.Ready, wait: true);
        if (inputs.OwnLimits)
            Limits(plan, process);

        Seccomp(plan, inputs.Seccomp, process, beforeIdentity: true, inputs.FifoFd, inputs.ExtraFds);
        Identity(plan, process, inputs.OwnStdio || inputs.ConsoleFd >= 0);
        plan.Op(PlanOp.Resolve).Texts(process.Args).Texts(inputs.Env).U32(process.User.Uid);
        Seccomp(plan, inputs.Seccomp, process, beforeIdentity: false, inputs.FifoFd, inputs.ExtraFds);
        if (inputs.FifoFd >= 0)
        {
            plan.Sync(SyncKind.Done, wait: false);
            plan.Op(PlanOp.WaitFifo).Fd(inputs.FifoFd);
        }
        // "startContainer hooks ... in the container namespace"; without an environment of their own they get the process's.
        Hooks(plan, inputs, spec.Hooks?.StartContainer, "startContainer", "created", inputs.Env);
        plan.Op(PlanOp.Exec).U32((uint)inputs.ExtraFds);
        return plan;
    }

    /// <summary>
    /// The CPUs to run on. Without a mask they are all that the cpuset allows: since Linux 6.2 joining one no longer widens what was
    /// inherited from who called the runtime.
    /// </summary>
    public static void Affinity(PlanWriter plan, ulong[]? mask, string which) =>
        plan.Op(PlanOp.Affinity).Text(which).U32(mask is null ? 0 : 1u).U64s(mask ?? CpuMask.All);

    /// <summary>no_new_privs, scheduling, I/O priority, personality, memory policy: the same for a first process and for exec.</summary>
    public static void Attributes(PlanWriter plan, ProcessSpec process, PersonalitySpec? personality, MemoryPolicySpec? policy)
    {
        if (process.NoNewPrivileges)
            plan.Op(PlanOp.NoNewPrivileges);
        if (process.Scheduler is { } scheduler)
        {
            ulong flags = 0;
            foreach (string flag in scheduler.Flags ?? [])
                flags |= ProcessAttributes.SchedulerFlag(flag);
            plan.Op(PlanOp.Scheduler).U32(ProcessAttributes.SchedulerPolicy(scheduler.Policy)).U64(flags)
                .U32(unchecked((uint)scheduler.Nice)).U32((uint)scheduler.Priority)
                .U64(scheduler.Runtime).U64(scheduler.Deadline).U64(scheduler.Period);
        }
        if (process.IoPriority is { } priority)
            plan.Op(PlanOp.IoPriority).U32(ProcessAttributes.IoPriority(priority));
        if (personality is not null)
            plan.Op(PlanOp.Personality).U32(ProcessAttributes.Personality(personality));
        if (policy is not null)
        {
            (uint mode, ulong[] nodes) = Plan.MemoryPolicy.Of(policy);
            plan.Op(PlanOp.MemoryPolicy).U32(mode).U64s(nodes);
        }
    }

    /// <summary>Resource limits, set by the process itself: once all is set up, since they would count for that too.</summary>
    public static void Limits(PlanWriter plan, ProcessSpec process)
    {
        if (process.Rlimits is not { Count: > 0 } limits)
            return;
        var values = new ulong[3 * limits.Count];
        for (int i = 0; i < limits.Count; i++)
            (values[3 * i], values[(3 * i) + 1], values[(3 * i) + 2]) = ((ulong)RlimitNames.Number(limits[i].Type), limits[i].Soft, limits[i].Hard);
        plan.Op(PlanOp.Rlimits).U64s(values);
    }

    /// <summary>
    /// The filter, where its turn is. Without no_new_privs only CAP_SYS_ADMIN may install it, so before capabilities are
    /// dropped; else as late as possible, since the profile need not allow what comes before.
    /// </summary>
    public static void Seccomp(PlanWriter plan, SeccompProgram? program, ProcessSpec process, bool beforeIdentity, int fifoFd, int extraFds)
    {
        if (program is not null && beforeIdentity != process.NoNewPrivileges)
            plan.Op(PlanOp.Seccomp).U32(program.Flags).Fd(fifoFd).U32((uint)extraFds).U64s(program.Instructions);
    }

    /// <summary>Working directory, ids and capabilities: the same for a first process and for exec.</summary>
    public static void Identity(PlanWriter plan, ProcessSpec process, bool ownStdio)
    {
        var unknown = new List<string>();
        // A spec that says nothing of capabilities leaves root all of the runtime's.
        CapabilitiesSpec caps = process.Capabilities ?? new CapabilitiesSpec();
        plan.Op(PlanOp.Identity).Text(process.Cwd!).U32(process.User.Uid).U32(process.User.Gid).U32s(process.User.AdditionalGids)
            .U32((ownStdio ? 1u : 0) | (process.Capabilities is null ? 2u : 0))
            .U64(CapabilityNames.Mask(caps.Bounding, unknown))
            .U64(CapabilityNames.Mask(caps.Effective, unknown))
            .U64(CapabilityNames.Mask(caps.Permitted, unknown))
            .U64(CapabilityNames.Mask(caps.Inheritable, unknown))
            .U64(CapabilityNames.Mask(caps.Ambient, unknown));
        foreach (string name in caps.Ambient ?? [])
        {
            if (!unknown.Contains(name) && (caps.Permitted?.Contains(name) != true || caps.Inheritable?.Contains(name) != true))
                Logging.RuncLog.Warn($"can't raise ambient capability {name}: operation not permitted");
        }
        if (unknown.Count > 0)
        {
            unknown.Sort(StringComparer.Ordinal);
            Logging.RuncLog.Warn($"ignoring unknown or unavailable capabilities: [{string.Join(' ', unknown)}]");
        }
    }

    /// <summary>The devices that a container has: nodes, or with a user namespace the host's, bound.</summary>
    public static IEnumerable<string> DevicePaths(LinuxSpec linux) =>
        DefaultDevices.Select(d => d.Path).Union((linux.Devices ?? []).Select(d => d.Path));

    public static bool HasNamespace(LinuxSpec linux, string type) => Find(linux, type) is not null;

    public static bool IsNew(LinuxSpec linux, string type) => Find(linux, type) is { } ns && string.IsNullOrEmpty(ns.Path);

    private static NamespaceSpec? Find(LinuxSpec linux, string type)
    {
        foreach (NamespaceSpec ns in linux.Namespaces ?? [])
        {
            if (ns.Type == type)
                return ns;
        }
        return null;
    }

    private static void Namespaces(PlanWriter plan, InitInputs inputs, LinuxSpec linux, bool userNamespace)
    {
        ulong fresh = 0, joined = 0;
        foreach (NamespaceSpec ns in linux.Namespaces ?? [])
        {
            if (string.IsNullOrEmpty(ns.Path))
                fresh |= NamespaceNames.Flag(ns.Type);
            else
                joined |= NamespaceNames.Flag(ns.Type);
        }
        bool newUser = (fresh & NamespaceNames.CLONE_NEWUSER) != 0, joinsUser = (joined & NamespaceNames.CLONE_NEWUSER) != 0;
        bool time = (fresh & NamespaceNames.CLONE_NEWTIME) != 0;
        Join(plan, inputs, joinsUser);

        // A cgroup namespace's root is the cgroup at its making: only after the cgroups are joined.
        ulong late = inputs.LateCgroups ? 0 : fresh & NamespaceNames.CLONE_NEWCGROUP;
        fresh &= ~(NamespaceNames.CLONE_NEWCGROUP | NamespaceNames.CLONE_NEWTIME | NamespaceNames.CLONE_NEWUSER);
        ulong first = fresh;
        if (userNamespace)
        {
            // The others are made by its root, once there is one: they belong to it, and so do their files.
            first &= NamespaceNames.CLONE_NEWPID;
            late |= fresh & ~first;
        }
        if (newUser)
        {
            // What is joined belongs to others: with our rights, so before those are given up for the user namespace's.
            ulong clone = NamespaceNames.CLONE_NEWUSER | (time ? 0 : first);
            if ((joined & ~NamespaceNames.CLONE_NEWPID) != 0)
                plan.Op(PlanOp.Fork).U64(clone);
            else
                plan.CloneFlags = clone;
            plan.Sync(SyncKind.Maps, wait: true);
        }
        // Before the ids change: then this process's files in /proc are no longer its own.
        if (time)
            Time(plan, linux);
        if (userNamespace)
            plan.Op(PlanOp.RootIds);
        // Children are born into the new time, into a pid namespace that was joined, and into one that belongs to a joined user namespace.
        bool joinsPid = joinsUser && (joined & NamespaceNames.CLONE_NEWPID) != 0;
        if (time || joinsPid || (joinsUser && first != 0))
            plan.Op(PlanOp.Fork).U64(first);
        else if (!newUser)
            plan.CloneFlags = first;
        if (late != 0)
            plan.Op(PlanOp.Unshare).U64(late);
    }

    /// <summary>A user namespace comes first, since the others may belong to it; a pid namespace was joined by the parent unless it is one of those.</summary>
    private static void Join(PlanWriter plan, InitInputs inputs, bool joinsUser)
    {
        foreach (JoinedNamespace ns in inputs.Joined)
        {
            if (ns.Type == "user")
                plan.Op(PlanOp.SetNs).Fd(ns.Fd).U64(NamespaceNames.CLONE_NEWUSER).Text(ns.Path);
        }
        foreach (JoinedNamespace ns in inputs.Joined)
        {
            if (ns.Type != "user" && (ns.Type != "pid" || joinsUser))
                plan.Op(PlanOp.SetNs).Fd(ns.Fd).U64(NamespaceNames.Flag(ns.Type)).Text(ns.Path);
        }
    }

    private static void Time(PlanWriter plan, LinuxSpec linux)
    {
        plan.Op(PlanOp.Unshare).U64(NamespaceNames.CLONE_NEWTIME);
        if (linux.TimeOffsets is not { Count: > 0 } offsets)
            return;
        var text = new StringBuilder();
        foreach ((string clock, TimeOffsetSpec? offset) in offsets)
            text.Append(CultureInfo.InvariantCulture, $"{clock} {offset?.Secs ?? 0} {offset?.Nanosecs ?? 0}\n");
        plan.Op(PlanOp.TimeOffsets).Text(text.ToString());
    }

    private static void Rootfs(PlanWriter plan, InitInputs inputs, LinuxSpec linux, bool mountNamespace, bool userNamespace)
    {
        ulong propagation = 0, parent = 0;
        ulong? asked = null;
        if (!string.IsNullOrEmpty(linux.RootfsPropagation))
        {
            asked = MountOptionTable.PropagationFlag(linux.RootfsPropagation)
                ?? throw new RuncException($"rootfsPropagation={linux.RootfsPropagation} is not supported");
            if (inputs.NoPivot && (asked & MountOptionTable.MS_PRIVATE) != 0)
                throw new RuncException("rootfsPropagation of [r]private is not safe without pivot_root");
        }
        if (mountNamespace)
        {
            propagation = asked ?? (MountOptionTable.MS_SLAVE | MountOptionTable.MS_REC);
            // Whatever it is to be in the end: an unbindable one could not become the root.
            parent = MountOptionTable.MS_PRIVATE;
        }
        plan.Op(PlanOp.RootPrepare).Text(inputs.Rootfs).U64(propagation).U64(parent);
        bool setUpDev = mountNamespace && !inputs.Mounts.Exists(m => (m.Flags.Flags & MountOptionTable.MS_BIND) != 0 && IsDev(m));
        bool joined = !inputs.LateCgroups, hasDevices = false;
        for (int i = 0; i < inputs.Mounts.Count; i++)
        {
            if (inputs.Mounts[i].OfCgroups && !joined)
            {
                // While they are being made there is time for what else does not need them.
                hasDevices = setUpDev && DevicesMayCome(inputs.Mounts, i, linux);
                if (hasDevices)
                    Devices(plan, linux, userNamespace);
                JoinLateCgroups(plan, inputs, linux);
                joined = true;
            }
            Mount(plan, inputs.Mounts[i]);
        }
        if (!joined)
            JoinLateCgroups(plan, inputs, linux);
        foreach ((string link, string target) in inputs.MountLinks)
            plan.Op(PlanOp.Symlink).Text(target).Text(link);
        if (setUpDev && !hasDevices)
            Devices(plan, linux, userNamespace);

        if (inputs.Spec.Hooks is { } hooks && (hooks.Prestart is { Count: > 0 } || hooks.CreateRuntime is { Count: > 0 }))
            plan.Sync(SyncKind.Hooks, wait: true);
        // A JSON null is an empty value, as Go reads it.
        foreach ((string name, string? value) in linux.Sysctl ?? [])
            plan.Op(PlanOp.Sysctl).Text(SysctlFile(name)).Text(value ?? "");
        Hooks(plan, inputs, inputs.Spec.Hooks?.CreateContainer, "createContainer", "creating", []);

        RootMode mode = inputs.NoPivot && mountNamespace ? RootMode.Move : mountNamespace ? RootMode.Pivot : RootMode.Chroot;
        plan.Op(PlanOp.RootEnter).U32((uint)mode);
        if (mountNamespace && asked is { } flags && (flags & (MountOptionTable.MS_PRIVATE | MountOptionTable.MS_SLAVE)) == 0)
            plan.Op(PlanOp.RootPropagation).U64(flags);
        if (setUpDev)
            plan.Op(PlanOp.DevNullReopen);
        plan.Op(PlanOp.Mkdir).Text(inputs.Spec.Process!.Cwd!).U32(0x1ed);
    }

    private static bool IsDev(PlannedMount mount) => mount.Target.TrimEnd('/') == "/dev";

    /// <summary>Whether devices can be made before the mounts from <paramref name="next"/> on: in a fresh /dev, and where none of those covers one.</summary>
    private static bool DevicesMayCome(List<PlannedMount> mounts, int next, LinuxSpec linux)
    {
        bool fresh = false;
        for (int i = 0; i < next; i++)
            fresh |= IsDev(mounts[i]);
        for (int i = next; fresh && i < mounts.Count; i++)
            fresh = !CoversDevice(mounts[i].Target.TrimEnd('/'), linux);
        return fresh;
    }

    // Loops, here where a start waits: a query's code is cold.
    private static bool CoversDevice(string target, LinuxSpec linux)
    {
        foreach ((string path, _, _) in DefaultDevices)
        {
            if (IsAtOrBelow(path, target))
                return true;
        }
        foreach ((_, string path) in DefaultLinks)
        {
            if (IsAtOrBelow(path, target))
                return true;
        }
        foreach (DeviceSpec device in linux.Devices ?? [])
        {
            if (IsAtOrBelow(device.Path, target))
                return true;
        }
        return target is "/dev/ptmx" or "/dev/core";
    }

    private static bool IsAtOrBelow(string path, string target) =>
        path.StartsWith(target, StringComparison.Ordinal) && (path.Length == target.Length || path[target.Length] == '/');

    private static void JoinCgroups(PlanWriter plan, InitInputs inputs)
    {
        foreach (JoinedCgroup cgroup in inputs.Cgroups)
            plan.Op(PlanOp.CgroupJoin).Fd(cgroup.Fd).Text(cgroup.Path);
        Affinity(plan, null, "");
    }

    private static void JoinLateCgroups(PlanWriter plan, InitInputs inputs, LinuxSpec linux)
    {
        plan.Await(SyncKind.Cgroups);
        JoinCgroups(plan, inputs);
        if (IsNew(linux, "cgroup"))
            plan.Op(PlanOp.Unshare).U64(NamespaceNames.CLONE_NEWCGROUP);
    }

    private static void FinishRootfs(PlanWriter plan, InitInputs inputs, RuntimeSpec spec, bool mountNamespace, ProcessSpec process)
    {
        if (mountNamespace)
        {
            foreach (PlannedMount mount in inputs.Mounts)
            {
                bool written = mount.Type == "tmpfs" || mount.Target.TrimEnd('/') == "/dev";
                if (written && (mount.Flags.Flags & MountOptionTable.MS_RDONLY) != 0)
                    plan.Op(PlanOp.RemountReadOnly).Text(mount.Target);
            }
            if (spec.Root!.Readonly)
                plan.Op(PlanOp.RootReadOnly);
            plan.Op(PlanOp.Umask).U32(process.User.Umask ?? 0x12);
        }
        if (!string.IsNullOrEmpty(spec.Hostname))
            plan.Op(PlanOp.Hostname).Text(spec.Hostname);
        if (!string.IsNullOrEmpty(spec.Domainname))
            plan.Op(PlanOp.Domainname).Text(spec.Domainname);
        foreach (string path in spec.Linux?.ReadonlyPaths ?? [])
            plan.Op(PlanOp.ReadOnlyPath).Text(path);
        var masked = new List<string>();
        foreach (string path in spec.Linux?.MaskedPaths ?? [])
        {
            if (masked.Contains(path))
                continue;
            masked.Add(path);
            plan.Op(PlanOp.MaskPath).Text(path);
        }
    }

    /// <summary>One mount below the rootfs.</summary>
    public static void Mount(PlanWriter plan, PlannedMount mount)
    {
        MountFlags f = mount.Flags;
        plan.Op(PlanOp.Mount).Text(mount.Source).Text(mount.Target).Text(mount.Type).U64(f.Flags).U64(f.Cleared).Text(f.Data)
            .U32((f.CopyUp ? 1u : 0) | (mount.CgroupFallback ? 2u : 0)).U64(f.RecursiveSet).U64(f.RecursiveClear)
            .U64s(f.Propagation).Fd(mount.SourceFd);
    }

    private static void Devices(PlanWriter plan, LinuxSpec linux, bool userNamespace)
    {
        foreach ((string path, uint major, uint minor) in DefaultDevices)
        {
            if (!Overridden(linux, path))
                Device(plan, userNamespace, path, S_IFCHR | 0x1b6, major, minor, 0, 0);
        }
        foreach (DeviceSpec device in linux.Devices ?? [])
        {
            // The container's ptmx is its devpts', whatever the spec lists.
            if (device.Path == "/dev/ptmx")
                continue;
            uint type = device.Type switch
            {
                "c" or "u" => S_IFCHR,
                "b" => S_IFBLK,
                "p" => S_IFIFO,
                _ => throw new RuncException($"invalid device type \"{device.Type}\""),
            };
            Device(plan, userNamespace, device.Path, type | ((device.FileMode ?? 0x1b6) & 0xfff), (uint)device.Major, (uint)device.Minor, device.Uid ?? 0, device.Gid ?? 0);
        }
        plan.Op(PlanOp.Ptmx);
        foreach ((string target, string path) in DefaultLinks)
            plan.Op(PlanOp.Symlink).Text(target).Text(path);
        if (File.Exists("/proc/kcore"))
            plan.Op(PlanOp.Symlink).Text("/proc/kcore").Text("/dev/core");
    }

    private static void Device(PlanWriter plan, bool bind, string path, uint mode, uint major, uint minor, uint uid, uint gid)
    {
        if (bind)
            plan.Op(PlanOp.BindDevice).Text(path);
        else
            plan.Op(PlanOp.Mknod).Text(path).U32(mode).U32(major).U32(minor).U32(uid).U32(gid);
    }

    private static bool Overridden(LinuxSpec linux, string path)
    {
        foreach (DeviceSpec device in linux.Devices ?? [])
        {
            if (device.Path == path)
                return true;
        }
        return false;
    }

    private static void Hooks(PlanWriter plan, InitInputs inputs, List<HookSpec>? hooks, string kind, string status, List<string> defaultEnv)
    {
        if (hooks is not { Count: > 0 } || inputs.HookState is null)
            return;
        (string before, string after) = inputs.HookState(status);
        for (int i = 0; i < hooks.Count; i++)
        {
            HookSpec hook = hooks[i];
            plan.Op(PlanOp.Hook).Text(string.Create(CultureInfo.InvariantCulture, $"{kind} hook #{i}")).Text(hook.Path).Texts(hook.Args).Texts(hook.Env ?? defaultEnv)
                .U32((uint)(hook.Timeout ?? 0)).Text(before).Text(after);
        }
    }

    /// <summary>"net.ipv4.ip_forward" and "net/ipv4/conf/eth0.1/…" both name a file below /proc/sys, as for sysctl(8).</summary>
    internal static string SysctlFile(string name)
    {
        int first = name.AsSpan().IndexOfAny('.', '/');
        if (first < 0 || name[first] == '/')
            return name;
        return string.Create(name.Length, name, static (span, text) =>
        {
            for (int i = 0; i < text.Length; i++)
                span[i] = text[i] switch { '.' => '/', '/' => '.', _ => text[i] };
        });
    }
}
