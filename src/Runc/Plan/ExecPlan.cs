using AotRuntime.Runc.Seccomp;
using AotRuntime.Runc.Security;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Plan;

/// <summary>What the plan of an <c>exec</c> is made of.</summary>
internal sealed class ExecInputs
{
    public required ProcessSpec Process;
    public required string Id;
    /// <summary>A pidfd of the container's first process; setns takes all namespaces from it at once.</summary>
    public required int InitPidFd;
    /// <summary>CLONE_NEW… of what differs from the host's; without the pid namespace where the parent joins that.</summary>
    public required ulong Namespaces;
    /// <summary>The container's pid namespace, or a process in it, where the launcher is to join that; or -1.</summary>
    public int PidNamespaceFd = -1;
    public List<JoinedCgroup> Cgroups = [];
    public int CgroupFd = -1;
    /// <summary>The container's root where it has no mount namespace; else -1.</summary>
    public int RootFd = -1;
    public int SyncFd = -1;
    /// <summary>The parent's end of the report socket, for the child to close; or -1.</summary>
    public int ParentFd = -1;
    public int ConsoleFd = -1;
    public int PidFdSocket = -1;
    public int ExtraFds;
    public bool NoNewKeyring;
    public bool OwnStdio;
    /// <summary>The process has the rights to set its resource limits itself.</summary>
    public bool OwnLimits;
    public PersonalitySpec? Personality;
    public MemoryPolicySpec? MemoryPolicy;
    public List<string> Env = [];
    /// <summary>The container's seccomp filter; null for none.</summary>
    public SeccompProgram? Seccomp;
}

/// <summary>The launch plan of a further process in a container.</summary>
internal static class ExecPlan
{
    public static PlanWriter Build(ExecInputs inputs)
    {
        ProcessSpec process = inputs.Process;
        var plan = new PlanWriter { SyncFd = inputs.SyncFd, CgroupFd = inputs.CgroupFd, PidNamespaceFd = inputs.PidNamespaceFd };
        if (inputs.ParentFd >= 0)
            plan.Op(PlanOp.Close).Fd(inputs.ParentFd);
        // Before the container's processes can see it: see process.c on CVE-2019-5736.
        plan.Op(PlanOp.Undumpable);
        (ulong[]? initial, ulong[]? final) = ProcessAttributes.Affinity(process.ExecCpuAffinity);
        if (initial is not null)
            InitPlan.Affinity(plan, initial, "initial");
        foreach (JoinedCgroup cgroup in inputs.Cgroups)
            plan.Op(PlanOp.CgroupJoin).Fd(cgroup.Fd).Text(cgroup.Path);
        if (final is not null || initial is null)
            InitPlan.Affinity(plan, final, "final");
        Labels.Open(plan, process, keyring: !inputs.NoNewKeyring);
        if (inputs.Namespaces != 0)
            plan.Op(PlanOp.SetNs).Fd(inputs.InitPidFd).U64(inputs.Namespaces).Text("the container's namespaces");
        // Only children are born into it.
        if ((inputs.Namespaces & NamespaceNames.CLONE_NEWPID) != 0)
            plan.Op(PlanOp.Fork).U64(0);
        if (inputs.RootFd >= 0)
            plan.Op(PlanOp.ChrootFd).Fd(inputs.RootFd);
        bool userNamespace = (inputs.Namespaces & NamespaceNames.CLONE_NEWUSER) != 0;
        if (userNamespace)
            plan.Op(PlanOp.RootIds);
        plan.Op(PlanOp.SetSid);
        if (!inputs.NoNewKeyring)
            plan.Op(PlanOp.Keyring).Text("_ses." + inputs.Id).U32(0xffffffff).U32(userNamespace ? 0x8u : 0x80000u);
        plan.Op(PlanOp.RootEnter).U32((uint)RootMode.Here);
        if (inputs.ConsoleFd >= 0)
        {
            plan.Op(PlanOp.Console).Fd(inputs.ConsoleFd)
                .U32(process.ConsoleSize?.Width ?? 0).U32(process.ConsoleSize?.Height ?? 0).U32(0);
        }
        if (inputs.PidFdSocket >= 0)
            plan.Op(PlanOp.PidFdSend).Fd(inputs.PidFdSocket).Text("setns");
        if (process.User.Umask is { } umask)
            plan.Op(PlanOp.Umask).U32(umask);
        InitPlan.Attributes(plan, process, inputs.Personality, inputs.MemoryPolicy);
        Labels.Write(plan, process);
        plan.Sync(SyncKind.Ready, wait: true);
        if (inputs.OwnLimits)
            InitPlan.Limits(plan, process);
        InitPlan.Seccomp(plan, inputs.Seccomp, process, beforeIdentity: true, fifoFd: -1, inputs.ExtraFds);
        InitPlan.Identity(plan, process, inputs.OwnStdio || inputs.ConsoleFd >= 0);
        plan.Op(PlanOp.Resolve).Texts(process.Args).Texts(inputs.Env).U32(process.User.Uid);
        InitPlan.Seccomp(plan, inputs.Seccomp, process, beforeIdentity: false, fifoFd: -1, inputs.ExtraFds);
        plan.Op(PlanOp.Exec).U32((uint)inputs.ExtraFds);
        return plan;
    }
}
