using System.Globalization;
using AotRuntime.Rpc.Containerd.Cgroups2;
using Google.Protobuf.Collections;

namespace AotRuntime.Shim.Cgroups;

/// <summary>Version 2 figures: one folder for all controllers.</summary>
internal static class CgroupV2Stats
{
    /// <summary>Reads all controllers that are there.</summary>
    public static Metrics Read(string folder)
    {
        Dictionary<string, ulong> cpu = CgroupFile.Table(folder, "cpu.stat");
        Dictionary<string, ulong> events = CgroupFile.Table(folder, "memory.events");
        var metrics = new Metrics
        {
            Pids = new PidsStat
            {
                Current = CgroupFile.Number(folder, "pids.current"),
                Limit = CgroupFile.Number(folder, "pids.max"),
            },
            Cpu = new CPUStat
            {
                UsageUsec = cpu.GetValueOrDefault("usage_usec"),
                UserUsec = cpu.GetValueOrDefault("user_usec"),
                SystemUsec = cpu.GetValueOrDefault("system_usec"),
                NrPeriods = cpu.GetValueOrDefault("nr_periods"),
                NrThrottled = cpu.GetValueOrDefault("nr_throttled"),
                ThrottledUsec = cpu.GetValueOrDefault("throttled_usec"),
                NrBursts = cpu.GetValueOrDefault("nr_bursts"),
                BurstUsec = cpu.GetValueOrDefault("burst_usec"),
            },
            Memory = Memory(folder),
            MemoryEvents = new MemoryEvents
            {
                Low = events.GetValueOrDefault("low"),
                High = events.GetValueOrDefault("high"),
                Max = events.GetValueOrDefault("max"),
                Oom = events.GetValueOrDefault("oom"),
                OomKill = events.GetValueOrDefault("oom_kill"),
                OomGroupKill = events.GetValueOrDefault("oom_group_kill"),
            },
            Io = new IOStat(),
        };
        Io(folder, metrics.Io.Usage);
        HugeTlb(folder, metrics.Hugetlb);
        return metrics;
    }

    private static MemoryStat Memory(string folder)
    {
        Dictionary<string, ulong> stat = CgroupFile.Table(folder, "memory.stat");
        ulong At(string name) => stat.GetValueOrDefault(name);
        return new MemoryStat
        {
            Anon = At("anon"),
            File = At("file"),
            KernelStack = At("kernel_stack"),
            Slab = At("slab"),
            Sock = At("sock"),
            Shmem = At("shmem"),
            FileMapped = At("file_mapped"),
            FileDirty = At("file_dirty"),
            FileWriteback = At("file_writeback"),
            AnonThp = At("anon_thp"),
            InactiveAnon = At("inactive_anon"),
            ActiveAnon = At("active_anon"),
            InactiveFile = At("inactive_file"),
            ActiveFile = At("active_file"),
            Unevictable = At("unevictable"),
            SlabReclaimable = At("slab_reclaimable"),
            SlabUnreclaimable = At("slab_unreclaimable"),
            Pgfault = At("pgfault"),
            Pgmajfault = At("pgmajfault"),
            WorkingsetRefault = At("workingset_refault"),
            WorkingsetActivate = At("workingset_activate"),
            WorkingsetNodereclaim = At("workingset_nodereclaim"),
            Pgrefill = At("pgrefill"),
            Pgscan = At("pgscan"),
            Pgsteal = At("pgsteal"),
            Pgactivate = At("pgactivate"),
            Pgdeactivate = At("pgdeactivate"),
            Pglazyfree = At("pglazyfree"),
            Pglazyfreed = At("pglazyfreed"),
            ThpFaultAlloc = At("thp_fault_alloc"),
            ThpCollapseAlloc = At("thp_collapse_alloc"),
            Usage = CgroupFile.Number(folder, "memory.current"),
            UsageLimit = CgroupFile.Number(folder, "memory.max"),
            MaxUsage = CgroupFile.Number(folder, "memory.peak"),
            SwapUsage = CgroupFile.Number(folder, "memory.swap.current"),
            SwapLimit = CgroupFile.Number(folder, "memory.swap.max"),
            SwapMaxUsage = CgroupFile.Number(folder, "memory.swap.peak"),
        };
    }

    // 8:0 rbytes=90430464 wbytes=299008000 rios=8950 wios=1252 dbytes=0 dios=0
    private static void Io(string folder, RepeatedField<IOEntry> entries)
    {
        foreach (string[] row in CgroupFile.Rows(folder, "io.stat"))
        {
            string[] device = row[0].Split(':');
            if (device.Length != 2
                || !ulong.TryParse(device[0], CultureInfo.InvariantCulture, out ulong major)
                || !ulong.TryParse(device[1], CultureInfo.InvariantCulture, out ulong minor))
            {
                continue;
            }
            var entry = new IOEntry { Major = major, Minor = minor };
            foreach (string field in row.AsSpan(1))
            {
                int equals = field.IndexOf('=');
                if (equals < 0 || !ulong.TryParse(field.AsSpan(equals + 1), CultureInfo.InvariantCulture, out ulong value))
                    continue;
                switch (field[..equals])
                {
                    case "rbytes":
                        entry.Rbytes = value;
                        break;
                    case "wbytes":
                        entry.Wbytes = value;
                        break;
                    case "rios":
                        entry.Rios = value;
                        break;
                    case "wios":
                        entry.Wios = value;
                        break;
                    default:
                        break;
                }
            }
            entries.Add(entry);
        }
    }

    private static void HugeTlb(string folder, RepeatedField<HugeTlbStat> stats)
    {
        const string suffix = ".current";
        if (!Directory.Exists(folder))
            return;
        foreach (string file in Directory.EnumerateFiles(folder, "hugetlb.*" + suffix))
        {
            string prefix = Path.GetFileName(file)[..^suffix.Length];
            if (prefix.EndsWith(".rsvd", StringComparison.Ordinal))
                continue;
            stats.Add(new HugeTlbStat
            {
                Pagesize = prefix["hugetlb.".Length..],
                Current = CgroupFile.Number(folder, prefix + suffix),
                Max = CgroupFile.Number(folder, prefix + ".max"),
            });
        }
    }
}
