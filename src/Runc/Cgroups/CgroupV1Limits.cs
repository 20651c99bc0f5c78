using System.Globalization;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Cgroups;

/// <summary>Resources as the files of cgroup v1 (kernel: Documentation/admin-guide/cgroup-v1).</summary>
internal static class CgroupV1Limits
{
    public const string MemoryAndSwap = "memory.memsw.limit_in_bytes";

    /// <summary>What to write, in order.</summary>
    public static List<(string Controller, string File, string Value)> Of(ResourcesSpec resources)
    {
        var list = new List<(string, string, string)>();
        Memory(list, resources.Memory);
        Cpu(list, resources.Cpu);
        if (resources.Pids?.Limit is { } pids and not 0)
            list.Add(("pids", "pids.max", pids < 0 ? "max" : Text(pids)));
        BlockIo(list, resources.BlockIo);
        foreach (HugepageLimitSpec page in resources.HugepageLimits ?? [])
            list.Add(("hugetlb", $"hugetlb.{page.PageSize}.limit_in_bytes", Text(page.Limit)));
        if (resources.Network?.ClassId is { } classId and not 0)
            list.Add(("net_cls", "net_cls.classid", Text(classId)));
        foreach (InterfacePrioritySpec priority in resources.Network?.Priorities ?? [])
            list.Add(("net_prio", "net_prio.ifpriomap", $"{priority.Name} {Text(priority.Priority)}"));
        return list;
    }

    private static void Memory(List<(string, string, string)> list, MemorySpec? memory)
    {
        if (memory is null)
            return;
        long swap = memory.Swap ?? 0;
        // Without a limit on memory, one on the sum that is still in force would make no sense.
        if (memory.Limit == -1 && swap == 0)
            swap = -1;
        if (memory.Limit is { } limit and not 0)
            list.Add(("memory", "memory.limit_in_bytes", Text(limit)));
        if (swap != 0 && !(memory.Swap is null && !File.Exists("/sys/fs/cgroup/memory/" + MemoryAndSwap)))
            list.Add(("memory", MemoryAndSwap, Text(swap)));
        if (memory.Reservation is { } reservation and not 0)
            list.Add(("memory", "memory.soft_limit_in_bytes", Text(reservation)));
        if (memory.DisableOomKiller == true)
            list.Add(("memory", "memory.oom_control", "1"));
        if (memory.Swappiness is { } swappiness)
        {
            if (swappiness > 100)
                throw new RuncException($"invalid memory swappiness value: {Text(swappiness)} (valid range is 0-100)");
            list.Add(("memory", "memory.swappiness", Text(swappiness)));
        }
    }

    private static void Cpu(List<(string, string, string)> list, CpuSpec? cpu)
    {
        if (cpu is null)
            return;
        if (cpu.Shares is { } shares and not 0)
            list.Add(("cpu", "cpu.shares", Text(shares)));
        if (cpu.Period is { } period and not 0)
            list.Add(("cpu", "cpu.cfs_period_us", Text(period)));
        if (cpu.Quota is { } quota and not 0)
            list.Add(("cpu", "cpu.cfs_quota_us", Text(quota)));
        if (cpu.Burst is { } burst)
            list.Add(("cpu", "cpu.cfs_burst_us", Text(burst)));
        if (cpu.RealtimePeriod is { } realtimePeriod and not 0)
            list.Add(("cpu", "cpu.rt_period_us", Text(realtimePeriod)));
        if (cpu.RealtimeRuntime is { } realtimeRuntime and not 0)
            list.Add(("cpu", "cpu.rt_runtime_us", Text(realtimeRuntime)));
        if (cpu.Idle is { } idle)
            list.Add(("cpu", "cpu.idle", Text(idle)));
        if (!string.IsNullOrEmpty(cpu.Cpus))
            list.Add(("cpuset", "cpuset.cpus", cpu.Cpus));
        if (!string.IsNullOrEmpty(cpu.Mems))
            list.Add(("cpuset", "cpuset.mems", cpu.Mems));
    }

    private static void BlockIo(List<(string, string, string)> list, BlockIoSpec? io)
    {
        if (io is null)
            return;
        if (io.Weight is { } weight and not 0)
            list.Add(("blkio", "blkio.weight", Text(weight)));
        if (io.LeafWeight is { } leaf and not 0)
            list.Add(("blkio", "blkio.leaf_weight", Text(leaf)));
        foreach (WeightDeviceSpec device in io.WeightDevice ?? [])
        {
            if (device.Weight is { } one and not 0)
                list.Add(("blkio", "blkio.weight_device", $"{Text(device.Major)}:{Text(device.Minor)} {Text(one)}"));
        }
        Throttle(list, "blkio.throttle.read_bps_device", io.ThrottleReadBpsDevice);
        Throttle(list, "blkio.throttle.write_bps_device", io.ThrottleWriteBpsDevice);
        Throttle(list, "blkio.throttle.read_iops_device", io.ThrottleReadIopsDevice);
        Throttle(list, "blkio.throttle.write_iops_device", io.ThrottleWriteIopsDevice);
    }

    private static void Throttle(List<(string, string, string)> list, string file, List<ThrottleDeviceSpec>? devices)
    {
        foreach (ThrottleDeviceSpec device in devices ?? [])
            list.Add(("blkio", file, $"{Text(device.Major)}:{Text(device.Minor)} {Text(device.Rate)}"));
    }

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Text(ulong value) => value.ToString(CultureInfo.InvariantCulture);
}
