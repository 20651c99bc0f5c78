using System.Globalization;
using System.Text;
using System.Text.Json;
using AotRuntime.Linux;
using AotRuntime.Runc.Cgroups;
using AotRuntime.Runc.Containers;
using AotRuntime.Runc.Logging;
using AotRuntime.Runc.Plan;
using AotRuntime.Runc.Spec;
using AotRuntime.Runc.State;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Criu;

/// <summary>A container that is about to be restored: all of it is there but its processes.</summary>
internal sealed class CriuRestorePlan
{
    public required RuntimeSpec Spec;
    public required ContainerState State;
    public required ContainerCgroups Cgroups;
    public required ProcessIo Io;
    /// <summary>The container's directory of state.</summary>
    public required string Directory;
    /// <summary>Told the first process once it is there, a child of this one; the container is then running.</summary>
    public required Action<int> Restored;
}

/// <summary>Has criu bring a container's processes back from images.</summary>
internal sealed class CriuRestore(CriuOptions options, CriuRestorePlan plan)
{
    /// <summary>Where the root file system is while criu works, in the container's directory of state.</summary>
    public const string RootName = "criu-root";

    private const string LogFile = "restore.log";
    private const ulong BindTree = MountOptionTable.MS_BIND | MountOptionTable.MS_REC;
    private readonly List<SafeFileHandle> _extra = [];
    private LinuxSpec Linux => plan.Spec.Linux ?? new LinuxSpec();

    /// <exception cref="RuncException">It could not be restored; criu has ended what it had begun.</exception>
    public void Run()
    {
        int version = CriuSession.RequireVersion();
        // criu wants a root that is a mount, and nothing mounted over the one above.
        string root = plan.Directory + "/" + RootName;
        Sys.Mkdir(root, 0x1ed);
        try
        {
            Sys.Mount(plan.State.Rootfs, root, null, BindTree, null);
            CriuMessage opts = Options(Sys.RealPath(root), version);
            MakeMountpoints();
            Restore(opts, version);
        }
        finally
        {
            foreach (SafeFileHandle handle in _extra)
                handle.Dispose();
            RemoveRoot(plan.Directory);
        }
    }

    /// <summary>Takes away what a restore that was cut off has left: while the mount is there, removing the directory would empty the root file system.</summary>
    public static void RemoveRoot(string directory)
    {
        const int detach = 2;
        string root = directory + "/" + RootName;
        try
        {
            Sys.Unmount(root, detach);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return;
        }
        catch (LinuxException e) when (e.Errno == Errno.EINVAL)
        {
            RuncLog.Debug($"{root} is not mounted");
        }
        Sys.Rmdir(root);
    }

    private CriuMessage Options(string root, int version)
    {
        // evasive_devices = 6, rst_sibling = 26: the first process becomes this one's child, lsm_profile = 53, lsm_mount_context = 63
        CriuMessage opts = options.Common(LogFile, root, plan.Spec.Annotations).Flag(6, true).Flag(26, true);
        Label(opts, 53, "lsm-profile", version);
        Label(opts, 63, "lsm-mount-context", version);
        Namespaces(opts, version);
        using var paths = new RootPaths(plan.State.Rootfs);
        foreach (PlannedMount mount in MountPlanner.Plan(plan.Spec, plan.State.Bundle, plan.Cgroups, []))
        {
            if (mount.Type == "bind")
                CriuOptions.ExternalMount(opts, paths.Resolve(mount.Target), mount.Source);
        }
        if (Linux.MaskedPaths is { Count: > 0 })
            CriuOptions.ExternalMount(opts, "/dev/null", "/dev/null");
        foreach (string device in CriuOptions.Devices(plan.Spec))
            CriuOptions.ExternalMount(opts, paths.Resolve(device), device);
        foreach ((int fd, string key) in Descriptors().Index())
        {
            if (key.Contains("pipe:", StringComparison.Ordinal))
                Inherit(opts, key, fd);
        }
        return opts;
    }

    private void Label(CriuMessage opts, int field, string flag, int version)
    {
        string value = options.Text(flag);
        if (value.Length == 0)
            return;
        if (version < 31600)
            throw new RuncException($"--{flag} requires at least CRIU 3.16");
        opts.Text(field, value);
    }

    private void Namespaces(CriuMessage opts, int version)
    {
        foreach (NamespaceSpec ns in Linux.Namespaces ?? [])
        {
            if (string.IsNullOrEmpty(ns.Path))
                continue;
            string name = CriuOptions.KernelName(ns.Type);
            switch (ns.Type)
            {
                case "network" or "pid":
                    if (version < (ns.Type == "pid" ? 31500 : 31100))
                        throw new RuncException($"criu lacks support for external {name} namespace during the restoration process (old criu version?)");
                    Inherit(opts, CriuOptions.ExternalKey(name), CriuSession.FirstExtra + _extra.Count);
                    try
                    {
                        _extra.Add(Sys.Open(ns.Path, OpenFlags.ReadOnly));
                    }
                    catch (LinuxException e)
                    {
                        throw new RuncException($"Requested network namespace {ns.Path} does not exist", e);
                    }
                    break;
                case "cgroup":
                    throw new RuncException("Do not know how to handle namespace NEWCGROUP");
                default:
                    // join_ns = 39 { ns = 1, ns_file = 2 }
                    opts.Message(39, new CriuMessage().Text(1, name).Text(2, ns.Path));
                    break;
            }
        }
    }

    /// <summary>inherit_fd = 27 { key = 1, fd = 2 }: what takes the place of a file that the images name.</summary>
    private static void Inherit(CriuMessage opts, string key, int fd) => opts.Message(27, new CriuMessage().Text(1, key).Number(2, fd));

    private List<string> Descriptors()
    {
        string path = Path.Combine(options.ImagePath, CriuOptions.DescriptorsFile);
        var list = new List<string>();
        try
        {
            using JsonDocument json = JsonDocument.Parse(Sys.ReadSmallFile(path));
            foreach (JsonElement entry in json.RootElement.EnumerateArray())
                list.Add(entry.GetString() ?? "");
        }
        catch (LinuxException e)
        {
            throw new RuncException($"open {path}: {e.Errno.Text()}", e);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new RuncException($"{path}: {e.Message}", e);
        }
        return list;
    }

    /// <summary>Mounts all once, in a mount namespace that nobody keeps: after that the mountpoints are in the root file system, as after a start.</summary>
    private void MakeMountpoints()
    {
        List<PlannedMount> mounts = MountPlanner.Plan(plan.Spec, plan.State.Bundle, plan.Cgroups, []);
        var keep = new List<SafeFileHandle>();
        using var session = new LaunchSession();
        try
        {
            BindSources.Open(mounts, all: false, keep);
            var steps = new PlanWriter { SyncFd = session.ChildFd, CloneFlags = NamespaceNames.CLONE_NEWNS };
            steps.Op(PlanOp.Close).Fd(session.ParentFd);
            steps.Op(PlanOp.RootPrepare).Text(plan.State.Rootfs).U64(MountOptionTable.MS_SLAVE | MountOptionTable.MS_REC).U64(MountOptionTable.MS_PRIVATE);
            foreach (PlannedMount mount in mounts)
                InitPlan.Mount(steps, mount);
            steps.Sync(SyncKind.Ready, wait: true);
            session.Start(steps);
            session.Next();
        }
        catch (RuncException e)
        {
            throw new RuncException($"create criu restore mountpoint: {e.Message}", e);
        }
        finally
        {
            session.Kill();
            foreach (SafeFileHandle handle in keep)
                handle.Dispose();
        }
    }

    private void Restore(CriuMessage opts, int version)
    {
        try
        {
            using CriuSession session = CriuSession.Start(ownStreams: !plan.Spec.Process!.Terminal, _extra);
            // What it forks is born where the container belongs.
            plan.Cgroups.Join(session.Pid);
            foreach ((string controller, string path) in CgroupsOf(session.Pid))
                opts.Message(25, new CriuMessage().Text(1, controller).Text(2, path));
            plan.State.Descriptors = plan.Spec.Process.Terminal ? null : ProcLinks.StreamsOf(session.Pid.ToString(CultureInfo.InvariantCulture));
            session.Ask(CriuKind.Restore, new CriuMessage().Message(2, opts), (reply, descriptor) => Notified(reply, descriptor, version));
            session.Finish();
        }
        catch (RuncException)
        {
            options.QuoteLog(LogFile);
            throw;
        }
    }

    /// <summary>cg_root = 25 { ctrl = 1, path = 2 }, one of each controller.</summary>
    private static IEnumerable<(string Controller, string Path)> CgroupsOf(int pid)
    {
        foreach (string line in Sys.ReadSmallText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/cgroup")).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] fields = line.Split(':', 3);
            foreach (string controller in fields[1].Split(','))
                yield return (controller, fields[2]);
        }
    }

    private void Notified(CriuReply reply, SafeFileHandle? descriptor, int version)
    {
        switch (reply.Script)
        {
            case "setup-namespaces":
                (string before, string after) = Container.StateAround(plan.State, "creating");
                byte[] state = Encoding.UTF8.GetBytes(before + reply.NotifyPid.ToString(CultureInfo.InvariantCulture) + after);
                HookRunner.RunAll(plan.Spec.Hooks?.Prestart, "prestart", state, failing: true);
                HookRunner.RunAll(plan.Spec.Hooks?.CreateRuntime, "createRuntime", state, failing: true);
                break;
            case "post-restore":
                // criu restores the clocks too, by a time namespace.
                if (version >= 31400 && !plan.State.Namespaces.Contains("time") && File.Exists("/proc/self/ns/time"))
                    plan.State.Namespaces.Add("time");
                plan.Restored(reply.NotifyPid);
                break;
            case "orphan-pts-master" when descriptor is not null && plan.Io.ConsoleSocket is { } console:
                Launcher.SendDescriptor(console, "/dev/ptmx", descriptor);
                break;
        }
    }
}
