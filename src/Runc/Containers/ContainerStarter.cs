using System.Globalization;
using AotRuntime.Linux;
using AotRuntime.Runc.Cgroups;
using AotRuntime.Runc.Criu;
using AotRuntime.Runc.Logging;
using AotRuntime.Runc.Plan;
using AotRuntime.Runc.Resctrl;
using AotRuntime.Runc.Seccomp;
using AotRuntime.Runc.Spec;
using AotRuntime.Runc.State;
using AotRuntime.Runc.State.Libcontainer;
using AotRuntime.Runc.Systemd;
using AotRuntime.Runc.Tracing;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Containers;

/// <summary>What <c>create</c> and <c>run</c> are told.</summary>
internal sealed class StartOptions
{
    public required string Root;
    public required string Id;
    public required string Bundle;
    /// <summary>Stop before the program, and wait for <c>start</c>.</summary>
    public bool CreateOnly;
    public bool Detach;
    public bool Keep;
    public bool NoSubreaper;
    public bool NoPivot;
    public bool NoNewKeyring;
    public string PidFile = "";
    public string ConsoleSocket = "";
    public string PidFdSocket = "";
    public int PreserveFds;
    /// <summary>Whether cgroups that can't be used are left out.</summary>
    public bool RootlessCgroups;
    /// <summary>Whether there are to be no cgroups at all; what the spec says of them does not count then.</summary>
    public bool NoCgroups;
    /// <summary>The processes come from images, not from the spec; null for a start.</summary>
    public CriuOptions? Restore;
    /// <summary>Whether systemd makes the cgroups.</summary>
    public bool SystemdCgroups;
}

/// <summary>Makes a container and starts it.</summary>
internal sealed class ContainerStarter
{
    // So few that the process that begins a scope of systemd would take a place which the container needs.
    private const int FewProcesses = 4;

    private readonly StartOptions _options;
    private readonly RuntimeSpec _spec;
    private readonly LinuxSpec _linux;
    private readonly List<SafeFileHandle> _keep = [];
    private ContainerCgroups? _cgroups;
    private ContainerState? _state;
    private SeccompProgram? _seccomp;
    private UnitName? _unit;
    private LaunchSession? _holder;
    private bool _attach;
    private bool _crowded;
    private bool _late;
    private ResctrlGroup? _resctrl;
    private NotifySocket? _notify;
    private string _directory = "";
    private byte[]? _config;

    private ContainerStarter(StartOptions options, RuntimeSpec spec)
    {
        _options = options;
        _spec = spec;
        _linux = spec.Linux ?? new LinuxSpec();
    }

    private static bool Unprivileged => Sys.EffectiveUser() != 0;

    private bool Detached => _options.CreateOnly || _options.Detach;

    /// <summary>The exit code: 0 once it is detached, else the container's own.</summary>
    /// <exception cref="RuncException">It could not be started; nothing of it is left.</exception>
    public static int Run(StartOptions options)
    {
        string bundle = options.Bundle, caller = Sys.GetCwd();
        if (bundle.Length > 0)
        {
            try
            {
                Sys.Chdir(bundle);
            }
            catch (LinuxException e)
            {
                throw new RuncException($"chdir {bundle}: {e.Errno.Text()}", e);
            }
        }
        options.Bundle = Sys.GetCwd();
        Trace.Step("read config.json");
        RuntimeSpec spec = SpecFile.LoadConfig(SpecFile.Config);
        Trace.Step("check config.json");
        SpecCheck.Require(spec);
        // In a pid namespace that is not its own others see it before it runs its program (CVE-2019-5736).
        if (!InitPlan.IsNew(spec.Linux ?? new LinuxSpec(), "pid"))
        {
            // It begins anew where it began: its arguments may hold relative paths.
            Sys.Chdir(caller);
            OwnFile.Protect();
            Sys.Chdir(options.Bundle);
        }
        return new ContainerStarter(options, spec).Run();
    }

    private int Run()
    {
        Trace.Step("streams and state directory");
        string rootfs = Rootfs();
        _directory = StateStore.DirectoryOf(_options.Root, _options.Id);
        using ProcessIo io = ProcessIo.Open(_spec.Process!, Detached, _options.ConsoleSocket, _options.PidFdSocket, _options.PreserveFds);
        _notify = NotifySocket.Of(_directory);
        _notify?.AddTo(_spec);
        MakeStateDirectory();
        Trace.Keep(_directory);
        using var session = new LaunchSession();
        int code;
        try
        {
            Trace.Step("find cgroups");
            // man 3 sd_booted
            if (_options.SystemdCgroups && !Directory.Exists("/run/systemd/system"))
                throw new RuncException("systemd not running on this host, cannot use systemd cgroups manager");
            _unit = _options.SystemdCgroups ? UnitName.Of(_linux.CgroupsPath, _options.Id) : null;
            _cgroups = _options.NoCgroups ? ContainerCgroups.None() : ContainerCgroups.For(_linux.CgroupsPath, _options.Id, _options.RootlessCgroups, _unit);
            List<string> missing = _cgroups.Missing();
            _cgroups.RequireUnused(missing);
            Trace.Step("seccomp filter");
            _seccomp = SeccompCache.Prepare(_linux.Seccomp, _options.Root);
            _notify?.MakeDirectory();
            // What is restored has long said that it is ready, and to a socket that is gone.
            if (_options.Restore is not null)
                _notify = null;
            if (!_options.CreateOnly)
                _notify?.Listen();
            Trace.Step("state");
            _state = NewState(rootfs);
            _state.Seccomp = SeccompState.Save(_directory, _seccomp);
            _state.CgroupsMade = missing;
            if (_linux.IntelRdt is { } rdt)
                _state.Resctrl = (_resctrl = ResctrlGroup.Of(rdt, _options.Id, ResctrlFs.Find()!)).State;
            MakeEarlyCgroups(session);
            if (_resctrl is not null)
            {
                StateStore.Save(_directory, _state, ConfigForm.None);
                _resctrl.Create(_linux.IntelRdt!);
            }
            if (!Detached)
                Launcher.CatchSignals();
            if (!Detached && !_options.NoSubreaper)
                Sys.Prctl(Sys.PR_SET_CHILD_SUBREAPER, 1);
            if (_options.Restore is null)
                Launch(session, io, rootfs);
            else
                Restore(session, io);
            io.ReceiveTerminal();
            ProcessSetup.WritePidFile(_options.PidFile, session.Pid);
            if (!_options.CreateOnly && _options.Restore is null)
                Poststart(session.Pid);
            Trace.Step(_options.CreateOnly ? "created" : "started");
            Trace.Write();
        }
        catch (Exception)
        {
            Undo(session);
            throw;
        }
        finally
        {
            foreach (SafeFileHandle handle in _keep)
                handle.Dispose();
            // Nothing more is asked of systemd before the container ends.
            _cgroups?.Unit?.Disconnect();
        }
        if (Detached)
        {
            if (!_options.CreateOnly)
                _notify?.Forward(session.PidFd!, session.Pid);
            return 0;
        }
        if (_notify is not null)
            NotifyMeanwhile(session);
        code = Launcher.Supervise(session.Pid, session.PidFd!, io.Master);
        // Somebody else may have deleted it.
        if (!_options.Keep && StateStore.Exists(_directory))
            Container.Of(_directory, _state).Destroy();
        return code;
    }

    /// <summary>In the foreground it is the runtime that the service manager watches.</summary>
    private void NotifyMeanwhile(LaunchSession session)
    {
        SafeFileHandle init = session.PidFd!;
        new Thread(() =>
        {
            try
            {
                _notify!.Forward(init, System.Environment.ProcessId);
            }
            catch (LinuxException e)
            {
                RuncLog.Warn(e.Message);
            }
        })
        { IsBackground = true }.Start();
    }

    private string Rootfs()
    {
        string path = _spec.Root!.Path;
        if (!path.StartsWith('/'))
            path = _options.Bundle.TrimEnd('/') + "/" + path;
        try
        {
            return Sys.RealPath(path);
        }
        catch (LinuxException e)
        {
            throw new RuncException($"invalid rootfs: stat {path}: {e.Errno.Text()}", e);
        }
    }

    private void MakeStateDirectory()
    {
        Directory.CreateDirectory(_options.Root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        try
        {
            Sys.Mkdir(_directory, 0x1c9);
        }
        catch (LinuxException e) when (e.Errno == Errno.EEXIST)
        {
            throw new RuncException("container with given ID already exists", e);
        }
    }

    private ContainerState NewState(string rootfs)
    {
        var state = new ContainerState
        {
            OciVersion = _spec.OciVersion,
            Id = _options.Id,
            Created = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture),
            Bundle = _options.Bundle,
            Rootfs = rootfs,
            Annotations = _spec.Annotations,
            Cgroups = _cgroups!.Paths,
            CgroupsMade = _cgroups.Made,
            SystemdUnit = _unit?.Name,
            RootlessCgroups = _options.RootlessCgroups,
            OwnPidNamespace = InitPlan.IsNew(_linux, "pid"),
            NoNewKeyring = _options.NoNewKeyring,
            Descriptors = _spec.Process!.Terminal ? null : ProcLinks.StreamsOf("self"),
            Defaults = ProcessSetup.Defaults(_spec.Process!),
            Personality = _linux.Personality is { } personality ? new PersonalitySpec { Domain = personality.Domain } : null,
            MemoryPolicy = _linux.MemoryPolicy,
            Poststart = _spec.Hooks?.Poststart,
            Poststop = _spec.Hooks?.Poststop,
            Trace = Trace.IsOn,
        };
        foreach (NamespaceSpec ns in _linux.Namespaces ?? [])
            state.Namespaces.Add(ns.Type);
        return state;
    }

    /// <summary>
    /// What must be there before the first process: cgroup2, which it is born into, and with a user namespace all, since it joins them before
    /// it gives its rights up, and so with cgroups that may be out of reach, whose paths are then none to join. The others are made while it
    /// is busy with its mounts.
    /// </summary>
    private void MakeEarlyCgroups(LaunchSession session)
    {
        _late = _unit is null && _cgroups!.HasV1 && _options.Restore is null && !_options.RootlessCgroups
            && !InitPlan.HasNamespace(_linux, "user") && !_cgroups.IsBelow(_state!.Rootfs)
            // Answers have no names: that the cgroups are there must not come before the one to an earlier question.
            && _linux.NetDevices is not { Count: > 0 };
        if (_options.NoCgroups || (_late && !_cgroups!.HasV2))
            return;
        StateStore.Save(_directory, _state!, ConfigForm.None);
        if (_late)
            _cgroups!.MakeV2();
        else
            MakeCgroups(session);
    }

    private void MakeCgroups(LaunchSession session)
    {
        Trace.Step("make cgroups");
        try
        {
            if (_unit is not null)
            {
                _holder = LaunchSession.Hold(session);
                _cgroups!.Unit!.Start(_unit, _spec, _cgroups.Unified, _holder.Pid);
            }
            _crowded = _unit is not null && _linux.Resources?.Pids?.Limit is > 0 and <= FewProcesses;
            if (_crowded)
                _linux.Resources!.Pids!.Limit++;
            _cgroups!.Create(_linux.Resources);
            if (_cgroups.Unified)
                CgroupOwner.Set(_cgroups.PathOf("")!, _spec);
        }
        catch (RuncException e) when (_unit is not null)
        {
            throw new RuncException($"unable to start container process: unable to apply cgroup configuration: {e.Message}", e);
        }
        _state!.CgroupsMade = _cgroups.Made;
    }

    // The container is in its scope: the process that began it goes, and no longer counts.
    private void Settle()
    {
        EndHolder();
        if (!_crowded)
            return;
        _crowded = false;
        _linux.Resources!.Pids!.Limit--;
        _cgroups!.Apply(new ResourcesSpec { Pids = _linux.Resources.Pids }, devices: false);
    }

    private void EndHolder()
    {
        _holder?.Kill();
        _holder?.Dispose();
        _holder = null;
    }

    private void Launch(LaunchSession session, ProcessIo io, string rootfs)
    {
        Trace.Step("make the plan");
        var inputs = new InitInputs
        {
            Spec = _spec,
            Id = _options.Id,
            Rootfs = rootfs,
            Mounts = [],
            SyncFd = session.ChildFd,
            ParentFd = session.ParentFd,
            ConsoleFd = io.ConsoleFd,
            PidFdSocket = io.PidFdSocket is null ? -1 : (int)io.PidFdSocket.DangerousGetHandle(),
            ExtraFds = io.ExtraFds,
            NoPivot = _options.NoPivot,
            NoNewKeyring = _options.NoNewKeyring,
            OwnStdio = Detached,
            OwnLimits = OwnLimits,
            Env = Environment(io),
            Seccomp = _seccomp,
            HookState = status => Container.StateAround(_state!, status),
        };
        inputs.Mounts = MountPlanner.Plan(_spec, _options.Bundle, _cgroups!, inputs.MountLinks);
        // A plain user's rights are the same inside, and do not suffice to open trees.
        BindSources.Open(inputs.Mounts, all: InitPlan.HasNamespace(_linux, "user") && !Unprivileged, _keep);
        inputs.LateCgroups = _late;
        _cgroups!.OpenForJoin(inputs.Cgroups, _keep, out inputs.CgroupFd, _late);
        if (_options.CreateOnly)
            inputs.FifoFd = MakeFifo();

        using SafeFileHandle? ownPidNamespace = JoinNamespaces(inputs);
        try
        {
            Start(session, inputs);
            _resctrl?.Join(session.Pid);
        }
        finally
        {
            // Joining a pid namespace only counts for children; the next ones of ours are not the container's.
            if (ownPidNamespace is not null)
                Sys.SetNs(ownPidNamespace, (int)NamespaceNames.CLONE_NEWPID, "/proc/self/ns/pid");
        }
        if (_late)
        {
            MakeCgroups(session);
            session.Answer();
        }
        // While the process is busy. One that is yet to fork is not the one that the state is about.
        if (Direct)
            SaveRunning(session.Pid);
        bool agreed = Direct && AsksNothing;
        if (agreed)
            session.Answer();
        Converse(session, agreed);
    }

    // In a user namespace it lacks the rights, even as root.
    private bool OwnLimits => !Unprivileged && !InitPlan.HasNamespace(_linux, "user");

    // Whether the process that is launched is the one that runs the program.
    private bool Direct => !InitPlan.HasNamespace(_linux, "user") && !InitPlan.HasNamespace(_linux, "time");

    /// <summary>Whether all that is left for us is to hear that it is ready, so that it need not wait to be told to go on then.</summary>
    private bool AsksNothing => OwnLimits && _unit is null && _spec.Process!.OomScoreAdj is null
        && _linux.NetDevices is not { Count: > 0 } && _seccomp?.ListenerPath is null
        && _spec.Hooks is not ({ Prestart.Count: > 0 } or { CreateRuntime.Count: > 0 });

    private void Restore(LaunchSession session, ProcessIo io) => new CriuRestore(_options.Restore!, new CriuRestorePlan
    {
        Spec = _spec,
        State = _state!,
        Cgroups = _cgroups!,
        Io = io,
        Directory = _directory,
        Restored = pid =>
        {
            session.Adopt(pid);
            SaveRunning(pid);
        },
    }).Run();

    private void Start(LaunchSession session, InitInputs inputs)
    {
        try
        {
            // Known before the cgroups are there: what a start that is cut off leaves. The pid can wait.
            session.Start(InitPlan.Build(inputs), _late && !_cgroups!.HasV2 ? () => StateStore.Save(_directory, _state!, ConfigForm.None) : null);
            return;
        }
        // cgroup-v2.rst, "Delegation Containment": who moves a process must be allowed to write in the cgroup above both. The user's systemd may.
        catch (LinuxException e) when (e.Errno == Errno.EACCES && _unit is not null && inputs.CgroupFd >= 0)
        {
            _attach = true;
        }
        inputs.CgroupFd = -1;
        session.Start(InitPlan.Build(inputs));
        // One that makes a user namespace waits until it is moved, and makes its cgroup namespace then.
        if (!InitPlan.IsNew(_linux, "user"))
            _cgroups!.Unit!.Attach(session.Pid, "");
    }

    private List<string> Environment(ProcessIo io)
    {
        try
        {
            return io.EnvOf(_spec.Process!);
        }
        catch (RuncException e)
        {
            throw new RuncException($"unable to start container process: error during container init: {e.Message}", e);
        }
    }

    // With an answer that was agreed on, what the process says when it is ready needs none.
    private void Converse(LaunchSession session, bool agreed)
    {
        bool ready = false;
        try
        {
            while (true)
            {
                switch (session.Next())
                {
                    case SyncKind.Maps:
                        if (_attach)
                            _cgroups!.Unit!.Attach(session.Pid, "");
                        IdMaps.Write(session.Pid, _linux.UidMappings, _linux.GidMappings);
                        // Later the process is not dumpable, and its files in /proc belong to root.
                        if (Unprivileged)
                            ProcessSetup.OomScore(session.Pid, _spec.Process!);
                        session.Answer();
                        break;
                    case SyncKind.Devices:
                        NetworkDevices.Move(_linux, session.Pid);
                        session.Answer();
                        break;
                    case SyncKind.Hooks:
                        byte[] state = State(session.Pid, "creating");
                        HookRunner.RunAll(_spec.Hooks?.Prestart, "prestart", state, failing: true);
                        HookRunner.RunAll(_spec.Hooks?.CreateRuntime, "createRuntime", state, failing: true);
                        session.Answer();
                        break;
                    case SyncKind.Ready:
                        ready = true;
                        if (agreed)
                            break;
                        if (!Unprivileged || !InitPlan.IsNew(_linux, "user"))
                            ProcessSetup.OomScore(session.Pid, _spec.Process!);
                        if (!OwnLimits)
                            ProcessSetup.Limits(session.Pid, _spec.Process!);
                        if (_state!.Pid != session.Pid)
                            SaveRunning(session.Pid);
                        Settle();
                        session.Answer();
                        break;
                    case SyncKind.Seccomp:
                        string creating = System.Text.Encoding.UTF8.GetString(State(session.Pid, "creating"));
                        SeccompListener.Send(_seccomp!, session.PidFd!, session.Pid, session.Value, creating, session.Answer);
                        break;
                    case SyncKind.Done:
                        return;
                    case null when ready && !_options.CreateOnly:
                        return;
                    default:
                        throw new RuncException("container init exited prematurely");
                }
            }
        }
        catch (RuncException e)
        {
            throw new RuncException($"unable to start container process: error during container init: {e.Message}", e);
        }
    }

    private void SaveRunning(int pid)
    {
        Trace.Step("write state.json");
        _state!.Pid = pid;
        _state.StartTime = ProcStat.Read(pid)?.StartTime ?? throw new RuncException("container init exited prematurely");
        SaveState();
    }

    private void SaveState()
    {
        _config ??= ConfigForm.Write(_spec, _state!, _options.NoPivot, _seccomp?.Profile);
        StateStore.Save(_directory, _state!, _config);
    }

    private byte[] State(int pid, string status)
    {
        (string before, string after) = Container.StateAround(_state!, status);
        return System.Text.Encoding.UTF8.GetBytes(before + pid.ToString(CultureInfo.InvariantCulture) + after);
    }

    private void Poststart(int pid) => HookRunner.RunAll(_spec.Hooks?.Poststart, "poststart", State(pid, "running"), failing: true);

    /// <summary>
    /// The first process waits until <c>start</c> reads from it, as runc's does, which opens it for that: by a path in /proc. Ours waits to write
    /// to a full one, and so needs neither a path nor a /proc in a root that is not ours.
    /// </summary>
    private int MakeFifo()
    {
        string path = _directory + "/" + StateStore.FifoName;
        Sys.MkFifo(path, 0x192);
        SafeFileHandle fifo = Sys.Open(path, OpenFlags.ReadWrite);
        Sys.FillPipe(fifo, path);
        _keep.Add(fifo);
        return (int)fifo.DangerousGetHandle();
    }

    /// <summary>
    /// Opens namespaces that are given by path. A pid namespace is joined here, since only children are born into it (unless it
    /// may belong to a user namespace that the child joins first); what is returned leads back.
    /// </summary>
    private SafeFileHandle? JoinNamespaces(InitInputs inputs)
    {
        SafeFileHandle? own = null;
        bool joinsUser = InitPlan.HasNamespace(_linux, "user") && !InitPlan.IsNew(_linux, "user");
        foreach (NamespaceSpec ns in _linux.Namespaces ?? [])
        {
            if (string.IsNullOrEmpty(ns.Path))
                continue;
            SafeFileHandle handle;
            try
            {
                handle = Sys.Open(ns.Path, OpenFlags.ReadOnly);
            }
            catch (LinuxException e)
            {
                throw new RuncException($"unable to create new parent process: namespace path: lstat {ns.Path}: {e.Errno.Text()}", e);
            }
            _keep.Add(handle);
            inputs.Joined.Add(new JoinedNamespace(ns.Type, (int)handle.DangerousGetHandle(), ns.Path));
            if (ns.Type != "pid" || joinsUser)
                continue;
            own = Sys.Open("/proc/self/ns/pid", OpenFlags.ReadOnly);
            Sys.SetNs(handle, (int)NamespaceNames.CLONE_NEWPID, ns.Path);
        }
        return own;
    }

    private void Undo(LaunchSession session)
    {
        session.Kill();
        EndHolder();
        try
        {
            _cgroups?.Destroy();
            _resctrl?.Destroy();
            StateStore.Remove(_directory);
        }
        catch (RuncException e)
        {
            RuncLog.Warn(e.Message);
        }
    }
}
