using System.Globalization;
using System.Runtime.InteropServices;
using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Config;
using AotRuntime.Dockerd.Containers;
using AotRuntime.EngineApi;
using AotRuntime.Rpc;

namespace AotRuntime.Dockerd.Host;

/// <summary>What <c>docker version</c>, <c>info</c> and <c>system df</c> show.</summary>
internal sealed class SystemReport(DaemonServices services, ContainerManager containers, string daemonId, IReadOnlyList<string> warnings)
{
    private static string Architecture => RuntimeInformation.OSArchitecture == global::System.Runtime.InteropServices.Architecture.Arm64 ? "arm64" : "amd64";

    private static string KernelVersion => ReadLine("/proc/sys/kernel/osrelease");

    /// <summary>For <c>GET /version</c>.</summary>
    public async Task<SystemVersion> VersionAsync()
    {
        Rpc.Containerd.Version.VersionResponse containerd = await ContainerdVersionAsync().ConfigureAwait(false);
        return new SystemVersion
        {
            Platform = new PlatformName { Name = "AotRuntime Engine" },
            Components =
            [
                new ComponentVersion
                {
                    Name = "Engine",
                    Version = ApiServer.ServerVersion,
                    Details = new Dictionary<string, string>
                    {
                        ["ApiVersion"] = ApiVersions.Current,
                        ["Arch"] = Architecture,
                        ["BuildTime"] = "",
                        ["Experimental"] = services.Options.Experimental ? "true" : "false",
                        ["GitCommit"] = "aotruntime",
                        ["GoVersion"] = RuntimeInformation.FrameworkDescription,
                        ["KernelVersion"] = KernelVersion,
                        ["MinAPIVersion"] = ApiVersions.Minimum,
                        ["Os"] = "linux",
                    },
                },
                new ComponentVersion
                {
                    Name = "containerd",
                    Version = containerd.Version,
                    Details = new Dictionary<string, string> { ["GitCommit"] = containerd.Revision },
                },
                .. await OwnComponentsAsync().ConfigureAwait(false),
            ],
            GoVersion = RuntimeInformation.FrameworkDescription,
            Version = ApiServer.ServerVersion,
            ApiVersion = ApiVersions.Current,
            MinApiVersion = ApiVersions.Minimum,
            GitCommit = "aotruntime",
            Os = "linux",
            Arch = Architecture,
            KernelVersion = KernelVersion,
            Experimental = services.Options.Experimental,
        };
    }

    /// <summary>For <c>GET /info</c>.</summary>
    public async Task<SystemInfo> InfoAsync()
    {
        DaemonOptions options = services.Options;
        IReadOnlyList<Container> all = containers.All();
        List<ImageSummary> images = await services.Images.ListAsync(new Filters(), all: false, sharedSize: false).ConfigureAwait(false);
        Rpc.Containerd.Version.VersionResponse containerd = await ContainerdVersionAsync().ConfigureAwait(false);
        Dictionary<string, RuntimeInfo> runtimes = new() { [DaemonOptions.DefaultRuntimeName] = new RuntimeInfo { Path = "runc" } };
        foreach ((string name, RuntimeOption runtime) in options.Runtimes)
            runtimes[name] = new RuntimeInfo { Path = runtime.Path };
        IReadOnlyList<ComponentVersion> own = await OwnComponentsAsync().ConfigureAwait(false);
        bool v1 = !DaemonServices.CgroupV2;
        bool seccomp = containers.TakesSeccomp(options.DefaultRuntime);
        string profile = options.SeccompProfile.Length > 0 ? options.SeccompProfile : SeccompChoice.Builtin;
        List<string> said = [.. warnings];
        if (seccomp && profile != SeccompChoice.Builtin)
            said.Add("WARNING: daemon is not using the default seccomp profile");
        return new SystemInfo
        {
            Id = daemonId,
            Containers = all.Count,
            ContainersRunning = all.Count(c => c.State.Running && !c.State.Paused),
            ContainersPaused = all.Count(c => c.State.Paused),
            ContainersStopped = all.Count(c => !c.State.Running),
            Images = images.Count,
            Driver = services.Images.Snapshotter,
            DriverStatus = [["driver-type", "io.containerd.snapshotter.v1"]],
            MemoryLimit = true,
            SwapLimit = !v1 || File.Exists("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"),
            CpuCfsPeriod = true,
            CpuCfsQuota = true,
            CpuShares = true,
            CpuSet = true,
            PidsLimit = true,
            IPv4Forwarding = ReadLine("/proc/sys/net/ipv4/ip_forward") == "1",
            Debug = options.Debug,
            NFd = Count("/proc/self/fd"),
            OomKillDisable = v1,
            NGoroutines = Count("/proc/self/task"),
            SystemTime = GoTime.Format(DateTimeOffset.UtcNow),
            LoggingDriver = options.LogDriver,
            CgroupDriver = "cgroupfs",
            CgroupVersion = v1 ? "1" : "2",
            NEventsListener = services.Events.ListenerCount,
            KernelVersion = KernelVersion,
            OperatingSystem = OsRelease("PRETTY_NAME"),
            OSVersion = OsRelease("VERSION_ID"),
            OSType = "linux",
            Architecture = Architecture == "arm64" ? "aarch64" : "x86_64",
            IndexServerAddress = "https://index.docker.io/v1/",
            RegistryConfig = Registries(options),
            Ncpu = Environment.ProcessorCount,
            MemTotal = MemoryTotal(),
            DockerRootDir = options.DataRoot,
            HttpProxy = Masked(Parts.Chosen(options.HttpProxy, "HTTP_PROXY")),
            HttpsProxy = Masked(Parts.Chosen(options.HttpsProxy, "HTTPS_PROXY")),
            NoProxy = Parts.Chosen(options.NoProxy, "NO_PROXY"),
            Name = Environment.MachineName,
            Labels = options.Labels,
            ExperimentalBuild = options.Experimental,
            ServerVersion = ApiServer.ServerVersion,
            Runtimes = runtimes,
            DefaultRuntime = options.DefaultRuntime,
            LiveRestoreEnabled = options.LiveRestore,
            InitBinary = "docker-init",
            ContainerdCommit = new CommitInfo { Id = containerd.Revision },
            RuncCommit = new CommitInfo { Id = Commit(own, "runc") },
            InitCommit = new CommitInfo { Id = Commit(own, "docker-init") },
            SecurityOptions = seccomp ? [$"name=seccomp,profile={profile}"] : [],
            Containerd = new ContainerdInfo
            {
                Address = options.Containerd.Length > 0 ? options.Containerd : Path.Combine(options.ExecRoot, "containerd", "containerd.sock"),
                Namespaces = new ContainerdNamespaces { Containers = options.ContainerdNamespace, Plugins = "plugins." + options.ContainerdNamespace },
            },
            Warnings = said.Count > 0 ? said : null,
        };
    }

    /// <summary>For <c>GET /system/df</c>.</summary>
    public async Task<DiskUsage> DiskUsageAsync(CancellationToken cancellationToken)
    {
        List<ContainerSummary> summaries = [];
        foreach (Container container in containers.All())
        {
            ContainerSummary summary = ContainerView.Summary(container);
            summary.SizeRw = await services.Containerd.SnapshotUsageAsync(container.Record.Snapshotter, container.Id, cancellationToken).ConfigureAwait(false);
            summaries.Add(summary);
        }
        List<ImageSummary> images = await services.Images.ListAsync(new Filters(), all: false, sharedSize: true, cancellationToken).ConfigureAwait(false);
        foreach (ImageSummary image in images)
            image.Containers = summaries.Count(s => s.ImageId == image.Id);
        List<Volume> volumes = [];
        foreach (Volume volume in services.Volumes.List())
        {
            volume.UsageData = new VolumeUsage { RefCount = containers.UsersOfVolume(volume.Name).Count, Size = services.Volumes.Size(volume.Name) };
            volumes.Add(volume);
        }
        return new DiskUsage
        {
            LayersSize = images.Sum(i => Math.Max(0, i.Size)),
            Images = images,
            Containers = summaries,
            Volumes = volumes,
            BuildCache = [],
        };
    }

    // They are asked by starting them, once for each state of their files.
    private Task<IReadOnlyList<ComponentVersion>> OwnComponentsAsync() => Task.Run(() => ProgramVersions.Read(services.Options));

    private static string Commit(IReadOnlyList<ComponentVersion> components, string name) =>
        components.FirstOrDefault(c => c.Name == name)?.Details?.GetValueOrDefault("GitCommit") ?? "";

    private async RpcAnswer<Rpc.Containerd.Version.VersionResponse> ContainerdVersionAsync()
    {
        try
        {
            return await services.Containerd.VersionAsync(TimeSpan.FromSeconds(2)).ConfigureAwait(false);
        }
        catch (RpcException)
        {
            return new Rpc.Containerd.Version.VersionResponse { Version = "unknown" };
        }
    }

    private static RegistryServiceConfig Registries(DaemonOptions options)
    {
        List<string> mirrors = [.. options.RegistryMirrors.Select(m => m.TrimEnd('/') + "/")];
        RegistryServiceConfig config = new() { Mirrors = mirrors.Count > 0 ? mirrors : null };
        config.InsecureRegistryCidrs.Add("::1/128");
        config.InsecureRegistryCidrs.Add("127.0.0.0/8");
        config.IndexConfigs["docker.io"] = new RegistryIndexInfo { Name = "docker.io", Mirrors = mirrors, Secure = true, Official = true };
        foreach (string registry in options.InsecureRegistries)
        {
            if (registry.Contains('/'))
                config.InsecureRegistryCidrs.Add(registry);
            else
                config.IndexConfigs[registry] = new RegistryIndexInfo { Name = registry };
        }
        return config;
    }

    /// <summary>A proxy's address without its name and password, as Docker shows it.</summary>
    private static string Masked(string proxy) =>
        Uri.TryCreate(proxy, UriKind.Absolute, out Uri? url) && url.UserInfo.Length > 0
            ? proxy.Replace($"{url.UserInfo}@", "xxxxx:xxxxx@", StringComparison.Ordinal)
            : proxy;

    private static int Count(string folder) => Directory.EnumerateFileSystemEntries(folder).Count();

    private static string ReadLine(string path) => File.Exists(path) ? File.ReadAllText(path).Trim() : "";

    private static string OsRelease(string key)
    {
        string file = File.Exists("/etc/os-release") ? "/etc/os-release" : "/usr/lib/os-release";
        foreach (string line in File.Exists(file) ? File.ReadLines(file) : [])
        {
            if (line.StartsWith(key + "=", StringComparison.Ordinal))
                return line[(key.Length + 1)..].Trim('"', '\'');
        }
        return "";
    }

    private static long MemoryTotal()
    {
        foreach (string line in File.ReadLines("/proc/meminfo"))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words is ["MemTotal:", string kilobytes, ..])
                return long.Parse(kilobytes, CultureInfo.InvariantCulture) * 1024;
        }
        return 0;
    }
}
