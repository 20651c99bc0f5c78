using System.Globalization;
using System.Text.Json;
using AotRuntime.Linux;

namespace AotRuntime.Runc.Cgroups;

/// <summary>What a cgroup has used, in the JSON of runc's <c>events</c>; of numbers that are 0 it leaves out the same ones.</summary>
internal static class CgroupStats
{
    // USER_HZ, in which cpuacct.stat counts.
    private const ulong NanosecondsPerTick = 10_000_000;

    public static void Write(Utf8JsonWriter json, ContainerCgroups cgroups)
    {
        if (cgroups.Unified)
            V2(json, cgroups.PathOf("")!);
        else
            V1(json, cgroups);
    }

    internal static Dictionary<string, ulong> Keyed(string text)
    {
        var values = new Dictionary<string, ulong>(StringComparer.Ordinal);
        foreach (string line in text.Split('\n'))
        {
            int space = line.IndexOf(' ');
            if (space > 0 && ulong.TryParse(line.AsSpan(space + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ulong value))
                values[line[..space]] = value;
        }
        return values;
    }

    private static void V1(Utf8JsonWriter json, ContainerCgroups cgroups)
    {
        string cpuacct = cgroups.PathOf("cpuacct") ?? "", cpu = cgroups.PathOf("cpu") ?? "", memory = cgroups.PathOf("memory") ?? "";
        Dictionary<string, ulong> stat = KeyedFile(cpuacct + "/cpuacct.stat"), throttling = KeyedFile(cpu + "/cpu.stat");
        json.WriteStartObject("cpu");
        json.WriteStartObject("usage");
        Some(json, "total", Number(cpuacct + "/cpuacct.usage"));
        PerCpu(json, cpuacct);
        json.WriteNumber("kernel", stat.GetValueOrDefault("system") * NanosecondsPerTick);
        json.WriteNumber("user", stat.GetValueOrDefault("user") * NanosecondsPerTick);
        json.WriteEndObject();
        Throttling(json, throttling.GetValueOrDefault("nr_periods"), throttling.GetValueOrDefault("nr_throttled"), throttling.GetValueOrDefault("throttled_time"));
        json.WriteEndObject();
        CpuSet(json, cgroups.PathOf("cpuset") ?? "");

        Dictionary<string, ulong> raw = KeyedFile(memory + "/memory.stat");
        json.WriteStartObject("memory");
        Some(json, "cache", raw.GetValueOrDefault("cache"));
        foreach ((string name, string prefix) in ((string, string)[])[("usage", "memory."), ("swap", "memory.memsw."), ("kernel", "memory.kmem."), ("kernelTCP", "memory.kmem.tcp.")])
        {
            string file = $"{memory}/{prefix}";
            MemoryEntry(json, name, Number(file + "limit_in_bytes"), Number(file + "usage_in_bytes"), Number(file + "max_usage_in_bytes"), Number(file + "failcnt"));
        }
        Raw(json, raw);
        json.WriteEndObject();
        Pids(json, cgroups.PathOf("pids") ?? "");
        json.WriteStartObject("blkio");
        BlockIoV1(json, cgroups.PathOf("blkio") ?? "");
        json.WriteEndObject();
        HugePages(json, cgroups.PathOf("hugetlb"), "limit_in_bytes", "usage_in_bytes", "max_usage_in_bytes");
    }

    private static void V2(Utf8JsonWriter json, string directory)
    {
        Dictionary<string, ulong> stat = KeyedFile(directory + "/cpu.stat");
        json.WriteStartObject("cpu");
        json.WriteStartObject("usage");
        Some(json, "total", stat.GetValueOrDefault("usage_usec") * 1000);
        json.WriteNumber("kernel", stat.GetValueOrDefault("system_usec") * 1000);
        json.WriteNumber("user", stat.GetValueOrDefault("user_usec") * 1000);
        json.WriteEndObject();
        Throttling(json, stat.GetValueOrDefault("nr_periods"), stat.GetValueOrDefault("nr_throttled"), stat.GetValueOrDefault("throttled_usec") * 1000);
        Pressure(json, directory + "/cpu.pressure");
        json.WriteEndObject();
        CpuSet(json, "");

        Dictionary<string, ulong> raw = KeyedFile(directory + "/memory.stat");
        ulong limit = Number(directory + "/memory.max"), usage = Number(directory + "/memory.current");
        ulong swapLimit = Number(directory + "/memory.swap.max"), swapUsage = Number(directory + "/memory.swap.current");
        json.WriteStartObject("memory");
        Some(json, "cache", raw.GetValueOrDefault("file"));
        MemoryEntry(json, "usage", limit, usage, Number(directory + "/memory.peak"), 0);
        // As v1 counts it: memory and swap together.
        MemoryEntry(json, "swap", swapLimit == ulong.MaxValue || limit == ulong.MaxValue ? ulong.MaxValue : swapLimit + limit, swapUsage + usage, 0, 0);
        MemoryEntry(json, "kernel", 0, 0, 0, 0);
        MemoryEntry(json, "kernelTCP", 0, 0, 0, 0);
        Raw(json, raw);
        Pressure(json, directory + "/memory.pressure");
        json.WriteEndObject();
        Pids(json, directory);
        json.WriteStartObject("blkio");
        BlockIoV2(json, directory + "/io.stat");
        Pressure(json, directory + "/io.pressure");
        json.WriteEndObject();
        HugePages(json, directory, "max", "current", "max");
    }

    private static void PerCpu(Utf8JsonWriter json, string cpuacct)
    {
        Numbers(json, "percpu", Text(cpuacct + "/cpuacct.usage_percpu").Split(' ', StringSplitOptions.RemoveEmptyEntries));
        // "cpu user system", then a line for each CPU.
        var user = new List<string>();
        var system = new List<string>();
        foreach (string line in Text(cpuacct + "/cpuacct.usage_all").Split('\n'))
        {
            string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length < 3 || fields[0] == "cpu")
                continue;
            user.Add(fields[1]);
            system.Add(fields[2]);
        }
        Numbers(json, "percpu_kernel", system);
        Numbers(json, "percpu_user", user);
    }

    private static void CpuSet(Utf8JsonWriter json, string directory)
    {
        json.WriteStartObject("cpuset");
        Numbers(json, "cpus", Range(Text(directory + "/cpuset.cpus")));
        json.WriteNumber("cpu_exclusive", Number(directory + "/cpuset.cpu_exclusive"));
        Numbers(json, "mems", Range(Text(directory + "/cpuset.mems")));
        foreach (string name in (ReadOnlySpan<string>)["mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page", "memory_spread_slab", "memory_pressure", "sched_load_balance"])
            json.WriteNumber(name, Number($"{directory}/cpuset.{name}"));
        json.WriteNumber("sched_relax_domain_level", long.TryParse(Text(directory + "/cpuset.sched_relax_domain_level"), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long level) ? level : 0);
        json.WriteEndObject();
    }

    /// <summary>The numbers of "0-2,5".</summary>
    internal static List<string> Range(string text)
    {
        var numbers = new List<string>();
        foreach (string part in text.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            int dash = part.IndexOf('-');
            if (int.TryParse(dash < 0 ? part : part.AsSpan(0, dash), NumberStyles.None, CultureInfo.InvariantCulture, out int first)
                && int.TryParse(part.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int last))
            {
                for (int number = first; number <= last; number++)
                    numbers.Add(number.ToString(CultureInfo.InvariantCulture));
            }
        }
        return numbers;
    }

    // Schedulers differ in what they count; the first of these families that is there is told, the richest first.
    private static void BlockIoV1(Utf8JsonWriter json, string directory)
    {
        foreach (string family in (ReadOnlySpan<string>)["blkio.bfq.{0}_recursive", "blkio.{0}_recursive", "blkio.throttle.{0}_recursive", "blkio.throttle.{0}"])
        {
            string bytes = directory + "/" + family.Replace("{0}", "io_service_bytes", StringComparison.Ordinal);
            if (!File.Exists(bytes))
                continue;
            foreach ((string name, string file) in ((string, string)[])
                [
                    ("ioServiceBytesRecursive", "io_service_bytes"), ("ioServicedRecursive", "io_serviced"), ("ioQueueRecursive", "io_queued"),
                    ("ioServiceTimeRecursive", "io_service_time"), ("ioWaitTimeRecursive", "io_wait_time"), ("ioMergedRecursive", "io_merged"),
                    ("ioTimeRecursive", "time"), ("sectorsRecursive", "sectors"),
                ])
            {
                var entries = new List<(string Device, string Op, ulong Value)>();
                foreach (string line in Text(directory + "/" + family.Replace("{0}", file, StringComparison.Ordinal)).Split('\n'))
                {
                    // "8:0 Read 4096", "8:0 7"; the sum over all devices is left out.
                    string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                    if (fields.Length >= 2 && fields[0].Contains(':') && ulong.TryParse(fields[^1], NumberStyles.None, CultureInfo.InvariantCulture, out ulong value))
                        entries.Add((fields[0], fields.Length > 2 ? fields[1] : "", value));
                }
                BlockEntries(json, name, entries);
            }
            return;
        }
    }

    private static void BlockIoV2(Utf8JsonWriter json, string file)
    {
        var bytes = new List<(string Device, string Op, ulong Value)>();
        var count = new List<(string Device, string Op, ulong Value)>();
        foreach (string line in Text(file).Split('\n'))
        {
            // "8:0 rbytes=1 wbytes=2 rios=3 wios=4 …"
            string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            for (int i = 1; i < fields.Length; i++)
            {
                int equals = fields[i].IndexOf('=');
                if (equals < 0 || !ulong.TryParse(fields[i].AsSpan(equals + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ulong value))
                    continue;
                switch (fields[i][..equals])
                {
                    case "rbytes": bytes.Add((fields[0], "Read", value)); break;
                    case "wbytes": bytes.Add((fields[0], "Write", value)); break;
                    case "rios": count.Add((fields[0], "Read", value)); break;
                    case "wios": count.Add((fields[0], "Write", value)); break;
                }
            }
        }
        BlockEntries(json, "ioServiceBytesRecursive", bytes);
        BlockEntries(json, "ioServicedRecursive", count);
    }

    private static void BlockEntries(Utf8JsonWriter json, string name, List<(string Device, string Op, ulong Value)> entries)
    {
        if (entries.Count == 0)
            return;
        json.WriteStartArray(name);
        foreach ((string device, string op, ulong value) in entries)
        {
            int colon = device.IndexOf(':');
            json.WriteStartObject();
            Some(json, "major", ulong.TryParse(device.AsSpan(0, colon), NumberStyles.None, CultureInfo.InvariantCulture, out ulong major) ? major : 0);
            Some(json, "minor", ulong.TryParse(device.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ulong minor) ? minor : 0);
            if (op.Length > 0)
                json.WriteString("op", op);
            Some(json, "value", value);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void HugePages(Utf8JsonWriter json, string? directory, string limit, string usage, string peak)
    {
        json.WriteStartObject("hugetlb");
        if (directory is not null && Directory.Exists(directory))
        {
            // One set of files for each size: "hugetlb.2MB.…"; those of reservations have one part more.
            foreach (string path in Directory.EnumerateFiles(directory, "hugetlb.*." + limit))
            {
                string[] parts = Path.GetFileName(path).Split('.');
                if (parts.Length != 3)
                    continue;
                string prefix = $"{directory}/hugetlb.{parts[1]}.";
                json.WriteStartObject(parts[1]);
                Some(json, "usage", Number(prefix + usage));
                if (peak != limit)
                    Some(json, "max", Number(prefix + peak));
                json.WriteNumber("failcnt", peak != limit ? Number(prefix + "failcnt") : KeyedFile(prefix + "events").GetValueOrDefault("max"));
                json.WriteEndObject();
            }
        }
        json.WriteEndObject();
    }

    // "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" (accounting/psi.rst).
    private static void Pressure(Utf8JsonWriter json, string file)
    {
        string text = Text(file);
        if (text.Length == 0)
            return;
        json.WriteStartObject("psi");
        foreach (string line in text.Split('\n'))
        {
            string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length == 0)
                continue;
            json.WriteStartObject(fields[0]);
            foreach (string field in fields[1..])
            {
                int equals = field.IndexOf('=');
                if (equals > 0 && decimal.TryParse(field.AsSpan(equals + 1), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value))
                    json.WriteNumber(field[..equals], value);
            }
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    private static void Throttling(Utf8JsonWriter json, ulong periods, ulong throttled, ulong time)
    {
        json.WriteStartObject("throttling");
        Some(json, "periods", periods);
        Some(json, "throttledPeriods", throttled);
        Some(json, "throttledTime", time);
        json.WriteEndObject();
    }

    private static void MemoryEntry(Utf8JsonWriter json, string name, ulong limit, ulong usage, ulong max, ulong failures)
    {
        json.WriteStartObject(name);
        json.WriteNumber("limit", limit);
        Some(json, "usage", usage);
        Some(json, "max", max);
        json.WriteNumber("failcnt", failures);
        json.WriteEndObject();
    }

    private static void Raw(Utf8JsonWriter json, Dictionary<string, ulong> values)
    {
        if (values.Count == 0)
            return;
        json.WriteStartObject("raw");
        foreach ((string key, ulong value) in values)
            json.WriteNumber(key, value);
        json.WriteEndObject();
    }

    private static void Pids(Utf8JsonWriter json, string directory)
    {
        json.WriteStartObject("pids");
        Some(json, "current", Number(directory + "/pids.current"));
        ulong limit = Number(directory + "/pids.max");
        if (limit != ulong.MaxValue)
            Some(json, "limit", limit);
        json.WriteEndObject();
    }

    private static void Numbers(Utf8JsonWriter json, string name, IReadOnlyList<string> values)
    {
        if (values.Count == 0)
            return;
        json.WriteStartArray(name);
        foreach (string value in values)
            json.WriteNumberValue(ulong.Parse(value, CultureInfo.InvariantCulture));
        json.WriteEndArray();
    }

    private static void Some(Utf8JsonWriter json, string name, ulong value)
    {
        if (value != 0)
            json.WriteNumber(name, value);
    }

    /// <summary>A controller that is not there, or a file that this kernel lacks, counts as nothing.</summary>
    private static string Text(string path)
    {
        try
        {
            return Sys.ReadSmallText(path).TrimEnd();
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENODEV or Errno.ENOTSUP)
        {
            return "";
        }
    }

    // "max" is no limit.
    private static ulong Number(string path)
    {
        string text = Text(path);
        return text == "max" ? ulong.MaxValue : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong number) ? number : 0;
    }

    private static Dictionary<string, ulong> KeyedFile(string path) => Keyed(Text(path));
}
