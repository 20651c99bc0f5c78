using System.Globalization;
using System.Text.Json;

namespace AotRuntime.Runc.Resctrl;

/// <summary>What a container's class of service may use and has used, in the JSON of runc's <c>events</c>.</summary>
internal static class ResctrlStats
{
    public static void Write(Utf8JsonWriter json, ResctrlFs? fs, ResctrlState? state)
    {
        json.WriteStartObject("intel_rdt");
        if (fs is not null && state is not null)
            Members(json, fs, state);
        json.WriteEndObject();
    }

    private static void Members(Utf8JsonWriter json, ResctrlFs fs, ResctrlState state)
    {
        string[] all = ResctrlFs.Read(fs.Root + "/schemata").Split('\n'), own = ResctrlFs.Read(state.Path + "/schemata").Split('\n');
        if (fs.HasCache)
        {
            json.WriteStartObject("l3_cache_info");
            if (ResctrlFs.Read(fs.Root + "/info/L3/cbm_mask") is { Length: > 0 } mask)
                json.WriteString("cbm_mask", mask);
            Numbers(json, fs.Root + "/info/L3/", "min_cbm_bits", "num_closids");
            json.WriteEndObject();
            Schema(json, "l3_cache_schema_root", all, "L3");
            Schema(json, "l3_cache_schema", own, "L3");
        }
        if (fs.HasBandwidth)
        {
            json.WriteStartObject("mem_bw_info");
            Numbers(json, fs.Root + "/info/MB/", "bandwidth_gran", "delay_linear", "min_bandwidth", "num_closids");
            json.WriteEndObject();
            Schema(json, "mem_bw_schema_root", all, "MB");
            Schema(json, "mem_bw_schema", own, "MB");
        }
        json.WriteStartArray("schemata");
        foreach (string line in own)
            json.WriteStringValue(line);
        json.WriteEndArray();
        IReadOnlyList<string> counters = fs.Counters;
        string data = (state.Monitor ?? state.Path) + "/mon_data";
        Counters(json, "mbm_stats", data, counters, "mbm_total_bytes", "mbm_local_bytes");
        Counters(json, "cmt_stats", data, counters, "llc_occupancy");
    }

    private static void Schema(Utf8JsonWriter json, string name, string[] lines, string resource)
    {
        foreach (string line in lines)
        {
            if (line.TrimStart().StartsWith(resource + ":", StringComparison.Ordinal))
                json.WriteString(name, line.Trim());
        }
    }

    private static void Numbers(Utf8JsonWriter json, string directory, params string[] names)
    {
        foreach (string name in names)
        {
            if (Number(directory + name) is > 0 and var number)
                json.WriteNumber(name, number);
        }
    }

    /// <summary>One object a memory node.</summary>
    private static void Counters(Utf8JsonWriter json, string name, string data, IReadOnlyList<string> known, params string[] wanted)
    {
        if (!wanted.Any(known.Contains) || !Directory.Exists(data))
            return;
        string[] nodes = Directory.GetDirectories(data);
        Array.Sort(nodes, StringComparer.Ordinal);
        json.WriteStartArray(name);
        foreach (string node in nodes)
        {
            json.WriteStartObject();
            foreach (string counter in wanted)
                json.WriteNumber(counter, known.Contains(counter) ? Number($"{node}/{counter}") : 0);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static ulong Number(string file) =>
        ulong.TryParse(ResctrlFs.Read(file), NumberStyles.None, CultureInfo.InvariantCulture, out ulong number) ? number : 0;
}
