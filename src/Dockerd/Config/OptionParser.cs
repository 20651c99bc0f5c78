using System.Text.Json;

namespace AotRuntime.Dockerd.Config;

/// <summary>A command line or configuration file that can't be used; the text is for the user.</summary>
internal sealed class ConfigException(string message) : Exception(message);

/// <summary>Reads the command line as Docker's flag library does, and daemon.json.</summary>
internal static class OptionParser
{
    /// <summary>Reads both.</summary>
    /// <exception cref="ConfigException">Something in them is wrong.</exception>
    public static DaemonOptions Parse(IReadOnlyList<string> args, Func<string, string?>? readFile = null)
    {
        DaemonOptions options = new();
        Dictionary<string, List<string>> given = ParseFlags(args, options);
        if (options.ShowHelp || options.ShowVersion)
            return options;
        bool explicitFile = given.ContainsKey("config-file");
        string? text = (readFile ?? ReadFile)(options.ConfigFile);
        if (text is null && explicitFile)
            throw Broken(options.ConfigFile, $"open {options.ConfigFile}: no such file or directory");
        if (!string.IsNullOrWhiteSpace(text))
            ParseFile(options.ConfigFile, text, options, given);
        if (options.Hosts.Count == 0)
            options.Hosts.Add(DaemonOptions.DefaultHost);
        if (options.DefaultRuntime != DaemonOptions.DefaultRuntimeName && !options.Runtimes.ContainsKey(options.DefaultRuntime))
            throw new ConfigException($"specified default runtime '{options.DefaultRuntime}' does not exist");
        if (options.Bridge.Length > 0 && options.Bip.Length > 0)
            throw new ConfigException("You specified -b & --bip, mutually exclusive options. Please specify only one");
        return options;
    }

    private static Dictionary<string, List<string>> ParseFlags(IReadOnlyList<string> args, DaemonOptions options)
    {
        Dictionary<string, List<string>> given = [];
        for (int i = 0; i < args.Count; i++)
        {
            string arg = args[i];
            if (arg == "--")
            {
                if (i + 1 < args.Count)
                    throw Positional();
                break;
            }
            if (arg.StartsWith("--", StringComparison.Ordinal))
            {
                int equals = arg.IndexOf('=');
                string name = equals < 0 ? arg[2..] : arg[2..equals];
                DaemonOption option = OptionTable.All.FirstOrDefault(o => o.Flag == name) ?? throw Usage($"unknown flag: --{name}");
                string value = equals >= 0 ? arg[(equals + 1)..]
                    : option.Kind == OptionKind.Bool ? "true"
                    : ++i < args.Count ? args[i]
                    : throw Usage($"flag needs an argument: --{name}");
                Set(option, value, options, given, $"--{option.Flag}");
            }
            else if (arg.Length > 1 && arg[0] == '-')
            {
                i = ParseShort(args, i, options, given);
            }
            else
            {
                throw Positional();
            }
        }
        return given;

        static ConfigException Positional() => Usage("\"dockerd\" accepts no arguments.");
    }

    /// <summary>One argument of letters, <c>-Dl debug</c>: all but the last may only be switches.</summary>
    private static int ParseShort(IReadOnlyList<string> args, int i, DaemonOptions options, Dictionary<string, List<string>> given)
    {
        string arg = args[i];
        for (int at = 1; at < arg.Length; at++)
        {
            char letter = arg[at];
            DaemonOption option = OptionTable.All.FirstOrDefault(o => o.Short == letter) ?? throw Usage($"unknown shorthand flag: '{letter}' in {arg}");
            string rest = arg[(at + 1)..];
            if (rest.StartsWith('='))
            {
                Set(option, rest[1..], options, given, $"-{letter}, --{option.Flag}");
                return i;
            }
            if (option.Kind == OptionKind.Bool)
            {
                Set(option, "true", options, given, $"-{letter}, --{option.Flag}");
                continue;
            }
            if (rest.Length == 0 && ++i >= args.Count)
                throw Usage($"flag needs an argument: '{letter}' in {arg}");
            Set(option, rest.Length > 0 ? rest : args[i], options, given, $"-{letter}, --{option.Flag}");
            return i;
        }
        return i;
    }

    private static void Set(DaemonOption option, string value, DaemonOptions options, Dictionary<string, List<string>> given, string shown)
    {
        try
        {
            option.Set(options, value);
        }
        catch (FormatException e)
        {
            throw Usage($"invalid argument \"{value}\" for \"{shown}\" flag: {e.Message}");
        }
        if (!given.TryGetValue(option.Flag, out List<string>? values))
            given[option.Flag] = values = [];
        values.Add(value);
    }

    private static void ParseFile(string path, string text, DaemonOptions options, Dictionary<string, List<string>> given)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(text.TrimStart('\ufeff'));
        }
        catch (JsonException e)
        {
            throw Broken(path, e.Message);
        }
        using (document)
        {
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw Broken(path, "a JSON object was expected");
            List<string> unknown = [], conflicts = [];
            foreach (JsonProperty property in document.RootElement.EnumerateObject())
            {
                if (property.Name == "proxies")
                {
                    ParseProxies(path, property.Value, options, given, conflicts);
                    continue;
                }
                DaemonOption? option = OptionTable.All.FirstOrDefault(o => o.Key.Length > 0 && o.Key == property.Name);
                if (option is null)
                {
                    if (property.Name is not ("builder" or "authorization-plugins" or "allow-nondistributable-artifacts"))
                        unknown.Add(property.Name);
                    continue;
                }
                // Maps and repeatable registries are merged with what the flags say, everything else must be said once.
                if (given.TryGetValue(option.Flag, out List<string>? flags) && option.Key is not ("runtimes" or "default-ulimits" or "features" or "log-opts"))
                {
                    string fromFlag = option.Kind == OptionKind.List ? $"[{string.Join(' ', flags)}]" : flags[^1];
                    conflicts.Add($"{option.Key}: (from flag: {fromFlag}, from file: {Shown(property.Value)})");
                    continue;
                }
                Apply(path, option, property.Value, options);
            }
            if (unknown.Count > 0)
                throw Broken(path, $"the following directives don't match any configuration option: {string.Join(", ", unknown)}");
            if (conflicts.Count > 0)
                throw Broken(path, $"the following directives are specified both as a flag and in the configuration file: {string.Join(", ", conflicts)}");
        }
    }

    /// <summary><c>"proxies": {"http-proxy": …}</c>; the flags have the same names.</summary>
    private static void ParseProxies(string path, JsonElement proxies, DaemonOptions options, Dictionary<string, List<string>> given, List<string> conflicts)
    {
        if (proxies.ValueKind != JsonValueKind.Object)
            throw Broken(path, "proxies: a JSON object was expected");
        foreach (JsonProperty proxy in proxies.EnumerateObject())
        {
            if (proxy.Name is not ("http-proxy" or "https-proxy" or "no-proxy"))
                throw Broken(path, $"the following directives don't match any configuration option: {proxy.Name}");
            if (given.TryGetValue(proxy.Name, out List<string>? flags))
                conflicts.Add($"{proxy.Name}: (from flag: {flags[^1]}, from file: {Shown(proxy.Value)})");
            else
                Apply(path, OptionTable.All.First(o => o.Flag == proxy.Name), proxy.Value, options);
        }
    }

    private static void Apply(string path, DaemonOption option, JsonElement value, DaemonOptions options)
    {
        try
        {
            switch (option.Kind)
            {
                case OptionKind.Text when value.ValueKind == JsonValueKind.Number:
                    option.Set(options, value.GetRawText());
                    break;
                case OptionKind.Text:
                    option.Set(options, value.GetString() ?? "");
                    break;
                case OptionKind.Bool:
                    option.Set(options, value.GetBoolean() ? "true" : "false");
                    break;
                case OptionKind.Int:
                    option.Set(options, value.GetRawText());
                    break;
                case OptionKind.List:
                    foreach (JsonElement item in value.EnumerateArray())
                        option.Set(options, option.Key == "default-address-pools" ? Pool(item) : item.GetString() ?? "");
                    break;
                case OptionKind.Map:
                    foreach (JsonProperty item in value.EnumerateObject())
                        ApplyEntry(option, item, options);
                    break;
            }
        }
        catch (Exception e) when (e is FormatException or InvalidOperationException or KeyNotFoundException)
        {
            throw Broken(path, $"{option.Key}: {e.Message}");
        }
    }

    private static void ApplyEntry(DaemonOption option, JsonProperty item, DaemonOptions options)
    {
        switch (option.Key)
        {
            case "runtimes":
                List<string> arguments = [];
                if (item.Value.TryGetProperty("runtimeArgs", out JsonElement list))
                    arguments.AddRange(list.EnumerateArray().Select(a => a.GetString() ?? ""));
                string file = item.Value.TryGetProperty("path", out JsonElement found) ? found.GetString() ?? "" : "";
                string type = item.Value.TryGetProperty("runtimeType", out JsonElement kind) ? kind.GetString() ?? "" : "";
                options.Runtimes[item.Name] = new RuntimeOption(file, arguments, type);
                break;
            case "default-ulimits":
                options.DefaultUlimits[item.Name] = new EngineApi.Ulimit
                {
                    Name = item.Name,
                    Soft = item.Value.GetProperty("Soft").GetInt64(),
                    Hard = item.Value.GetProperty("Hard").GetInt64(),
                };
                break;
            default:
                option.Set(options, $"{item.Name}={(item.Value.ValueKind == JsonValueKind.String ? item.Value.GetString() : item.Value.GetRawText())}");
                break;
        }
    }

    private static string Pool(JsonElement item) => $"base={item.GetProperty("base").GetString()},size={item.GetProperty("size").GetRawText()}";

    private static string Shown(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => $"[{string.Join(' ', value.EnumerateArray().Select(Shown))}]",
        JsonValueKind.String => value.GetString() ?? "",
        _ => value.GetRawText(),
    };

    private static string? ReadFile(string path) => File.Exists(path) ? File.ReadAllText(path) : null;

    private static ConfigException Usage(string message) => new($"{message}\nSee 'dockerd --help'.");

    private static ConfigException Broken(string path, string message) =>
        new($"unable to configure the Docker daemon with file {path}: {message}");
}
