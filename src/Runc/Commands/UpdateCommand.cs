using System.Globalization;
using AotRuntime.Linux;
using AotRuntime.Runc.Cli;
using AotRuntime.Runc.Containers;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Commands;

/// <summary><c>update</c>: new limits for a container that exists.</summary>
internal static class UpdateCommand
{
    private static readonly Flag[] Flags =
    [
        new("resources", "r", FlagKind.Text), new("blkio-weight", "", FlagKind.Text), new("cpu-period", "", FlagKind.Text),
        new("cpu-quota", "", FlagKind.Text), new("cpu-burst", "", FlagKind.Text), new("cpu-share", "", FlagKind.Text),
        new("cpu-rt-period", "", FlagKind.Text), new("cpu-rt-runtime", "", FlagKind.Text), new("cpuset-cpus", "", FlagKind.Text),
        new("cpuset-mems", "", FlagKind.Text), new("kernel-memory", "", FlagKind.Text), new("kernel-memory-tcp", "", FlagKind.Text),
        new("memory", "", FlagKind.Text), new("cpu-idle", "", FlagKind.Text), new("memory-reservation", "", FlagKind.Text),
        new("memory-swap", "", FlagKind.Text), new("pids-limit", "", FlagKind.Text),
    ];

    public static int Run(Globals globals, List<string> args, int start)
    {
        FlagSet flags = FlagSet.Parse(args, start, Flags, stopAtFirst: false);
        CommandLine.RequireArgs("update", flags, 1, 1);
        Container container = Container.Load(globals.Root, flags.Args[0]);
        if (container.GetStatus() == Status.Stopped)
            throw new RuncException(Container.NotRunning);
        container.Cgroups.Apply(Resources(flags), devices: false);
        return 0;
    }

    private static ResourcesSpec Resources(FlagSet flags)
    {
        string file = flags.Text("resources");
        if (file.Length > 0)
            return SpecFile.Parse(Sys.ReadSmallFile(file == "-" ? "/proc/self/fd/0" : file), SpecJson.Default.ResourcesSpec, file);
        var resources = new ResourcesSpec { Memory = new MemorySpec(), Cpu = new CpuSpec(), Pids = new PidsSpec(), BlockIo = new BlockIoSpec() };
        resources.BlockIo.Weight = (ushort?)Number(flags, "blkio-weight");
        resources.Cpu.Period = (ulong?)Number(flags, "cpu-period");
        resources.Cpu.Quota = Number(flags, "cpu-quota");
        resources.Cpu.Burst = (ulong?)Number(flags, "cpu-burst");
        resources.Cpu.Shares = (ulong?)Number(flags, "cpu-share");
        resources.Cpu.RealtimePeriod = (ulong?)Number(flags, "cpu-rt-period");
        resources.Cpu.RealtimeRuntime = Number(flags, "cpu-rt-runtime");
        resources.Cpu.Idle = Number(flags, "cpu-idle");
        resources.Cpu.Cpus = flags.Text("cpuset-cpus");
        resources.Cpu.Mems = flags.Text("cpuset-mems");
        resources.Memory.Limit = Bytes(flags, "memory");
        resources.Memory.Reservation = Bytes(flags, "memory-reservation");
        resources.Memory.Swap = Bytes(flags, "memory-swap");
        resources.Pids.Limit = Number(flags, "pids-limit");
        return resources;
    }

    private static long? Number(FlagSet flags, string name)
    {
        string text = flags.Text(name);
        if (text.Length == 0)
            return null;
        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number)
            ? number
            : throw new RuncException($"invalid value for {name}: strconv.ParseInt: parsing \"{text}\": invalid syntax");
    }

    private static long? Bytes(FlagSet flags, string name)
    {
        string text = flags.Text(name);
        if (text.Length == 0)
            return null;
        return text == "-1" ? -1 : ParseBytes(text) ?? throw new RuncException($"invalid value for {name}: invalid size: '{text}'");
    }

    /// <summary>"64m", "1.5GiB", "1024": powers of 1024; null for what is no size.</summary>
    internal static long? ParseBytes(string text)
    {
        string lower = text.Trim().ToLowerInvariant();
        int end = 0;
        while (end < lower.Length && (char.IsAsciiDigit(lower[end]) || lower[end] == '.'))
            end++;
        int power = lower[end..].TrimStart() switch
        {
            "" or "b" => 0,
            "k" or "kb" or "kib" => 1,
            "m" or "mb" or "mib" => 2,
            "g" or "gb" or "gib" => 3,
            "t" or "tb" or "tib" => 4,
            "p" or "pb" or "pib" => 5,
            _ => -1,
        };
        if (power < 0 || !double.TryParse(lower[..end], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number))
            return null;
        double bytes = number * Math.Pow(1024, power);
        return bytes <= long.MaxValue ? (long)bytes : null;
    }
}
