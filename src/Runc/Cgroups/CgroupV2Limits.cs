using System.Globalization;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Cgroups;

/// <summary>Resources as the files of cgroup2 (kernel: Documentation/admin-guide/cgroup-v2.rst).</summary>
internal static class CgroupV2Limits
{
    /// <summary>What to write, in order.</summary>
    public static List<CgroupLimit> Of(ResourcesSpec resources)
    {
        var list = new List<CgroupLimit>();
        if (resources.Pids?.Limit is { } pids and not 0)
            Add(list, "pids.max", Max(pids));
        Memory(list, resources.Memory);
        if (resources.BlockIo is { } io)
        {
            Throttle(list, "rbps", io.ThrottleReadBpsDevice);
            Throttle(list, "wbps", io.ThrottleWriteBpsDevice);
            Throttle(list, "riops", io.ThrottleReadIopsDevice);
            Throttle(list, "wiops", io.ThrottleWriteIopsDevice);
        }
        Cpu(list, resources.Cpu);
        foreach (HugepageLimitSpec page in resources.HugepageLimits ?? [])
        {
            string limit = page.Limit.ToString(CultureInfo.InvariantCulture);
            Add(list, $"hugetlb.{page.PageSize}.max", limit);
            Add(list, $"hugetlb.{page.PageSize}.rsvd.max", limit, LimitFlags.Optional);
        }
        foreach ((string device, RdmaSpec? rdma) in resources.Rdma ?? [])
            Add(list, "rdma.max", CgroupV1Limits.Rdma(device, rdma));
        foreach ((string key, string? value) in resources.Unified ?? [])
        {
            if (key.Contains('/'))
                throw new RuncException($"unified resource \"{key}\" must be a file name (no slashes)");
            // "interface files ... one line at a time": of more lines in one write the kernel takes the first alone, or none.
            foreach (string line in (value ?? "").TrimEnd('\n').Split('\n'))
                Add(list, key, line, LimitFlags.Unified);
        }
        return list;
    }

    /// <summary>Proportional weight, by BFQ where the kernel offers it (1–1000, for single devices too), else by the cost model.</summary>
    /// <param name="io">The spec's.</param>
    /// <param name="bfq">The content of io.bfq.weight; null where there is none.</param>
    internal static List<CgroupLimit> Weights(BlockIoSpec? io, string? bfq)
    {
        var list = new List<CgroupLimit>();
        if (io?.Weight is { } weight and not 0)
        {
            if (bfq is not null)
                Add(list, "io.bfq.weight", Text(weight));
            else
                Add(list, "io.weight", "default " + Text(IoWeight(weight)));
        }
        // A kernel that answers with a number alone has no weights for single devices.
        if (bfq is not null && !long.TryParse(bfq.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out _))
        {
            foreach (WeightDeviceSpec device in io?.WeightDevice ?? [])
                Add(list, "io.bfq.weight", $"{Text(device.Major)}:{Text(device.Minor)} {Text(device.Weight ?? 0)}");
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

    private static void Memory(List<CgroupLimit> list, MemorySpec? memory)
    {
        if (memory is null)
            return;
        // A kernel that does not account swap gives none, or all there is.
        if (Swap(memory.Swap ?? 0, memory.Limit ?? 0) is { } swap)
            Add(list, "memory.swap.max", swap, swap is "max" or "0" ? LimitFlags.Optional : LimitFlags.None);
        if (memory.Limit is { } limit and not 0)
            Add(list, "memory.max", Max(limit));
        if (memory.Reservation is { } reservation and not 0)
            Add(list, "memory.low", Max(reservation));
    }

    private static void Cpu(List<CgroupLimit> list, CpuSpec? cpu)
    {
        if (cpu is null)
            return;
        if (cpu.Idle is { } idle)
            Add(list, "cpu.idle", Text(idle));
        if (cpu.Shares is { } shares and not 0 && cpu.Idle is not 1)
            Add(list, "cpu.weight", Text(CpuWeight(shares)));
        bool max = cpu.Quota is not (null or 0) || cpu.Period is not (null or 0);
        // No more than the quota can be saved up, and that may be raised next.
        if (cpu.Burst is { } burst)
            Add(list, "cpu.max.burst", burst.ToString(CultureInfo.InvariantCulture), max ? LimitFlags.Retry : LimitFlags.None);
        if (max)
            Add(list, "cpu.max", CpuMax(cpu.Quota ?? 0, cpu.Period ?? 0));
        if (!string.IsNullOrEmpty(cpu.Cpus))
            Add(list, "cpuset.cpus", cpu.Cpus);
        if (!string.IsNullOrEmpty(cpu.Mems))
            Add(list, "cpuset.mems", cpu.Mems);
    }

    /// <summary>"$MAX $PERIOD"; a quota that is not positive is none.</summary>
    internal static string CpuMax(long quota, ulong period) =>
        string.Create(CultureInfo.InvariantCulture, $"{(quota > 0 ? Text(quota) : "max")} {(period == 0 ? 100000 : period)}");

    private static void Throttle(List<CgroupLimit> list, string key, List<ThrottleDeviceSpec>? devices)
    {
        foreach (ThrottleDeviceSpec device in devices ?? [])
            Add(list, "io.max", string.Create(CultureInfo.InvariantCulture, $"{device.Major}:{device.Minor} {key}={device.Rate}"));
    }

    private static void Add(List<CgroupLimit> list, string file, string value, LimitFlags flags = LimitFlags.None) => list.Add(new("", file, value, flags));

    private static string Max(long value) => value < 0 ? "max" : Text(value);

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
