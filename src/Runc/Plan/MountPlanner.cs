using AotRuntime.Linux;
using AotRuntime.Runc.Cgroups;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Plan;

/// <summary>Turns the spec's mounts into those that the launcher makes.</summary>
internal static class MountPlanner
{
    private const ulong CgroupDefaults = MountOptionTable.MS_NOSUID | MountOptionTable.MS_NOEXEC | MountOptionTable.MS_NODEV;

    /// <summary>The mounts in order; links that the cgroup v1 tree needs go to <paramref name="links"/>.</summary>
    public static List<PlannedMount> Plan(RuntimeSpec spec, string bundle, ContainerCgroups cgroups, List<(string Link, string Target)> links)
    {
        var mounts = new List<PlannedMount>();
        foreach (MountSpec m in spec.Mounts ?? [])
        {
            PlannedMount mount = One(m, bundle);
            mount.Ids = Ids(m, mount.Flags, spec.Linux ?? new LinuxSpec());
            if (mount.Type == "cgroup" && !cgroups.Mounts.Unified)
                CgroupV1(mount, spec.Linux ?? new LinuxSpec(), cgroups, mounts, links);
            else if (mount.Type is "cgroup")
                mounts.Add(CgroupV2(mount, spec.Linux ?? new LinuxSpec(), cgroups));
            else
                mounts.Add(mount);
            if (!string.IsNullOrEmpty(spec.Linux?.MountLabel))
                mount.Flags.Data = Security.Labels.MountData(mount.Type, mount.Flags.Data, spec.Linux.MountLabel);
        }
        return mounts;
    }

    internal static PlannedMount One(MountSpec m, string bundle)
    {
        MountFlags flags = MountOptionTable.Parse(m.Options);
        bool bind = (flags.Flags & MountOptionTable.MS_BIND) != 0;
        string type = m.Type ?? "";
        if (type == "bind")
        {
            // "bind" alone as the type, without the option, was always taken to mean it.
            bind = true;
            flags.Flags |= MountOptionTable.MS_BIND;
        }
        if (bind && flags.Data.Length > 0)
            throw new RuncException($"invalid mount {m.Destination}: bind mounts cannot have any filesystem-specific options applied");
        string source = m.Source ?? "";
        if (bind && !source.StartsWith('/'))
            source = bundle.TrimEnd('/') + "/" + source;
        string target = m.Destination;
        if (!target.StartsWith('/'))
            target = "/" + target;
        return new PlannedMount { Source = source, Target = target, Type = bind ? "bind" : type, Flags = flags };
    }

    /// <summary>config.md, "Mounts": the mount's own mappings, or with "idmap" alone those of the container's user namespace.</summary>
    internal static IdMapping? Ids(MountSpec m, MountFlags flags, LinuxSpec linux)
    {
        bool own = m.UidMappings is not null || m.GidMappings is not null;
        if (!own && !flags.IdMap)
            return null;
        if ((flags.Flags & MountOptionTable.MS_BIND) == 0)
            throw new RuncException($"invalid mount {m.Destination}: id-mapped mounts are only supported for bind-mounts");
        if (Sys.EffectiveUser() != 0)
            throw new RuncException($"invalid mount {m.Destination}: id-mapped mounts are not supported for rootless containers");
        NamespaceSpec? user = own ? null : linux.Namespaces?.Find(ns => ns.Type == "user");
        if (!string.IsNullOrEmpty(user?.Path))
            return new IdMapping(null, null, user.Path, flags.IdMapRecursive);
        List<IdMapSpec>? uids = own ? m.UidMappings : user is null ? null : linux.UidMappings;
        List<IdMapSpec>? gids = own ? m.GidMappings : user is null ? null : linux.GidMappings;
        return uids is { Count: > 0 } && gids is { Count: > 0 }
            ? new IdMapping(uids, gids, null, flags.IdMapRecursive)
            : throw new RuncException($"invalid mount {m.Destination}: id-mapped mounts must have both uid and gid mappings specified");
    }

    // The source is what is bound where mounting is not allowed: with a cgroup namespace what that would show, else all.
    private static PlannedMount CgroupV2(PlannedMount mount, LinuxSpec linux, ContainerCgroups cgroups)
    {
        mount.Type = "cgroup2";
        mount.OfCgroups = true;
        string top = cgroups.Mounts.Hierarchies[0].MountPoint;
        mount.Source = InitPlan.HasNamespace(linux, "cgroup") ? cgroups.PathOf("") ?? top : top;
        mount.CgroupFallback = true;
        return mount;
    }

    /// <summary>A tmpfs with a mount for each v1 hierarchy: of the container's own cgroup, or in a cgroup namespace of all that it shows.</summary>
    private static void CgroupV1(PlannedMount mount, LinuxSpec linux, ContainerCgroups cgroups, List<PlannedMount> mounts, List<(string Link, string Target)> links)
    {
        string target = mount.Target.TrimEnd('/');
        bool readOnly = (mount.Flags.Flags & MountOptionTable.MS_RDONLY) != 0;
        bool ownNamespace = InitPlan.HasNamespace(linux, "cgroup");
        mounts.Add(new PlannedMount
        {
            Source = "tmpfs",
            Target = target,
            Type = "tmpfs",
            OfCgroups = true,
            Flags = new MountFlags
            {
                Flags = CgroupDefaults | (readOnly ? MountOptionTable.MS_RDONLY : 0),
                Data = "mode=755",
                Propagation = mount.Flags.Propagation,
            },
        });
        foreach (CgroupHierarchy hierarchy in cgroups.Mounts.Hierarchies)
        {
            if (hierarchy.IsUnified)
                continue;
            string name = hierarchy.MountPoint[(hierarchy.MountPoint.LastIndexOf('/') + 1)..];
            if (ownNamespace)
            {
                mounts.Add(new PlannedMount
                {
                    Source = name == "systemd" ? "systemd" : "cgroup",
                    Target = $"{target}/{name}",
                    Type = "cgroup",
                    Flags = new MountFlags
                    {
                        Flags = CgroupDefaults | (readOnly ? MountOptionTable.MS_RDONLY : 0),
                        Data = name == "systemd" ? "name=systemd" : name,
                    },
                });
            }
            else
            {
                mounts.Add(new PlannedMount
                {
                    // Without a cgroup of its own the container is in ours.
                    Source = cgroups.PathOf(hierarchy.Controllers[0]) ?? CgroupMounts.PathOf(hierarchy, ""),
                    Target = $"{target}/{name}",
                    Type = "bind",
                    Flags = new MountFlags
                    {
                        Flags = MountOptionTable.MS_BIND | MountOptionTable.MS_REC | mount.Flags.Flags,
                        Cleared = mount.Flags.Cleared,
                        Propagation = mount.Flags.Propagation,
                    },
                });
            }
            if (name.Contains(','))
            {
                foreach (string part in name.Split(','))
                    links.Add(($"{target}/{part}", name));
            }
        }
    }
}
