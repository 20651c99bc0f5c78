using AotRuntime.Dockerd.Containers;

namespace AotRuntime.Dockerd.Oci;

/// <summary>All that a container's spec is made from: the builder itself looks at nothing else but /dev.</summary>
internal sealed record SpecInput
{
    /// <summary>The container.</summary>
    public required ContainerRecord Container { get; init; }

    /// <summary>Who its process is.</summary>
    public required OciUser User { get; init; }

    /// <summary>Its volumes and binds, with sources that exist.</summary>
    public IReadOnlyList<MountRecord> Mounts { get; init; } = [];

    /// <summary>The files for /etc/hosts, /etc/hostname and /etc/resolv.conf; empty for none.</summary>
    public string HostsPath { get; init; } = "";

    /// <inheritdoc cref="HostsPath"/>
    public string HostnamePath { get; init; } = "";

    /// <inheritdoc cref="HostsPath"/>
    public string ResolvConfPath { get; init; } = "";

    /// <summary>The tmpfs for /dev/shm of a shareable or joined IPC namespace; empty for one of its own.</summary>
    public string ShmPath { get; init; } = "";

    /// <summary>docker-init on the host, where <c>--init</c> was asked for.</summary>
    public string InitPath { get; init; } = "";

    /// <summary>The cgroup under which containers are made.</summary>
    public string CgroupParent { get; init; } = "/docker";

    /// <summary>Whether the host has the unified cgroup hierarchy only.</summary>
    public bool CgroupV2 { get; init; }

    /// <summary>The running process of the container whose network namespace is joined; 0 for none.</summary>
    public int NetworkPid { get; init; }

    /// <inheritdoc cref="NetworkPid"/>
    public int IpcPid { get; init; }

    /// <inheritdoc cref="NetworkPid"/>
    public int PidPid { get; init; }

    /// <summary>The seccomp profile; null for none.</summary>
    public SeccompProfile? Seccomp { get; init; }
}
