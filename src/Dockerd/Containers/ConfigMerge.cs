using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Config;
using AotRuntime.Dockerd.Oci;
using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Containers;

/// <summary>What a client asks for, what its image says, and the daemon's defaults, made into one configuration.</summary>
internal static class ConfigMerge
{
    private const long MinimumMemory = 6 * 1024 * 1024;

    /// <summary>Fills what the client left open from the image.</summary>
    /// <exception cref="ApiException">400: nothing says what to run.</exception>
    public static ContainerConfig WithImage(ContainerConfig user, ContainerConfig image)
    {
        ContainerConfig result = new()
        {
            Hostname = user.Hostname,
            Domainname = user.Domainname,
            User = user.User.Length > 0 ? user.User : image.User,
            AttachStdin = user.AttachStdin,
            AttachStdout = user.AttachStdout,
            AttachStderr = user.AttachStderr,
            Tty = user.Tty,
            OpenStdin = user.OpenStdin,
            StdinOnce = user.StdinOnce,
            Image = user.Image,
            WorkingDir = user.WorkingDir.Length > 0 ? user.WorkingDir : image.WorkingDir,
            NetworkDisabled = user.NetworkDisabled,
            MacAddress = user.MacAddress,
            OnBuild = user.OnBuild,
            StopSignal = string.IsNullOrEmpty(user.StopSignal) ? image.StopSignal : user.StopSignal,
            StopTimeout = user.StopTimeout,
            Shell = user.Shell,
            ExposedPorts = Union(user.ExposedPorts, image.ExposedPorts),
            Volumes = Union(user.Volumes, image.Volumes),
            Env = [.. user.Env ?? []],
            Labels = [],
            Cmd = user.Cmd,
            Entrypoint = user.Entrypoint,
            Healthcheck = Health(user.Healthcheck, image.Healthcheck),
        };
        foreach (string variable in image.Env ?? [])
        {
            string name = variable.Split('=')[0] + "=";
            if (!result.Env.Exists(v => v.StartsWith(name, StringComparison.Ordinal)))
                result.Env.Add(variable);
        }
        foreach ((string key, string value) in image.Labels ?? [])
            result.Labels[key] = value;
        foreach ((string key, string value) in user.Labels ?? [])
            result.Labels[key] = value;

        // The image's command belongs to the image's entrypoint: one of the client's own takes both away.
        if (user.Entrypoint is not { Count: > 0 })
        {
            if (user.Cmd is not { Count: > 0 })
                result.Cmd = image.Cmd;
            if (user.Entrypoint is null)
                result.Entrypoint = image.Entrypoint;
        }
        if (result.Entrypoint is [""])
            result.Entrypoint = null;
        if (result.Entrypoint is not { Count: > 0 } && result.Cmd is not { Count: > 0 })
            throw ApiException.BadRequest("no command specified");
        if (result.WorkingDir.Length > 0 && result.WorkingDir[0] != '/')
            throw ApiException.BadRequest($"the working directory '{result.WorkingDir}' is invalid, it needs to be an absolute path");
        return result;
    }

    /// <summary>The words of what runs.</summary>
    public static (string Path, List<string> Args) Command(ContainerConfig config)
    {
        List<string> words = [.. config.Entrypoint ?? [], .. config.Cmd ?? []];
        return (words[0], words[1..]);
    }

    /// <summary>Checks the host's part and fills in defaults.</summary>
    /// <exception cref="ApiException">400: settings that are invalid or do not go together.</exception>
    public static void Complete(HostConfig host, DaemonOptions options, List<string> warnings)
    {
        if (host.NetworkMode is "" or "default")
            host.NetworkMode = "bridge";
        if (host.IpcMode.Length == 0)
            host.IpcMode = options.DefaultIpcMode;
        if (host.IpcMode is not ("private" or "shareable" or "host" or "none") && Container.JoinedContainer(host.IpcMode) is null)
            throw ApiException.BadRequest($"invalid IPC mode: {host.IpcMode}");
        if (host.PidMode is not ("" or "host") && Container.JoinedContainer(host.PidMode) is null)
            throw ApiException.BadRequest($"invalid PID mode: {host.PidMode}");
        if (host.UTSMode is not ("" or "host"))
            throw ApiException.BadRequest($"invalid UTS mode: {host.UTSMode}");
        if (host.CgroupnsMode.Length == 0)
            host.CgroupnsMode = options.DefaultCgroupnsMode.Length > 0 ? options.DefaultCgroupnsMode : DaemonServices.CgroupV2 && !host.Privileged ? "private" : "host";
        if (host.CgroupnsMode is not ("host" or "private"))
            throw ApiException.BadRequest($"invalid cgroup namespace mode: {host.CgroupnsMode}");
        if (host.ShmSize < 0)
            throw ApiException.BadRequest("SHM size can not be less than 0");
        if (host.ShmSize == 0)
            host.ShmSize = options.DefaultShmSize;
        if (string.IsNullOrEmpty(host.Runtime))
            host.Runtime = options.DefaultRuntime;
        if (host.Runtime != DaemonOptions.DefaultRuntimeName && !options.Runtimes.ContainsKey(host.Runtime) && !host.Runtime.StartsWith("io.containerd.", StringComparison.Ordinal))
            throw ApiException.BadRequest($"unknown or invalid runtime name: {host.Runtime}");
        host.Isolation = host.Isolation == "default" ? "" : host.Isolation;
        host.ConsoleSize ??= [0, 0];
        // cgroup v2 cannot do it (cgroup-v2.rst, "Deprecated v1 Core Features"), whatever is asked.
        host.OomKillDisable = DaemonServices.CgroupV2 ? null : host.OomKillDisable ?? false;
        host.PortBindings ??= [];
        host.DeviceCgroupRules?.ForEach(r => Devices.ParseRule(r));
        Capabilities.Tweak(host.CapAdd, host.CapDrop, privileged: false);
        if (!host.Privileged)
        {
            host.MaskedPaths ??= [.. SpecBuilder.DefaultMaskedPaths];
            host.ReadonlyPaths ??= [.. SpecBuilder.DefaultReadonlyPaths];
        }
        CompleteLog(host, options);
        CompleteRestart(host);
        CheckLimits(host, warnings);
        CheckSecurity(host, options);
        foreach ((string name, Ulimit limit) in options.DefaultUlimits)
        {
            if (!(host.Ulimits ??= []).Exists(u => u.Name == name))
                host.Ulimits.Add(limit);
        }
        foreach ((string port, List<PortBinding>? bindings) in host.PortBindings)
        {
            if (!NatPort.TryParse(port, out _))
                throw ApiException.BadRequest($"invalid port specification: \"{port}\"");
            foreach (PortBinding binding in bindings ?? [])
            {
                if (binding.HostPort.Length > 0 && !PortRange.TryParse(binding.HostPort, out _))
                    throw ApiException.BadRequest($"invalid port specification: \"{binding.HostPort}\"");
            }
        }
        foreach ((string destination, string tmpfs) in host.Tmpfs ?? [])
        {
            if (destination.Length == 0 || destination[0] != '/')
                throw ApiException.BadRequest($"invalid mount target, must be an absolute path in the container: {destination}");
            MountTable.TmpfsOptions(tmpfs);
        }
        foreach (string extra in host.ExtraHosts ?? [])
        {
            if (!extra.Contains(':') && !extra.Contains('='))
                throw ApiException.BadRequest($"bad format for add-host: \"{extra}\"");
        }
    }

    /// <summary>Checks limits and adds what follows from them.</summary>
    public static void CheckLimits(ContainerResources limits, List<string> warnings)
    {
        if (limits.Memory is > 0 and < MinimumMemory)
            throw ApiException.BadRequest("Minimum memory limit allowed is 6MB");
        if (limits.Memory > 0 && limits.MemorySwap > 0 && limits.MemorySwap < limits.Memory)
            throw ApiException.BadRequest("Minimum memoryswap limit should be larger than memory limit, see usage");
        if (limits.Memory == 0 && limits.MemorySwap > 0)
            throw ApiException.BadRequest("You should always set the Memory limit when using Memoryswap limit, see usage");
        if (limits.MemorySwappiness is < -1 or > 100)
            throw ApiException.BadRequest($"Invalid value: {limits.MemorySwappiness}, valid memory swappiness range is 0-100");
        if (limits.MemoryReservation is > 0 and < MinimumMemory)
            throw ApiException.BadRequest("Minimum memory reservation allowed is 6MB");
        if (limits.Memory > 0 && limits.MemoryReservation > limits.Memory)
            throw ApiException.BadRequest("Minimum memory limit can not be less than memory reservation limit, see usage");
        if (limits.NanoCpus > 0 && limits.CpuPeriod > 0)
            throw ApiException.BadRequest("Conflicting options: Nano CPUs and CPU Period cannot both be set");
        if (limits.NanoCpus > 0 && limits.CpuQuota > 0)
            throw ApiException.BadRequest("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
        if (limits.NanoCpus < 0 || limits.NanoCpus > Environment.ProcessorCount * 1_000_000_000L)
            throw ApiException.BadRequest($"range of CPUs is from 0.01 to {Environment.ProcessorCount}.00, as there are only {Environment.ProcessorCount} CPUs available");
        if (limits.CpuPeriod is not 0 and (< 1000 or > 1_000_000))
            throw ApiException.BadRequest("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
        if (limits.CpuQuota is > 0 and < 1000)
            throw ApiException.BadRequest("CPU cfs quota can not be less than 1ms (i.e. 1000)");
        if (limits.CpuShares < 0)
            throw ApiException.BadRequest($"invalid CPU shares ({limits.CpuShares}): value must be a positive integer");
        if (limits.Memory > 0 && limits.MemorySwap == 0)
            limits.MemorySwap = limits.Memory * 2;
        if (limits.OomKillDisable == true && limits.Memory == 0)
            warnings.Add("OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.");
        // -1 means "as the host", which is null inside.
        if (limits.MemorySwappiness is -1)
            limits.MemorySwappiness = null;
        // Zero and less mean "no limit", which is null inside.
        if (limits.PidsLimit is 0)
            limits.PidsLimit = null;
    }

    private static void CompleteLog(HostConfig host, DaemonOptions options)
    {
        host.LogConfig ??= new LogConfig();
        if (host.LogConfig.Type.Length == 0)
        {
            host.LogConfig.Type = options.LogDriver;
            if (host.LogConfig.Config is not { Count: > 0 })
                host.LogConfig.Config = new Dictionary<string, string>(options.LogOptions);
        }
        host.LogConfig.Config ??= [];
        if (host.LogConfig.Type is not ("json-file" or "none"))
            throw ApiException.BadRequest($"error looking up logging plugin {host.LogConfig.Type}: plugin \"{host.LogConfig.Type}\" not found");
        if (host.LogConfig.Type == "json-file")
            Logs.JsonFileOptions.Parse(host.LogConfig.Config);
    }

    private static void CompleteRestart(HostConfig host)
    {
        RestartPolicy policy = host.RestartPolicy ??= new RestartPolicy();
        if (policy.Name.Length == 0)
            policy.Name = "no";
        if (policy.Name is not ("no" or "always" or "unless-stopped" or "on-failure"))
            throw ApiException.BadRequest($"invalid restart policy: unknown policy '{policy.Name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'");
        if (policy.MaximumRetryCount != 0 && policy.Name != "on-failure")
            throw ApiException.BadRequest("invalid restart policy: maximum retry count can only be used with 'on-failure'");
        if (policy.MaximumRetryCount < 0)
            throw ApiException.BadRequest("invalid restart policy: maximum retry count cannot be negative");
        if (host.AutoRemove && policy.Name != "no")
            throw ApiException.BadRequest("can't create 'AutoRemove' container with restart policy");
    }

    private static void CheckSecurity(HostConfig host, DaemonOptions options)
    {
        foreach (string option in host.SecurityOpt ?? [])
        {
            if (option == "no-new-privileges")
                continue;
            int split = option.IndexOfAny(['=', ':']);
            if (split < 0)
                throw ApiException.BadRequest($"invalid --security-opt 1: \"{option}\"");
            string key = option[..split], value = option[(split + 1)..];
            if (key is not ("label" or "apparmor" or "seccomp" or "no-new-privileges" or "writable-cgroups"))
                throw ApiException.BadRequest($"invalid --security-opt 2: \"{option}\"");
            if (key == "no-new-privileges" && value is not ("true" or "false"))
                throw ApiException.BadRequest($"invalid --security-opt 2: \"{option}\"");
        }
        if (options.NoNewPrivileges && host.SecurityOpt?.Exists(o => o.StartsWith("no-new-privileges", StringComparison.Ordinal)) != true)
            (host.SecurityOpt ??= []).Add("no-new-privileges");
    }

    private static Dictionary<string, EmptyObject>? Union(Dictionary<string, EmptyObject>? a, Dictionary<string, EmptyObject>? b)
    {
        if (a is not { Count: > 0 } && b is not { Count: > 0 })
            return null;
        Dictionary<string, EmptyObject> result = [];
        foreach (string key in (a?.Keys ?? Enumerable.Empty<string>()).Concat(b?.Keys ?? Enumerable.Empty<string>()))
            result[key] = EmptyObject.Instance;
        return result;
    }

    private static HealthConfig? Health(HealthConfig? user, HealthConfig? image)
    {
        if (user is null || image is null)
            return user ?? image;
        return new HealthConfig
        {
            Test = user.Test is { Count: > 0 } ? user.Test : image.Test,
            Interval = user.Interval != 0 ? user.Interval : image.Interval,
            Timeout = user.Timeout != 0 ? user.Timeout : image.Timeout,
            StartPeriod = user.StartPeriod != 0 ? user.StartPeriod : image.StartPeriod,
            StartInterval = user.StartInterval != 0 ? user.StartInterval : image.StartInterval,
            Retries = user.Retries != 0 ? user.Retries : image.Retries,
        };
    }
}
