using System.Globalization;
using AotRuntime.Rpc.Containerd.Cgroups1;
using Google.Protobuf.Collections;

namespace AotRuntime.Shim.Cgroups;

/// <summary>Version 1 figures: one hierarchy for each controller.</summary>
internal static class CgroupV1Stats
{
    /// <summary>USER_HZ, the unit of cpuacct.stat: 100 on every architecture that Linux has it for.</summary>
    private const ulong NanosecondsPerTick = 10_000_000;

    /// <summary>Reads all controllers that are there.</summary>
    public static Metrics Read(CgroupPaths paths)
    {
        var metrics = new Metrics();
        if (paths["pids"] is { } pids)
            metrics.Pids = new PidsStat { Current = CgroupFile.Number(pids, "pids.current"), Limit = Limit(CgroupFile.Number(pids, "pids.max")) };
        if (paths["cpuacct"] is not null || paths["cpu"] is not null)
            metrics.Cpu = Cpu(paths["cpuacct"], paths["cpu"]);
        if (paths["memory"] is { } memory)
        {
            metrics.Memory = Memory(memory);
            Dictionary<string, ulong> oom = CgroupFile.Table(memory, "memory.oom_control");
            metrics.MemoryOomControl = new MemoryOomControl
            {
                OomKillDisable = oom.GetValueOrDefault("oom_kill_disable"),
                UnderOom = oom.GetValueOrDefault("under_oom"),
                OomKill = oom.GetValueOrDefault("oom_kill"),
            };
        }
        if (paths["blkio"] is { } blkio)
            metrics.Blkio = BlkIO(blkio);
        if (paths["hugetlb"] is { } hugetlb)
            HugeTlb(hugetlb, metrics.Hugetlb);
        return metrics;
    }

    // "max" is 0 in this message.
    private static ulong Limit(ulong number) => number == ulong.MaxValue ? 0 : number;

    private static CPUStat Cpu(string? cpuacct, string? cpu)
    {
        Dictionary<string, ulong> ticks = CgroupFile.Table(cpuacct, "cpuacct.stat");
        Dictionary<string, ulong> throttling = CgroupFile.Table(cpu, "cpu.stat");
        var usage = new CPUUsage
        {
            Total = CgroupFile.Number(cpuacct, "cpuacct.usage"),
            User = ticks.GetValueOrDefault("user") * NanosecondsPerTick,
            Kernel = ticks.GetValueOrDefault("system") * NanosecondsPerTick,
        };
        foreach (string number in CgroupFile.Text(cpuacct, "cpuacct.usage_percpu").Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries))
        {
            if (ulong.TryParse(number, CultureInfo.InvariantCulture, out ulong value))
                usage.PerCpu.Add(value);
        }
        return new CPUStat
        {
            Usage = usage,
            Throttling = new Throttle
            {
                Periods = throttling.GetValueOrDefault("nr_periods"),
                ThrottledPeriods = throttling.GetValueOrDefault("nr_throttled"),
                ThrottledTime = throttling.GetValueOrDefault("throttled_time"),
            },
        };
    }

    private static MemoryStat Memory(string folder)
    {
        Dictionary<string, ulong> stat = CgroupFile.Table(folder, "memory.stat");
        ulong At(string name) => stat.GetValueOrDefault(name);
        return new MemoryStat
        {
            Cache = At("cache"),
            Rss = At("rss"),
            RssHuge = At("rss_huge"),
            MappedFile = At("mapped_file"),
            Dirty = At("dirty"),
            Writeback = At("writeback"),
            PgPgIn = At("pgpgin"),
            PgPgOut = At("pgpgout"),
            PgFault = At("pgfault"),
            PgMajFault = At("pgmajfault"),
            InactiveAnon = At("inactive_anon"),
            ActiveAnon = At("active_anon"),
            InactiveFile = At("inactive_file"),
            ActiveFile = At("active_file"),
            Unevictable = At("unevictable"),
            HierarchicalMemoryLimit = At("hierarchical_memory_limit"),
            HierarchicalSwapLimit = At("hierarchical_memsw_limit"),
            TotalCache = At("total_cache"),
            TotalRss = At("total_rss"),
            TotalRssHuge = At("total_rss_huge"),
            TotalMappedFile = At("total_mapped_file"),
            TotalDirty = At("total_dirty"),
            TotalWriteback = At("total_writeback"),
            TotalPgPgIn = At("total_pgpgin"),
            TotalPgPgOut = At("total_pgpgout"),
            TotalPgFault = At("total_pgfault"),
            TotalPgMajFault = At("total_pgmajfault"),
            TotalInactiveAnon = At("total_inactive_anon"),
            TotalActiveAnon = At("total_active_anon"),
            TotalInactiveFile = At("total_inactive_file"),
            TotalActiveFile = At("total_active_file"),
            TotalUnevictable = At("total_unevictable"),
            Usage = Entry(folder, "memory"),
            Swap = Entry(folder, "memory.memsw"),
            Kernel = Entry(folder, "memory.kmem"),
            KernelTcp = Entry(folder, "memory.kmem.tcp"),
        };
    }

    private static MemoryEntry Entry(string folder, string prefix) => new()
    {
        Usage = CgroupFile.Number(folder, prefix + ".usage_in_bytes"),
        Max = CgroupFile.Number(folder, prefix + ".max_usage_in_bytes"),
        Failcnt = CgroupFile.Number(folder, prefix + ".failcnt"),
        Limit = CgroupFile.Number(folder, prefix + ".limit_in_bytes"),
    };

    private static BlkIOStat BlkIO(string folder)
    {
        var stat = new BlkIOStat();
        bool bfq = File.Exists(Path.Combine(folder, "blkio.bfq.io_serviced_recursive"));
        string prefix = bfq ? "blkio.bfq." : "blkio.";
        Entries(folder, prefix + "io_service_bytes_recursive", stat.IoServiceBytesRecursive);
        Entries(folder, prefix + "io_serviced_recursive", stat.IoServicedRecursive);
        if (stat.IoServicedRecursive.Count == 0)
        {
            // The throttling policy counts where no scheduler does.
            Entries(folder, "blkio.throttle.io_service_bytes", stat.IoServiceBytesRecursive);
            Entries(folder, "blkio.throttle.io_serviced", stat.IoServicedRecursive);
            return stat;
        }
        Entries(folder, prefix + "io_queued_recursive", stat.IoQueuedRecursive);
        Entries(folder, prefix + "io_service_time_recursive", stat.IoServiceTimeRecursive);
        Entries(folder, prefix + "io_wait_time_recursive", stat.IoWaitTimeRecursive);
        Entries(folder, prefix + "io_merged_recursive", stat.IoMergedRecursive);
        Entries(folder, prefix + "time_recursive", stat.IoTimeRecursive);
        Entries(folder, prefix + "sectors_recursive", stat.SectorsRecursive);
        return stat;
    }

    // 8:0 Read 4096; the line of the total has no device.
    private static void Entries(string folder, string name, RepeatedField<BlkIOEntry> entries)
    {
        foreach (string[] row in CgroupFile.Rows(folder, name))
        {
            string[] device = row[0].Split(':');
            if (row.Length < 2 || device.Length != 2
                || !ulong.TryParse(device[0], CultureInfo.InvariantCulture, out ulong major)
                || !ulong.TryParse(device[1], CultureInfo.InvariantCulture, out ulong minor)
                || !ulong.TryParse(row[^1], CultureInfo.InvariantCulture, out ulong value))
            {
                continue;
            }
            entries.Add(new BlkIOEntry { Major = major, Minor = minor, Op = row.Length > 2 ? row[1] : "", Value = value });
        }
    }

    private static void HugeTlb(string folder, RepeatedField<HugetlbStat> stats)
    {
        const string suffix = ".usage_in_bytes";
        if (!Directory.Exists(folder))
            return;
        foreach (string file in Directory.EnumerateFiles(folder, "hugetlb.*" + suffix))
        {
            string prefix = Path.GetFileName(file)[..^suffix.Length];
            if (prefix.EndsWith(".rsvd", StringComparison.Ordinal))
                continue;
            stats.Add(new HugetlbStat
            {
                Pagesize = prefix["hugetlb.".Length..],
                Usage = CgroupFile.Number(folder, prefix + suffix),
                Max = CgroupFile.Number(folder, prefix + ".max_usage_in_bytes"),
                Failcnt = CgroupFile.Number(folder, prefix + ".failcnt"),
            });
        }
    }
}
