using System.Globalization;
using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Containers;
using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Oci;

/// <summary>Makes the OCI spec of a container with Docker's defaults.</summary>
internal static class SpecBuilder
{
    /// <summary>PATH where neither image nor user sets one.</summary>
    public const string DefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <summary>Where docker-init appears inside.</summary>
    public const string InitInside = "/sbin/docker-init";

    private static readonly string[] s_masked =
    [
        "/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
        "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
    ];

    private static readonly string[] s_readOnly = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

    /// <summary>What Docker masks unless told otherwise.</summary>
    public static IReadOnlyList<string> DefaultMaskedPaths => s_masked;

    /// <summary>What Docker makes read-only unless told otherwise.</summary>
    public static IReadOnlyList<string> DefaultReadonlyPaths => s_readOnly;

    /// <summary>Builds the spec.</summary>
    /// <exception cref="ApiException">The configuration can't be met.</exception>
    public static OciSpec Build(SpecInput input)
    {
        ContainerConfig config = input.Container.Config;
        HostConfig host = input.Container.HostConfig;
        OciSpec spec = new()
        {
            Root = new OciRoot { Path = "rootfs", Readonly = host.ReadonlyRootfs },
            Process = Process(input, config, host),
            Annotations = host.Annotations is { Count: > 0 } ? host.Annotations : null,
        };
        spec.Linux = new OciLinux
        {
            CgroupsPath = $"{CgroupParent(input, host)}/{input.Container.Id}",
            Namespaces = Namespaces(input, host),
            Sysctl = Sysctls(host),
            Resources = ResourceLimits.Build(host),
            MaskedPaths = host.Privileged ? null : host.MaskedPaths ?? [.. s_masked],
            ReadonlyPaths = host.Privileged ? null : host.ReadonlyPaths ?? [.. s_readOnly],
            Seccomp = input.Seccomp?.Resolve(spec.Process.Capabilities!.Bounding!, System.Environment.OSVersion.Version),
        };
        Devices.Apply(spec.Linux, host);
        // With the host's UTS namespace the name may not be set: it would be the host's.
        if (host.UTSMode != "host")
        {
            spec.Hostname = config.Hostname;
            spec.Domainname = config.Domainname.Length > 0 ? config.Domainname : null;
        }
        spec.Mounts = MountTable.Build(input, out string? propagation);
        spec.Linux.RootfsPropagation = propagation;
        return spec;
    }

    /// <summary>The environment: the daemon's three, then the configuration's over it.</summary>
    public static List<string> Environment(ContainerConfig config, bool tty)
    {
        List<string> result = [DefaultPath, $"HOSTNAME={(config.Domainname.Length > 0 ? $"{config.Hostname}.{config.Domainname}" : config.Hostname)}"];
        if (tty)
            result.Add("TERM=xterm");
        return MergeEnvironment(result, config.Env);
    }

    /// <summary>Puts <paramref name="overrides"/> over <paramref name="variables"/>; one without an equals sign removes.</summary>
    public static List<string> MergeEnvironment(IReadOnlyList<string> variables, IReadOnlyList<string>? overrides)
    {
        List<string> result = [.. variables];
        foreach (string variable in overrides ?? [])
        {
            int equals = variable.IndexOf('=');
            string prefix = (equals < 0 ? variable : variable[..equals]) + "=";
            int at = result.FindIndex(v => v.StartsWith(prefix, StringComparison.Ordinal));
            if (equals < 0)
            {
                if (at >= 0)
                    result.RemoveAt(at);
            }
            else if (at >= 0)
            {
                result[at] = variable;
            }
            else
            {
                result.Add(variable);
            }
        }
        return result;
    }

    /// <summary>Capabilities of a process: one that is not root gets none but the bounding set, as execve(2) would have it.</summary>
    public static OciCapabilities ProcessCapabilities(HostConfig host, OciUser user, bool privileged)
    {
        List<string> names = Capabilities.Tweak(host.CapAdd, host.CapDrop, privileged);
        return user.Uid == 0
            ? new OciCapabilities { Bounding = names, Effective = names, Permitted = names }
            : new OciCapabilities { Bounding = names };
    }

    private static OciProcess Process(SpecInput input, ContainerConfig config, HostConfig host)
    {
        List<string> args = [input.Container.Path, .. input.Container.Args];
        if (input.InitPath.Length > 0)
            args = [InitInside, "--", .. args];
        OciProcess process = new()
        {
            Args = args,
            Cwd = config.WorkingDir.Length > 0 ? config.WorkingDir : "/",
            Env = Environment(config, config.Tty),
            Terminal = config.Tty ? true : null,
            User = input.User,
            Capabilities = ProcessCapabilities(host, input.User, host.Privileged),
            OomScoreAdj = host.OomScoreAdj,
        };
        if (config.Tty && host.ConsoleSize is [int height, int width] && height > 0 && width > 0)
            process.ConsoleSize = new OciConsoleSize { Height = height, Width = width };
        foreach (string option in host.SecurityOpt ?? [])
        {
            if (option is "no-new-privileges" or "no-new-privileges:true" or "no-new-privileges=true")
                process.NoNewPrivileges = true;
        }
        foreach (Ulimit limit in host.Ulimits ?? [])
        {
            (process.Rlimits ??= []).Add(new OciRlimit
            {
                Type = "RLIMIT_" + limit.Name.ToUpperInvariant(),
                Soft = unchecked((ulong)limit.Soft),
                Hard = unchecked((ulong)limit.Hard),
            });
        }
        return process;
    }

    private static string CgroupParent(SpecInput input, HostConfig host)
    {
        string parent = host.CgroupParent.Length > 0 ? host.CgroupParent : input.CgroupParent;
        return "/" + parent.Trim('/');
    }

    private static List<OciNamespace> Namespaces(SpecInput input, HostConfig host)
    {
        List<OciNamespace> list = [new OciNamespace { Type = "mount" }];
        if (input.NetworkPid > 0)
            list.Add(new OciNamespace { Type = "network", Path = Path(input.NetworkPid, "net") });
        else if (host.NetworkMode != "host")
            list.Add(new OciNamespace { Type = "network" });
        if (host.UTSMode != "host")
            list.Add(new OciNamespace { Type = "uts" });
        if (input.PidPid > 0)
            list.Add(new OciNamespace { Type = "pid", Path = Path(input.PidPid, "pid") });
        else if (host.PidMode != "host")
            list.Add(new OciNamespace { Type = "pid" });
        if (input.IpcPid > 0)
            list.Add(new OciNamespace { Type = "ipc", Path = Path(input.IpcPid, "ipc") });
        else if (host.IpcMode != "host")
            list.Add(new OciNamespace { Type = "ipc" });
        if (host.CgroupnsMode == "private" || (host.CgroupnsMode.Length == 0 && input.CgroupV2 && !host.Privileged))
            list.Add(new OciNamespace { Type = "cgroup" });
        return list;

        static string Path(int pid, string kind) => $"/proc/{pid.ToString(CultureInfo.InvariantCulture)}/ns/{kind}";
    }

    private static Dictionary<string, string>? Sysctls(HostConfig host)
    {
        Dictionary<string, string> result = [];
        // In a network namespace of its own a container may bind low ports and send ICMP echo without capabilities.
        if (host.NetworkMode != "host" && !host.NetworkMode.StartsWith("container:", StringComparison.Ordinal))
        {
            if (File.Exists("/proc/sys/net/ipv4/ip_unprivileged_port_start"))
                result["net.ipv4.ip_unprivileged_port_start"] = "0";
            if (File.Exists("/proc/sys/net/ipv4/ping_group_range"))
                result["net.ipv4.ping_group_range"] = "0 2147483647";
        }
        foreach ((string key, string value) in host.Sysctls ?? [])
            result[key] = value;
        return result.Count > 0 ? result : null;
    }
}
