using AotRuntime.Docker.CommandLine;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary>The flags that <c>run</c> and <c>create</c> share: what a container is to be.</summary>
public sealed class ContainerFlags
{
    private const ulong LargestBlkioWeight = ushort.MaxValue;

    /// <summary>Defines them in <paramref name="f"/>; <paramref name="doing"/> is for the words of <c>--pull</c>.</summary>
    public ContainerFlags(FlagSet f, string doing)
    {
        f.Interspersed = false;

        Name = f.String("name", '\0', "Name the container");
        Pull = f.String("pull", '\0', $"When to pull the image before {doing} (\"always\", \"missing\", \"never\")", "missing");
        Quiet = f.Bool("quiet", 'q', "Show nothing of the pull");
        f.Bool("help", '\0', "Print usage");
        Platform = f.String("platform", '\0', "Platform to run, of a multi-platform image", Environment.GetEnvironmentVariable("DOCKER_DEFAULT_PLATFORM") ?? "");
        f.Bool("disable-content-trust", '\0', "Do not verify the image's signature", value: true);

        Attach = f.List("attach", 'a', "Attach to STDIN, STDOUT or STDERR", ContainerValues.Stream);
        DeviceCgroupRules = f.List("device-cgroup-rule", '\0', "Allow devices by a rule of the devices cgroup");
        Devices = f.List("device", '\0', "Give the container a device of the host");
        Gpus = f.List("gpus", '\0', "GPUs to give to the container ('all' for all of them)", GpuOption.Validate, "gpu-request");
        Env = f.List("env", 'e', "Set an environment variable", FlagValues.Environment);
        EnvFile = f.List("env-file", '\0', "Set the environment variables that a file lists");
        Entrypoint = f.String("entrypoint", '\0', "Use this in place of the image's ENTRYPOINT");
        GroupAdd = f.List("group-add", '\0', "Join another group");
        Hostname = f.String("hostname", 'h', "Host name of the container");
        Domainname = f.String("domainname", '\0', "NIS domain name of the container");
        Interactive = f.Bool("interactive", 'i', "Keep standard input open even if not attached");
        Labels = f.List("label", 'l', "Set a label on the container", FlagValues.Label);
        LabelFile = f.List("label-file", '\0', "Set the labels that a file lists");
        ReadOnly = f.Bool("read-only", '\0', "Mount the root file system read-only");
        Restart = f.String("restart", '\0', "What to do when the container exits", "no");
        StopSignal = f.String("stop-signal", '\0', "Signal that stops the container");
        StopTimeout = f.Int("stop-timeout", '\0', "Seconds to wait for the container to stop before it is killed");
        Sysctls = f.List("sysctl", '\0', "Set a kernel parameter of the container's namespaces", ContainerValues.Sysctl, "map", "map[]");
        Tty = f.Bool("tty", 't', "Give the container a terminal");
        Ulimits = f.List("ulimit", '\0', "Set a resource limit of processes", ContainerValues.Ulimit, "ulimit", "[]");
        User = f.String("user", 'u', "User, by name or number, perhaps with a group (<name|uid>[:<group|gid>])");
        Workdir = f.String("workdir", 'w', "Working directory inside the container");
        Remove = f.Bool("rm", '\0', "Remove the container and its anonymous volumes when it exits");

        CapAdd = f.List("cap-add", '\0', "Add a Linux capability");
        CapDrop = f.List("cap-drop", '\0', "Drop a Linux capability");
        Privileged = f.Bool("privileged", '\0', "Give the container all privileges");
        SecurityOpt = f.List("security-opt", '\0', "Set a security option");
        Userns = f.String("userns", '\0', "User namespace to use");
        Cgroupns = f.String("cgroupns", '\0', "Cgroup namespace to use (host|private)\n'host':    the host's\n'private': one of its own\n'':        what the daemon's option default-cgroupns-mode\n           says (default)");

        AddHost = f.List("add-host", '\0', "Add a host name and its address (host:ip)", ContainerValues.ExtraHost);
        Dns = f.List("dns", '\0', "Use this DNS server", ContainerValues.IpAddress);
        DnsOption = f.List("dns-option", '\0', "Set a DNS option");
        f.Alias("dns-opt", DnsOption);
        DnsSearch = f.List("dns-search", '\0', "Search this DNS domain");
        Expose = f.List("expose", '\0', "Expose a port or a range of ports");
        Ip = f.String("ip", '\0', "IPv4 address (172.30.100.104, say)");
        Ip6 = f.String("ip6", '\0', "IPv6 address (2001:db8::33, say)");
        Link = f.List("link", '\0', "Link to another container");
        LinkLocalIp = f.List("link-local-ip", '\0', "Link-local address, IPv4 or IPv6");
        MacAddress = f.String("mac-address", '\0', "MAC address (92:d0:c6:0a:29:33, say)");
        Publish = f.List("publish", 'p', "Publish a port, or a range of ports, on the host");
        PublishAll = f.Bool("publish-all", 'P', "Publish all exposed ports on free ports of the host");
        Network = f.List("network", '\0', "Connect the container to a network", NetworkOption.Validate, "network");
        f.Alias("net", Network);
        NetworkAlias = f.List("network-alias", '\0', "Another name of the container in its network");
        f.Alias("net-alias", NetworkAlias);

        LogDriver = f.String("log-driver", '\0', "Where the container's logs go");
        LogOpt = f.List("log-opt", '\0', "Set an option of the log driver");
        VolumeDriver = f.String("volume-driver", '\0', "Driver of the container's volumes");
        StorageOpt = f.List("storage-opt", '\0', "Set an option of the storage driver for the container");
        Tmpfs = f.List("tmpfs", '\0', "Mount a tmpfs");
        VolumesFrom = f.List("volumes-from", '\0', "Mount the volumes of another container");
        Volume = f.List("volume", 'v', "Mount a volume or a folder of the host");
        Mount = f.List("mount", '\0', "Attach a file system", MountOption.Validate, "mount");

        HealthCmd = f.String("health-cmd", '\0', "Command that checks the container's health");
        HealthInterval = f.Duration("health-interval", "Time between two checks (ms|s|m|h) (default 0s)");
        HealthRetries = f.Int("health-retries", '\0', "Failures in a row that make the container unhealthy");
        HealthTimeout = f.Duration("health-timeout", "Longest time that a check may take (ms|s|m|h) (default 0s)");
        HealthStartPeriod = f.Duration("health-start-period", "Time to start up, in which failures don't count (ms|s|m|h) (default 0s)");
        HealthStartInterval = f.Duration("health-start-interval", "Time between two checks while starting up (ms|s|m|h) (default 0s)");
        NoHealthcheck = f.Bool("no-healthcheck", '\0', "Do without the image's HEALTHCHECK");

        BlkioWeight = f.Add(new Flag<long>("blkio-weight", '\0', 0, "Share of block I/O, 10 to 1000, or 0 for no share (default 0)", "uint16", static s => (long)FlagValues.Unsigned(s, LargestBlkioWeight)));
        BlkioWeightDevice = f.List("blkio-weight-device", '\0', "Share of a device's I/O", ContainerValues.WeightDevice, "list", "[]");
        CidFile = f.String("cidfile", '\0', "Write the container's ID to a file");
        CpusetCpus = f.String("cpuset-cpus", '\0', "CPUs to run on (0-3, 0,1)");
        CpusetMems = f.String("cpuset-mems", '\0', "Memory nodes to use (0-3, 0,1)");
        CpuPeriod = f.Int("cpu-period", '\0', "Period of the CPU quota in microseconds");
        CpuQuota = f.Int("cpu-quota", '\0', "CPU time in each period, in microseconds");
        CpuRtPeriod = f.Int("cpu-rt-period", '\0', "Period of real-time CPU use in microseconds");
        CpuRtRuntime = f.Int("cpu-rt-runtime", '\0', "Real-time CPU use in each period, in microseconds");
        CpuShares = f.Int("cpu-shares", 'c', "Share of the CPUs (relative weight)");
        Cpus = f.Add(new Flag<long>("cpus", '\0', 0, "Number of CPUs", "decimal", FlagValues.NanoCpus));
        DeviceReadBps = f.List("device-read-bps", '\0', "Limit reads from a device, in bytes per second", ContainerValues.ThrottleBytes, "list", "[]");
        DeviceReadIops = f.List("device-read-iops", '\0', "Limit reads from a device, in operations per second", ContainerValues.ThrottleOperations, "list", "[]");
        DeviceWriteBps = f.List("device-write-bps", '\0', "Limit writes to a device, in bytes per second", ContainerValues.ThrottleBytes, "list", "[]");
        DeviceWriteIops = f.List("device-write-iops", '\0', "Limit writes to a device, in operations per second", ContainerValues.ThrottleOperations, "list", "[]");
        KernelMemory = f.Bytes("kernel-memory", '\0', "Limit of the kernel's memory");
        Memory = f.Bytes("memory", 'm', "Limit of memory");
        MemoryReservation = f.Bytes("memory-reservation", '\0', "Soft limit of memory");
        MemorySwap = f.Bytes("memory-swap", '\0', "Limit of memory and swap together: '-1' for no limit of swap", FlagValues.SwapBytes);
        MemorySwappiness = f.Int("memory-swappiness", '\0', "How readily memory is swapped out (0 to 100)", -1);
        OomKillDisable = f.Bool("oom-kill-disable", '\0', "Let processes wait for memory instead of killing one");
        OomScoreAdj = f.Int("oom-score-adj", '\0', "How likely the host is to kill the container for want of memory (-1000 to 1000)");
        PidsLimit = f.Int("pids-limit", '\0', "Limit of processes (-1 for none)");

        CgroupParent = f.String("cgroup-parent", '\0', "Cgroup to put the container's into");
        Ipc = f.String("ipc", '\0', "IPC namespace to use");
        Isolation = f.String("isolation", '\0', "How the container is isolated");
        Pid = f.String("pid", '\0', "PID namespace to use");
        ShmSize = f.Bytes("shm-size", '\0', "Size of /dev/shm");
        Uts = f.String("uts", '\0', "UTS namespace to use");
        Runtime = f.String("runtime", '\0', "Runtime to use");
        Init = f.Bool("init", '\0', "Run an init in the container that passes signals on and reaps processes");
        Annotations = f.List("annotation", '\0', "Add an annotation for the OCI runtime", null, "map", "map[]");
    }

    // Names say it all: each property is the flag of that name.
#pragma warning disable CS1591
    public Flag<string> Name { get; }
    public Flag<string> Pull { get; }
    public Flag<bool> Quiet { get; }
    public Flag<string> Platform { get; }
    public ListFlag Attach { get; }
    public ListFlag DeviceCgroupRules { get; }
    public ListFlag Devices { get; }
    public ListFlag Gpus { get; }
    public ListFlag Env { get; }
    public ListFlag EnvFile { get; }
    public Flag<string> Entrypoint { get; }
    public ListFlag GroupAdd { get; }
    public Flag<string> Hostname { get; }
    public Flag<string> Domainname { get; }
    public Flag<bool> Interactive { get; }
    public ListFlag Labels { get; }
    public ListFlag LabelFile { get; }
    public Flag<bool> ReadOnly { get; }
    public Flag<string> Restart { get; }
    public Flag<string> StopSignal { get; }
    public Flag<long> StopTimeout { get; }
    public ListFlag Sysctls { get; }
    public Flag<bool> Tty { get; }
    public ListFlag Ulimits { get; }
    public Flag<string> User { get; }
    public Flag<string> Workdir { get; }
    public Flag<bool> Remove { get; }
    public ListFlag CapAdd { get; }
    public ListFlag CapDrop { get; }
    public Flag<bool> Privileged { get; }
    public ListFlag SecurityOpt { get; }
    public Flag<string> Userns { get; }
    public Flag<string> Cgroupns { get; }
    public ListFlag AddHost { get; }
    public ListFlag Dns { get; }
    public ListFlag DnsOption { get; }
    public ListFlag DnsSearch { get; }
    public ListFlag Expose { get; }
    public Flag<string> Ip { get; }
    public Flag<string> Ip6 { get; }
    public ListFlag Link { get; }
    public ListFlag LinkLocalIp { get; }
    public Flag<string> MacAddress { get; }
    public ListFlag Publish { get; }
    public Flag<bool> PublishAll { get; }
    public ListFlag Network { get; }
    public ListFlag NetworkAlias { get; }
    public Flag<string> LogDriver { get; }
    public ListFlag LogOpt { get; }
    public Flag<string> VolumeDriver { get; }
    public ListFlag StorageOpt { get; }
    public ListFlag Tmpfs { get; }
    public ListFlag VolumesFrom { get; }
    public ListFlag Volume { get; }
    public ListFlag Mount { get; }
    public Flag<string> HealthCmd { get; }
    public Flag<long> HealthInterval { get; }
    public Flag<long> HealthRetries { get; }
    public Flag<long> HealthTimeout { get; }
    public Flag<long> HealthStartPeriod { get; }
    public Flag<long> HealthStartInterval { get; }
    public Flag<bool> NoHealthcheck { get; }
    public Flag<long> BlkioWeight { get; }
    public ListFlag BlkioWeightDevice { get; }
    public Flag<string> CidFile { get; }
    public Flag<string> CpusetCpus { get; }
    public Flag<string> CpusetMems { get; }
    public Flag<long> CpuPeriod { get; }
    public Flag<long> CpuQuota { get; }
    public Flag<long> CpuRtPeriod { get; }
    public Flag<long> CpuRtRuntime { get; }
    public Flag<long> CpuShares { get; }
    public Flag<long> Cpus { get; }
    public ListFlag DeviceReadBps { get; }
    public ListFlag DeviceReadIops { get; }
    public ListFlag DeviceWriteBps { get; }
    public ListFlag DeviceWriteIops { get; }
    public Flag<long> KernelMemory { get; }
    public Flag<long> Memory { get; }
    public Flag<long> MemoryReservation { get; }
    public Flag<long> MemorySwap { get; }
    public Flag<long> MemorySwappiness { get; }
    public Flag<bool> OomKillDisable { get; }
    public Flag<long> OomScoreAdj { get; }
    public Flag<long> PidsLimit { get; }
    public Flag<string> CgroupParent { get; }
    public Flag<string> Ipc { get; }
    public Flag<string> Isolation { get; }
    public Flag<string> Pid { get; }
    public Flag<long> ShmSize { get; }
    public Flag<string> Uts { get; }
    public Flag<string> Runtime { get; }
    public Flag<bool> Init { get; }
    public ListFlag Annotations { get; }
#pragma warning restore CS1591
}
