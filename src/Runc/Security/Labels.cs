using AotRuntime.Linux;
using AotRuntime.Runc.Plan;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Security;

/// <summary>AppArmor profiles and SELinux labels: whether the kernel has them, and how a process gets its own.</summary>
internal static class Labels
{
    private const uint AppArmorSlot = 0, SelinuxSlot = 1;
    private const string Attributes = "/proc/thread-self/attr/";

    /// <summary>A kernel without AppArmor has no such folder; one where it is off says N.</summary>
    public static bool HasAppArmor => Directory.Exists("/sys/kernel/security/apparmor") && Starts("/sys/module/apparmor/parameters/enabled", 'Y');

    /// <summary>selinuxfs is only registered where SELinux runs.</summary>
    public static bool HasSelinux => Starts("/sys/fs/selinux/enforce", '0') || Starts("/sys/fs/selinux/enforce", '1');

    /// <exception cref="RuncException">A label is asked for that this kernel does not know.</exception>
    public static void Require(ProcessSpec process)
    {
        if (!string.IsNullOrEmpty(process.SelinuxLabel) && !HasSelinux)
            throw new RuncException("selinux label is specified in config, but selinux is disabled or not supported");
        if (!string.IsNullOrEmpty(process.ApparmorProfile) && !HasAppArmor)
            throw new RuncException("apparmor: config provided but apparmor not supported");
    }

    /// <summary>The files by which labels are set, opened while the host's /proc is in sight; and the label of the keyring to come.</summary>
    public static void Open(PlanWriter plan, ProcessSpec process, bool keyring)
    {
        if (!string.IsNullOrEmpty(process.ApparmorProfile))
            plan.Op(PlanOp.LabelOpen).U32(AppArmorSlot).Text(Attributes + (Directory.Exists("/proc/self/attr/apparmor") ? "apparmor/exec" : "exec"));
        if (string.IsNullOrEmpty(process.SelinuxLabel))
            return;
        if (keyring)
        {
            plan.Op(PlanOp.LabelOpen).U32(SelinuxSlot).Text(Attributes + "keycreate");
            plan.Op(PlanOp.LabelWrite).U32(SelinuxSlot).Text(process.SelinuxLabel).Text("can't set keyring label");
        }
        plan.Op(PlanOp.LabelOpen).U32(SelinuxSlot).Text(Attributes + "exec");
    }

    /// <summary>The labels themselves. They count from the next execve on.</summary>
    public static void Write(PlanWriter plan, ProcessSpec process)
    {
        if (!string.IsNullOrEmpty(process.ApparmorProfile))
            plan.Op(PlanOp.LabelWrite).U32(AppArmorSlot).Text("exec " + process.ApparmorProfile).Text("unable to apply apparmor profile");
        if (!string.IsNullOrEmpty(process.SelinuxLabel))
            plan.Op(PlanOp.LabelWrite).U32(SelinuxSlot).Text(process.SelinuxLabel).Text("can't set process label");
    }

    /// <summary>A file system's mount data with the label of its files.</summary>
    public static string MountData(string type, string data, string? label) =>
        // These have labels of their own, by the policy.
        string.IsNullOrEmpty(label) || type is "proc" or "sysfs" or "mqueue" or "cgroup" or "cgroup2" or "bind"
            ? data
            : $"{data}{(data.Length > 0 ? "," : "")}context=\"{label}\"";

    private static bool Starts(string file, char with)
    {
        try
        {
            return Sys.ReadSmallText(file).StartsWith(with);
        }
        catch (LinuxException)
        {
            return false;
        }
    }
}
