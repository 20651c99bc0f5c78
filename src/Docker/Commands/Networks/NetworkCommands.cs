using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Formatting;

namespace AotRuntime.Docker.Commands.Networks;

/// <summary><c>docker network …</c>.</summary>
public static class NetworkCommands
{
    private const string Table = "table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}";

    /// <summary>The group.</summary>
    public static Command Group() => Command.Group(
        "network",
        "Manage networks",
        Connect(),
        Create(),
        Disconnect(),
        InspectCommand.OfKind("network", "[OPTIONS] NETWORK [NETWORK...]", "Show all that is known of networks"),
        List(),
        Prune(),
        Remove());

    private static Command List() => new("ls", "[OPTIONS]", "List networks", ArgumentRule.None, static flags =>
    {
        ListFlag filter = flags.List("filter", 'f', "Show only what matches (\"driver=bridge\", say)", FlagValues.Filter, "filter");
        Flag<string> format = flags.String("format", '\0', Formats.ListHelp);
        Flag<bool> noTrunc = flags.Bool("no-trunc", '\0', "Don't shorten what is shown");
        Flag<bool> quiet = flags.Bool("quiet", 'q', "Show IDs only");
        return async (context, _) =>
        {
            string template = format.Value;
            if (template.Length == 0)
                template = !quiet.Value && context.Config.Text("networksFormat") is { Length: > 0 } told ? told : "table";
            if (template == "table")
                template = quiet.Value ? "{{.ID}}" : Table;
            using JsonDocument answer = await context.Engine.GetJsonAsync(new Query("/networks").AddFilters(filter.Values).ToString()).ConfigureAwait(false);
            List<JsonElement> networks = [.. answer.RootElement.Items()];
            networks.Sort(static (a, b) => Text.CompareNatural(a.Text("Name"), b.Text("Name")));
            context.Out.Write(Columns(!noTrunc.Value).Print(template, networks));
            return 0;
        };
    })
    {
        Aliases = ["list"],
        FullNames = "docker network ls, docker network list",
    };

    private static ListFormat<JsonElement> Columns(bool trunc) => new("*network.networkContext",
    [
        new("CreatedAt", "CREATED AT", static n => CreatedAt(n.Text("Created"))),
        new("Driver", "DRIVER", static n => n.Text("Driver")),
        new("ID", "NETWORK ID", n => trunc ? Text.ShortId(n.Text("Id")) : n.Text("Id")),
        new("IPv4", "IPV4", static n => n.Flag("EnableIPv4") ? "true" : "false"),
        new("IPv6", "IPV6", static n => n.Flag("EnableIPv6") ? "true" : "false"),
        new("Internal", "INTERNAL", static n => n.Flag("Internal") ? "true" : "false"),
        new("Labels", "LABELS", static n => LabelText.Join(n)),
        new("Name", "NAME", static n => n.Text("Name")),
        new("Scope", "SCOPE", static n => n.Text("Scope")),
    ])
    {
        MethodName = "Label",
        Method = static (n, _, args) => args.Count == 1 && args[0] is string name ? n.Member("Labels").Text(name) : "",
    };

    // 2026-01-02T03:04:05.678Z as Go prints a time: 2026-01-02 03:04:05.678 +0000 UTC
    private static string CreatedAt(string rfc3339)
    {
        int t = rfc3339.IndexOf('T');
        if (t < 0)
            return rfc3339;
        if (rfc3339.EndsWith('Z'))
            return $"{rfc3339[..t]} {rfc3339[(t + 1)..^1]} +0000 UTC";
        string zone = rfc3339[^6..].Replace(":", "");
        return $"{rfc3339[..t]} {rfc3339[(t + 1)..^6]} {zone} {zone}";
    }

    private static Command Create() => new("create", "[OPTIONS] NETWORK", "Create a network", ArgumentRule.Exactly(1), static flags =>
    {
        Flag<bool> attachable = flags.Bool("attachable", '\0', "Let containers attach by hand");
        ListFlag aux = flags.List("aux-address", '\0', "Addresses that the driver uses for something else", null, "map", "map[]");
        Flag<string> configFrom = flags.String("config-from", '\0', "Network whose configuration to take");
        Flag<bool> configOnly = flags.Bool("config-only", '\0', "Create a configuration only");
        Flag<string> driver = flags.String("driver", 'd', "Driver that manages the network", "bridge");
        ListFlag gateway = flags.List("gateway", '\0', "Address of the gateway, IPv4 or IPv6", null, "strings");
        Flag<bool> ingress = flags.Bool("ingress", '\0', "Create the routing mesh of a swarm");
        Flag<bool> isInternal = flags.Bool("internal", '\0', "Keep the network from the outside");
        ListFlag range = flags.List("ip-range", '\0', "Part of the subnet to give addresses from", null, "strings");
        Flag<string> ipamDriver = flags.String("ipam-driver", '\0', "Driver that manages addresses", "default");
        ListFlag ipamOptions = flags.List("ipam-opt", '\0', "Set an option of the driver that manages addresses", null, "map", "map[]");
        Flag<bool> ipv4 = flags.Bool("ipv4", '\0', "Give IPv4 addresses", value: true);
        Flag<bool> ipv6 = flags.Bool("ipv6", '\0', "Give IPv6 addresses");
        ListFlag labels = flags.List("label", '\0', "Set a label on the network", FlagValues.Label);
        ListFlag options = flags.List("opt", 'o', "Set an option of the driver", null, "map", "map[]");
        Flag<string> scope = flags.String("scope", '\0', "Where the network is known");
        ListFlag subnet = flags.List("subnet", '\0', "Subnet, in CIDR format", null, "strings");
        return async (context, args) =>
        {
            byte[] body = JsonBody.Object(writer =>
            {
                writer.WriteString("Name", args[0]);
                writer.WriteString("Driver", driver.Value);
                writer.Text("Scope", scope.Value);
                if (ipv4.Changed)
                    writer.WriteBoolean("EnableIPv4", ipv4.Value);
                if (ipv6.Changed)
                    writer.WriteBoolean("EnableIPv6", ipv6.Value);
                writer.WriteStartObject("IPAM");
                writer.WriteString("Driver", ipamDriver.Value);
                writer.Pairs("Options", ipamOptions.Values, always: true);
                WritePools(writer, Split(subnet), Split(range), Split(gateway), aux.Values);
                writer.WriteEndObject();
                writer.WriteBoolean("Internal", isInternal.Value);
                writer.WriteBoolean("Attachable", attachable.Value);
                writer.WriteBoolean("Ingress", ingress.Value);
                writer.WriteBoolean("ConfigOnly", configOnly.Value);
                if (configFrom.Value.Length > 0)
                {
                    writer.WriteStartObject("ConfigFrom");
                    writer.WriteString("Network", configFrom.Value);
                    writer.WriteEndObject();
                }
                writer.Pairs("Options", options.Values, always: true);
                writer.Pairs("Labels", labels.Values, always: true);
            });
            using JsonDocument answer = await context.Engine.PostJsonAsync("/networks/create", body).ConfigureAwait(false);
            context.Out.Write(answer.RootElement.Text("Id") + "\n");
            return 0;
        };
    });

    private static List<string> Split(ListFlag flag)
    {
        List<string> values = [];
        foreach (string value in flag.Values)
            values.AddRange(value.Split(','));
        return values;
    }

    private static void WritePools(Utf8JsonWriter writer, List<string> subnets, List<string> ranges, List<string> gateways, List<string> aux)
    {
        if (subnets.Count == 0 && (ranges.Count > 0 || gateways.Count > 0))
            throw new CommandException("every ip-range or gateway must have a corresponding subnet");
        writer.WriteStartArray("Config");
        foreach (string subnet in subnets)
        {
            writer.WriteStartObject();
            writer.WriteString("Subnet", subnet);
            writer.Text("IPRange", ranges.Find(r => Contains(subnet, r.Split('/')[0])) ?? "");
            writer.Text("Gateway", gateways.Find(g => Contains(subnet, g)) ?? "");
            writer.Pairs("AuxiliaryAddresses", aux.FindAll(a => Contains(subnet, a[(a.IndexOf('=') + 1)..])));
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }

    private static bool Contains(string subnet, string address) =>
        System.Net.IPNetwork.TryParse(subnet, out System.Net.IPNetwork network)
            ? System.Net.IPAddress.TryParse(address, out System.Net.IPAddress? ip) && network.BaseAddress.AddressFamily == ip.AddressFamily && network.Contains(ip)
            : throw new CommandException($"invalid subnet {subnet} : invalid CIDR address: {subnet}");

    private static Command Connect() => new("connect", "[OPTIONS] NETWORK CONTAINER", "Connect a container to a network", ArgumentRule.Exactly(2), static flags =>
    {
        ListFlag alias = flags.List("alias", '\0', "Another name of the container in the network", null, "strings");
        ListFlag driverOptions = flags.List("driver-opt", '\0', "Set an option of the network's driver", null, "strings");
        Flag<long> priority = flags.Int("gw-priority", '\0', "How preferable the network is as the way out");
        Flag<string> ip = flags.String("ip", '\0', "IPv4 address");
        Flag<string> ip6 = flags.String("ip6", '\0', "IPv6 address");
        ListFlag link = flags.List("link", '\0', "Link to another container");
        ListFlag linkLocal = flags.List("link-local-ip", '\0', "Link-local address", null, "strings");
        return async (context, args) =>
        {
            byte[] body = JsonBody.Object(writer =>
            {
                writer.WriteString("Container", args[1]);
                writer.WriteStartObject("EndpointConfig");
                writer.WriteStartObject("IPAMConfig");
                writer.Text("IPv4Address", ip.Value);
                writer.Text("IPv6Address", ip6.Value);
                writer.Texts("LinkLocalIPs", Split(linkLocal));
                writer.WriteEndObject();
                writer.Texts("Links", link.Values);
                writer.Texts("Aliases", Split(alias));
                writer.Pairs("DriverOpts", Split(driverOptions));
                writer.NonZero("GwPriority", priority.Value);
                writer.WriteEndObject();
            });
            await context.Engine.PostAsync($"/networks/{Query.Segment(args[0])}/connect", body).ConfigureAwait(false);
            return 0;
        };
    });

    private static Command Disconnect() => new("disconnect", "[OPTIONS] NETWORK CONTAINER", "Disconnect a container from a network", ArgumentRule.Exactly(2), static flags =>
    {
        Flag<bool> force = flags.Bool("force", 'f', "Disconnect even what can't be asked");
        return async (context, args) =>
        {
            byte[] body = JsonBody.Object(writer =>
            {
                writer.WriteString("Container", args[1]);
                writer.WriteBoolean("Force", force.Value);
            });
            await context.Engine.PostAsync($"/networks/{Query.Segment(args[0])}/disconnect", body).ConfigureAwait(false);
            return 0;
        };
    });

    private static Command Remove() => new("rm", "NETWORK [NETWORK...]", "Remove networks", ArgumentRule.AtLeast(1), static flags =>
    {
        Flag<bool> force = flags.Bool("force", 'f', "No error for networks that aren't there");
        return async (context, args) =>
        {
            bool failed = false;
            foreach (string name in args)
            {
                try
                {
                    await context.Engine.DeleteAsync($"/networks/{Query.Segment(name)}").ConfigureAwait(false);
                    context.Out.Write(name + "\n");
                }
                catch (EngineException e) when (force.Value && e.IsNotFound)
                {
                    continue;
                }
                catch (EngineException e)
                {
                    context.Error.Write(e.Message + "\n");
                    failed = true;
                }
            }
            return failed ? throw new CommandException("exit status 1") : 0;
        };
    })
    {
        Aliases = ["remove"],
        FullNames = "docker network rm, docker network remove",
    };

    private static Command Prune() => new("prune", "[OPTIONS]", "Remove all unused networks", ArgumentRule.None, static flags =>
    {
        ListFlag filter = flags.List("filter", '\0', "Remove only what matches (\"until=<timestamp>\", say)", FlagValues.Filter, "filter");
        Flag<bool> force = flags.Bool("force", 'f', "Do not ask");
        return async (context, _) =>
        {
            if (!force.Value)
                Confirmation.Ask(context, "WARNING! This will remove all custom networks not used by at least one container.");
            List<string> deleted = await PruneAsync(context, filter.Values).ConfigureAwait(false);
            PruneReport.Print(context, "Deleted Networks:", deleted, null);
            return 0;
        };
    });

    /// <summary>Prunes networks; gives their names.</summary>
    public static async Task<List<string>> PruneAsync(CliContext context, List<string> filters)
    {
        using JsonDocument answer = await context.Engine.PostJsonAsync(new Query("/networks/prune").AddFilters(filters).ToString()).ConfigureAwait(false);
        return answer.RootElement.Texts("NetworksDeleted");
    }
}
