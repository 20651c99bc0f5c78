using System.Globalization;

namespace AotRuntime.Containerd;

/// <summary>containerd's configuration, as far as it means anything here. Files of versions 1 to 3 are read; other keys are noted and skipped.</summary>
internal sealed class ContainerdConfig
{
    public const string DefaultPath = "/etc/containerd/config.toml";
    private const int NewestVersion = 3;

    public string Root { get; set; } = "/var/lib/containerd";

    public string State { get; set; } = "/run/containerd";

    public string Address { get; set; } = "/run/containerd/containerd.sock";

    /// <summary>The ttrpc socket; containerd's own default is the address with <c>.ttrpc</c>.</summary>
    public string TtrpcAddress { get => field.Length > 0 ? field : $"{Address}.ttrpc"; set; } = "";

    public uint Uid { get; set; }

    public uint Gid { get; set; }

    public string LogLevel { get; set; } = "";

    public string LogFormat { get; set; } = "";

    public int OomScore { get; set; }

    public List<string> DisabledPlugins { get; } = [];

    /// <summary>Keys that mean nothing here, for a debug line.</summary>
    public List<string> Unknown { get; } = [];

    /// <summary>The values of a file over the defaults.</summary>
    /// <exception cref="FormatException">The file cannot be read.</exception>
    public static ContainerdConfig Load(string path)
    {
        ContainerdConfig config = new();
        Dictionary<string, object> root = Toml.Parse(File.ReadAllText(path));
        foreach ((string key, object value) in root)
            config.Set(key, value);
        return config;
    }

    /// <summary>What <c>containerd config default</c> prints.</summary>
    public string ToToml() => string.Create(CultureInfo.InvariantCulture,
        $"""
        version = 3
        root = {Quoted(Root)}
        state = {Quoted(State)}
        disabled_plugins = []
        oom_score = {OomScore}

        [grpc]
          address = {Quoted(Address)}
          uid = {Uid}
          gid = {Gid}

        [ttrpc]
          address = ""

        [debug]
          level = ""
          format = ""
        """);

    private static string Quoted(string text) => $"'{text}'";

    private void Set(string key, object value)
    {
        switch (key)
        {
            case "version":
                if (Integer(key, value) > NewestVersion)
                    throw new FormatException($"expected containerd config version equal to or less than `{NewestVersion}`, got `{value}`");
                break;
            case "root":
                Root = Text(key, value);
                break;
            case "state":
                State = Text(key, value);
                break;
            case "oom_score":
                OomScore = (int)Integer(key, value);
                break;
            case "disabled_plugins" when value is List<object> list:
                DisabledPlugins.AddRange(list.OfType<string>());
                break;
            case "grpc" or "ttrpc" or "debug" when value is Dictionary<string, object> table:
                foreach ((string inner, object innerValue) in table)
                    SetIn(key, inner, innerValue);
                break;
            default:
                Unknown.Add(key);
                break;
        }
    }

    private void SetIn(string table, string key, object value)
    {
        string path = $"{table}.{key}";
        switch (path)
        {
            case "grpc.address":
                Address = Text(path, value);
                break;
            case "grpc.uid":
                Uid = (uint)Integer(path, value);
                break;
            case "grpc.gid":
                Gid = (uint)Integer(path, value);
                break;
            case "ttrpc.address":
                TtrpcAddress = Text(path, value);
                break;
            case "debug.level":
                LogLevel = Text(path, value);
                break;
            case "debug.format":
                LogFormat = Text(path, value);
                break;
            default:
                Unknown.Add(path);
                break;
        }
    }

    private static string Text(string key, object value) => value as string ?? throw new FormatException($"{key}: expected a string");

    private static long Integer(string key, object value) => value is long number ? number : throw new FormatException($"{key}: expected a number");
}
