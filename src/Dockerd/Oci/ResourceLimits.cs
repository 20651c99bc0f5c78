using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Oci;

/// <summary>A container's limits as the runtime takes them.</summary>
internal static class ResourceLimits
{
    /// <summary>The kernel's default period of the CPU bandwidth controller, in microseconds.</summary>
    public const long CpuPeriod = 100_000;

    /// <summary>Translates limits; those that are zero or null are left out.</summary>
    public static OciResources Build(ContainerResources limits)
    {
        OciResources result = new();
        OciMemory memory = new();
        bool any = false;
        if (limits.Memory > 0)
            (memory.Limit, any) = (limits.Memory, true);
        if (limits.MemoryReservation > 0)
            (memory.Reservation, any) = (limits.MemoryReservation, true);
        if (limits.MemorySwap != 0)
            (memory.Swap, any) = (limits.MemorySwap, true);
        if (limits.MemorySwappiness is >= 0 and <= 100)
            (memory.Swappiness, any) = ((ulong)limits.MemorySwappiness, true);
        if (limits.OomKillDisable == true)
            (memory.DisableOOMKiller, any) = (true, true);
        if (any)
            result.Memory = memory;

        OciCpu cpu = new();
        any = false;
        if (limits.CpuShares > 0)
            (cpu.Shares, any) = ((ulong)limits.CpuShares, true);
        if (limits.NanoCpus > 0)
        {
            cpu.Period = (ulong)CpuPeriod;
            cpu.Quota = limits.NanoCpus * CpuPeriod / 1_000_000_000;
            any = true;
        }
        if (limits.CpuPeriod != 0)
            (cpu.Period, any) = ((ulong)limits.CpuPeriod, true);
        if (limits.CpuQuota != 0)
            (cpu.Quota, any) = (limits.CpuQuota, true);
        if (limits.CpuRealtimePeriod != 0)
            (cpu.RealtimePeriod, any) = ((ulong)limits.CpuRealtimePeriod, true);
        if (limits.CpuRealtimeRuntime != 0)
            (cpu.RealtimeRuntime, any) = (limits.CpuRealtimeRuntime, true);
        if (limits.CpusetCpus.Length > 0)
            (cpu.Cpus, any) = (limits.CpusetCpus, true);
        if (limits.CpusetMems.Length > 0)
            (cpu.Mems, any) = (limits.CpusetMems, true);
        if (any)
            result.Cpu = cpu;

        if (limits.PidsLimit > 0)
            result.Pids = new OciPids { Limit = limits.PidsLimit.Value };
        else if (limits.PidsLimit == -1)
            result.Pids = new OciPids { Limit = -1 };

        if (limits.BlkioWeight > 0 || limits.BlkioDeviceReadBps is { Count: > 0 } || limits.BlkioDeviceWriteBps is { Count: > 0 }
            || limits.BlkioDeviceReadIOps is { Count: > 0 } || limits.BlkioDeviceWriteIOps is { Count: > 0 })
        {
            result.BlockIO = new OciBlockIo
            {
                Weight = limits.BlkioWeight > 0 ? limits.BlkioWeight : null,
                ThrottleReadBpsDevice = Throttles(limits.BlkioDeviceReadBps),
                ThrottleWriteBpsDevice = Throttles(limits.BlkioDeviceWriteBps),
                ThrottleReadIOPSDevice = Throttles(limits.BlkioDeviceReadIOps),
                ThrottleWriteIOPSDevice = Throttles(limits.BlkioDeviceWriteIOps),
            };
        }
        return result;
    }

    private static List<OciThrottle>? Throttles(List<ThrottleDevice>? devices)
    {
        if (devices is not { Count: > 0 })
            return null;
        List<OciThrottle> result = [];
        foreach (ThrottleDevice device in devices)
        {
            OciDevice found = Devices.FromPath(device.Path, device.Path);
            result.Add(new OciThrottle { Major = found.Major, Minor = found.Minor, Rate = device.Rate });
        }
        return result;
    }
}
