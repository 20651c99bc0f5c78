using System.Globalization;
using AotRuntime.Linux;
using AotRuntime.Runc.Cli;
using AotRuntime.Runc.Containers;
using AotRuntime.Runc.Logging;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Commands;

/// <summary><c>update</c>: new limits for a container that exists.</summary>
internal static class UpdateCommand
{
    public static readonly Flag[] Flags =
    [
        new("resources", "r", FlagKind.Text, "file with the spec's resources, or - for standard input; other flags then do not count"),
        new("blkio-weight", "", FlagKind.Number, "weight of block I/O, 10 to 1000"),
        new("cpu-period", "", FlagKind.Text, "period of the CPU quota in microseconds"),
        new("cpu-quota", "", FlagKind.Text, "CPU time in microseconds that may be used in one period"),
        new("cpu-burst", "", FlagKind.Text, "unused quota in microseconds that may be saved up"),
        new("cpu-share", "", FlagKind.Text, "share of CPU time against other containers"),
        new("cpu-rt-period", "", FlagKind.Text, "period of the real-time quota in microseconds"),
        new("cpu-rt-runtime", "", FlagKind.Text, "real-time quota in microseconds"),
        new("cpuset-cpus", "", FlagKind.Text, "the CPUs to use, as 0-2,5"),
        new("cpuset-mems", "", FlagKind.Text, "the memory nodes to use"),
        new("kernel-memory", "", FlagKind.Text),
        new("kernel-memory-tcp", "", FlagKind.Text),
        new("memory", "", FlagKind.Text, "most memory, as 64m"),
        new("cpu-idle", "", FlagKind.Text, "1: only CPU time that nobody else wants"),
        new("memory-reservation", "", FlagKind.Text, "memory that is left alone where others run short"),
        new("memory-swap", "", FlagKind.Text, "most memory and swap together; -1 is no limit"),
        new("pids-limit", "", FlagKind.Number, "most processes and threads"),
        new("l3-cache-schema", "", FlagKind.Text, "Intel RDT: schema of the L3 cache"),
        new("mem-bw-schema", "", FlagKind.Text, "Intel RDT: schema of the memory bandwidth"),
    ];

    public static int Run(Globals globals, FlagSet flags)
    {
        Container container = Container.Load(globals.Root, flags.Args[0]);
        ResourcesSpec resources = Resources(flags);
        if (flags.Text("l3-cache-schema").Length > 0)
            throw new RuncException("Intel RDT/CAT: l3 cache schema is not enabled");
        if (flags.Text("mem-bw-schema").Length > 0)
            throw new RuncException("Intel RDT/MBA: memory bandwidth schema is not enabled");
        if (container.GetStatus() == Status.Stopped)
            throw new RuncException(Container.NotRunning);
        container.Cgroups.Require("cannot set limits without cgroups");
        container.Cgroups.Apply(resources, devices: false);
        return 0;
    }

    private static ResourcesSpec Resources(FlagSet flags)
    {
        string file = flags.Text("resources");
        if (file.Length > 0)
            return SpecFile.Parse(Read(file), SpecJson.ResourcesSpec, file);
        var resources = new ResourcesSpec { Memory = new MemorySpec(), Cpu = new CpuSpec(), Pids = new PidsSpec(), BlockIo = new BlockIoSpec() };
        resources.BlockIo.Weight = unchecked((ushort)flags.Number("blkio-weight"));
        resources.Cpu.Cpus = flags.Text("cpuset-cpus");
        resources.Cpu.Mems = flags.Text("cpuset-mems");
        resources.Cpu.Idle = Signed(flags, "cpu-idle");
        resources.Cpu.Burst = Unsigned(flags, "cpu-burst");
        resources.Cpu.Period = Unsigned(flags, "cpu-period");
        resources.Cpu.RealtimePeriod = Unsigned(flags, "cpu-rt-period");
        resources.Cpu.Shares = Unsigned(flags, "cpu-share");
        resources.Cpu.Quota = Signed(flags, "cpu-quota");
        resources.Cpu.RealtimeRuntime = Signed(flags, "cpu-rt-runtime");
        resources.Memory.Limit = Bytes(flags, "memory");
        resources.Memory.Swap = Bytes(flags, "memory-swap");
        long? kernel = Bytes(flags, "kernel-memory") ?? Bytes(flags, "kernel-memory-tcp");
        resources.Memory.Reservation = Bytes(flags, "memory-reservation");
        resources.Pids.Limit = flags.Number("pids-limit");
        if (kernel is not null)
            RuncLog.Warn("Kernel memory settings are ignored and will be removed");
        return resources;
    }

    private static byte[] Read(string file)
    {
        try
        {
            return Sys.ReadSmallFile(file == "-" ? "/proc/self/fd/0" : file);
        }
        catch (LinuxException e)
        {
            throw new RuncException($"open {file}: {e.Errno.Text()}", e);
        }
    }

    private static long? Signed(FlagSet flags, string name) => Checked(flags, name, signed: true) is { } text ? GoNumbers.Parse(text) : null;

    private static ulong? Unsigned(FlagSet flags, string name) =>
        Checked(flags, name, signed: false) is { } text ? ulong.Parse(text, CultureInfo.InvariantCulture) : null;

    private static string? Checked(FlagSet flags, string name, bool signed)
    {
        string text = flags.Text(name);
        if (text.Length == 0)
            return null;
        return GoNumbers.WhyNot(text, signed) is { } wrong ? throw new RuncException($"invalid value for {name}: {wrong}") : text;
    }

    private static long? Bytes(FlagSet flags, string name)
    {
        string text = flags.Text(name);
        if (text.Length == 0)
            return null;
        if (text == "-1")
            return -1;
        if (ParseBytes(text) is { } bytes)
            return bytes;
        // docker/go-units tells a suffix that is none from what is no number at all.
        string suffix = text.TrimStart(' ').TrimStart("0123456789.".ToCharArray()).Trim();
        throw new RuncException(suffix.Length > 0 && suffix.Length < text.Length && char.IsAsciiDigit(text[0])
            ? $"invalid value for {name}: invalid suffix: '{suffix}'"
            : $"invalid value for {name}: invalid size: '{text}'");
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
