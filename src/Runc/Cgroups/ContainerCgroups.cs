using System.Globalization;
using AotRuntime.Linux;
using AotRuntime.Runc.Plan;
using AotRuntime.Runc.Spec;
using AotRuntime.Runc.Systemd;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Cgroups;

/// <summary>A container's cgroups, one directory in each hierarchy.</summary>
internal sealed class ContainerCgroups
{
    /// <summary>Bytes that the joins of all hierarchies fit into.</summary>
    private const int SmallPlan = 2048;

    private const int SIGKILL = 9;
    private readonly SortedDictionary<string, string> _paths;
    private readonly bool _rootless;
    private readonly bool _pathGiven;
    private CgroupMounts? _mounts;

    private ContainerCgroups(CgroupMounts? mounts, SortedDictionary<string, string> paths, List<string> made, bool rootless, bool pathGiven, SystemdUnit? unit)
    {
        Unit = unit;
        _mounts = mounts;
        _paths = paths;
        _rootless = rootless;
        _pathGiven = pathGiven;
        Made = made;
    }

    /// <summary>The directories that were made for the container, parents first; only these are ever removed.</summary>
    public List<string> Made { get; }

    /// <summary>Controller to directory; "" is cgroup2.</summary>
    public SortedDictionary<string, string> Paths => _paths;

    public CgroupMounts Mounts => _mounts ??= CgroupMounts.Read();

    /// <summary>Whether limits go to cgroup2.</summary>
    public bool Unified => _paths.Count == 1 && _paths.ContainsKey("");

    /// <summary>The unit of systemd that they belong to, if it is systemd that makes them.</summary>
    public SystemdUnit? Unit { get; }

    /// <summary>Where a new container's cgroups will be.</summary>
    /// <param name="cgroupsPath">The spec's, or nothing.</param>
    /// <param name="id">The container's.</param>
    /// <param name="rootless">Whether those that can't be used are left out; of systemd it is the user's then.</param>
    /// <param name="name">The unit that systemd is to make, if it is.</param>
    public static ContainerCgroups For(string? cgroupsPath, string id, bool rootless, UnitName? name)
    {
        CgroupMounts mounts = CgroupMounts.Read();
        if (name is not null && rootless && !mounts.Unified)
            throw new RuncException("cannot use rootless systemd cgroups manager on cgroup v1");
        SystemdUnit? unit = name is null ? null : new SystemdUnit(name.Name, user: rootless, exists: false);
        var paths = new SortedDictionary<string, string>(StringComparer.Ordinal);
        string path = unit is not null ? unit.Root() + name!.Path(rootless) : string.IsNullOrEmpty(cgroupsPath) ? id : cgroupsPath;
        foreach (CgroupHierarchy hierarchy in mounts.Hierarchies)
        {
            string directory = CgroupMounts.PathOf(hierarchy, path);
            foreach (string controller in hierarchy.Controllers)
                paths[controller] = directory;
        }
        return new ContainerCgroups(mounts, paths, [], rootless, pathGiven: unit is not null || !string.IsNullOrEmpty(cgroupsPath), unit);
    }

    /// <summary>Those of a container that is to have none.</summary>
    public static ContainerCgroups None() => new(null, new SortedDictionary<string, string>(StringComparer.Ordinal), [], false, false, null);

    /// <summary>Those of a container that exists.</summary>
    public static ContainerCgroups Of(State.ContainerState state) => new(null, state.Cgroups, state.CgroupsMade, state.RootlessCgroups, pathGiven: true,
        string.IsNullOrEmpty(state.SystemdUnit) ? null : new SystemdUnit(state.SystemdUnit, user: state.RootlessCgroups, exists: true));

    public string PathIn(CgroupHierarchy hierarchy) => _paths[hierarchy.Controllers[0]];

    public string? PathOf(string controller) => _paths.GetValueOrDefault(controller);

    /// <summary>Refuses cgroups that others use: a container's own are new, or empty.</summary>
    /// <exception cref="RuncException">There are processes in one of them, or it is frozen.</exception>
    /// <param name="missing">Those that are not there, by <see cref="Missing"/>.</param>
    public void RequireUnused(List<string> missing)
    {
        foreach (string directory in Distinct())
        {
            if (missing.Contains(directory))
                continue;
            int count = CgroupDirectory.Processes(directory, recursive: true).Count;
            if (count > 0)
                throw new RuncException($"container's cgroup is not empty: {count} process(es) found");
        }
        if (_paths.TryGetValue("freezer", out string? freezer) && !missing.Contains(freezer) && File.Exists(freezer + "/freezer.state")
            && Sys.ReadSmallText(freezer + "/freezer.state").TrimEnd() == "FROZEN")
            throw new RuncException("container's cgroup unexpectedly frozen");
    }

    /// <summary>Whether there are v1 hierarchies.</summary>
    public bool HasV1 => _paths.Count > (HasV2 ? 1 : 0);

    /// <summary>Whether there is a cgroup2, alone or beside the others.</summary>
    public bool HasV2 => _paths.ContainsKey("");

    /// <summary>The directories that are still to be made, parents first: what a start that is cut off may leave.</summary>
    public List<string> Missing()
    {
        var missing = new List<string>();
        foreach (string directory in Distinct())
        {
            // The slices above are systemd's.
            if (Unit is null)
                AddMissing(directory, missing, Mounts);
            else if (!Directory.Exists(directory))
                missing.Add(directory);
        }
        return missing;
    }

    private static void AddMissing(string directory, List<string> missing, CgroupMounts mounts)
    {
        if (missing.Contains(directory) || mounts.IsMountPoint(directory) || Directory.Exists(directory))
            return;
        int slash = directory.LastIndexOf('/');
        if (slash > 0)
            AddMissing(directory[..slash], missing, mounts);
        missing.Add(directory);
    }

    /// <summary>Whether one of them is in a tree that is about to be mounted over.</summary>
    public bool IsBelow(string root)
    {
        string prefix = root.TrimEnd('/') + "/";
        foreach (string path in _paths.Values)
        {
            if (path.StartsWith(prefix, StringComparison.Ordinal))
                return true;
        }
        return false;
    }

    /// <summary>Makes the directory of a cgroup2 that is there beside v1 hierarchies; <see cref="Create"/> makes the others.</summary>
    public void MakeV2() => CgroupDirectory.Make(_paths[""], Made, null);

    /// <summary>Makes the directories and sets the limits.</summary>
    public void Create(ResourcesSpec? resources)
    {
        if (Unified)
        {
            if (!TryMakeUnified(resources))
                return;
        }
        else
        {
            foreach (CgroupHierarchy hierarchy in Mounts.Hierarchies)
                MakeV1(hierarchy);
        }
        if (Unit is not null)
        {
            Made.Clear();
            Made.AddRange(Distinct());
        }
        Apply(resources ?? new ResourcesSpec(), devices: true);
    }

    // False where the container goes without.
    private bool TryMakeUnified(ResourcesSpec? resources)
    {
        try
        {
            CgroupV2Setup.Make(Mounts.Hierarchies[0].MountPoint, _paths[""], Made, resources);
            return true;
        }
        catch (LinuxException e) when (MayDoWithout(e))
        {
            if (CgroupV2Setup.NeedsControllers(Mounts.Hierarchies[0].MountPoint, resources))
                throw new RuncException($"rootless needs no limits + no cgrouppath when no permission is granted for cgroups: {e.Call} {e.Subject}: {e.Errno.Text()}", e);
            _paths.Clear();
            return false;
        }
    }

    private void MakeV1(CgroupHierarchy hierarchy)
    {
        try
        {
            CgroupDirectory.Make(PathIn(hierarchy), Made, hierarchy.Has("cpuset") ? CgroupDirectory.InheritCpuset : null);
        }
        catch (LinuxException e) when (MayDoWithout(e))
        {
            // A limit of it, if there is one, can't be set, and that is told then.
            foreach (string controller in hierarchy.Controllers)
                _paths.Remove(controller);
        }
    }

    private bool MayDoWithout(LinuxException e) =>
        _rootless && !_pathGiven && e.Errno is (Errno.EACCES or Errno.EPERM or Errno.EROFS);

    /// <summary>Sets limits; those that are not mentioned stay as they are.</summary>
    public void Apply(ResourcesSpec resources, bool devices)
    {
        if (Unified)
            CgroupV2Setup.Complete(_paths[""], resources);
        else if (resources.Unified is { Count: > 0 })
            throw new RuncException("invalid configuration: cannot use unified on cgroup v1");
        Unit?.Set(resources, Unified, devices);
        if (Unified)
        {
            if (devices)
                CgroupV2Setup.Devices(_paths[""], resources.Devices, _rootless);
            CgroupV2Setup.Apply(_paths[""], resources);
            return;
        }
        LimitWriter.Write(CgroupV1Limits.Of(resources), _paths);
        if (devices && _paths.TryGetValue("devices", out string? device))
        {
            try
            {
                DeviceRules.WriteV1(device, resources.Devices);
            }
            catch (RuncException e) when (_rootless)
            {
                // Without root's rights there are no devices that could be made, and no rules.
                Logging.RuncLog.Debug(e.Message);
            }
        }
    }

    /// <summary>
    /// What a new process needs to join: `tasks` files for the launcher to write to (v1), a directory to be cloned into (v2).
    /// </summary>
    /// <param name="joined">Gets the files.</param>
    /// <param name="keep">Gets what must stay open until then.</param>
    /// <param name="cgroupFd">The directory, or -1.</param>
    /// <param name="late">The files are not there yet: the launcher opens them.</param>
    /// <param name="below">Cgroups below the container's own, by controller.</param>
    /// <param name="prepared">Files that need not be opened, from <see cref="PrepareJoin"/>.</param>
    public void OpenForJoin(List<JoinedCgroup> joined, List<SafeFileHandle> keep, out int cgroupFd, bool late, Dictionary<string, string>? below = null, List<string>? prepared = null)
    {
        cgroupFd = -1;
        foreach ((string controller, string sub) in below ?? [])
        {
            if (!_paths.TryGetValue(controller, out string? own))
                throw new RuncException($"unable to create new parent process: unknown controller {controller} in SubCgroupPaths");
            string directory = CgroupMounts.Clean(own + "/" + sub);
            if (directory != own && !directory.StartsWith(own + "/", StringComparison.Ordinal))
                throw new RuncException($"unable to create new parent process: {sub} is not a sub cgroup path");
            if (!Directory.Exists(directory))
                throw new RuncException($"unable to start container process: error adding pid to cgroups: openat2 {directory}/cgroup.procs: no such file or directory");
        }
        foreach ((string controller, string own) in _paths.ToArray())
        {
            SafeFileHandle handle;
            string directory = below?.GetValueOrDefault(controller) is { } sub ? CgroupMounts.Clean(own + "/" + sub) : own;
            if (controller.Length == 0)
            {
                handle = Sys.Open(directory, OpenFlags.Path | OpenFlags.Directory);
                cgroupFd = (int)handle.DangerousGetHandle();
            }
            else
            {
                string tasks = directory + "/tasks";
                if (Contains(joined, tasks))
                    continue;
                if (late || prepared?.Contains(tasks) == true)
                {
                    joined.Add(new JoinedCgroup(-1, tasks));
                    continue;
                }
                try
                {
                    handle = Sys.Open(tasks, OpenFlags.WriteOnly);
                }
                // One of that name is there, but another's.
                catch (LinuxException e) when (MayDoWithout(e))
                {
                    _paths.Remove(controller);
                    continue;
                }
                joined.Add(new JoinedCgroup((int)handle.DangerousGetHandle(), tasks));
            }
            keep.Add(handle);
        }
    }

    /// <summary>
    /// Has the process that an exec's will be cloned from join already, while this one reads on; where there is one (<see cref="Launcher.HasJoiner"/>),
    /// and of v1, since into a cgroup2 a process is cloned. Not pids, whose limit that process would count against, and not cpuset, which may have
    /// no room for the processors that the spec wants the new process to begin on.
    /// </summary>
    /// <returns>The <c>tasks</c> files, for <see cref="OpenForJoin"/>.</returns>
    public List<string> PrepareJoin()
    {
        var prepared = new List<string>();
        if (!Launcher.HasJoiner || !HasV1)
            return prepared;
        string? pids = PathOf("pids"), cpuset = PathOf("cpuset");
        var plan = new PlanWriter(SmallPlan) { Beforehand = true };
        var keep = new List<SafeFileHandle>();
        foreach ((string controller, string directory) in _paths)
        {
            string tasks = directory + "/tasks";
            if (controller.Length == 0 || directory == pids || directory == cpuset || prepared.Contains(tasks))
                continue;
            try
            {
                SafeFileHandle handle = Sys.Open(tasks, OpenFlags.WriteOnly);
                keep.Add(handle);
                plan.Op(PlanOp.CgroupJoin).Fd((int)handle.DangerousGetHandle()).Text(tasks);
                prepared.Add(tasks);
            }
            // The launch meets the same, and knows what it means.
            catch (LinuxException)
            {
                continue;
            }
        }
        if (prepared.Count > 0)
            Launcher.Prepare(plan.Finish());
        foreach (SafeFileHandle handle in keep)
            handle.Dispose();
        return prepared;
    }

    /// <summary>Moves a process into all of them.</summary>
    public void Join(int pid)
    {
        foreach (string directory in Distinct())
            Write(directory + "/cgroup.procs", pid.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>Opens the cgroup2 directory that a process is in.</summary>
    public SafeFileHandle OpenUnifiedOf(int pid)
    {
        CgroupHierarchy unified = Mounts.Hierarchies.Find(h => h.IsUnified) ?? throw new RuncException("cgroup2 is not mounted");
        foreach (string line in Sys.ReadSmallText($"/proc/{pid}/cgroup").Split('\n'))
        {
            if (line.StartsWith("0::", StringComparison.Ordinal))
                return Sys.Open(CgroupMounts.PathOf(unified, line[3..]), OpenFlags.Path | OpenFlags.Directory);
        }
        throw new RuncException("cgroup path not found");
    }

    /// <summary>All processes of the container.</summary>
    public List<int> Processes()
    {
        foreach (string directory in Distinct())
        {
            if (Directory.Exists(directory))
                return CgroupDirectory.Processes(directory, recursive: true);
        }
        return [];
    }

    /// <summary>Refuses what can't be done for a container that has no cgroup.</summary>
    public void Require(string refusal)
    {
        if (_paths.Count == 0)
            throw new RuncException(refusal);
    }

    /// <summary>Sends a signal to all of them; none is left out because it was just forked.</summary>
    public void SignalAll(int signal)
    {
        if (_paths.Count == 0)
            return;
        if (signal == SIGKILL && _paths.TryGetValue("", out string? unified) && File.Exists(unified + "/cgroup.kill"))
        {
            Sys.WriteSmallFile(unified + "/cgroup.kill", "1");
            return;
        }
        bool frozen = TryFreeze(true);
        try
        {
            foreach (int pid in Processes())
            {
                try
                {
                    Sys.Kill(pid, signal);
                }
                catch (LinuxException e) when (e.Errno == Errno.ESRCH)
                {
                    continue;
                }
            }
        }
        finally
        {
            if (frozen)
                TryFreeze(false);
        }
    }

    public bool IsFrozen()
    {
        try
        {
            if (_paths.TryGetValue("freezer", out string? freezer))
                return Sys.ReadSmallText(freezer + "/freezer.state").StartsWith("FR", StringComparison.Ordinal);
            if (Unified)
                return Sys.ReadSmallText(_paths[""] + "/cgroup.freeze").TrimEnd() == "1";
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENODEV)
        {
            return false;
        }
        return false;
    }

    /// <summary>Freezes or thaws, and waits until it is so.</summary>
    /// <exception cref="RuncException">It can't be frozen.</exception>
    public void Freeze(bool frozen)
    {
        if (Unified)
        {
            CgroupV2Setup.Freeze(_paths[""], frozen);
            return;
        }
        if (!_paths.TryGetValue("freezer", out string? freezer))
            throw new RuncException("cannot freeze: cgroup controller \"freezer\" is not mounted");
        string file = freezer + "/freezer.state";
        if (!frozen)
        {
            Write(file, "THAWED");
            return;
        }
        // A process that forks while it is being frozen can leave the cgroup "FREEZING": write again, thaw now and then.
        for (int i = 0; i < 1000; i++)
        {
            if (i % 50 == 49)
            {
                Write(file, "THAWED");
                Thread.Sleep(10);
            }
            Write(file, "FROZEN");
            if (i % 25 == 24)
                Thread.Sleep(1);
            if (Sys.ReadSmallText(file).StartsWith("FROZEN", StringComparison.Ordinal))
                return;
        }
        Write(file, "THAWED");
        throw new RuncException("unable to freeze");
    }

    /// <summary>Removes what was made, and what the container made below it; processes that are just dying are waited for.</summary>
    public void Destroy()
    {
        Unit?.Stop();
        bool killed = false;
        for (int i = Made.Count - 1; i >= 0; i--)
        {
            bool leaf = IsLeaf(Made[i]);
            int delay = 1;
            for (int tries = 0; ; tries++)
            {
                Errno errno = leaf ? CgroupDirectory.RemoveTree(Made[i]) : CgroupDirectory.TryRemove(Made[i]);
                if (errno == Errno.None)
                    break;
                // A parent that was made on the way may have become another container's parent too.
                if (!leaf)
                    break;
                if (tries == 12)
                    throw new RuncException($"unable to remove container's cgroup: remove {Made[i]}: {errno.Text()}");
                if (tries == 2 && !killed)
                {
                    killed = true;
                    SignalAll(SIGKILL);
                }
                Thread.Sleep(delay);
                delay = Math.Min(delay * 2, 200);
            }
        }
    }

    private bool IsLeaf(string directory)
    {
        foreach (string path in _paths.Values)
        {
            if (path == directory)
                return true;
        }
        return false;
    }

    private bool TryFreeze(bool frozen)
    {
        try
        {
            Freeze(frozen);
            return true;
        }
        catch (Exception e) when (e is RuncException or LinuxException)
        {
            Logging.RuncLog.Warn(e.Message);
            return false;
        }
    }

    private List<string> Distinct()
    {
        var list = new List<string>();
        foreach (string path in _paths.Values)
        {
            if (!list.Contains(path))
                list.Add(path);
        }
        return list;
    }

    private static void Write(string file, string value)
    {
        try
        {
            Sys.WriteSmallFile(file, value);
        }
        catch (LinuxException e)
        {
            throw new RuncException($"failed to write \"{value}\": {e.Call} {file}: {e.Errno.Text()}", e);
        }
    }

    private static bool Contains(List<JoinedCgroup> joined, string path)
    {
        foreach (JoinedCgroup cgroup in joined)
        {
            if (cgroup.Path == path)
                return true;
        }
        return false;
    }
}
