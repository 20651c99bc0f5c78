using System.Globalization;
using AotRuntime.Dockerd.Containerd;
using AotRuntime.Dockerd.Containers;
using AotRuntime.EngineApi;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Types;
using V1 = AotRuntime.Rpc.Containerd.Cgroups1;
using V2 = AotRuntime.Rpc.Containerd.Cgroups2;

namespace AotRuntime.Dockerd.Host;

/// <summary>Samples what a container uses.</summary>
internal static class StatsReader
{
    /// <summary>USER_HZ: the unit of /proc/stat.</summary>
    private const ulong NanosPerTick = 10_000_000;

    /// <summary>One sample; null where the container has just ended.</summary>
    public static async Task<ContainerStats?> ReadAsync(ContainerdClient client, Container container, ContainerStats? before, CancellationToken cancellationToken)
    {
        Metric? metric;
        try
        {
            metric = await client.MetricsAsync(container.Id, cancellationToken).ConfigureAwait(false);
        }
        catch (RpcException e) when (e.Status == RpcStatus.NotFound)
        {
            return null;
        }
        if (metric?.Data is null)
            return null;
        ContainerStats stats = new()
        {
            Name = "/" + container.Record.Name,
            Id = container.Id,
            Read = GoTime.Format(DateTimeOffset.UtcNow),
            PreRead = before?.Read ?? GoTime.Zero,
            PreCpu = before?.Cpu ?? new CpuStats(),
        };
        if (TypeUrls.Is(metric.Data, TypeUrls.Cgroup1Metrics))
            Fill(stats, V1.Metrics.Parser.ParseFrom(metric.Data.Value));
        else if (TypeUrls.Is(metric.Data, TypeUrls.Cgroup2Metrics))
            Fill(stats, V2.Metrics.Parser.ParseFrom(metric.Data.Value));
        stats.Cpu.SystemUsage = SystemCpu();
        stats.Cpu.OnlineCpus = Environment.ProcessorCount;
        stats.Memory.Limit = Math.Min(stats.Memory.Limit == 0 ? ulong.MaxValue : stats.Memory.Limit, (ulong)GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
        if (container.Record.HostConfig.NetworkMode != "host")
            stats.Networks = Networks(container.State.Pid);
        return stats;
    }

    private static void Fill(ContainerStats stats, V1.Metrics metrics)
    {
        if (metrics.Pids is { } pids)
            stats.Pids = new PidsStats { Current = pids.Current, Limit = pids.Limit };
        if (metrics.Cpu?.Usage is { } usage)
            stats.Cpu.Usage = new CpuUsage { Total = usage.Total, InKernel = usage.Kernel, InUser = usage.User, PerCpu = [.. usage.PerCpu] };
        if (metrics.Cpu?.Throttling is { } throttling)
            stats.Cpu.Throttling = new ThrottlingData { Periods = throttling.Periods, ThrottledPeriods = throttling.ThrottledPeriods, ThrottledTime = throttling.ThrottledTime };
        if (metrics.Memory is { } memory)
        {
            stats.Memory = new MemoryStats
            {
                Usage = memory.Usage?.Usage ?? 0,
                MaxUsage = memory.Usage?.Max ?? 0,
                FailCount = memory.Usage?.Failcnt ?? 0,
                Limit = memory.Usage?.Limit ?? 0,
                Stats = new Dictionary<string, ulong>
                {
                    ["cache"] = memory.Cache,
                    ["rss"] = memory.Rss,
                    ["mapped_file"] = memory.MappedFile,
                    ["pgfault"] = memory.PgFault,
                    ["pgmajfault"] = memory.PgMajFault,
                    ["inactive_anon"] = memory.InactiveAnon,
                    ["active_anon"] = memory.ActiveAnon,
                    ["inactive_file"] = memory.InactiveFile,
                    ["active_file"] = memory.ActiveFile,
                    ["unevictable"] = memory.Unevictable,
                    ["hierarchical_memory_limit"] = memory.HierarchicalMemoryLimit,
                    ["total_cache"] = memory.TotalCache,
                    ["total_rss"] = memory.TotalRss,
                    ["total_inactive_file"] = memory.TotalInactiveFile,
                    ["total_active_file"] = memory.TotalActiveFile,
                },
            };
        }
        if (metrics.Blkio is { } io)
        {
            stats.Blkio = new BlkioStats
            {
                ServiceBytes = [.. io.IoServiceBytesRecursive.Select(e => new BlkioEntry { Major = e.Major, Minor = e.Minor, Op = e.Op, Value = e.Value })],
                Serviced = [.. io.IoServicedRecursive.Select(e => new BlkioEntry { Major = e.Major, Minor = e.Minor, Op = e.Op, Value = e.Value })],
            };
        }
    }

    private static void Fill(ContainerStats stats, V2.Metrics metrics)
    {
        if (metrics.Pids is { } pids)
            stats.Pids = new PidsStats { Current = pids.Current, Limit = pids.Limit };
        if (metrics.Cpu is { } cpu)
        {
            stats.Cpu.Usage = new CpuUsage { Total = cpu.UsageUsec * 1000, InKernel = cpu.SystemUsec * 1000, InUser = cpu.UserUsec * 1000 };
            stats.Cpu.Throttling = new ThrottlingData { Periods = cpu.NrPeriods, ThrottledPeriods = cpu.NrThrottled, ThrottledTime = cpu.ThrottledUsec * 1000 };
        }
        if (metrics.Memory is { } memory)
        {
            stats.Memory = new MemoryStats
            {
                Usage = memory.Usage,
                Limit = memory.UsageLimit,
                Stats = new Dictionary<string, ulong>
                {
                    ["anon"] = memory.Anon,
                    ["file"] = memory.File,
                    ["inactive_anon"] = memory.InactiveAnon,
                    ["active_anon"] = memory.ActiveAnon,
                    ["inactive_file"] = memory.InactiveFile,
                    ["active_file"] = memory.ActiveFile,
                },
            };
        }
    }

    private static ulong SystemCpu()
    {
        // "cpu  user nice system idle iowait irq softirq steal …": the first seven are what Docker sums.
        string[] words = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        ulong sum = 0;
        for (int i = 1; i < Math.Min(8, words.Length); i++)
            sum += ulong.Parse(words[i], CultureInfo.InvariantCulture);
        return sum * NanosPerTick;
    }

    private static Dictionary<string, NetworkStats>? Networks(int pid)
    {
        string path = $"/proc/{pid.ToString(CultureInfo.InvariantCulture)}/net/dev";
        Dictionary<string, NetworkStats> result = [];
        try
        {
            foreach (string line in File.ReadLines(path).Skip(2))
            {
                int colon = line.IndexOf(':');
                string name = line[..colon].Trim();
                if (name == "lo")
                    continue;
                ulong[] numbers = [.. line[(colon + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(n => ulong.Parse(n, CultureInfo.InvariantCulture))];
                result[name] = new NetworkStats
                {
                    RxBytes = numbers[0],
                    RxPackets = numbers[1],
                    RxErrors = numbers[2],
                    RxDropped = numbers[3],
                    TxBytes = numbers[8],
                    TxPackets = numbers[9],
                    TxErrors = numbers[10],
                    TxDropped = numbers[11],
                };
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
        return result.Count > 0 ? result : null;
    }
}
