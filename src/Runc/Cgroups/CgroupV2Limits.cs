using System.Globalization;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Cgroups;

/// <summary>Resources as the files of cgroup2 (kernel: Documentation/admin-guide/cgroup-v2.rst).</summary>
internal static class CgroupV2Limits
{
    /// <summary>What to write, in order.</summary>
    public static List<(string File, string Value)> Of(ResourcesSpec resources)
    {
        var list = new List<(string, string)>();
        Memory(list, resources.Memory);
        Cpu(list, resources.Cpu);
        if (resources.Pids?.Limit is { } pids and not 0)
            list.Add(("pids.max", Max(pids)));
        if (resources.BlockIo is { } io)
        {
            if (io.Weight is { } weight and not 0)
                list.Add(("io.weight", "default " + Text(IoWeight(weight))));
            Throttle(list, "rbps", io.ThrottleReadBpsDevice);
            Throttle(list, "wbps", io.ThrottleWriteBpsDevice);
            Throttle(list, "riops", io.ThrottleReadIopsDevice);
            Throttle(list, "wiops", io.ThrottleWriteIopsDevice);
        }
        foreach (HugepageLimitSpec page in resources.HugepageLimits ?? [])
            list.Add(($"hugetlb.{page.PageSize}.max", page.Limit.ToString(CultureInfo.InvariantCulture)));
        foreach ((string key, string? value) in resources.Unified ?? [])
        {
            if (key.Contains('/') || !key.Contains('.'))
                throw new RuncException($"unified resource \"{key}\" must be a file name (no slashes)");
            list.Add((key, value ?? ""));
        }
        return list;
    }

    /// <summary>cpu.weight (1–10000) of v1's shares (2–262144), by the curve that maps 1024 to 100.</summary>
    internal static long CpuWeight(ulong shares)
    {
        if (shares == 0)
            return 0;
        if (shares <= 2)
            return 1;
        if (shares >= 262144)
            return 10000;
        double l = Math.Log2(shares);
        double exponent = (l * l + 125 * l) / 612.0 - 7.0 / 34.0;
        return (long)Math.Ceiling(Math.Pow(10, exponent));
    }

    /// <summary>io.weight (1–10000) of blkio.weight (10–1000).</summary>
    internal static long IoWeight(ushort weight) => weight == 0 ? 0 : 1 + (weight - 10L) * 9999 / 990;

    /// <summary>memory.swap.max counts swap alone, the spec's limit memory and swap together.</summary>
    /// <returns>The file's value; null where nothing is to be written.</returns>
    internal static string? Swap(long swap, long memory)
    {
        if (swap == 0)
            return memory == -1 ? "max" : null;
        if (swap == -1)
            return "max";
        if (memory is 0 or -1)
            throw new RuncException("unable to set swap limit without memory limit");
        if (swap < memory)
            throw new RuncException("memory+swap limit should be >= memory limit");
        return Text(swap - memory);
    }

    private static void Memory(List<(string, string)> list, MemorySpec? memory)
    {
        if (memory is null)
            return;
        if (Swap(memory.Swap ?? 0, memory.Limit ?? 0) is { } swap)
            list.Add(("memory.swap.max", swap));
        if (memory.Limit is { } limit and not 0)
            list.Add(("memory.max", Max(limit)));
        if (memory.Reservation is { } reservation and not 0)
            list.Add(("memory.low", Max(reservation)));
    }

    private static void Cpu(List<(string, string)> list, CpuSpec? cpu)
    {
        if (cpu is null)
            return;
        if (cpu.Idle is { } idle)
            list.Add(("cpu.idle", Text(idle)));
        if (cpu.Shares is { } shares and not 0 && cpu.Idle is not 1)
            list.Add(("cpu.weight", Text(CpuWeight(shares))));
        if (cpu.Quota is not (null or 0) || cpu.Period is not (null or 0))
            list.Add(("cpu.max", CpuMax(cpu.Quota ?? 0, cpu.Period ?? 0)));
        if (cpu.Burst is { } burst)
            list.Add(("cpu.max.burst", burst.ToString(CultureInfo.InvariantCulture)));
        if (!string.IsNullOrEmpty(cpu.Cpus))
            list.Add(("cpuset.cpus", cpu.Cpus));
        if (!string.IsNullOrEmpty(cpu.Mems))
            list.Add(("cpuset.mems", cpu.Mems));
    }

    /// <summary>"$MAX $PERIOD"; a quota that is not positive is none.</summary>
    internal static string CpuMax(long quota, ulong period) =>
        string.Create(CultureInfo.InvariantCulture, $"{(quota > 0 ? Text(quota) : "max")} {(period == 0 ? 100000 : period)}");

    private static void Throttle(List<(string, string)> list, string key, List<ThrottleDeviceSpec>? devices)
    {
        foreach (ThrottleDeviceSpec device in devices ?? [])
            list.Add(("io.max", string.Create(CultureInfo.InvariantCulture, $"{device.Major}:{device.Minor} {key}={device.Rate}")));
    }

    private static string Max(long value) => value < 0 ? "max" : Text(value);

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
