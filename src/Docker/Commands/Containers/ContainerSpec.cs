using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Terminals;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary>Turns the flags of run and create into the API's request.</summary>
public sealed class ContainerSpec
{
    private readonly ContainerFlags _flags;
    private readonly string[] _command;
    private readonly List<NetworkOption> _networks = [];
    private readonly List<PortSpec> _ports = [];
    private readonly List<string> _exposed = [];
    private readonly List<string> _env;
    private readonly List<string> _labels;
    private readonly List<string> _binds = [];
    private readonly List<string> _volumes = [];
    private readonly List<string> _securityOptions = [];
    private readonly bool _systemPathsUnconfined;

    /// <summary>Reads <paramref name="flags"/>.</summary>
    /// <exception cref="CommandException">They contradict each other, or a value can't be read.</exception>
    public ContainerSpec(ContainerFlags flags, string image, string[] command)
    {
        _flags = flags;
        _command = command;
        Image = image;
        AttachStdin = flags.Interactive.Value || flags.Attach.Values.Contains("stdin");
        AttachStdout = flags.Attach.Values.Count == 0 || flags.Attach.Values.Contains("stdout");
        AttachStderr = flags.Attach.Values.Count == 0 || flags.Attach.Values.Contains("stderr");

        if (flags.MacAddress.Value is { Length: > 0 } mac && !IsMac(mac))
            throw new CommandException($"{mac} is not a valid mac address");
        if (flags.MemorySwappiness.Value is < -1 or > 100)
            throw new CommandException($"invalid value: {flags.MemorySwappiness.Value}. Valid memory swappiness range is 0-100");
        SplitVolumes();
        foreach (string publish in flags.Publish.Values)
            _ports.AddRange(PortSpec.Parse(publish));
        foreach (PortSpec port in _ports)
            AddOnce(_exposed, port.ContainerPort);
        foreach (string expose in flags.Expose.Values)
        {
            foreach (string port in PortSpec.ParseExposed(expose))
                AddOnce(_exposed, port);
        }
        foreach (string device in flags.Devices.Values)
            ContainerValues.Device(device);
        _env = KeyValueFile.Read(flags.EnvFile.Values, flags.Env.Values, Environment.GetEnvironmentVariable);
        _labels = KeyValueFile.Read(flags.LabelFile.Values, flags.Labels.Values, static _ => "");
        CheckModes();
        _securityOptions = ReadSecurityOptions(out _systemPathsUnconfined);
        CheckHealth();
        if (flags.Remove.Value && flags.Restart.Value is not ("" or "no"))
            throw new CommandException("conflicting options: cannot specify both --restart and --rm");
        if (flags.StorageOpt.Values.Exists(static option => !option.Contains('=')))
            throw new CommandException("invalid storage option");
        if (flags.LogDriver.Value == "none" && flags.LogOpt.Values.Count > 0)
            throw new CommandException($"invalid logging opts for driver {flags.LogDriver.Value}");
        ReadNetworks();
    }

    /// <summary>The image's name, as given.</summary>
    public string Image { get; }

    /// <summary>Whether input is attached.</summary>
    public bool AttachStdin { get; set; }

    /// <summary>Whether output is attached.</summary>
    public bool AttachStdout { get; set; }

    /// <summary>Whether errors are attached.</summary>
    public bool AttachStderr { get; set; }

    // 02:42:ac:11:00:02, with dashes too, or 0242.ac11.0002.
    private static bool IsMac(string text)
    {
        string[] parts = text.Trim().Split(':', '-', '.');
        int digits = text.Contains('.') ? 4 : 2;
        return parts.Length * digits == 12 && Array.TrueForAll(parts, part => part.Length == digits && !part.AsSpan().ContainsAnyExcept("0123456789abcdefABCDEF"));
    }

    private static void AddOnce(List<string> list, string value)
    {
        if (!list.Contains(value))
            list.Add(value);
    }

    private void SplitVolumes()
    {
        foreach (string volume in _flags.Volume.Values)
        {
            if (!volume.Contains(':'))
            {
                if (volume.Length == 0)
                    throw new CommandException("invalid empty volume spec");
                AddOnce(_volumes, volume);
                continue;
            }
            string[] parts = volume.Split(':');
            if (Array.IndexOf(parts, "", 0, parts.Length - 1) >= 0)
                throw new CommandException($"invalid spec: {volume}: empty section between colons");
            // A path that begins with a dot is relative to this process, of which the daemon knows nothing.
            if (parts[0].StartsWith('.'))
                parts[0] = Path.TrimEndingDirectorySeparator(Path.GetFullPath(parts[0]));
            AddOnce(_binds, string.Join(':', parts));
        }
    }

    private void CheckModes()
    {
        if (_flags.Pid.Value is { } pid && pid is not ("" or "host" or "private") && !IsOfContainer(pid))
            throw new CommandException("--pid: invalid PID mode");
        if (_flags.Uts.Value is not ("" or "host"))
            throw new CommandException("--uts: invalid UTS mode");
        if (_flags.Userns.Value is not ("" or "host"))
            throw new CommandException("--userns: invalid USER mode");
        if (_flags.Cgroupns.Value is not ("" or "host" or "private"))
            throw new CommandException("--cgroupns: invalid CGROUP mode");
        string restart = _flags.Restart.Value;
        int colon = restart.IndexOf(':');
        if (colon == 0)
            throw new CommandException("invalid restart policy format: no policy provided before colon");
        if (colon > 0 && colon + 1 < restart.Length && !int.TryParse(restart.AsSpan(colon + 1), out _))
            throw new CommandException("invalid restart policy format: maximum retry count must be an integer");
    }

    private static bool IsOfContainer(string mode) => mode.StartsWith("container:", StringComparison.Ordinal) && mode.Length > "container:".Length;

    private List<string> ReadSecurityOptions(out bool unconfined)
    {
        unconfined = false;
        List<string> options = [];
        foreach (string option in _flags.SecurityOpt.Values)
        {
            int cut = option.IndexOf('=');
            string key = cut < 0 ? option : option[..cut];
            if (cut < 0 && key != "no-new-privileges")
            {
                cut = option.IndexOf(':');
                key = cut < 0 ? option : option[..cut];
            }
            string value = cut < 0 ? "" : option[(cut + 1)..];
            if (value.Length == 0 && key != "no-new-privileges")
                throw new CommandException($"Invalid --security-opt: {GoText.Quote(option)}");
            if (option == "systempaths=unconfined")
                unconfined = true;
            else if (key == "seccomp" && value is not ("unconfined" or "builtin"))
                options.Add("seccomp=" + ReadSeccomp(value));
            else
                options.Add(option);
        }
        return options;
    }

    // The profile lies here, the daemon perhaps elsewhere: its text is sent.
    private static string ReadSeccomp(string path)
    {
        try
        {
            using JsonDocument profile = JsonDocument.Parse(File.ReadAllBytes(path));
            System.Text.StringBuilder compact = new();
            Formatting.GoJson.Compact(compact, profile.RootElement.GetRawText());
            return compact.ToString();
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CommandException($"opening seccomp profile ({path}) failed: open {path}: no such file or directory");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"opening seccomp profile ({path}) failed: {e.Message}");
        }
        catch (JsonException e)
        {
            throw new CommandException($"compacting json for seccomp profile ({path}) failed: {e.Message}");
        }
    }

    private bool HasHealth => _flags.HealthCmd.Value.Length > 0 || _flags.HealthInterval.Value != 0 || _flags.HealthTimeout.Value != 0
        || _flags.HealthStartPeriod.Value != 0 || _flags.HealthRetries.Value != 0 || _flags.HealthStartInterval.Value != 0;

    private void CheckHealth()
    {
        if (_flags.NoHealthcheck.Value && HasHealth)
            throw new CommandException("--no-healthcheck conflicts with --health-* options");
        foreach (Flag<long> flag in (ReadOnlySpan<Flag<long>>)[_flags.HealthInterval, _flags.HealthTimeout, _flags.HealthRetries, _flags.HealthStartPeriod, _flags.HealthStartInterval])
        {
            if (flag.Value < 0)
                throw new CommandException($"--{flag.Name} cannot be negative");
        }
    }

    private void ReadNetworks()
    {
        foreach (string text in _flags.Network.Values)
            _networks.Add(NetworkOption.Parse(text));
        if (_networks.Count == 0)
            _networks.Add(NetworkOption.Parse("default"));

        // The flags without a network's name mean the first network.
        NetworkOption first = _networks[0];
        if (first.Aliases.Count > 0 && _flags.NetworkAlias.Values.Count > 0)
            throw new CommandException("conflicting options: cannot specify both --network-alias and per-network alias");
        if (first.Ip.Length > 0 && _flags.Ip.Value.Length > 0)
            throw new CommandException("conflicting options: cannot specify both --ip and per-network IPv4 address");
        if (first.Ip6.Length > 0 && _flags.Ip6.Value.Length > 0)
            throw new CommandException("conflicting options: cannot specify both --ip6 and per-network IPv6 address");
        if (first.MacAddress.Length > 0 && _flags.MacAddress.Value.Length > 0)
            throw new CommandException("conflicting options: cannot specify both --mac-address and per-network MAC address");
        first.Aliases.AddRange(_flags.NetworkAlias.Values);
        first.LinkLocalIps.AddRange(_flags.LinkLocalIp.Values);
        if (first.IsUserDefined)
            first.Links = _flags.Link.Values;
        first.Ip = first.Ip.Length > 0 ? first.Ip : _flags.Ip.Value;
        first.Ip6 = first.Ip6.Length > 0 ? first.Ip6 : _flags.Ip6.Value;
        first.MacAddress = first.MacAddress.Length > 0 ? first.MacAddress : _flags.MacAddress.Value;

        bool anyUser = false;
        bool anyMode = false;
        HashSet<string> seen = [];
        foreach (NetworkOption network in _networks)
        {
            if (network.Target.Trim().Length == 0)
                throw new CommandException("no name set for network");
            if (!network.IsUserDefined && network.Aliases.Count > 0)
                throw new CommandException("network-scoped aliases are only supported for user-defined networks");
            if (!seen.Add(network.Target))
                throw new CommandException($"network {GoText.Quote(network.Target)} is specified multiple times");
            anyUser |= network.IsUserDefined;
            anyMode |= !network.IsUserDefined;
        }
        if (anyUser && anyMode)
            throw new CommandException("conflicting options: cannot attach both user-defined and non-user-defined network-modes");
    }

    /// <summary>The body of <c>POST /containers/create</c>, for the image called <paramref name="image"/> and a daemon of <paramref name="version"/>.</summary>
    public byte[] ToJson(string image, string version) => JsonBody.Object(writer =>
    {
        WriteConfig(writer, image, version);
        writer.WriteStartObject("HostConfig");
        WriteHostConfig(writer);
        WriteResources(writer);
        writer.WriteEndObject();
        WriteNetworking(writer);
    });

    private void WriteConfig(Utf8JsonWriter writer, string image, string version)
    {
        writer.WriteString("Hostname", _flags.Hostname.Value);
        writer.WriteString("Domainname", _flags.Domainname.Value);
        writer.WriteString("User", _flags.User.Value);
        writer.WriteBoolean("AttachStdin", AttachStdin);
        writer.WriteBoolean("AttachStdout", AttachStdout);
        writer.WriteBoolean("AttachStderr", AttachStderr);
        writer.WriteBoolean("Tty", _flags.Tty.Value);
        writer.WriteBoolean("OpenStdin", _flags.Interactive.Value);
        // The daemon closes the container's input when this client goes.
        writer.WriteBoolean("StdinOnce", _flags.Interactive.Value && AttachStdin);
        WriteSet(writer, "ExposedPorts", _exposed);
        writer.Texts("Env", _env, always: true);
        if (_command.Length > 0)
            writer.Texts("Cmd", _command);
        if (_flags.Entrypoint.Changed)
            writer.Texts("Entrypoint", [_flags.Entrypoint.Value]);
        writer.WriteString("Image", image);
        WriteSet(writer, "Volumes", _volumes);
        writer.WriteString("WorkingDir", _flags.Workdir.Value);
        // Since 1.44 the address is its endpoint's.
        if (EngineApi.ApiVersions.Compare(version, "1.44") < 0)
            writer.Text("MacAddress", _networks[0].MacAddress);
        writer.Pairs("Labels", _labels, always: true);
        writer.Text("StopSignal", _flags.StopSignal.Value);
        if (_flags.StopTimeout.Changed)
            writer.WriteNumber("StopTimeout", _flags.StopTimeout.Value);
        WriteHealth(writer);
    }

    private void WriteHealth(Utf8JsonWriter writer)
    {
        if (!_flags.NoHealthcheck.Value && !HasHealth)
            return;
        writer.WriteStartObject("Healthcheck");
        if (_flags.NoHealthcheck.Value)
            writer.Texts("Test", ["NONE"]);
        else if (_flags.HealthCmd.Value.Length > 0)
            writer.Texts("Test", ["CMD-SHELL", _flags.HealthCmd.Value]);
        writer.NonZero("Interval", _flags.HealthInterval.Value);
        writer.NonZero("Timeout", _flags.HealthTimeout.Value);
        writer.NonZero("StartPeriod", _flags.HealthStartPeriod.Value);
        writer.NonZero("StartInterval", _flags.HealthStartInterval.Value);
        writer.NonZero("Retries", _flags.HealthRetries.Value);
        writer.WriteEndObject();
    }

    private static void WriteSet(Utf8JsonWriter writer, string name, List<string> keys)
    {
        if (keys.Count == 0)
            return;
        writer.WriteStartObject(name);
        foreach (string key in keys)
        {
            writer.WriteStartObject(key);
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
    }

    private void WriteHostConfig(Utf8JsonWriter writer)
    {
        ContainerFlags f = _flags;
        writer.Texts("Binds", _binds);
        writer.WriteString("ContainerIDFile", f.CidFile.Value);
        writer.WriteStartObject("LogConfig");
        writer.WriteString("Type", f.LogDriver.Value);
        writer.Pairs("Config", f.LogOpt.Values, always: true);
        writer.WriteEndObject();
        writer.WriteString("NetworkMode", _networks[0].Target);
        WritePorts(writer);
        string restart = f.Restart.Value;
        int colon = restart.IndexOf(':');
        writer.WriteStartObject("RestartPolicy");
        writer.WriteString("Name", colon < 0 ? restart : restart[..colon]);
        writer.WriteNumber("MaximumRetryCount", colon >= 0 && int.TryParse(restart.AsSpan(colon + 1), out int retries) ? retries : 0);
        writer.WriteEndObject();
        writer.WriteBoolean("AutoRemove", f.Remove.Value);
        writer.Text("VolumeDriver", f.VolumeDriver.Value);
        writer.Texts("VolumesFrom", f.VolumesFrom.Values);
        writer.WriteStartArray("ConsoleSize");
        Linux.WindowSize size = Terminal.WindowSize(1);
        writer.WriteNumberValue(size.Rows);
        writer.WriteNumberValue(size.Columns);
        writer.WriteEndArray();
        writer.Pairs("Annotations", f.Annotations.Values);
        writer.Texts("CapAdd", f.CapAdd.Values);
        writer.Texts("CapDrop", f.CapDrop.Values);
        writer.Text("CgroupnsMode", f.Cgroupns.Value);
        writer.Texts("Dns", f.Dns.Values, always: true);
        writer.Texts("DnsOptions", f.DnsOption.Values, always: true);
        writer.Texts("DnsSearch", f.DnsSearch.Values, always: true);
        writer.Texts("ExtraHosts", f.AddHost.Values);
        writer.Texts("GroupAdd", f.GroupAdd.Values);
        writer.WriteString("IpcMode", f.Ipc.Value);
        writer.WriteString("Cgroup", "");
        writer.Texts("Links", f.Link.Values);
        writer.WriteNumber("OomScoreAdj", f.OomScoreAdj.Value);
        writer.WriteString("PidMode", f.Pid.Value);
        writer.WriteBoolean("Privileged", f.Privileged.Value);
        writer.WriteBoolean("PublishAllPorts", f.PublishAll.Value);
        writer.WriteBoolean("ReadonlyRootfs", f.ReadOnly.Value);
        writer.Texts("SecurityOpt", _securityOptions);
        writer.Pairs("StorageOpt", f.StorageOpt.Values);
        writer.Pairs("Tmpfs", f.Tmpfs.Values.ConvertAll(static t => t.IndexOf(':') is >= 0 and int at ? $"{t[..at]}={t[(at + 1)..]}" : t + "="));
        writer.WriteString("UTSMode", f.Uts.Value);
        writer.WriteString("UsernsMode", f.Userns.Value);
        writer.NonZero("ShmSize", f.ShmSize.Value);
        writer.Pairs("Sysctls", f.Sysctls.Values);
        writer.Text("Runtime", f.Runtime.Value);
        writer.WriteString("Isolation", f.Isolation.Value);
        if (f.Mount.Values.Count > 0)
        {
            writer.WriteStartArray("Mounts");
            foreach (string mount in f.Mount.Values)
                MountOption.Parse(mount).Write(writer);
            writer.WriteEndArray();
        }
        if (_systemPathsUnconfined)
        {
            writer.Texts("MaskedPaths", [], always: true);
            writer.Texts("ReadonlyPaths", [], always: true);
        }
        if (f.Init.Changed)
            writer.WriteBoolean("Init", f.Init.Value);
    }

    private void WritePorts(Utf8JsonWriter writer)
    {
        writer.WriteStartObject("PortBindings");
        HashSet<string> written = [];
        foreach (PortSpec port in _ports)
        {
            if (!written.Add(port.ContainerPort))
                continue;
            writer.WriteStartArray(port.ContainerPort);
            foreach (PortSpec binding in _ports)
            {
                if (binding.ContainerPort != port.ContainerPort)
                    continue;
                writer.WriteStartObject();
                writer.WriteString("HostIp", binding.HostIp);
                writer.WriteString("HostPort", binding.HostPort);
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
        }
        writer.WriteEndObject();
    }

    private void WriteResources(Utf8JsonWriter writer)
    {
        ContainerFlags f = _flags;
        writer.NonZero("CpuShares", f.CpuShares.Value);
        writer.NonZero("Memory", f.Memory.Value);
        writer.NonZero("NanoCpus", f.Cpus.Value);
        writer.Text("CgroupParent", f.CgroupParent.Value);
        writer.NonZero("BlkioWeight", f.BlkioWeight.Value);
        WriteDeviceRates(writer, "BlkioWeightDevice", "Weight", f.BlkioWeightDevice);
        WriteDeviceRates(writer, "BlkioDeviceReadBps", "Rate", f.DeviceReadBps);
        WriteDeviceRates(writer, "BlkioDeviceWriteBps", "Rate", f.DeviceWriteBps);
        WriteDeviceRates(writer, "BlkioDeviceReadIOps", "Rate", f.DeviceReadIops);
        WriteDeviceRates(writer, "BlkioDeviceWriteIOps", "Rate", f.DeviceWriteIops);
        writer.NonZero("CpuPeriod", f.CpuPeriod.Value);
        writer.NonZero("CpuQuota", f.CpuQuota.Value);
        writer.NonZero("CpuRealtimePeriod", f.CpuRtPeriod.Value);
        writer.NonZero("CpuRealtimeRuntime", f.CpuRtRuntime.Value);
        writer.Text("CpusetCpus", f.CpusetCpus.Value);
        writer.Text("CpusetMems", f.CpusetMems.Value);
        writer.WriteStartArray("Devices");
        foreach (string device in f.Devices.Values)
        {
            (string host, string container, string permissions) = ContainerValues.Device(device);
            writer.WriteStartObject();
            writer.WriteString("PathOnHost", host);
            writer.WriteString("PathInContainer", container);
            writer.WriteString("CgroupPermissions", permissions);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.Texts("DeviceCgroupRules", f.DeviceCgroupRules.Values);
        WriteGpus(writer);
        writer.NonZero("KernelMemory", f.KernelMemory.Value);
        writer.NonZero("MemoryReservation", f.MemoryReservation.Value);
        writer.NonZero("MemorySwap", f.MemorySwap.Value);
        writer.WriteNumber("MemorySwappiness", f.MemorySwappiness.Value);
        writer.WriteBoolean("OomKillDisable", f.OomKillDisable.Value);
        writer.WriteNumber("PidsLimit", f.PidsLimit.Value);
        WriteUlimits(writer);
    }

    private void WriteUlimits(Utf8JsonWriter writer)
    {
        SortedDictionary<string, (long Soft, long Hard)> limits = new(StringComparer.Ordinal);
        foreach (string text in _flags.Ulimits.Values)
        {
            (string name, long soft, long hard) = ContainerValues.ParseUlimit(text);
            limits[name] = (soft, hard);
        }
        writer.WriteStartArray("Ulimits");
        foreach ((string name, (long soft, long hard)) in limits)
        {
            writer.WriteStartObject();
            writer.WriteString("Name", name);
            writer.WriteNumber("Hard", hard);
            writer.WriteNumber("Soft", soft);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }

    private static void WriteDeviceRates(Utf8JsonWriter writer, string name, string what, ListFlag flag)
    {
        writer.WriteStartArray(name);
        foreach (string text in flag.Values)
        {
            int colon = text.LastIndexOf(':');
            writer.WriteStartObject();
            writer.WriteString("Path", text[..colon]);
            writer.WritePropertyName(what);
            writer.WriteRawValue(text[(colon + 1)..]);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }

    private void WriteGpus(Utf8JsonWriter writer)
    {
        if (_flags.Gpus.Values.Count == 0)
            return;
        writer.WriteStartArray("DeviceRequests");
        foreach (string text in _flags.Gpus.Values)
            GpuOption.Write(writer, text);
        writer.WriteEndArray();
    }

    private void WriteNetworking(Utf8JsonWriter writer)
    {
        writer.WriteStartObject("NetworkingConfig");
        writer.WriteStartObject("EndpointsConfig");
        foreach (NetworkOption network in _networks)
        {
            writer.WriteStartObject(network.Target);
            if (network.Ip.Length > 0 || network.Ip6.Length > 0 || network.LinkLocalIps.Count > 0)
            {
                writer.WriteStartObject("IPAMConfig");
                writer.Text("IPv4Address", network.Ip);
                writer.Text("IPv6Address", network.Ip6);
                writer.Texts("LinkLocalIPs", network.LinkLocalIps);
                writer.WriteEndObject();
            }
            writer.Texts("Links", network.Links);
            writer.Texts("Aliases", network.Aliases);
            writer.Text("MacAddress", network.MacAddress);
            writer.Pairs("DriverOpts", network.DriverOptions);
            writer.NonZero("GwPriority", network.GatewayPriority);
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
        writer.WriteEndObject();
    }
}
