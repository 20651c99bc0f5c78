using System.Text;
using System.Text.Json;
using AotRuntime.Json;
using AotRuntime.Linux;
using AotRuntime.Runc.Cli;
using AotRuntime.Runc.Plan;
using AotRuntime.Runc.Seccomp;

namespace AotRuntime.Runc.Commands;

/// <summary><c>features</c> (runtime-spec, features.md): what engines ask before they write a spec, so it must be true.</summary>
internal static class FeaturesCommand
{
    public static int Run(Globals globals, FlagSet flags)
    {
        Output.Write(Encoding.UTF8.GetString(Json()) + "\n");
        return 0;
    }

    internal static byte[] Json()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, IndentSize = 4, Encoder = GoJsonEncoder.Html }))
        {
            json.WriteStartObject();
            json.WriteString("ociVersionMin", "1.0.0");
            json.WriteString("ociVersionMax", RuncRole.SpecVersion);
            Array(json, "hooks", ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]);
            Array(json, "mountOptions", MountOptionTable.Known);
            json.WriteStartObject("linux");
            Array(json, "namespaces", NamespaceNames.Known);
            Array(json, "capabilities", CapabilityNames.Known);
            json.WriteStartObject("cgroup");
            json.WriteBoolean("v1", true);
            json.WriteBoolean("v2", true);
            json.WriteBoolean("systemd", true);
            json.WriteBoolean("systemdUser", true);
            json.WriteBoolean("rdma", true);
            json.WriteEndObject();
            Seccomp(json);
            Enabled(json, "apparmor", true);
            Enabled(json, "selinux", true);
            json.WriteStartObject("intelRdt");
            json.WriteBoolean("enabled", true);
            json.WriteBoolean("schemata", true);
            json.WriteBoolean("monitoring", true);
            json.WriteEndObject();
            json.WriteStartObject("memoryPolicy");
            Array(json, "modes", MemoryPolicy.Modes);
            Array(json, "flags", MemoryPolicy.Flags);
            json.WriteEndObject();
            json.WriteStartObject("mountExtensions");
            Enabled(json, "idmap", true);
            json.WriteEndObject();
            Enabled(json, "netDevices", true);
            json.WriteEndObject();
            json.WriteStartObject("annotations");
            json.WriteString("io.github.seccomp.libseccomp.version", SeccompFilter.Version);
            json.WriteString("org.opencontainers.runc.checkpoint.enabled", "true");
            json.WriteString("org.opencontainers.runc.commit", "aotruntime");
            json.WriteString("org.opencontainers.runc.version", RuncRole.Version);
            json.WriteEndObject();
            // What a spec from elsewhere should not be trusted with: "org.systemd.property." is a prefix.
            Array(json, "potentiallyUnsafeConfigAnnotations", ["bundle", "org.systemd.property.", "org.criu.config"]);
            json.WriteEndObject();
        }
        return stream.ToArray();
    }

    private static void Seccomp(Utf8JsonWriter json)
    {
        json.WriteStartObject("seccomp");
        json.WriteBoolean("enabled", true);
        Array(json, "actions", SeccompNames.KnownActions);
        Array(json, "operators", SeccompNames.KnownOperators);
        Array(json, "archs", SeccompNames.KnownArchitectures);
        Array(json, "knownFlags", SeccompNames.KnownFlags);
        Array(json, "supportedFlags", SeccompNames.SupportedFlags);
        json.WriteEndObject();
    }

    private static void Enabled(Utf8JsonWriter json, string name, bool enabled)
    {
        json.WriteStartObject(name);
        json.WriteBoolean("enabled", enabled);
        json.WriteEndObject();
    }

    private static void Array(Utf8JsonWriter json, string name, string[] values)
    {
        json.WriteStartArray(name);
        foreach (string value in values)
            json.WriteStringValue(value);
        json.WriteEndArray();
    }
}
