using AotRuntime.Dockerd.Config;
using AotRuntime.Dockerd.Containerd;
using AotRuntime.Dockerd.Events;
using AotRuntime.Dockerd.Images;
using AotRuntime.Dockerd.Networks;
using AotRuntime.Dockerd.Volumes;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Dockerd;

/// <summary>The parts of the daemon that most others need.</summary>
internal sealed record DaemonServices
{
    /// <summary>Settings.</summary>
    public required DaemonOptions Options { get; init; }

    /// <summary>The daemon's own log.</summary>
    public required ILogger Log { get; init; }

    /// <summary>containerd.</summary>
    public required ContainerdClient Containerd { get; init; }

    /// <summary>Events for clients.</summary>
    public required EventBus Events { get; init; }

    /// <summary>Images.</summary>
    public required IImageStore Images { get; init; }

    /// <summary>Networks.</summary>
    public required INetworkManager Networks { get; init; }

    /// <summary>Volumes.</summary>
    public required IVolumeStore Volumes { get; init; }

    /// <summary>The seccomp profile of containers that name none; null for none.</summary>
    public Oci.SeccompProfile? Seccomp { get; init; }

    /// <summary>Whether the host has the unified cgroup hierarchy only.</summary>
    public static bool CgroupV2 { get; } = File.Exists("/sys/fs/cgroup/cgroup.controllers");
}
