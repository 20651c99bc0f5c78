using AotRuntime.Linux;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Cgroups;

/// <summary>Making a cgroup of the unified hierarchy.</summary>
internal static class CgroupV2Setup
{
    /// <summary>Makes the directory; every parent that this container brings, and those above, hand their controllers down.</summary>
    public static void Make(string mountPoint, string directory, List<string> made)
    {
        string[] available = Sys.ReadSmallText(mountPoint + "/cgroup.controllers").TrimEnd().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string current = mountPoint;
        foreach (string part in directory[mountPoint.Length..].Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            foreach (string controller in available)
                Delegate(current, controller);
            current += "/" + part;
            ContainerCgroups.MakeDirectories(current, made, null);
        }
    }

    // A controller that the parent can't hand down (it has processes, or lacks it) fails later, when a limit needs it.
    private static void Delegate(string directory, string controller)
    {
        try
        {
            Sys.WriteSmallFile(directory + "/cgroup.subtree_control", "+" + controller);
        }
        catch (LinuxException e) when (e.Errno is Errno.EBUSY or Errno.ENOENT or Errno.ENOTSUP or Errno.EINVAL or Errno.EACCES or Errno.EPERM)
        {
            Logging.RuncLog.Debug($"{directory}: {controller}: {e.Errno.Text()}");
        }
    }

    /// <summary>Attaches the device rules, which on cgroup2 are a BPF program.</summary>
    public static void Devices(string directory, List<DeviceRuleSpec>? rules)
    {
        if (rules is not { Count: > 0 })
            return;
        Sys.AttachDeviceProgram(directory, DeviceProgram.Build(DeviceRules.All(rules)));
    }
}
