namespace AotRuntime.Runc.Plan;

#pragma warning disable CS1591 // explained in native/launcher/plan.h, whose enum plan_op this repeats number by number

/// <summary>Records of a launch plan.</summary>
internal enum PlanOp : uint
{
    CgroupJoin = 1,
    SetNs,
    Unshare,
    Fork,
    Sync,
    RootIds,
    SetSid,
    Keyring,
    LoopbackUp,
    RootPrepare,
    Mount,
    Mknod,
    BindDevice,
    Symlink,
    Ptmx,
    Sysctl,
    Hook,
    RootEnter,
    RootPropagation,
    DevNullReopen,
    Mkdir,
    Console,
    RemountReadOnly,
    RootReadOnly,
    Umask,
    Hostname,
    Domainname,
    ReadOnlyPath,
    MaskPath,
    NoNewPrivileges,
    Personality,
    IoPriority,
    Scheduler,
    Identity,
    Resolve,
    PidFdSend,
    WaitFifo,
    Exec,
    ChrootFd,
    Undumpable,
    TimeOffsets,
    Close,
    Seccomp,
    Affinity,
    MemoryPolicy,
    LabelOpen,
    LabelWrite,
    Rlimits,
}

/// <summary>Messages of the launched process; enum sync_kind.</summary>
internal enum SyncKind : uint
{
    Error = 1,
    Pid,
    Maps,
    Hooks,
    Ready,
    Done,
    Seccomp,
    Cgroups,
    Devices,
}

/// <summary>How the rootfs becomes the root; enum root_mode.</summary>
internal enum RootMode : uint
{
    Pivot = 1,
    Move,
    Chroot,
    Here,
}
