using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Plan;

/// <summary>Capabilities by name (linux/capability.h).</summary>
internal static class CapabilityNames
{
    /// <summary>The position is the capability's number.</summary>
    public static readonly string[] Known =
    [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
        "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW",
        "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
        "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD",
        "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG",
        "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
    ];

    /// <summary>One bit a capability; names that are unknown go to <paramref name="unknown"/>.</summary>
    public static ulong Mask(List<string>? names, List<string> unknown)
    {
        ulong mask = 0;
        for (int i = 0; i < (names?.Count ?? 0); i++)
        {
            int number = Array.IndexOf(Known, names![i]);
            if (number >= 0)
                mask |= 1UL << number;
            else if (!unknown.Contains(names[i]))
                unknown.Add(names[i]);
        }
        return mask;
    }
}

/// <summary>Resource limits by name (man 2 getrlimit; x86-64 and arm64 numbers).</summary>
internal static class RlimitNames
{
    private static readonly string[] Known =
    [
        "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE", "RLIMIT_RSS", "RLIMIT_NPROC", "RLIMIT_NOFILE",
        "RLIMIT_MEMLOCK", "RLIMIT_AS", "RLIMIT_LOCKS", "RLIMIT_SIGPENDING", "RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_RTPRIO",
        "RLIMIT_RTTIME",
    ];

    public static int Number(string name)
    {
        int number = Array.IndexOf(Known, name);
        return number >= 0 ? number : throw new RuncException($"wrong rlimit value: {name}");
    }

    public static string Name(int number) => (uint)number < (uint)Known.Length ? Known[number] : throw new RuncException($"wrong rlimit value: {number}");
}

/// <summary>Namespaces by the spec's names.</summary>
internal static class NamespaceNames
{
    public const ulong CLONE_NEWTIME = 0x80;
    public const ulong CLONE_NEWNS = 0x20000;
    public const ulong CLONE_NEWCGROUP = 0x2000000;
    public const ulong CLONE_NEWUTS = 0x4000000;
    public const ulong CLONE_NEWIPC = 0x8000000;
    public const ulong CLONE_NEWUSER = 0x10000000;
    public const ulong CLONE_NEWPID = 0x20000000;
    public const ulong CLONE_NEWNET = 0x40000000;

    public static readonly string[] Known = ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"];

    public static ulong Flag(string name) => name switch
    {
        "cgroup" => CLONE_NEWCGROUP,
        "ipc" => CLONE_NEWIPC,
        "mount" => CLONE_NEWNS,
        "network" => CLONE_NEWNET,
        "pid" => CLONE_NEWPID,
        "time" => CLONE_NEWTIME,
        "user" => CLONE_NEWUSER,
        "uts" => CLONE_NEWUTS,
        _ => throw new RuncException($"namespace {{\"{name}\" \"\"}} does not exist"),
    };

    /// <summary>The name under /proc/PID/ns.</summary>
    public static string ProcName(string name) => name switch
    {
        "mount" => "mnt",
        "network" => "net",
        _ => name,
    };
}

/// <summary>Other enumerations of the spec.</summary>
internal static class ProcessAttributes
{
    public static uint IoPriority(IoPrioritySpec spec)
    {
        uint kind = spec.Class switch
        {
            "IOPRIO_CLASS_RT" => 1,
            "IOPRIO_CLASS_BE" => 2,
            "IOPRIO_CLASS_IDLE" => 3,
            _ => throw new RuncException($"invalid ioPriority.Class: \"{spec.Class}\""),
        };
        if (spec.Priority is < 0 or > 7)
            throw new RuncException($"invalid ioPriority.Priority: {spec.Priority}");
        return kind << 13 | (uint)spec.Priority;
    }

    public static uint SchedulerPolicy(string name) => name switch
    {
        "SCHED_OTHER" => 0,
        "SCHED_FIFO" => 1,
        "SCHED_RR" => 2,
        "SCHED_BATCH" => 3,
        "SCHED_ISO" => 4,
        "SCHED_IDLE" => 5,
        "SCHED_DEADLINE" => 6,
        "" => throw new RuncException("scheduler policy is required"),
        _ => throw new RuncException($"invalid scheduler policy: {name}"),
    };

    public static ulong SchedulerFlag(string name) => name switch
    {
        "SCHED_FLAG_RESET_ON_FORK" => 1,
        "SCHED_FLAG_RECLAIM" => 2,
        "SCHED_FLAG_DL_OVERRUN" => 4,
        "SCHED_FLAG_KEEP_POLICY" => 8,
        "SCHED_FLAG_KEEP_PARAMS" => 16,
        "SCHED_FLAG_UTIL_CLAMP_MIN" => 32,
        "SCHED_FLAG_UTIL_CLAMP_MAX" => 64,
        _ => throw new RuncException($"invalid scheduler flag: {name}"),
    };

    /// <summary>The CPUs of an exec's process before and after it is in its cgroup; null where nothing is asked for.</summary>
    public static (ulong[]? Initial, ulong[]? Final) Affinity(CpuAffinitySpec? spec) => (Cpus(spec?.Initial, "Initial"), Cpus(spec?.Final, "Final"));

    private static ulong[]? Cpus(string? text, string which)
    {
        try
        {
            return CpuMask.Parse(text);
        }
        catch (RuncException e)
        {
            throw new RuncException($"bad CPUAffinity.{which}: {e.Message}", e);
        }
    }

    public static uint Personality(PersonalitySpec spec)
    {
        if (spec.Flags is { Count: > 0 })
            Logging.RuncLog.Warn($"ignoring unsupported personality flags: [{string.Join(' ', spec.Flags)}] because personality flag has not supported at this time");
        return spec.Domain switch
        {
            "LINUX" => 0,
            "LINUX32" => 8,
            _ => throw new RuncException($"invalid personality domain {spec.Domain}"),
        };
    }
}
