using System.Globalization;
using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary>A value of <c>--gpus</c>: <c>all</c>, a count, or <c>device=0,driver=nvidia,capabilities=…</c>.</summary>
public static class GpuOption
{
    /// <summary>For the flag: checks, and gives the text back.</summary>
    public static string Validate(string text)
    {
        JsonBody.Object(writer =>
        {
            writer.WritePropertyName("gpu");
            Write(writer, text);
        });
        return text;
    }

    /// <summary>Writes the device request that <paramref name="text"/> means.</summary>
    public static void Write(Utf8JsonWriter writer, string text)
    {
        string driver = "";
        long? count = null;
        string[] devices = [];
        string[] capabilities = ["gpu"];
        List<string> options = [];
        foreach (string field in CsvFields.Split(text))
        {
            int equals = field.IndexOf('=');
            string value = field[(equals + 1)..];
            switch (equals < 0 ? "count" : field[..equals])
            {
                case "driver":
                    driver = value;
                    break;
                case "count":
                    count = Count(value);
                    break;
                case "device":
                    devices = value.Split(',');
                    break;
                case "capabilities":
                    capabilities = [.. value.Split(','), "gpu"];
                    break;
                case "options":
                    options = CsvFields.Split(value);
                    break;
                default:
                    throw new FlagValueException($"unexpected key '{field[..equals]}' in '{field}'");
            }
        }
        writer.WriteStartObject();
        writer.WriteString("Driver", driver);
        writer.WriteNumber("Count", count ?? (devices.Length == 0 ? 1 : 0));
        writer.Texts("DeviceIDs", devices);
        writer.WriteStartArray("Capabilities");
        writer.WriteStartArray();
        foreach (string capability in capabilities)
            writer.WriteStringValue(capability);
        writer.WriteEndArray();
        writer.WriteEndArray();
        writer.Pairs("Options", options, always: true);
        writer.WriteEndObject();
    }

    private static long Count(string text)
    {
        if (text == "all")
            return -1;
        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long count)
            ? count
            : throw new FlagValueException($"invalid count ({text}): value must be either \"all\" or an integer: invalid syntax");
    }
}
