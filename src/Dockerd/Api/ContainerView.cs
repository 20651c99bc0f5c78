using System.Globalization;
using AotRuntime.Dockerd.Containers;
using AotRuntime.EngineApi;
using AotRuntime.Json;

namespace AotRuntime.Dockerd.Api;

/// <summary>A container as inspect and the list show it.</summary>
internal static class ContainerView
{
    /// <summary>For inspect.</summary>
    public static ContainerInspect Inspect(Container container)
    {
        ContainerRecord record = container.Record;
        ContainerState state = record.State;
        return new ContainerInspect
        {
            Id = record.Id,
            Created = record.Created,
            Path = record.Path,
            Args = record.Args,
            State = new ContainerState
            {
                Status = Status(container),
                Running = state.Running,
                Paused = state.Paused,
                Restarting = state.Restarting,
                OOMKilled = state.OOMKilled,
                Dead = state.Dead,
                Pid = state.Pid,
                ExitCode = state.ExitCode,
                Error = state.Error,
                StartedAt = state.StartedAt,
                FinishedAt = state.FinishedAt,
                Health = container.Health?.State,
            },
            Image = record.ImageId,
            ResolvConfPath = record.StartedBefore ? container.ResolvConfPath : "",
            HostnamePath = record.StartedBefore ? container.HostnamePath : "",
            HostsPath = record.StartedBefore ? container.HostsPath : "",
            LogPath = record.HostConfig.LogConfig?.Type == "json-file" && record.StartedBefore ? container.Log.Path : "",
            Name = "/" + record.Name,
            RestartCount = record.RestartCount,
            Driver = record.Snapshotter,
            Platform = "linux",
            ExecIds = container.Execs.Values.Where(e => e.Running).Select(e => e.Id).ToList() is { Count: > 0 } ids ? ids : null,
            HostConfig = record.HostConfig,
            GraphDriver = new GraphDriverData { Name = record.Snapshotter },
            Mounts = [.. record.Mounts.Where(m => m.Type != "tmpfs" || m.TmpfsOptions.Length >= 0).Select(m => m.ToMountPoint())],
            Config = record.Config,
            NetworkSettings = Network(record),
        };
    }

    /// <summary>For the list.</summary>
    public static ContainerSummary Summary(Container container)
    {
        ContainerRecord record = container.Record;
        string command = record.Path;
        foreach (string argument in record.Args)
            command += " " + (argument.Any(char.IsWhiteSpace) ? $"'{argument}'" : argument);
        return new ContainerSummary
        {
            Id = record.Id,
            Names = ["/" + record.Name],
            Image = record.Config.Image,
            ImageId = record.ImageId,
            Command = command,
            Created = Rfc3339.TryParse(record.Created, out DateTimeOffset created) ? created.ToUnixTimeSeconds() : 0,
            Ports = Ports(record),
            Labels = record.Config.Labels ?? [],
            State = Status(container),
            Status = StatusText(container),
            HostConfig = new HostConfigSummary { NetworkMode = record.HostConfig.NetworkMode, Annotations = record.HostConfig.Annotations },
            NetworkSettings = new NetworkSettingsSummary { Networks = Endpoints(record) },
            Mounts = [.. record.Mounts.Select(m => m.ToMountPoint())],
        };
    }

    /// <summary>One word: created, running, paused, restarting, removing, exited, dead.</summary>
    public static string Status(Container container)
    {
        ContainerState state = container.State;
        if (state.Running)
            return state.Restarting ? "restarting" : state.Paused ? "paused" : "running";
        if (state.Dead)
            return "dead";
        if (container.Record.Removing)
            return "removing";
        return container.Record.StartedBefore || state.FinishedAt != GoTime.Zero ? "exited" : "created";
    }

    /// <summary>The words of <c>docker ps</c>: <c>Up 5 minutes (healthy)</c>, <c>Exited (0) 2 hours ago</c>.</summary>
    public static string StatusText(Container container)
    {
        ContainerState state = container.State;
        DateTimeOffset now = DateTimeOffset.UtcNow;
        if (state.Running)
        {
            if (state.Restarting)
                return $"Restarting ({state.ExitCode.ToString(CultureInfo.InvariantCulture)}) {Ago(state.FinishedAt)} ago";
            string up = "Up " + Ago(state.StartedAt);
            if (state.Paused)
                return up + " (Paused)";
            return container.Health?.State.Status switch
            {
                "starting" => up + " (health: starting)",
                { Length: > 0 } health => $"{up} ({health})",
                _ => up,
            };
        }
        return Status(container) switch
        {
            "removing" => "Removal In Progress",
            "dead" => "Dead",
            "created" => "Created",
            _ => state.FinishedAt == GoTime.Zero ? "" : $"Exited ({state.ExitCode.ToString(CultureInfo.InvariantCulture)}) {Ago(state.FinishedAt)} ago",
        };

        string Ago(string time) => GoDuration.Human(Rfc3339.TryParse(time, out DateTimeOffset then) ? now - then : TimeSpan.Zero);
    }

    private static NetworkSettings Network(ContainerRecord record)
    {
        Dictionary<string, EndpointSettings> endpoints = Endpoints(record);
        NetworkSettings settings = new() { Networks = endpoints };
        if (record.Network is { } network)
        {
            settings.Ports = network.Ports;
            settings.SandboxId = network.SandboxId;
            settings.SandboxKey = network.SandboxKey;
        }
        // The old members show the default bridge, whatever else there is.
        if (endpoints.TryGetValue("bridge", out EndpointSettings? bridge))
        {
            settings.EndpointId = bridge.EndpointId;
            settings.Gateway = bridge.Gateway;
            settings.GlobalIPv6Address = bridge.GlobalIPv6Address;
            settings.GlobalIPv6PrefixLen = bridge.GlobalIPv6PrefixLen;
            settings.IPAddress = bridge.IPAddress;
            settings.IPPrefixLen = bridge.IPPrefixLen;
            settings.IPv6Gateway = bridge.IPv6Gateway;
            settings.MacAddress = bridge.MacAddress;
        }
        return settings;
    }

    private static Dictionary<string, EndpointSettings> Endpoints(ContainerRecord record)
    {
        if (record.Network is { Networks.Count: > 0 } network)
            return network.Networks;
        if (Container.JoinedContainer(record.HostConfig.NetworkMode) is not null)
            return [];
        Dictionary<string, EndpointSettings> wanted = [];
        foreach ((string name, EndpointSettings? settings) in record.Endpoints)
            wanted[name is "default" ? "bridge" : name] = settings ?? new EndpointSettings();
        if (wanted.Count == 0)
            wanted[record.HostConfig.NetworkMode] = new EndpointSettings();
        return wanted;
    }

    private static List<PortSummary> Ports(ContainerRecord record)
    {
        List<PortSummary> ports = [];
        if (record.Network is not { } network)
            return ports;
        foreach ((string key, List<PortBinding>? bindings) in network.Ports)
        {
            if (!NatPort.TryParse(key, out NatPort port))
                continue;
            if (bindings is not { Count: > 0 })
                ports.Add(new PortSummary { PrivatePort = port.Port, Type = port.Protocol });
            foreach (PortBinding binding in bindings ?? [])
            {
                ports.Add(new PortSummary
                {
                    Ip = binding.HostIp,
                    PrivatePort = port.Port,
                    PublicPort = int.TryParse(binding.HostPort, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0,
                    Type = port.Protocol,
                });
            }
        }
        return ports;
    }
}
