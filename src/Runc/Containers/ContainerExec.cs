using System.Text;
using AotRuntime.Linux;
using AotRuntime.Runc.Cgroups;
using AotRuntime.Runc.Plan;
using AotRuntime.Runc.Resctrl;
using AotRuntime.Runc.Seccomp;
using AotRuntime.Runc.Spec;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Containers;

/// <summary>What <c>exec</c> is told, besides the process.</summary>
internal sealed class ExecOptions
{
    public bool Detach;
    public bool IgnorePaused;
    public string PidFile = "";
    public string ConsoleSocket = "";
    public string PidFdSocket = "";
    public int PreserveFds;

    /// <summary>Cgroups below the container's own, by controller.</summary>
    public Dictionary<string, string> SubCgroups = [];

    /// <summary>The <c>tasks</c> files of cgroups that are being joined already (<see cref="ContainerCgroups.PrepareJoin"/>).</summary>
    public List<string> Prepared = [];
}

/// <summary>Starts a further process in a container.</summary>
internal static class ContainerExec
{
    /// <summary>The exit code: 0 once it is detached, else the process's own.</summary>
    /// <param name="container">The container.</param>
    /// <param name="init">Its first process.</param>
    /// <param name="process">What to start.</param>
    /// <param name="options">How.</param>
    /// <exception cref="RuncException">It could not be started.</exception>
    public static int Run(Container container, SafeFileHandle init, ProcessSpec process, ExecOptions options)
    {
        using ProcessIo io = ProcessIo.Open(process, options.Detach, options.ConsoleSocket, options.PidFdSocket, options.PreserveFds);
        using var session = new LaunchSession();
        var keep = new List<SafeFileHandle>();
        if (!options.Detach)
            Launcher.CatchSignals();
        try
        {
            Launch(container, process, options, init, io, session, keep);
            io.ReceiveTerminal();
            ProcessSetup.WritePidFile(options.PidFile, session.Pid);
        }
        catch (Exception)
        {
            session.Kill();
            throw;
        }
        finally
        {
            foreach (SafeFileHandle handle in keep)
                handle.Dispose();
        }
        return options.Detach ? 0 : Launcher.Supervise(session.Pid, session.PidFd!, io.Master);
    }

    /// <summary>The container's first process.</summary>
    /// <exception cref="RuncException">Nothing can be started in the container as it is.</exception>
    public static SafeFileHandle RequireRunning(Container container, bool ignorePaused)
    {
        SafeFileHandle init = container.OpenInit() ?? throw new RuncException("cannot exec in a stopped container");
        if (ignorePaused || !container.Cgroups.IsFrozen())
            return init;
        init.Dispose();
        throw new RuncException("cannot exec in a paused container (use --ignore-paused to override)");
    }

    private static void Launch(Container container, ProcessSpec process, ExecOptions options, SafeFileHandle init, ProcessIo io, LaunchSession session, List<SafeFileHandle> keep)
    {
        ulong namespaces = 0;
        foreach (string name in container.State.Namespaces)
            namespaces |= NamespaceNames.Flag(name);
        bool unprivileged = Sys.EffectiveUser() != 0;
        if (unprivileged)
            ProcessSetup.OomScore(System.Environment.ProcessId, process);
        if (unprivileged && process.User.AdditionalGids is { Count: > 0 })
            throw new RuncException("cannot set any additional groups in a rootless container");
        // A plain user may join a pid namespace only with the rights that its user namespace gives, so not here but in the child.
        bool joinsPid = (namespaces & NamespaceNames.CLONE_NEWPID) != 0 && !unprivileged;
        var inputs = new ExecInputs
        {
            Process = process,
            Id = container.Id,
            InitPidFd = (int)init.DangerousGetHandle(),
            PidNamespaceFd = joinsPid ? (int)init.DangerousGetHandle() : -1,
            Namespaces = joinsPid ? namespaces & ~NamespaceNames.CLONE_NEWPID : namespaces,
            SyncFd = session.ChildFd,
            ParentFd = session.ParentFd,
            ConsoleFd = io.ConsoleFd,
            PidFdSocket = io.PidFdSocket is null ? -1 : (int)io.PidFdSocket.DangerousGetHandle(),
            ExtraFds = io.ExtraFds,
            NoNewKeyring = container.State.NoNewKeyring,
            OwnStdio = options.Detach,
            OwnLimits = !unprivileged && (namespaces & NamespaceNames.CLONE_NEWUSER) == 0,
            Env = Environment(io, process),
            Personality = container.State.Personality,
            MemoryPolicy = container.State.MemoryPolicy,
            Seccomp = container.LoadSeccomp(),
        };
        container.Cgroups.OpenForJoin(inputs.Cgroups, keep, out inputs.CgroupFd, late: false, options.SubCgroups, options.Prepared);
        if ((namespaces & NamespaceNames.CLONE_NEWNS) == 0)
        {
            SafeFileHandle root = Sys.Open($"/proc/{container.State.Pid}/root", OpenFlags.Path | OpenFlags.Directory);
            keep.Add(root);
            inputs.RootFd = (int)root.DangerousGetHandle();
        }

        string? attachTo = null;
        try
        {
            session.Start(ExecPlan.Build(inputs));
        }
        // cgroup-v2.rst, "No Internal Process Constraint": one whose children have controllers takes no process, so where the first one went.
        catch (LinuxException e) when (e.Errno == Errno.EBUSY && inputs.CgroupFd >= 0 && options.SubCgroups.Count == 0)
        {
            SafeFileHandle cgroup = container.Cgroups.OpenUnifiedOf(container.State.Pid);
            keep.Add(cgroup);
            inputs.CgroupFd = (int)cgroup.DangerousGetHandle();
            session.Start(ExecPlan.Build(inputs));
        }
        // The user may not move a process from where he is (cgroup-v2.rst, "Delegation Containment"), but his systemd may.
        catch (LinuxException e) when (e.Errno == Errno.EACCES && inputs.CgroupFd >= 0 && container.Cgroups.Unit is not null)
        {
            inputs.CgroupFd = -1;
            session.Start(ExecPlan.Build(inputs));
            attachTo = options.SubCgroups.GetValueOrDefault("", "");
        }
        ResctrlGroup.Load(container.State.Resctrl)?.Join(session.Pid);
        bool agreed = inputs.OwnLimits && attachTo is null && process.OomScoreAdj is null && inputs.Seccomp?.ListenerPath is null;
        if (agreed)
            session.Answer();
        Converse(session, process, container, inputs, attachTo, agreed);
    }

    private static List<string> Environment(ProcessIo io, ProcessSpec process)
    {
        try
        {
            return io.EnvOf(process);
        }
        catch (RuncException e)
        {
            throw new RuncException($"unable to start container process: {e.Message}", e);
        }
    }

    // With a path to attach to, the process is moved there by systemd, below the container's unit, once it is the one that will run the program.
    // With an answer that was agreed on, what the process says when it is ready needs none.
    private static void Converse(LaunchSession session, ProcessSpec process, Container container, ExecInputs inputs, string? attachTo, bool agreed)
    {
        bool ready = false;
        try
        {
            while (true)
            {
                switch (session.Next())
                {
                    case SyncKind.Ready:
                        ready = true;
                        if (agreed)
                            break;
                        if (attachTo is not null)
                            container.Cgroups.Unit!.Attach(session.Pid, attachTo);
                        // A plain user's process has inherited it: by now its files in /proc are root's.
                        if (Sys.EffectiveUser() == 0)
                            ProcessSetup.OomScore(session.Pid, process);
                        if (!inputs.OwnLimits)
                            ProcessSetup.Limits(session.Pid, process);
                        session.Answer();
                        break;
                    case SyncKind.Seccomp:
                        string running = Encoding.UTF8.GetString(container.StateJson("running", container.State.Pid));
                        SeccompListener.Send(inputs.Seccomp!, session.PidFd!, session.Pid, session.Value, running, session.Answer);
                        break;
                    case null when ready:
                        return;
                    default:
                        throw new RuncException("process exited prematurely");
                }
            }
        }
        catch (RuncException e)
        {
            throw new RuncException($"unable to start container process: {e.Message}", e);
        }
    }
}
