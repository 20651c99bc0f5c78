using AotRuntime.Dockerd.Networks;
using AotRuntime.EngineApi;
using AotRuntime.Json;

namespace AotRuntime.Dockerd.Containers;

/// <summary>What is kept of a container on disk.</summary>
internal sealed class ContainerRecord
{
    /// <summary>64 hexadecimal digits.</summary>
    public string Id { get; set; } = "";

    /// <summary>Name without the slash.</summary>
    public string Name { get; set; } = "";

    /// <summary>When it was made.</summary>
    public string Created { get; set; } = "";

    /// <summary>First word of what runs.</summary>
    public string Path { get; set; } = "";

    /// <summary>Its other words.</summary>
    public List<string> Args { get; set; } = [];

    /// <summary>Id of its image.</summary>
    public string ImageId { get; set; } = "";

    /// <summary>Snapshotter that holds its root filesystem; the snapshot's key is the container's id.</summary>
    public string Snapshotter { get; set; } = "";

    /// <summary>The configuration, merged with the image's.</summary>
    public ContainerConfig Config { get; set; } = new();

    /// <summary>The host's part of the configuration.</summary>
    public HostConfig HostConfig { get; set; } = new();

    /// <summary>Network settings asked for, by network.</summary>
    public Dictionary<string, EndpointSettings?> Endpoints { get; set; } = [];

    /// <summary>Volumes and binds.</summary>
    public List<MountRecord> Mounts { get; set; } = [];

    /// <summary>State as inspect shows it, without the health.</summary>
    public ContainerState State { get; set; } = new() { Status = "created" };

    /// <summary>What it was given of the network while it runs.</summary>
    public NetworkAttachment? Network { get; set; }

    /// <summary>How often the restart policy started it.</summary>
    public int RestartCount { get; set; }

    /// <summary>Whether a client stopped it: <c>unless-stopped</c> then leaves it so.</summary>
    public bool StoppedByUser { get; set; }

    /// <summary>Whether it ran before.</summary>
    public bool StartedBefore { get; set; }

    /// <summary>Whether its task is just being started: if the daemon ends now, the next one asks what became of it.</summary>
    public bool Starting { get; set; }

    /// <summary>How its run ended, from the moment when that is known until everything of the run is cleaned up. containerd forgets it on the way.</summary>
    public RunEnd? Ended { get; set; }

    /// <summary>Whether its removal has begun and must be finished.</summary>
    public bool Removing { get; set; }
}

/// <summary>How a container's first process ended.</summary>
internal sealed record RunEnd(int ExitCode, DateTimeOffset ExitedAt)
{
    /// <summary>What Docker says of a process whose end nobody saw.</summary>
    public static RunEnd Unknown => new(255, DateTimeOffset.UtcNow);
}

/// <summary>A volume, bind or tmpfs of a container, resolved.</summary>
internal sealed class MountRecord
{
    /// <summary><c>bind</c>, <c>volume</c> or <c>tmpfs</c>.</summary>
    public string Type { get; set; } = "bind";

    /// <summary>The volume's name.</summary>
    public string Name { get; set; } = "";

    /// <summary>Directory or file on the host.</summary>
    public string Source { get; set; } = "";

    /// <summary>Where it appears inside.</summary>
    public string Destination { get; set; } = "";

    /// <summary>The volume's driver.</summary>
    public string Driver { get; set; } = "";

    /// <summary>The mode as it was given.</summary>
    public string Mode { get; set; } = "";

    /// <summary>Whether it is writable.</summary>
    public bool Writable { get; set; } = true;

    /// <summary>Propagation of a bind.</summary>
    public string Propagation { get; set; } = "";

    /// <summary>Bind the directory alone, without what is mounted below it.</summary>
    public bool NonRecursive { get; set; }

    /// <summary>Options of a tmpfs.</summary>
    public string TmpfsOptions { get; set; } = "";

    /// <summary>Whether the image's content is copied into the volume when it is empty.</summary>
    public bool CopyData { get; set; }

    /// <summary>Whether the volume was made for this container and goes with <c>rm -v</c>.</summary>
    public bool Anonymous { get; set; }

    /// <summary>A directory within the volume.</summary>
    public string Subpath { get; set; } = "";

    /// <summary>Whether the bind's source is made where it is missing (<c>-v</c> does, <c>--mount</c> does not).</summary>
    public bool CreateSource { get; set; }

    /// <summary>As inspect shows it.</summary>
    public MountPoint ToMountPoint() => new()
    {
        Type = Type,
        Name = Name.Length > 0 ? Name : null,
        Source = Source,
        Destination = Destination,
        Driver = Driver.Length > 0 ? Driver : null,
        Mode = Mode,
        RW = Writable,
        Propagation = Propagation,
    };
}

[JsonContext]
[JsonRoot(typeof(ContainerRecord))]
internal static partial class ContainerJsonContext;
