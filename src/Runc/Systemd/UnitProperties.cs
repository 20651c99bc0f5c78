using System.Globalization;
using AotRuntime.Runc.Cgroups;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Systemd;

/// <summary>A property of a unit.</summary>
internal readonly record struct UnitProperty(string Name, DBusValue Value)
{
    public override string ToString() => $"{Name}={Value}";
}

/// <summary>
/// What is told to systemd (man 5 systemd.resource-control, org.freedesktop.systemd1): it would else write its own defaults over the limits when
/// it next sets up the cgroup. What it has no word for is in the cgroup's files alone.
/// </summary>
internal static class UnitProperties
{
    private const ulong Infinity = ulong.MaxValue;

    /// <summary>Of a new unit, all but its limits.</summary>
    public static List<UnitProperty> Start(UnitName unit, bool user, bool unified, int pid, RuntimeSpec spec)
    {
        var list = new List<UnitProperty> { new("Description", DBusValue.String("libcontainer container " + unit.Container)) };
        if (unit.IsSlice)
        {
            list.Add(new("Wants", DBusValue.Strings(unit.SliceOr(user))));
        }
        else
        {
            list.Add(new("Slice", DBusValue.String(unit.SliceOr(user))));
            list.Add(new("Delegate", DBusValue.Boolean(true)));
        }
        list.Add(new("PIDs", DBusValue.Array("u", [DBusValue.UInt32((uint)pid)])));
        foreach (string accounting in (ReadOnlySpan<string>)["Memory", "CPU", unified ? "IO" : "BlockIO", "Tasks"])
            list.Add(new(accounting + "Accounting", DBusValue.Boolean(true)));
        list.Add(new("DefaultDependencies", DBusValue.Boolean(false)));
        foreach ((string key, string? value) in spec.Annotations ?? [])
        {
            if (key.StartsWith(PropertyText.Prefix, StringComparison.Ordinal))
                list.Add(PropertyText.Property(key, value ?? ""));
        }
        if (spec.Linux?.Resources?.Unified?.GetValueOrDefault("memory.oom.group") is { } group)
        {
            switch (Number("memory.oom.group", group))
            {
                case 0: list.Add(new("OOMPolicy", DBusValue.String("continue"))); break;
                case 1: list.Add(new("OOMPolicy", DBusValue.String("kill"))); break;
            }
        }
        return list;
    }

    /// <summary>Of limits on cgroup2.</summary>
    /// <param name="r">The limits.</param>
    /// <param name="version">Asks for systemd's version: older ones refuse what they do not know.</param>
    public static List<UnitProperty> Unified(ResourcesSpec r, Func<int> version)
    {
        var list = new List<UnitProperty>();
        if (r.Memory is { } memory)
        {
            if (memory.Limit is { } limit and not 0)
                Add(list, "MemoryMax", unchecked((ulong)limit));
            if (memory.Reservation is { } reservation and not 0)
                Add(list, "MemoryLow", unchecked((ulong)reservation));
            if (CgroupV2Limits.Swap(memory.Swap ?? 0, memory.Limit ?? 0) is { } swap)
                Add(list, "MemorySwapMax", Number("memory.swap.max", swap));
        }
        if (r.Cpu is { } cpu)
        {
            // "0 ... causes the kernel to use SCHED_IDLE" since 252.
            if (cpu.Idle == 1 && version() >= 252)
                Add(list, "CPUWeight", 0);
            else if (cpu.Shares is { } shares and not 0)
                Add(list, "CPUWeight", (ulong)CgroupV2Limits.CpuWeight(shares));
            Quota(list, cpu.Quota ?? 0, cpu.Period ?? 0, version);
        }
        if (r.BlockIo?.Weight is { } weight and not 0)
            Add(list, "IOWeight", (ulong)CgroupV2Limits.IoWeight(weight));
        Tasks(list, r.Pids);
        CpuSet(list, r.Cpu?.Cpus, r.Cpu?.Mems, version);
        foreach ((string key, string? value) in r.Unified ?? [])
            Unified(list, key, (value ?? "").Trim(), r.Unified!, version);
        return list;
    }

    /// <summary>Of limits on cgroup v1.</summary>
    public static List<UnitProperty> V1(ResourcesSpec r, bool devices, Func<int> version)
    {
        // Else systemd allows all devices when it next sets up the cgroup.
        List<UnitProperty> list = devices ? DeviceProperties.Of(r.Devices) : [];
        if (r.Memory?.Limit is { } limit and not 0)
            Add(list, "MemoryLimit", unchecked((ulong)limit));
        if (r.Cpu?.Shares is { } shares and not 0)
            Add(list, "CPUShares", shares);
        Quota(list, r.Cpu?.Quota ?? 0, r.Cpu?.Period ?? 0, version);
        if (r.BlockIo?.Weight is { } weight and not 0)
            Add(list, "BlockIOWeight", weight);
        Tasks(list, r.Pids);
        CpuSet(list, r.Cpu?.Cpus, r.Cpu?.Mems, version);
        return list;
    }

    private static void Unified(List<UnitProperty> list, string key, string value, SortedDictionary<string, string?> all, Func<int> version)
    {
        switch (key)
        {
            case "cpu.idle" when value == "1" && version() >= 252:
                Add(list, "CPUWeight", 0);
                break;
            case "cpu.weight" when all.GetValueOrDefault("cpu.idle")?.Trim() != "1":
                Add(list, "CPUWeight", Number(key, value));
                break;
            case "cpu.max":
                string[] parts = value.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (parts.Length is not (1 or 2))
                    throw new RuncException($"unified resource \"{key}\" value invalid: \"{value}\"");
                ulong quota = Number(key, parts[0]);
                Quota(list, quota == Infinity ? -1 : (long)quota, parts.Length > 1 ? Number(key, parts[1]) : 100_000, version);
                break;
            case "cpuset.cpus":
                CpuSet(list, value, null, version);
                break;
            case "cpuset.mems":
                CpuSet(list, null, value, version);
                break;
            case "memory.high": Add(list, "MemoryHigh", Number(key, value)); break;
            case "memory.low": Add(list, "MemoryLow", Number(key, value)); break;
            case "memory.min": Add(list, "MemoryMin", Number(key, value)); break;
            case "memory.max": Add(list, "MemoryMax", Number(key, value)); break;
            case "memory.swap.max": Add(list, "MemorySwapMax", Number(key, value)); break;
            case "pids.max": Add(list, "TasksMax", Number(key, value)); break;
        }
    }

    private static void Quota(List<UnitProperty> list, long quota, ulong period, Func<int> version)
    {
        if (period != 0 && version() >= 242)
            Add(list, "CPUQuotaPeriodUSec", period);
        if (quota == 0 && period == 0)
            return;
        // Whole percents are all that systemd keeps of it: rounded up, so that it never allows less than is asked for.
        const ulong percent = 10_000, second = 1_000_000;
        ulong perSecond = quota <= 0 ? Infinity : (ulong)((UInt128)quota * second / (period == 0 ? 100_000 : period));
        if (quota > 0)
            perSecond = (perSecond + percent - 1) / percent * percent;
        Add(list, "CPUQuotaPerSecUSec", perSecond);
    }

    private static void Tasks(List<UnitProperty> list, PidsSpec? pids)
    {
        if (pids?.Limit is { } limit and not 0)
            Add(list, "TasksMax", limit < 0 ? Infinity : (ulong)limit);
    }

    private static void CpuSet(List<UnitProperty> list, string? cpus, string? nodes, Func<int> version)
    {
        if (string.IsNullOrEmpty(cpus) && string.IsNullOrEmpty(nodes) || version() < 244)
            return;
        if (!string.IsNullOrEmpty(cpus))
            list.Add(new("AllowedCPUs", DBusValue.Bytes(Bits(cpus))));
        if (!string.IsNullOrEmpty(nodes))
            list.Add(new("AllowedMemoryNodes", DBusValue.Bytes(Bits(nodes))));
    }

    /// <summary>"0-3,5" as a mask, the lowest byte first.</summary>
    internal static byte[] Bits(string ranges)
    {
        const int most = 8192;
        var mask = new byte[most / 8];
        int length = 0;
        foreach (string range in ranges.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            int dash = range.IndexOf('-');
            if (!int.TryParse(dash < 0 ? range : range.AsSpan(0, dash), NumberStyles.None, CultureInfo.InvariantCulture, out int first)
                || !int.TryParse(range.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int last) || last < first || last >= most)
                throw new RuncException($"invalid range \"{range}\" of CPUs or memory nodes");
            for (int i = first; i <= last; i++)
                mask[i / 8] |= (byte)(1 << (i % 8));
            length = Math.Max(length, last / 8 + 1);
        }
        return mask[..length];
    }

    private static ulong Number(string key, string value) =>
        value == "max" ? Infinity
        : ulong.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out ulong number) ? number
        : throw new RuncException($"unified resource \"{key}\" value conversion error: \"{value}\"");

    private static void Add(List<UnitProperty> list, string name, ulong value) => list.Add(new(name, DBusValue.UInt64(value)));
}
