using System.Globalization;
using AotRuntime.Docker.CommandLine;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary>A value of <c>--network</c>: a name, or <c>name=net,alias=a,ip=172.20.0.9</c>.</summary>
public sealed class NetworkOption
{
    /// <summary>The network's name or ID, or a mode (bridge, host, none, container:NAME).</summary>
    public string Target { get; private set; } = "default";

    /// <summary>Names in the network.</summary>
    public List<string> Aliases { get; } = [];

    /// <summary>Linked containers.</summary>
    public List<string> Links { get; set; } = [];

    /// <summary>IPv4 address.</summary>
    public string Ip { get; set; } = "";

    /// <summary>IPv6 address.</summary>
    public string Ip6 { get; set; } = "";

    /// <summary>MAC address.</summary>
    public string MacAddress { get; set; } = "";

    /// <summary>Link-local addresses.</summary>
    public List<string> LinkLocalIps { get; } = [];

    /// <summary>Options of the network's driver.</summary>
    public List<string> DriverOptions { get; } = [];

    /// <summary>How preferable the network is as the way out.</summary>
    public long GatewayPriority { get; private set; }

    /// <summary>Whether it is a network that someone made, and no mode.</summary>
    public bool IsUserDefined => Target is not ("default" or "bridge" or "host" or "none") && !Target.StartsWith("container:", StringComparison.Ordinal);

    /// <summary>For the flag: checks, and gives the text back.</summary>
    public static string Validate(string text)
    {
        Parse(text);
        return text;
    }

    /// <summary>Parses <paramref name="text"/>.</summary>
    /// <exception cref="FlagValueException">It can't be read.</exception>
    public static NetworkOption Parse(string text)
    {
        NetworkOption option = new();
        int sign = text.IndexOf('=');
        bool pairs = sign > 0 && sign + 1 < text.Length && IsWord(text[sign - 1]) && IsWord(text[sign + 1]);
        if (!pairs)
        {
            option.Target = text;
            return option;
        }
        option.Target = "";
        foreach (string field in CsvFields.Split(text))
        {
            int equals = field.IndexOf('=');
            if (equals <= 0)
                throw new FlagValueException($"invalid field {field}");
            option.Set(field[..equals].ToLowerInvariant().Trim(), field[(equals + 1)..].ToLowerInvariant().Trim());
        }
        return option.Target.Length > 0 ? option : throw new FlagValueException("network name/id is not specified");
    }

    private static bool IsWord(char c) => char.IsAsciiLetterOrDigit(c) || c == '_';

    private void Set(string key, string value)
    {
        switch (key)
        {
            case "name":
                Target = value;
                break;
            case "alias":
                Aliases.Add(value);
                break;
            case "ip":
                Ip = value;
                break;
            case "ip6":
                Ip6 = value;
                break;
            case "mac-address":
                MacAddress = value;
                break;
            case "link-local-ip":
                LinkLocalIps.Add(value);
                break;
            case "driver-opt":
                if (value.IndexOf('=') <= 0)
                    throw new FlagValueException("invalid key value pair format in driver options");
                DriverOptions.Add(value);
                break;
            case "gw-priority":
                GatewayPriority = long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long priority)
                    ? priority
                    : throw new FlagValueException($"invalid gw-priority ({value}): invalid syntax");
                break;
            default:
                throw new FlagValueException($"invalid field key {key}");
        }
    }
}
