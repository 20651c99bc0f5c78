using AotRuntime.Linux;
using AotRuntime.Runc.Containers;
using AotRuntime.Runc.Plan;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Cgroups;

/// <summary>
/// config-linux.md, "Cgroup ownership": where the container has cgroup2, writable and in a cgroup namespace of its own, the cgroup belongs to the
/// user of its process, who can then make cgroups below it.
/// </summary>
internal static class CgroupOwner
{
    /// <summary>Gives the cgroup to that user, if there is one.</summary>
    public static void Set(string directory, RuntimeSpec spec)
    {
        LinuxSpec linux = spec.Linux ?? new LinuxSpec();
        // Of a plain user it is his own already, or out of his reach.
        if (!InitPlan.IsNew(linux, "cgroup") || Sys.EffectiveUser() != 0 || spec.Mounts?.Exists(IsWritableCgroup) != true)
            return;
        uint user = spec.Process!.User.Uid;
        if (!InitPlan.HasNamespace(linux, "user"))
            Give(directory, user);
        else if (IdMaps.HostId(linux.UidMappings, user) is { } host)
            Give(directory, host);
    }

    private static bool IsWritableCgroup(MountSpec mount) =>
        mount.Type == "cgroup" && CgroupMounts.Clean(mount.Destination) == "/sys/fs/cgroup" && mount.Options?.Contains("ro") != true;

    // The directory "and all of the files in /sys/kernel/cgroup/delegate"; those of controllers would let the user lift his own limits.
    private static void Give(string directory, uint user)
    {
        Sys.Chown(directory, user, uint.MaxValue);
        foreach (string file in Sys.ReadSmallText("/sys/kernel/cgroup/delegate").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            try
            {
                Sys.Chown($"{directory}/{file}", user, uint.MaxValue);
            }
            catch (LinuxException e) when (e.Errno == Errno.ENOENT)
            {
                // One of a controller that is not handed down here.
                continue;
            }
        }
    }
}
