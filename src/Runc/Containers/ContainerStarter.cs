using System.Globalization;
using AotRuntime.Linux;
using AotRuntime.Runc.Cgroups;
using AotRuntime.Runc.Logging;
using AotRuntime.Runc.Plan;
using AotRuntime.Runc.Seccomp;
using AotRuntime.Runc.Spec;
using AotRuntime.Runc.State;
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
}

/// <summary>Makes a container and starts it.</summary>
internal sealed class ContainerStarter
{
    private readonly StartOptions _options;
    private readonly RuntimeSpec _spec;
    private readonly LinuxSpec _linux;
    private readonly List<SafeFileHandle> _keep = [];
    private ContainerCgroups? _cgroups;
    private ContainerState? _state;
    private SeccompProgram? _seccomp;
    private string _directory = "";

    private ContainerStarter(StartOptions options, RuntimeSpec spec)
    {
        _options = options;
        _spec = spec;
        _linux = spec.Linux ?? new LinuxSpec();
    }

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
        RuntimeSpec spec = SpecFile.LoadConfig(SpecFile.Config);
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
        string rootfs = Rootfs();
        _directory = StateStore.DirectoryOf(_options.Root, _options.Id);
        using ProcessIo io = ProcessIo.Open(_spec.Process!, Detached, _options.ConsoleSocket, _options.PidFdSocket, _options.PreserveFds);
        MakeStateDirectory();
        using var session = new LaunchSession();
        int code;
        try
        {
            _cgroups = ContainerCgroups.For(_linux.CgroupsPath, _options.Id);
            _cgroups.RequireUnused();
            _seccomp = SeccompCache.Prepare(_linux.Seccomp, _options.Root);
            _state = NewState(rootfs);
            _state.Seccomp = SeccompState.Save(_directory, _seccomp);
            _state.CgroupsMade = _cgroups.Missing();
            StateStore.Save(_directory, _state);
            _cgroups.Create(_linux.Resources);
            _state.CgroupsMade = _cgroups.Made;
            if (!Detached)
                Launcher.CatchSignals();
            if (!Detached && !_options.NoSubreaper)
                Sys.Prctl(Sys.PR_SET_CHILD_SUBREAPER, 1);
            Launch(session, io, rootfs);
            io.ReceiveTerminal();
            ProcessSetup.WritePidFile(_options.PidFile, session.Pid);
            if (!_options.CreateOnly)
                Poststart(session.Pid);
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
        }
        if (Detached)
            return 0;
        code = Launcher.Supervise(session.Pid, session.PidFd!, io.Master);
        if (!_options.Keep)
            Container.TryLoad(_directory)?.Destroy();
        return code;
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
            OwnPidNamespace = InitPlan.IsNew(_linux, "pid"),
            NoNewKeyring = _options.NoNewKeyring,
            Poststart = _spec.Hooks?.Poststart,
            Poststop = _spec.Hooks?.Poststop,
        };
        foreach (NamespaceSpec ns in _linux.Namespaces ?? [])
            state.Namespaces.Add(ns.Type);
        return state;
    }

    private void Launch(LaunchSession session, ProcessIo io, string rootfs)
    {
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
            Env = Environment(io),
            Seccomp = _seccomp,
            HookState = status => Container.StateAround(_state!, status),
        };
        inputs.Mounts = MountPlanner.Plan(_spec, _options.Bundle, _cgroups!, inputs.MountLinks);
        BindSources.Open(inputs.Mounts, all: InitPlan.HasNamespace(_linux, "user"), _keep);
        _cgroups!.OpenForJoin(inputs.Cgroups, _keep, out inputs.CgroupFd);
        if (_options.CreateOnly)
            inputs.FifoFd = MakeFifo();

        using SafeFileHandle? ownPidNamespace = JoinNamespaces(inputs);
        PlanWriter plan = InitPlan.Build(inputs);
        try
        {
            session.Start(plan);
        }
        finally
        {
            // Joining a pid namespace only counts for children; the next ones of ours are not the container's.
            if (ownPidNamespace is not null)
                Sys.SetNs(ownPidNamespace, (int)NamespaceNames.CLONE_NEWPID, "/proc/self/ns/pid");
        }
        Converse(session);
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

    private void Converse(LaunchSession session)
    {
        bool ready = false;
        try
        {
            while (true)
            {
                switch (session.Next())
                {
                    case SyncKind.Maps:
                        IdMaps.Write(session.Pid, _linux.UidMappings, _linux.GidMappings);
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
                        ProcessSetup.OomScore(session.Pid, _spec.Process!);
                        ProcessSetup.Limits(session.Pid, _spec.Process!);
                        SaveRunning(session.Pid);
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
        _state!.Pid = pid;
        _state.StartTime = ProcStat.Read(pid)?.StartTime ?? throw new RuncException("container init exited prematurely");
        StateStore.Save(_directory, _state);
    }

    private byte[] State(int pid, string status)
    {
        (string before, string after) = Container.StateAround(_state!, status);
        return System.Text.Encoding.UTF8.GetBytes(before + pid.ToString(CultureInfo.InvariantCulture) + after);
    }

    private void Poststart(int pid) => HookRunner.RunAll(_spec.Hooks?.Poststart, "poststart", State(pid, "running"), failing: true);

    private int MakeFifo()
    {
        string path = _directory + "/" + StateStore.FifoName;
        Sys.MkFifo(path, 0x192);
        SafeFileHandle fifo = Sys.Open(path, OpenFlags.ReadWrite);
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
                throw new RuncException($"namespace path: lstat {ns.Path}: {e.Errno.Text()}", e);
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
        try
        {
            _cgroups?.Destroy();
            StateStore.Remove(_directory);
        }
        catch (RuncException e)
        {
            RuncLog.Warn(e.Message);
        }
    }
}
