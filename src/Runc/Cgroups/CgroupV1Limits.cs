using System.Globalization;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Cgroups;

/// <summary>Resources as the files of cgroup v1 (kernel: Documentation/admin-guide/cgroup-v1). Limits of kernel memory are ignored, as by runc.</summary>
internal static class CgroupV1Limits
{
    /// <summary>What to write, in order.</summary>
    public static List<CgroupLimit> Of(ResourcesSpec resources)
    {
        var list = new List<CgroupLimit>();
        Memory(list, resources.Memory);
        Cpu(list, resources.Cpu);
        if (resources.Pids?.Limit is { } pids and not 0)
            list.Add(new("pids", "pids.max", pids < 0 ? "max" : Text(pids)));
        BlockIo(list, resources.BlockIo);
        foreach (HugepageLimitSpec page in resources.HugepageLimits ?? [])
        {
            list.Add(new("hugetlb", $"hugetlb.{page.PageSize}.limit_in_bytes", Text(page.Limit)));
            list.Add(new("hugetlb", $"hugetlb.{page.PageSize}.rsvd.limit_in_bytes", Text(page.Limit), LimitFlags.Optional));
        }
        foreach ((string device, RdmaSpec? rdma) in resources.Rdma ?? [])
            list.Add(new("rdma", "rdma.max", Rdma(device, rdma)));
        if (resources.Network?.ClassId is { } classId and not 0)
            list.Add(new("net_cls", "net_cls.classid", Text(classId)));
        foreach (InterfacePrioritySpec priority in resources.Network?.Priorities ?? [])
            list.Add(new("net_prio", "net_prio.ifpriomap", $"{priority.Name} {Text(priority.Priority)}"));
        return list;
    }

    /// <summary>A line of rdma.max, the same on v1 and cgroup2.</summary>
    internal static string Rdma(string device, RdmaSpec? rdma)
    {
        string line = device;
        if (rdma?.HcaHandles is { } handles)
            line += " hca_handle=" + Text(handles);
        if (rdma?.HcaObjects is { } objects)
            line += " hca_object=" + Text(objects);
        return line;
    }

    private static void Memory(List<CgroupLimit> list, MemorySpec? memory)
    {
        if (memory is null)
            return;
        // Memory alone must not exceed memory and swap together: when both are raised, the sum goes first.
        if (memory.Limit is { } limit and not 0)
            list.Add(new("memory", "memory.limit_in_bytes", Text(limit), LimitFlags.Retry));
        // Without a limit on memory, one on the sum that is still in force would make no sense.
        if (memory.Swap is { } swap and not 0)
            list.Add(new("memory", "memory.memsw.limit_in_bytes", Text(swap)));
        else if (memory.Limit == -1)
            list.Add(new("memory", "memory.memsw.limit_in_bytes", "-1", LimitFlags.Optional));
        if (memory.Reservation is { } reservation and not 0)
            list.Add(new("memory", "memory.soft_limit_in_bytes", Text(reservation)));
        if (memory.DisableOomKiller == true)
            list.Add(new("memory", "memory.oom_control", "1"));
        if (memory.Swappiness is { } swappiness)
        {
            if (swappiness > 100)
                throw new RuncException($"invalid memory swappiness value: {Text(swappiness)} (valid range is 0-100)");
            list.Add(new("memory", "memory.swappiness", Text(swappiness)));
        }
    }

    private static void Cpu(List<CgroupLimit> list, CpuSpec? cpu)
    {
        if (cpu is null)
            return;
        if (cpu.RealtimePeriod is { } realtimePeriod and not 0)
            list.Add(new("cpu", "cpu.rt_period_us", Text(realtimePeriod), LimitFlags.Retry));
        if (cpu.RealtimeRuntime is { } realtimeRuntime and not 0)
            list.Add(new("cpu", "cpu.rt_runtime_us", Text(realtimeRuntime)));
        if (cpu.Shares is { } shares and not 0)
            list.Add(new("cpu", "cpu.shares", Text(shares)));
        if (cpu.Period is { } period and not 0)
            list.Add(new("cpu", "cpu.cfs_period_us", Text(period), LimitFlags.Retry));
        if (cpu.Burst is { } burst)
            list.Add(new("cpu", "cpu.cfs_burst_us", Text(burst), LimitFlags.Optional | LimitFlags.Retry));
        if (cpu.Quota is { } quota and not 0)
            list.Add(new("cpu", "cpu.cfs_quota_us", Text(quota)));
        if (cpu.Idle is { } idle)
            list.Add(new("cpu", "cpu.idle", Text(idle)));
        if (!string.IsNullOrEmpty(cpu.Cpus))
            list.Add(new("cpuset", "cpuset.cpus", cpu.Cpus));
        if (!string.IsNullOrEmpty(cpu.Mems))
            list.Add(new("cpuset", "cpuset.mems", cpu.Mems));
    }

    private static void BlockIo(List<CgroupLimit> list, BlockIoSpec? io)
    {
        if (io is null)
            return;
        if (io.Weight is { } weight and not 0)
            list.Add(new("blkio", "blkio.weight", Text(weight)));
        if (io.LeafWeight is { } leaf and not 0)
            list.Add(new("blkio", "blkio.leaf_weight", Text(leaf)));
        foreach (WeightDeviceSpec device in io.WeightDevice ?? [])
        {
            if (device.Weight is { } one and not 0)
                list.Add(new("blkio", "blkio.weight_device", $"{Text(device.Major)}:{Text(device.Minor)} {Text(one)}"));
            if (device.LeafWeight is { } inner and not 0)
                list.Add(new("blkio", "blkio.leaf_weight_device", $"{Text(device.Major)}:{Text(device.Minor)} {Text(inner)}"));
        }
        Throttle(list, "blkio.throttle.read_bps_device", io.ThrottleReadBpsDevice);
        Throttle(list, "blkio.throttle.write_bps_device", io.ThrottleWriteBpsDevice);
        Throttle(list, "blkio.throttle.read_iops_device", io.ThrottleReadIopsDevice);
        Throttle(list, "blkio.throttle.write_iops_device", io.ThrottleWriteIopsDevice);
    }

    private static void Throttle(List<CgroupLimit> list, string file, List<ThrottleDeviceSpec>? devices)
    {
        foreach (ThrottleDeviceSpec device in devices ?? [])
            list.Add(new("blkio", file, $"{Text(device.Major)}:{Text(device.Minor)} {Text(device.Rate)}"));
    }

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Text(ulong value) => value.ToString(CultureInfo.InvariantCulture);
}
