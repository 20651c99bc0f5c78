using System.Buffers;
using System.Text;
using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Configuration;
using AotRuntime.Docker.Formatting;
using AotRuntime.Docker.Templates;

namespace AotRuntime.Docker.Commands.Systems;

/// <summary><c>docker info</c>.</summary>
public static class InfoCommand
{
    private const int BadTemplate = 64;

    /// <summary>Its place in the tree.</summary>
    public static Command Create() => new("info", "[OPTIONS]", "Show what the daemon is and how it is set up", ArgumentRule.None, static flags =>
    {
        Flag<string> format = flags.String("format", 'f', Formats.InspectHelp);
        return (context, _) => format.Value.Length == 0 ? PrettyAsync(context) : FormatAsync(context, format.Value);
    })
    {
        FullNames = "docker system info, docker info",
        CommonRank = 12,
    };

    private static async Task<int> FormatAsync(CliContext context, string format)
    {
        Template template;
        try
        {
            template = Template.Parse(format == "json" ? "{{json .}}" : format);
        }
        catch (TemplateException e)
        {
            throw new CommandException($"template parsing error: {e.Message}", BadTemplate);
        }
        using JsonDocument info = await context.Engine.GetJsonAsync("/info").ConfigureAwait(false);
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter writer = new(buffer))
        {
            writer.WriteStartObject();
            foreach (JsonProperty property in info.RootElement.EnumerateObject())
                property.WriteTo(writer);
            writer.WritePropertyName("ClientInfo");
            VersionCommand.WriteClient(writer, context, asks: false);
            writer.WriteEndObject();
        }
        using JsonDocument whole = JsonDocument.Parse(buffer.WrittenMemory);
        StringBuilder text = new();
        string? error = null;
        try
        {
            template.Execute(text, JsonValue.Of(whole.RootElement));
        }
        catch (TemplateException e)
        {
            error = e.Message;
        }
        context.Out.Write(text.Append('\n').ToString());
        return error is null ? 0 : throw new CommandException(error);
    }

    private static async Task<int> PrettyAsync(CliContext context)
    {
        StringBuilder text = new();
        text.Append("Client:\n Version:    ").Append(Product.Version)
            .Append("\n Context:    ").Append(EngineHost.ContextOf(context))
            .Append("\n Debug Mode: ").Append(Bool(context.Globals.Debug.Value))
            .Append("\n\nServer:\n");
        JsonDocument info;
        try
        {
            info = await context.Engine.GetJsonAsync("/info").ConfigureAwait(false);
        }
        catch (EngineException e)
        {
            context.Out.Write(text.ToString());
            context.Error.Write($"ERROR: {e.Message}\n");
            throw new CommandException("errors pretty printing info");
        }
        catch (CommandException)
        {
            context.Out.Write(text.ToString());
            throw;
        }
        using (info)
        {
            AppendServer(text, context, info.RootElement);
            context.Out.Write(text.Append('\n').ToString());
            foreach (string warning in info.RootElement.Texts("Warnings"))
                context.Error.Write(warning + "\n");
        }
        return 0;
    }

    private static string Bool(bool value) => value ? "true" : "false";

    private static void AppendServer(StringBuilder text, CliContext context, JsonElement info)
    {
        void Line(string label, string value, bool always = false)
        {
            if (value.Length > 0 || always)
                text.Append(label).Append(' ').Append(value).Append('\n');
        }
        void Number(string label, string member) => text.Append(label).Append(' ').Append(info.Number(member)).Append('\n');

        Number(" Containers:", "Containers");
        Number("  Running:", "ContainersRunning");
        Number("  Paused:", "ContainersPaused");
        Number("  Stopped:", "ContainersStopped");
        Number(" Images:", "Images");
        Line(" Server Version:", info.Text("ServerVersion"));
        Line(" Storage Driver:", info.Text("Driver"));
        foreach (JsonElement pair in info.Items("DriverStatus"))
            text.Append("  ").Append(pair[0].GetString()).Append(": ").Append(pair[1].GetString()).Append('\n');
        Line(" Logging Driver:", info.Text("LoggingDriver"));
        Line(" Cgroup Driver:", info.Text("CgroupDriver"));
        Line(" Cgroup Version:", info.Text("CgroupVersion"));
        JsonElement plugins = info.Member("Plugins");
        text.Append(" Plugins:\n");
        Line("  Volume:", string.Join(' ', plugins.Texts("Volume")), always: true);
        Line("  Network:", string.Join(' ', plugins.Texts("Network")), always: true);
        Line("  Authorization:", string.Join(' ', plugins.Texts("Authorization")));
        Line("  Log:", string.Join(' ', plugins.Texts("Log")), always: true);
        List<string> cdi = info.Texts("CDISpecDirs");
        if (cdi.Count > 0)
            text.Append(" CDI spec directories:\n  ").AppendJoin("\n  ", cdi).Append('\n');
        AppendDevices(text, info);
        AppendSwarm(text, info.Member("Swarm"));
        AppendRuntimes(text, info);
        Line(" Init Binary:", info.Text("InitBinary"), always: true);
        Line(" containerd version:", info.Member("ContainerdCommit").Text("ID"), always: true);
        Line(" runc version:", info.Member("RuncCommit").Text("ID"), always: true);
        Line(" init version:", info.Member("InitCommit").Text("ID"), always: true);
        AppendSecurity(text, info);
        Line(" Kernel Version:", info.Text("KernelVersion"));
        Line(" Operating System:", info.Text("OperatingSystem"));
        Line(" OSType:", info.Text("OSType"));
        Line(" Architecture:", info.Text("Architecture"));
        Number(" CPUs:", "NCPU");
        Line(" Total Memory:", ByteSize.Binary(info.Number("MemTotal")));
        Line(" Name:", info.Text("Name"));
        Line(" ID:", info.Text("ID"));
        Line(" Docker Root Dir:", info.Text("DockerRootDir"), always: true);
        Line(" Debug Mode:", Bool(info.Flag("Debug")));
        if (info.Flag("Debug") || context.Globals.Debug.Value)
        {
            Number("  File Descriptors:", "NFd");
            Number("  Goroutines:", "NGoroutines");
            Line("  System Time:", info.Text("SystemTime"), always: true);
            Number("  EventsListeners:", "NEventsListener");
        }
        Line(" HTTP Proxy:", info.Text("HttpProxy"));
        Line(" HTTPS Proxy:", info.Text("HttpsProxy"));
        Line(" No Proxy:", info.Text("NoProxy"));
        if (context.Config.Auths.TryGetValue(ConfigFile.HubKey, out RegistryAuth? auth))
            Line(" Username:", auth.Username);
        List<string> labels = info.Texts("Labels");
        if (labels.Count > 0)
            text.Append(" Labels:\n  ").AppendJoin("\n  ", labels).Append('\n');
        Line(" Experimental:", Bool(info.Flag("ExperimentalBuild")));
        AppendRegistries(text, info.Member("RegistryConfig"));
        Line(" Live Restore Enabled:", Bool(info.Flag("LiveRestoreEnabled")));
        Line(" Product License:", info.Text("ProductLicense"));
        bool first = true;
        foreach (JsonElement pool in info.Items("DefaultAddressPools"))
        {
            text.Append(first ? " Default Address Pools:\n" : "").Append("   Base: ").Append(pool.Text("Base")).Append(", Size: ").Append(pool.Number("Size")).Append('\n');
            first = false;
        }
    }

    private static void AppendDevices(StringBuilder text, JsonElement info)
    {
        bool first = true;
        foreach (JsonElement device in info.Items("DiscoveredDevices"))
        {
            text.Append(first ? " Discovered Devices:\n" : "").Append("  ").Append(device.Text("Source")).Append(": ").Append(device.Text("ID")).Append('\n');
            first = false;
        }
    }

    private static void AppendSwarm(StringBuilder text, JsonElement swarm)
    {
        string state = swarm.Text("LocalNodeState");
        text.Append(" Swarm: ").Append(state).Append('\n');
        if (state is "" or "inactive" or "locked")
            return;
        text.Append("  NodeID: ").Append(swarm.Text("NodeID")).Append('\n');
        if (swarm.Text("Error") is { Length: > 0 } error)
            text.Append("  Error: ").Append(error).Append('\n');
        text.Append("  Is Manager: ").Append(Bool(swarm.Flag("ControlAvailable"))).Append('\n');
        text.Append("  Node Address: ").Append(swarm.Text("NodeAddr")).Append('\n');
    }

    private static void AppendRuntimes(StringBuilder text, JsonElement info)
    {
        List<string> names = [];
        foreach (JsonProperty runtime in info.Members("Runtimes"))
            names.Add(runtime.Name);
        if (names.Count > 0)
            text.Append(" Runtimes: ").AppendJoin(' ', names).Append("\n Default Runtime: ").Append(info.Text("DefaultRuntime")).Append('\n');
    }

    // name=seccomp,profile=builtin
    private static void AppendSecurity(StringBuilder text, JsonElement info)
    {
        List<string> options = info.Texts("SecurityOptions");
        if (options.Count == 0)
            return;
        text.Append(" Security Options:\n");
        foreach (string option in options)
        {
            foreach (string pair in option.Split(','))
            {
                if (pair.StartsWith("name=", StringComparison.Ordinal))
                    text.Append("  ").Append(pair, 5, pair.Length - 5).Append('\n');
                else if (pair.StartsWith("profile=", StringComparison.Ordinal))
                    text.Append("   Profile: ").Append(pair, 8, pair.Length - 8).Append('\n');
            }
        }
    }

    private static void AppendRegistries(StringBuilder text, JsonElement config)
    {
        List<string> insecure = [];
        bool any = false;
        foreach (JsonProperty registry in config.Members("IndexConfigs"))
        {
            any = true;
            if (!registry.Value.Flag("Secure"))
                insecure.Add(registry.Value.Text("Name"));
        }
        insecure.AddRange(config.Texts("InsecureRegistryCIDRs"));
        if (any || insecure.Count > 0)
            text.Append(" Insecure Registries:\n  ").AppendJoin("\n  ", insecure).Append('\n');
        List<string> mirrors = config.Texts("Mirrors");
        if (mirrors.Count > 0)
            text.Append(" Registry Mirrors:\n  ").AppendJoin("\n  ", mirrors).Append('\n');
    }
}
