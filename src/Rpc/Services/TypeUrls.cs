using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Rpc;

/// <summary>
/// The names under which messages travel in an <see cref="Any"/>. containerd writes the bare full name, with no
/// <c>type.googleapis.com/</c> before it, and so may not be packed with <see cref="Any.Pack(IMessage)"/> (which reads descriptors, too).
/// </summary>
public static class TypeUrls
{
    /// <summary>An OCI runtime spec as JSON, in containers and execs.</summary>
    public const string RuntimeSpec = "types.containerd.io/opencontainers/runtime-spec/1/Spec";

    /// <summary>An OCI process as JSON, in execs.</summary>
    public const string RuntimeProcess = "types.containerd.io/opencontainers/runtime-spec/1/Process";

    /// <summary>OCI resources as JSON, in updates.</summary>
    public const string RuntimeResources = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources";

    /// <summary><see cref="Containerd.Runc.Options"/>.</summary>
    public const string RuncOptions = "containerd.runc.v1.Options";

    /// <summary><see cref="Containerd.Runc.CheckpointOptions"/>.</summary>
    public const string RuncCheckpointOptions = "containerd.runc.v1.CheckpointOptions";

    /// <summary><see cref="Containerd.Runc.ProcessDetails"/>.</summary>
    public const string RuncProcessDetails = "containerd.runc.v1.ProcessDetails";

    /// <summary><see cref="Containerd.RuntimeOptions.Options"/>.</summary>
    public const string RuntimeOptions = "runtimeoptions.v1.Options";

    /// <summary><see cref="Containerd.Cgroups1.Metrics"/>.</summary>
    public const string Cgroup1Metrics = "io.containerd.cgroups.v1.Metrics";

    /// <summary><see cref="Containerd.Cgroups2.Metrics"/>.</summary>
    public const string Cgroup2Metrics = "io.containerd.cgroups.v2.Metrics";

    /// <summary><see cref="Containerd.Events.ContainerCreate"/>.</summary>
    public const string ContainerCreate = "containerd.events.ContainerCreate";

    /// <summary><see cref="Containerd.Events.ContainerUpdate"/>.</summary>
    public const string ContainerUpdate = "containerd.events.ContainerUpdate";

    /// <summary><see cref="Containerd.Events.ContainerDelete"/>.</summary>
    public const string ContainerDelete = "containerd.events.ContainerDelete";

    /// <summary><see cref="Containerd.Events.ContentCreate"/>.</summary>
    public const string ContentCreate = "containerd.events.ContentCreate";

    /// <summary><see cref="Containerd.Events.ContentDelete"/>.</summary>
    public const string ContentDelete = "containerd.events.ContentDelete";

    /// <summary><see cref="Containerd.Events.ImageCreate"/>.</summary>
    public const string ImageCreate = "containerd.services.images.v1.ImageCreate";

    /// <summary><see cref="Containerd.Events.ImageUpdate"/>.</summary>
    public const string ImageUpdate = "containerd.services.images.v1.ImageUpdate";

    /// <summary><see cref="Containerd.Events.ImageDelete"/>.</summary>
    public const string ImageDelete = "containerd.services.images.v1.ImageDelete";

    /// <summary><see cref="Containerd.Events.NamespaceCreate"/>.</summary>
    public const string NamespaceCreate = "containerd.events.NamespaceCreate";

    /// <summary><see cref="Containerd.Events.NamespaceUpdate"/>.</summary>
    public const string NamespaceUpdate = "containerd.events.NamespaceUpdate";

    /// <summary><see cref="Containerd.Events.NamespaceDelete"/>.</summary>
    public const string NamespaceDelete = "containerd.events.NamespaceDelete";

    /// <summary><see cref="Containerd.Events.SnapshotPrepare"/>.</summary>
    public const string SnapshotPrepare = "containerd.events.SnapshotPrepare";

    /// <summary><see cref="Containerd.Events.SnapshotCommit"/>.</summary>
    public const string SnapshotCommit = "containerd.events.SnapshotCommit";

    /// <summary><see cref="Containerd.Events.SnapshotRemove"/>.</summary>
    public const string SnapshotRemove = "containerd.events.SnapshotRemove";

    /// <summary><see cref="Containerd.Events.TaskCreate"/>.</summary>
    public const string TaskCreate = "containerd.events.TaskCreate";

    /// <summary><see cref="Containerd.Events.TaskStart"/>.</summary>
    public const string TaskStart = "containerd.events.TaskStart";

    /// <summary><see cref="Containerd.Events.TaskDelete"/>.</summary>
    public const string TaskDelete = "containerd.events.TaskDelete";

    /// <summary><see cref="Containerd.Events.TaskExit"/>.</summary>
    public const string TaskExit = "containerd.events.TaskExit";

    /// <summary><see cref="Containerd.Events.TaskOOM"/>.</summary>
    public const string TaskOOM = "containerd.events.TaskOOM";

    /// <summary><see cref="Containerd.Events.TaskExecAdded"/>.</summary>
    public const string TaskExecAdded = "containerd.events.TaskExecAdded";

    /// <summary><see cref="Containerd.Events.TaskExecStarted"/>.</summary>
    public const string TaskExecStarted = "containerd.events.TaskExecStarted";

    /// <summary><see cref="Containerd.Events.TaskPaused"/>.</summary>
    public const string TaskPaused = "containerd.events.TaskPaused";

    /// <summary><see cref="Containerd.Events.TaskResumed"/>.</summary>
    public const string TaskResumed = "containerd.events.TaskResumed";

    /// <summary><see cref="Containerd.Events.TaskCheckpointed"/>.</summary>
    public const string TaskCheckpointed = "containerd.events.TaskCheckpointed";

    /// <summary>Puts <paramref name="message"/> into an <see cref="Any"/> under <paramref name="typeUrl"/>.</summary>
    public static Any Wrap(string typeUrl, IMessage message) => new() { TypeUrl = typeUrl, Value = message.ToByteString() };

    /// <summary>Whether <paramref name="any"/> holds <paramref name="typeUrl"/>, with or without a prefix that ends in a slash.</summary>
    public static bool Is(Any? any, string typeUrl) =>
        any is not null && (any.TypeUrl == typeUrl || (any.TypeUrl.EndsWith(typeUrl, StringComparison.Ordinal) && any.TypeUrl[^(typeUrl.Length + 1)] == '/'));
}
