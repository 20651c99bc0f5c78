using AotRuntime.Linux;
using AotRuntime.Runc.Plan;
using AotRuntime.Runc.Spec;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Containers;

/// <summary>What is bound into a container and has to be opened with the runtime's own rights.</summary>
internal static class BindSources
{
    /// <summary>Opens the id-mapped ones; all of them where the root of a user namespace may not be allowed to reach them.</summary>
    /// <param name="mounts">Get the descriptors.</param>
    /// <param name="all">Whether all are to be opened.</param>
    /// <param name="keep">Gets what must stay open until the launch.</param>
    public static void Open(List<PlannedMount> mounts, bool all, List<SafeFileHandle> keep)
    {
        foreach (PlannedMount mount in mounts)
        {
            if ((mount.Flags.Flags & MountOptionTable.MS_BIND) == 0 || !(all || mount.Ids is not null))
                continue;
            SafeFileHandle tree;
            try
            {
                tree = Sys.CloneTree(mount.Source, (mount.Flags.Flags & MountOptionTable.MS_REC) != 0);
            }
            catch (LinuxException e)
            {
                throw new RuncException($"failed to fulfil mount request: open {mount.Source}: {e.Errno.Text()}", e);
            }
            keep.Add(tree);
            if (mount.Ids is { } ids)
                Map(tree, ids, mount.Source);
            mount.SourceFd = (int)tree.DangerousGetHandle();
        }
    }

    private static void Map(SafeFileHandle tree, IdMapping ids, string source)
    {
        using SafeFileHandle user = UserNamespace(ids, source);
        try
        {
            Sys.MapIds(tree, user, ids.Recursive, source);
        }
        catch (LinuxException e)
        {
            string hint = e.Errno == Errno.EINVAL ? " (maybe the filesystem used doesn't support idmap mounts on this kernel?)" : "";
            throw new RuncException($"failed to fulfil mount request: failed to set MOUNT_ATTR_IDMAP on {source}: {e.Errno.Text()}{hint}", e);
        }
    }

    // The kernel takes mappings only as a user namespace: one is made with a process that does nothing but hold it.
    private static SafeFileHandle UserNamespace(IdMapping ids, string source)
    {
        try
        {
            if (ids.Path is not null)
                return Sys.Open(ids.Path, OpenFlags.ReadOnly);
            using var session = new LaunchSession();
            var plan = new PlanWriter { SyncFd = session.ChildFd, CloneFlags = NamespaceNames.CLONE_NEWUSER };
            plan.Op(PlanOp.Close).Fd(session.ParentFd);
            plan.Sync(SyncKind.Maps, wait: true);
            try
            {
                session.Start(plan);
                session.Next();
                IdMaps.Write(session.Pid, ids.Uids, ids.Gids);
                return Sys.Open($"/proc/{session.Pid}/ns/user", OpenFlags.ReadOnly);
            }
            finally
            {
                session.Kill();
            }
        }
        catch (Exception e) when (e is LinuxException or RuncException)
        {
            string what = ids.Path is null ? "create userns" : "open existing userns";
            throw new RuncException($"failed to fulfil mount request: failed to {what} for {source} id-mapping: {e.Message}", e);
        }
    }
}
