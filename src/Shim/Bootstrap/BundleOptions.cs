using System.Text.Json;
using AotRuntime.Json;
using AotRuntime.Rpc.Containerd.Runc;

namespace AotRuntime.Shim.Bootstrap;

/// <summary>What a shim writes down in its bundle, so that <c>delete</c> can clean up after it: the files of containerd's own shim.</summary>
internal readonly record struct BundleOptions(string BinaryName, string Root)
{
    /// <summary>Writes <c>options.json</c> and <c>runtime</c>.</summary>
    public static void Write(string bundle, Options options)
    {
        using (FileStream file = File.Create(Path.Combine(bundle, "options.json")))
        using (var json = new Utf8JsonWriter(file, new JsonWriterOptions { Encoder = GoJsonEncoder.Html }))
        {
            json.WriteStartObject();
            WriteString(json, "binary_name", options.BinaryName);
            WriteString(json, "root", options.Root);
            if (options.SystemdCgroup)
                json.WriteBoolean("systemd_cgroup", true);
            if (options.NoPivotRoot)
                json.WriteBoolean("no_pivot_root", true);
            if (options.NoNewKeyring)
                json.WriteBoolean("no_new_keyring", true);
            WriteString(json, "shim_cgroup", options.ShimCgroup);
            json.WriteEndObject();
        }
        File.WriteAllText(Path.Combine(bundle, "runtime"), options.BinaryName);
    }

    /// <summary>Reads them back; what is missing or unreadable is the default.</summary>
    public static BundleOptions Read(string bundle)
    {
        string binary = "", root = "";
        string runtimeFile = Path.Combine(bundle, "runtime");
        if (File.Exists(runtimeFile))
            binary = File.ReadAllText(runtimeFile).Trim();
        string optionsFile = Path.Combine(bundle, "options.json");
        if (File.Exists(optionsFile))
        {
            try
            {
                using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(optionsFile));
                if (json.RootElement.TryGetProperty("root", out JsonElement value))
                    root = value.GetString() ?? "";
            }
            catch (JsonException)
            {
                // Half-written when the machine went down: the container is then not running either.
                root = "";
            }
        }
        return new BundleOptions(binary, root);
    }

    private static void WriteString(Utf8JsonWriter json, string name, string value)
    {
        if (value.Length > 0)
            json.WriteString(name, value);
    }
}
