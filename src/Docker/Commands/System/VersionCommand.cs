using System.Buffers;
using System.Text;
using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Formatting;
using AotRuntime.Docker.Templates;

namespace AotRuntime.Docker.Commands.Systems;

/// <summary><c>docker version</c>.</summary>
public static class VersionCommand
{
    private const int BadTemplate = 64;
    private const int LabelColumn = 20;

    /// <summary>Its place in the tree.</summary>
    public static Command Create() => new("version", "[OPTIONS]", "Show the version of client and daemon", ArgumentRule.None, static flags =>
    {
        Flag<string> format = flags.String("format", 'f', Formats.InspectHelp);
        return (context, _) => RunAsync(context, format.Value);
    })
    {
        CommonRank = 10,
    };

    private static async Task<int> RunAsync(CliContext context, string format)
    {
        Template? template = null;
        try
        {
            template = format.Length == 0 ? null : Template.Parse(format == "json" ? "{{json .}}" : format, "version");
        }
        catch (TemplateException e)
        {
            throw new CommandException($"template parsing error: {e.Message}", BadTemplate);
        }

        JsonDocument? server = null;
        string? error = null;
        try
        {
            server = await context.Engine.GetJsonAsync("/version").ConfigureAwait(false);
        }
        catch (Exception e) when (e is EngineException or CommandException)
        {
            error = e.Message;
        }
        using (server)
        {
            if (template is null)
                context.Out.Write(Pretty(context, server?.RootElement));
            else
                error ??= Render(context, template, server?.RootElement);
        }
        return error is null ? 0 : throw new CommandException(error);
    }

    private static string? Render(CliContext context, Template template, JsonElement? server)
    {
        using JsonDocument document = JsonDocument.Parse(Document(context, server));
        StringBuilder text = new();
        string? error = null;
        try
        {
            template.Execute(text, JsonValue.Of(document.RootElement));
        }
        catch (TemplateException e)
        {
            error = e.Message;
        }
        context.Out.Write(text.Append('\n').ToString());
        return error;
    }

    private static byte[] Document(CliContext context, JsonElement? server)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter writer = new(buffer))
        {
            writer.WriteStartObject();
            writer.WritePropertyName("Client");
            WriteClient(writer, context);
            writer.WritePropertyName("Server");
            if (server is { } element)
                WriteServer(writer, element);
            else
                writer.WriteNullValue();
            writer.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    // As the daemon said, but for the build's date, which the client shows in the C library's form.
    private static void WriteServer(Utf8JsonWriter writer, JsonElement server)
    {
        writer.WriteStartObject();
        foreach (JsonProperty property in server.EnumerateObject())
        {
            if (property.Name != "Components")
            {
                property.WriteTo(writer);
                continue;
            }
            writer.WriteStartArray(property.Name);
            foreach (JsonElement component in property.Value.Items())
            {
                if (component.Text("Name") == "Engine")
                    WriteEngine(writer, component);
                else
                    component.WriteTo(writer);
            }
            writer.WriteEndArray();
        }
        writer.WriteEndObject();
    }

    private static void WriteEngine(Utf8JsonWriter writer, JsonElement component)
    {
        writer.WriteStartObject();
        foreach (JsonProperty property in component.EnumerateObject())
        {
            if (property.Name != "Details" || property.Value.ValueKind != JsonValueKind.Object)
            {
                property.WriteTo(writer);
                continue;
            }
            writer.WriteStartObject(property.Name);
            foreach (JsonProperty detail in property.Value.EnumerateObject())
            {
                if (detail.Name == "BuildTime")
                    writer.WriteString(detail.Name, GoTime.AnsiC(detail.Value.GetString() ?? ""));
                else
                    detail.WriteTo(writer);
            }
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
    }

    /// <summary>What this client says of itself.</summary>
    public static void WriteClient(Utf8JsonWriter writer, CliContext context, bool asks = true)
    {
        writer.WriteStartObject();
        writer.WriteString("Version", Product.Version);
        if (asks)
            writer.WriteString("ApiVersion", context.Engine.Version);
        writer.WriteString("DefaultAPIVersion", Product.ApiVersion);
        writer.WriteString("GitCommit", Product.Commit);
        writer.WriteString("GoVersion", Runtime);
        writer.WriteString("Os", "linux");
        writer.WriteString("Arch", Product.Architecture);
        writer.WriteString("BuildTime", "");
        writer.WriteString("Context", EngineHost.ContextOf(context));
        if (!asks)
        {
            writer.WriteBoolean("Debug", context.Globals.Debug.Value);
            writer.WriteStartArray("Plugins");
            writer.WriteEndArray();
            writer.WriteNull("Warnings");
        }
        writer.WriteEndObject();
    }

    // Tools show this line under Go's name; what the program is compiled by is the honest answer.
    private static string Runtime => $".NET {Environment.Version}";

    private static string Pretty(CliContext context, JsonElement? server)
    {
        StringBuilder text = new();
        string api = context.Engine.Version;
        text.Append("Client:\n")
            .Append(" Version:\t").Append(Product.Version).Append('\n')
            .Append(" API version:\t").Append(api).Append(api != Product.ApiVersion ? $" (downgraded from {Product.ApiVersion})" : "").Append('\n')
            .Append(" Go version:\t").Append(Runtime).Append('\n')
            .Append(" Git commit:\t").Append(Product.Commit).Append('\n')
            .Append(" OS/Arch:\tlinux/").Append(Product.Architecture).Append('\n')
            .Append(" Context:\t").Append(EngineHost.ContextOf(context));
        if (server is { } version)
            AppendServer(text, version);
        return new TabWriter(LabelColumn, 1).Align(text.Append('\n').ToString());
    }

    private static void AppendServer(StringBuilder text, JsonElement version)
    {
        string platform = version.Member("Platform").Text("Name");
        text.Append("\n\nServer:").Append(platform.Length > 0 ? " " + platform : "");
        bool engine = false;
        foreach (JsonElement component in version.Items("Components"))
        {
            string name = component.Text("Name");
            text.Append("\n ").Append(name).Append(':');
            if (name == "Engine")
            {
                engine = true;
                AppendEngine(text, component.Text("Version"), component.Member("Details"));
                continue;
            }
            text.Append("\n  Version:\t").Append(component.Text("Version"));
            JsonElement details = component.Member("Details");
            if (details.ValueKind != JsonValueKind.Object)
                continue;
            foreach (JsonProperty detail in Values.Sorted(details))
                text.Append("\n  ").Append(detail.Name).Append(":\t").Append(detail.Value.GetString());
        }
        if (!engine)
        {
            // Daemons before 1.35 have no components; the same facts are members of the whole.
            text.Append("\n Engine:");
            AppendEngine(text, version.Text("Version"), version);
        }
    }

    private static void AppendEngine(StringBuilder text, string version, JsonElement details)
    {
        JsonElement experimental = details.Member("Experimental");
        text.Append("\n  Version:\t").Append(version)
            .Append("\n  API version:\t").Append(details.Text("ApiVersion")).Append(" (minimum version ").Append(details.Text("MinAPIVersion")).Append(')')
            .Append("\n  Go version:\t").Append(details.Text("GoVersion"))
            .Append("\n  Git commit:\t").Append(details.Text("GitCommit"))
            .Append("\n  Built:\t").Append(GoTime.AnsiC(details.Text("BuildTime")))
            .Append("\n  OS/Arch:\t").Append(details.Text("Os")).Append('/').Append(details.Text("Arch"))
            .Append("\n  Experimental:\t").Append(experimental.ValueKind == JsonValueKind.String ? experimental.GetString() : experimental.ValueKind == JsonValueKind.True ? "true" : "false");
    }
}
