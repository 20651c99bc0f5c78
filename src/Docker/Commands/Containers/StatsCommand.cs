using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Formatting;
using AotRuntime.Http;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary><c>docker stats</c>.</summary>
public static class StatsCommand
{
    private const string Table = "table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}";
    private const string None = "--";
    private static readonly TimeSpan s_refresh = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    /// <summary>Its place in the tree.</summary>
    public static Command Create() => new("stats", "[OPTIONS] [CONTAINER...]", "Show what containers use, all the time", ArgumentRule.Any, static flags =>
    {
        Flag<bool> all = flags.Bool("all", 'a', "Show all containers, not only running ones");
        Flag<string> format = flags.String("format", '\0', Formats.ListHelp);
        Flag<bool> noStream = flags.Bool("no-stream", '\0', "Show once, and end");
        Flag<bool> noTrunc = flags.Bool("no-trunc", '\0', "Don't shorten what is shown");
        return (context, args) =>
        {
            string template = format.Value is { Length: > 0 } told ? told : context.Config.Text("statsFormat");
            return RunAsync(context, args, all.Value, template is "" or "table" ? Table : template, !noStream.Value, !noTrunc.Value);
        };
    })
    {
        FullNames = "docker container stats, docker stats",
    };

    private sealed class Entry(string container)
    {
        public string Container { get; } = container;

        public JsonElement? Latest { get; set; }

        public DateTime At { get; set; }

        public string? Error { get; set; }

        public TaskCompletionSource First { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private static async Task<int> RunAsync(CliContext context, string[] names, bool all, string format, bool stream, bool trunc)
    {
        ConcurrentDictionary<string, Entry> entries = new(StringComparer.Ordinal);
        List<string> order = [];
        void Add(string container)
        {
            Entry entry = new(container);
            if (!entries.TryAdd(container, entry))
                return;
            lock (order)
                order.Add(container);
            _ = CollectAsync(context, entry, stream);
        }

        bool every = names.Length == 0;
        if (every)
        {
            if (stream)
                _ = FollowAsync(context, all, Add, gone => { entries.TryRemove(gone, out _); });
            using JsonDocument list = await context.Engine.GetJsonAsync(new Query("/containers/json").AddIf("all", all).ToString()).ConfigureAwait(false);
            foreach (JsonElement container in list.RootElement.Items())
                Add(container.Text("Id"));
        }
        foreach (string name in names)
            Add(name);
        foreach (Entry entry in entries.Values)
            await entry.First.Task.ConfigureAwait(false);
        if (!every)
        {
            List<string> errors = [];
            foreach (string name in names)
            {
                if (entries[name].Error is { } error)
                    errors.Add(error);
            }
            if (errors.Count > 0)
                throw new CommandException(string.Join('\n', errors));
        }

        ListFormat<Entry> columns = List(trunc);
        while (true)
        {
            if (stream)
                await Task.Delay(s_refresh).ConfigureAwait(false);
            List<Entry> rows = [];
            lock (order)
            {
                foreach (string container in order)
                {
                    if (entries.TryGetValue(container, out Entry? entry))
                        rows.Add(entry);
                }
            }
            string text = columns.Print(format, rows);
            if (!stream)
            {
                context.Out.Write(text);
                return 0;
            }
            // Home, each line erased to its end, and all below: nothing flickers.
            StringBuilder screen = new("\u001b[H");
            foreach (string line in text.Split('\n'))
                screen.Append(line).Append(" \u001b[K\n");
            context.Out.Write(screen.Append("\u001b[J").ToString());
            if (rows.Count == 0 && !every)
                return 0;
        }
    }

    private static async Task CollectAsync(CliContext context, Entry entry, bool stream)
    {
        try
        {
            string path = new Query($"/containers/{Query.Segment(entry.Container)}/stats").Add("stream", stream ? "1" : "0").ToString();
            HttpResponse response = await context.Engine.OpenAsync("GET", path).ConfigureAwait(false);
            await using (response.ConfigureAwait(false))
            {
                await foreach (JsonElement sample in JsonStream.ReadAsync(response.Body).ConfigureAwait(false))
                {
                    (entry.Latest, entry.At) = (sample, DateTime.UtcNow);
                    entry.First.TrySetResult();
                }
            }
        }
        catch (Exception e) when (e is EngineException or CommandException or IOException)
        {
            entry.Error = e.Message;
        }
        entry.First.TrySetResult();
    }

    private static async Task FollowAsync(CliContext context, bool all, Action<string> add, Action<string> remove)
    {
        try
        {
            HttpResponse response = await context.Engine.OpenAsync("GET", new Query("/events").AddFilters(["type=container"]).ToString()).ConfigureAwait(false);
            await using (response.ConfigureAwait(false))
            {
                await foreach (JsonElement message in JsonStream.ReadAsync(response.Body).ConfigureAwait(false))
                {
                    string id = message.Member("Actor").Text("ID");
                    switch (message.Text("Action"))
                    {
                        case "create" when all:
                        case "start":
                            add(id);
                            break;
                        case "die" when !all:
                        case "destroy":
                            remove(id);
                            break;
                    }
                }
            }
        }
        catch (Exception e) when (e is EngineException or CommandException or IOException)
        {
            context.Debug($"events: {e.Message}");
        }
    }

    private static ListFormat<Entry> List(bool trunc) => new("*container.statsContext",
    [
        new("BlockIO", "BLOCK I/O", static e => Valid(e, static s => Pair(BlockBytes(s, 'r'), BlockBytes(s, 'w')))),
        new("CPUPerc", "CPU %", static e => Valid(e, static s => Percent(Cpu(s)))),
        new("Container", "CONTAINER", static e => e.Container),
        new("ID", "CONTAINER ID", e => (e.Latest?.Text("id") ?? "") is var id && trunc ? Text.ShortId(id) : id),
        new("MemPerc", "MEM %", static e => Valid(e, static s => Percent(Limit(s) > 0 ? Memory(s) / Limit(s) * 100 : 0))),
        new("MemUsage", "MEM USAGE / LIMIT", static e => Valid(e, static s => $"{ByteSize.Binary(Memory(s))} / {ByteSize.Binary(Limit(s))}", "-- / --")),
        new("Name", "NAME", static e => e.Latest?.Text("name") is { Length: > 1 } name ? name[1..] : None),
        new("NetIO", "NET I/O", static e => Valid(e, static s => Pair(Network(s, "rx_bytes"), Network(s, "tx_bytes")))),
        new("PIDs", "PIDS", static e => Valid(e, static s => s.Member("pids_stats").Number("current").ToString(CultureInfo.InvariantCulture))),
    ]);

    private static string Valid(Entry entry, Func<JsonElement, string> show, string otherwise = None) =>
        entry.Latest is { } sample && entry.Error is null && DateTime.UtcNow - entry.At < s_patience ? show(sample) : otherwise;

    private static string Percent(double value) => value.ToString("F2", CultureInfo.InvariantCulture) + "%";

    private static string Pair(double a, double b) => $"{ByteSize.HumanShort(a)} / {ByteSize.HumanShort(b)}";

    private static double Cpu(JsonElement s)
    {
        JsonElement now = s.Member("cpu_stats");
        JsonElement before = s.Member("precpu_stats");
        double container = now.Member("cpu_usage").Float("total_usage") - before.Member("cpu_usage").Float("total_usage");
        double system = now.Float("system_cpu_usage") - before.Float("system_cpu_usage");
        double cpus = now.Float("online_cpus");
        if (cpus == 0)
            cpus = now.Member("cpu_usage").Member("percpu_usage") is { ValueKind: JsonValueKind.Array } each ? each.GetArrayLength() : 0;
        return container > 0 && system > 0 ? container / system * cpus * 100 : 0;
    }

    private static double Limit(JsonElement s) => s.Member("memory_stats").Float("limit");

    // Without the file cache that can be had back at any time; its name depends on the cgroup version.
    private static double Memory(JsonElement s)
    {
        JsonElement memory = s.Member("memory_stats");
        JsonElement details = memory.Member("stats");
        double usage = memory.Float("usage");
        bool first = details.ValueKind == JsonValueKind.Object && details.TryGetProperty("total_inactive_file", out _);
        double inactive = details.Float(first ? "total_inactive_file" : "inactive_file");
        return inactive < usage ? usage - inactive : usage;
    }

    private static double BlockBytes(JsonElement s, char operation)
    {
        double bytes = 0;
        foreach (JsonElement entry in s.Member("blkio_stats").Items("io_service_bytes_recursive"))
        {
            if (entry.Text("op") is { Length: > 0 } op && char.ToLowerInvariant(op[0]) == operation)
                bytes += entry.Float("value");
        }
        return bytes;
    }

    private static double Network(JsonElement s, string counter)
    {
        double bytes = 0;
        foreach (JsonProperty network in s.Members("networks"))
            bytes += network.Value.Float(counter);
        return bytes;
    }
}
