using System.Globalization;
using System.Text;
using System.Text.Json;
using AotRuntime.Linux;
using AotRuntime.Runc.Cgroups;
using AotRuntime.Runc.Cli;
using AotRuntime.Runc.Containers;

namespace AotRuntime.Runc.Commands;

/// <summary><c>events</c>: what a container uses, as one JSON object a line.</summary>
internal static class EventsCommand
{
    private const ulong NanosecondsPerTick = 10_000_000;

    public static int Run(Globals globals, List<string> args, int start)
    {
        FlagSet flags = FlagSet.Parse(args, start, [new Flag("interval", "", FlagKind.Text), new Flag("stats", "", FlagKind.Bool)], stopAtFirst: false);
        CommandLine.RequireArgs("events", flags, 1, 1);
        Container container = Container.Load(globals.Root, flags.Args[0]);
        TimeSpan interval = Interval(flags.Text("interval", "5s"));
        if (container.GetStatus() == Status.Stopped)
            throw new RuncException($"container with id {container.Id} is not running");
        while (true)
        {
            Output.Write(Line(container) + "\n");
            if (flags.IsOn("stats"))
                return 0;
            using Microsoft.Win32.SafeHandles.SafeFileHandle? init = container.OpenInit();
            // Its end shortens the wait, and ends the stream.
            if (init is null || Sys.Poll(init, EpollEvents.In, (int)interval.TotalMilliseconds) != EpollEvents.None)
                return 0;
        }
    }

    /// <summary>A Go duration of one unit: "5s", "500ms", "1m".</summary>
    internal static TimeSpan Interval(string text)
    {
        (string suffix, double milliseconds) = text switch
        {
            _ when text.EndsWith("ms", StringComparison.Ordinal) => ("ms", 1),
            _ when text.EndsWith('s') => ("s", 1000),
            _ when text.EndsWith('m') => ("m", 60_000),
            _ => throw new UsageException($"invalid value \"{text}\" for flag -interval: parse error"),
        };
        if (!double.TryParse(text[..^suffix.Length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number) || number * milliseconds < 1)
            throw new RuncException("duration interval must be greater than 0");
        return TimeSpan.FromMilliseconds(Math.Min(number * milliseconds, int.MaxValue));
    }

    private static string Line(Container container)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteString("type", "stats");
            json.WriteString("id", container.Id);
            json.WriteStartObject("data");
            if (container.Cgroups.Unified)
                V2(json, container.Cgroups.PathOf("")!);
            else
                V1(json, container.Cgroups);
            json.WriteStartObject("hugetlb");
            json.WriteEndObject();
            json.WriteStartObject("intel_rdt");
            json.WriteEndObject();
            json.WriteNull("network_interfaces");
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static void V1(Utf8JsonWriter json, ContainerCgroups cgroups)
    {
        string cpuacct = cgroups.PathOf("cpuacct") ?? "", cpu = cgroups.PathOf("cpu") ?? "", memory = cgroups.PathOf("memory") ?? "", pids = cgroups.PathOf("pids") ?? "";
        Dictionary<string, ulong> stat = Keyed(cpuacct + "/cpuacct.stat"), throttling = Keyed(cpu + "/cpu.stat");
        json.WriteStartObject("cpu");
        json.WriteStartObject("usage");
        json.WriteNumber("total", Number(cpuacct + "/cpuacct.usage"));
        json.WriteStartArray("percpu");
        foreach (string value in Text(cpuacct + "/cpuacct.usage_percpu").Split(' ', StringSplitOptions.RemoveEmptyEntries))
            json.WriteNumberValue(ulong.Parse(value, CultureInfo.InvariantCulture));
        json.WriteEndArray();
        json.WriteNumber("kernel", stat.GetValueOrDefault("system") * NanosecondsPerTick);
        json.WriteNumber("user", stat.GetValueOrDefault("user") * NanosecondsPerTick);
        json.WriteEndObject();
        Throttling(json, throttling.GetValueOrDefault("nr_periods"), throttling.GetValueOrDefault("nr_throttled"), throttling.GetValueOrDefault("throttled_time"));
        json.WriteEndObject();

        Dictionary<string, ulong> raw = Keyed(memory + "/memory.stat");
        json.WriteStartObject("memory");
        json.WriteNumber("cache", raw.GetValueOrDefault("cache"));
        MemoryEntry(json, "usage", memory + "/memory.");
        MemoryEntry(json, "swap", memory + "/memory.memsw.");
        Raw(json, raw);
        json.WriteEndObject();
        Pids(json, pids);
        json.WriteStartObject("blkio");
        json.WriteEndObject();
    }

    private static void V2(Utf8JsonWriter json, string directory)
    {
        Dictionary<string, ulong> stat = Keyed(directory + "/cpu.stat");
        json.WriteStartObject("cpu");
        json.WriteStartObject("usage");
        json.WriteNumber("total", stat.GetValueOrDefault("usage_usec") * 1000);
        json.WriteNumber("kernel", stat.GetValueOrDefault("system_usec") * 1000);
        json.WriteNumber("user", stat.GetValueOrDefault("user_usec") * 1000);
        json.WriteEndObject();
        Throttling(json, stat.GetValueOrDefault("nr_periods"), stat.GetValueOrDefault("nr_throttled"), stat.GetValueOrDefault("throttled_usec") * 1000);
        json.WriteEndObject();
        Dictionary<string, ulong> raw = Keyed(directory + "/memory.stat");
        json.WriteStartObject("memory");
        json.WriteNumber("cache", raw.GetValueOrDefault("file"));
        json.WriteStartObject("usage");
        json.WriteNumber("limit", Number(directory + "/memory.max"));
        json.WriteNumber("usage", Number(directory + "/memory.current"));
        json.WriteNumber("max", Number(directory + "/memory.peak"));
        json.WriteNumber("failcnt", Keyed(directory + "/memory.events").GetValueOrDefault("max"));
        json.WriteEndObject();
        Raw(json, raw);
        json.WriteEndObject();
        Pids(json, directory);
        json.WriteStartObject("blkio");
        json.WriteEndObject();
    }

    private static void Throttling(Utf8JsonWriter json, ulong periods, ulong throttled, ulong time)
    {
        json.WriteStartObject("throttling");
        json.WriteNumber("periods", periods);
        json.WriteNumber("throttledPeriods", throttled);
        json.WriteNumber("throttledTime", time);
        json.WriteEndObject();
    }

    private static void MemoryEntry(Utf8JsonWriter json, string name, string prefix)
    {
        json.WriteStartObject(name);
        json.WriteNumber("limit", Number(prefix + "limit_in_bytes"));
        json.WriteNumber("usage", Number(prefix + "usage_in_bytes"));
        json.WriteNumber("max", Number(prefix + "max_usage_in_bytes"));
        json.WriteNumber("failcnt", Number(prefix + "failcnt"));
        json.WriteEndObject();
    }

    private static void Raw(Utf8JsonWriter json, Dictionary<string, ulong> values)
    {
        json.WriteStartObject("raw");
        foreach ((string key, ulong value) in values)
            json.WriteNumber(key, value);
        json.WriteEndObject();
    }

    private static void Pids(Utf8JsonWriter json, string directory)
    {
        json.WriteStartObject("pids");
        json.WriteNumber("current", Number(directory + "/pids.current"));
        ulong limit = Number(directory + "/pids.max");
        if (limit != ulong.MaxValue)
            json.WriteNumber("limit", limit);
        json.WriteEndObject();
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

    internal static Dictionary<string, ulong> KeyedText(string text)
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

    private static Dictionary<string, ulong> Keyed(string path) => KeyedText(Text(path));
}
