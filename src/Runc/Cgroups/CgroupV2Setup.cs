using AotRuntime.Linux;
using AotRuntime.Runc.Spec;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Cgroups;

/// <summary>What only the unified hierarchy has: controllers handed down, threaded cgroups, devices by a program, a freezer that tells.</summary>
internal static class CgroupV2Setup
{
    private const int FreezeMilliseconds = 10_000;

    /// <summary>The controllers that a cgroup has.</summary>
    public static string[] Controllers(string directory) =>
        Sys.ReadSmallText(directory + "/cgroup.controllers").TrimEnd().Split(' ', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Makes the directory; every parent that this container brings, and those above, hand their controllers down.</summary>
    public static void Make(string mountPoint, string directory, List<string> made, ResourcesSpec? resources)
    {
        string[] available = Controllers(mountPoint);
        string current = mountPoint;
        foreach (string part in directory[mountPoint.Length..].Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            Delegate(current, available);
            current += "/" + part;
            CgroupDirectory.Make(current, made, null);
            RequireUsable(current, resources);
        }
    }

    // A controller that the parent can't hand down (it has processes, or lacks it) fails later, when a limit needs it.
    private static void Delegate(string directory, string[] controllers)
    {
        if (controllers.Length == 0 || TryDelegate(directory, "+" + string.Join(" +", controllers)))
            return;
        foreach (string controller in controllers)
            TryDelegate(directory, "+" + controller);
    }

    private static bool TryDelegate(string directory, string controllers)
    {
        try
        {
            Sys.WriteSmallFile(directory + "/cgroup.subtree_control", controllers);
            return true;
        }
        catch (LinuxException e) when (e.Errno is Errno.EBUSY or Errno.ENOENT or Errno.ENOTSUP or Errno.EINVAL or Errno.EACCES or Errno.EPERM or Errno.EROFS)
        {
            Logging.RuncLog.Debug($"{directory}: {controllers}: {e.Errno.Text()}");
            return false;
        }
    }

    // cgroup-v2.rst, "Threads": below a cgroup with processes of its own a new one is invalid until it is threaded, and then has no memory or I/O.
    private static void RequireUsable(string directory, ResourcesSpec? resources)
    {
        string type;
        try
        {
            type = Sys.ReadSmallText(directory + "/cgroup.type").TrimEnd();
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.EACCES)
        {
            return;
        }
        if (type == "domain")
            return;
        bool invalid = type == "domain invalid";
        if (NeedsDomain(resources))
            throw new RuncException($"cannot enter cgroupv2 \"{directory}\" with domain controllers -- it is in {(invalid ? "an invalid state" : $"{type} mode")}");
        if (!invalid)
            return;
        try
        {
            Sys.WriteSmallFile(directory + "/cgroup.type", "threaded");
        }
        catch (LinuxException e)
        {
            Logging.RuncLog.Debug($"{directory}: threaded: {e.Errno.Text()}");
        }
    }

    /// <summary>Whether there are limits for which the kernel has a controller.</summary>
    public static bool NeedsControllers(string mountPoint, ResourcesSpec? resources)
    {
        string[] available = Controllers(mountPoint);
        var asked = new ResourcesSpec
        {
            Memory = resources?.Memory,
            Cpu = resources?.Cpu,
            Pids = resources?.Pids,
            BlockIo = resources?.BlockIo,
            HugepageLimits = resources?.HugepageLimits,
        };
        foreach (CgroupLimit limit in (List<CgroupLimit>)[.. CgroupV2Limits.Of(asked), .. CgroupV2Limits.Weights(asked.BlockIo, null)])
        {
            if (Array.IndexOf(available, limit.File[..limit.File.IndexOf('.')]) >= 0)
                return true;
        }
        return false;
    }

    private static bool NeedsDomain(ResourcesSpec? r) =>
        r?.Memory is { } memory && (memory.Limit ?? 0) + (memory.Swap ?? 0) + (memory.Reservation ?? 0) != 0
        || r?.BlockIo is { } io && (io.Weight is not (null or 0) || io.WeightDevice is { Count: > 0 } || io.ThrottleReadBpsDevice is { Count: > 0 }
            || io.ThrottleWriteBpsDevice is { Count: > 0 } || io.ThrottleReadIopsDevice is { Count: > 0 } || io.ThrottleWriteIopsDevice is { Count: > 0 })
        || r?.Cpu is { } cpu && (cpu.Shares is not (null or 0) || cpu.Quota is not (null or 0) || cpu.Period is not (null or 0) || cpu.Idle is not null || cpu.Burst is not null)
        || r?.HugepageLimits is { Count: > 0 };

    /// <summary>Adds what the limits leave open and the kernel takes only together; refuses those that would end the container at once.</summary>
    public static void Complete(string directory, ResourcesSpec resources)
    {
        RequireRoom(directory, resources.Memory);
        CompleteCpuMax(directory, resources.Cpu);
    }

    /// <summary>Sets limits.</summary>
    /// <exception cref="RuncException">One is refused.</exception>
    public static void Apply(string directory, ResourcesSpec resources)
    {
        var directories = new SortedDictionary<string, string>(StringComparer.Ordinal) { [""] = directory };
        LimitWriter.Write(CgroupV2Limits.Of(resources), directories);
        if (resources.BlockIo is { } io)
            LimitWriter.Write(CgroupV2Limits.Weights(io, File.Exists(directory + "/io.bfq.weight") ? Sys.ReadSmallText(directory + "/io.bfq.weight") : null), directories);
    }

    /// <summary>config-linux.md, "memory.checkBeforeUpdate": a limit below what is in use would end the container.</summary>
    private static void RequireRoom(string directory, MemorySpec? memory)
    {
        if (memory?.CheckBeforeUpdate != true || !File.Exists(directory + "/memory.current"))
            return;
        ulong usage = ulong.Parse(Sys.ReadSmallText(directory + "/memory.current").TrimEnd(), System.Globalization.CultureInfo.InvariantCulture);
        if (memory.Swap is { } swap and > 0 && (ulong)swap <= usage)
            throw new RuncException($"rejecting memory+swap limit {swap} <= usage {usage}");
        if (memory.Limit is { } limit and > 0 && (ulong)limit <= usage)
            throw new RuncException($"rejecting memory limit {limit} <= usage {usage}");
    }

    // cpu.max holds both quota and period: of the one that is not given, what is in force stays.
    private static void CompleteCpuMax(string directory, CpuSpec? cpu)
    {
        bool quota = cpu?.Quota is not (null or 0), period = cpu?.Period is not (null or 0);
        if (quota == period || !File.Exists(directory + "/cpu.max"))
            return;
        string[] now = Sys.ReadSmallText(directory + "/cpu.max").TrimEnd().Split(' ');
        if (!period)
            cpu!.Period = ulong.Parse(now[1], System.Globalization.CultureInfo.InvariantCulture);
        else
            cpu!.Quota = now[0] == "max" ? -1 : long.Parse(now[0], System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Attaches the device rules, which on cgroup2 are a BPF program. Without rules only the default devices are allowed.</summary>
    /// <param name="directory">The cgroup.</param>
    /// <param name="rules">The spec's.</param>
    /// <param name="rootless">Whether it does not count that programs are not allowed.</param>
    /// <exception cref="LinuxException">The kernel takes no program, and rules would be left out.</exception>
    public static void Devices(string directory, List<DeviceRuleSpec>? rules, bool rootless)
    {
        try
        {
            Sys.AttachDeviceProgram(directory, DeviceProgram.Build(DeviceRules.All(rules)));
        }
        catch (LinuxException e) when (rootless || Cli.Rootlessness.InUserNamespace())
        {
            // A user namespace can neither make device files nor, as a rule, load programs.
            Logging.RuncLog.Debug(e.Message);
        }
    }

    /// <summary>Freezes or thaws; a freezing cgroup is waited for.</summary>
    /// <exception cref="RuncException">It did not freeze in time.</exception>
    public static void Freeze(string directory, bool frozen)
    {
        try
        {
            Sys.WriteSmallFile(directory + "/cgroup.freeze", frozen ? "1" : "0");
        }
        catch (LinuxException e)
        {
            throw new RuncException(frozen ? $"freezer not supported: {e.Message}" : e.Message, e);
        }
        if (!frozen)
            return;
        // "when a change in the state is complete, the "frozen" value in the cgroup.events control file will be updated ... and the corresponding
        // notification will be issued" (cgroup-v2.rst, "cgroup.freeze").
        using SafeFileHandle events = Sys.Open(directory + "/cgroup.events", OpenFlags.ReadOnly);
        long end = Environment.TickCount64 + FreezeMilliseconds;
        Span<byte> text = stackalloc byte[256];
        while (true)
        {
            Sys.Lseek(events, 0, "cgroup.events");
            int length = Sys.Read(events, text, "cgroup.events");
            if (text[..length].IndexOf("frozen 1"u8) >= 0)
                return;
            int left = (int)(end - Environment.TickCount64);
            if (left <= 0)
                throw new RuncException($"timeout of {FreezeMilliseconds / 1000}s reached waiting for the cgroup to freeze");
            Sys.Poll(events, EpollEvents.Priority, left);
        }
    }
}
