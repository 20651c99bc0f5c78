using System.Globalization;
using AotRuntime.Linux;
using AotRuntime.Runc.Spec;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Cgroups;

/// <summary>Which devices a container may use.</summary>
internal static class DeviceRules
{
    /// <summary>Always allowed, as by runc: making any node, the default devices, terminals, and tun (which engines have come to rely on).</summary>
    private static readonly (char Type, long Major, long Minor, string Access)[] Defaults =
    [
        ('c', -1, -1, "m"), ('b', -1, -1, "m"),
        ('c', 1, 3, "rwm"), ('c', 1, 8, "rwm"), ('c', 1, 7, "rwm"), ('c', 5, 0, "rwm"), ('c', 1, 5, "rwm"), ('c', 1, 9, "rwm"),
        ('c', 136, -1, "rwm"), ('c', 5, 2, "rwm"), ('c', 10, 200, "rwm"),
    ];

    /// <summary>One rule: later ones win; -1 is any number.</summary>
    internal readonly record struct Rule(bool Allow, char Type, long Major, long Minor, string Access)
    {
        public bool IsAll => Type == 'a' && Major < 0 && Minor < 0;
    }

    /// <summary>The spec's rules and the defaults after them; nothing is allowed before the first.</summary>
    public static List<Rule> All(List<DeviceRuleSpec>? rules)
    {
        var list = new List<Rule>();
        bool all = false;
        foreach (DeviceRuleSpec spec in rules ?? [])
        {
            char type = spec.Type switch
            {
                null or "" or "a" => 'a',
                "c" or "u" => 'c',
                "b" => 'b',
                _ => throw new RuncException($"invalid device type: {spec.Type}"),
            };
            var rule = new Rule(spec.Allow, type, spec.Major ?? -1, spec.Minor ?? -1, string.IsNullOrEmpty(spec.Access) ? "rwm" : spec.Access);
            foreach (char access in rule.Access)
            {
                if (access is not ('r' or 'w' or 'm'))
                    throw new RuncException($"invalid device access: {spec.Access}");
            }
            if (rule.IsAll)
            {
                // All before it no longer matters.
                list.Clear();
                all = rule.Allow;
                list.Add(rule with { Access = "rwm" });
                continue;
            }
            if (type == 'a')
            {
                list.Add(rule with { Type = 'b' });
                list.Add(rule with { Type = 'c' });
                continue;
            }
            list.Add(rule);
        }
        if (!all)
        {
            foreach ((char type, long major, long minor, string access) in Defaults)
                list.Add(new Rule(true, type, major, minor, access));
        }
        return list;
    }

    /// <summary>Writes to devices.deny and devices.allow (v1), in order.</summary>
    public static List<(string File, string Value)> V1(List<DeviceRuleSpec>? rules)
    {
        var list = new List<(string, string)>();
        List<Rule> all = All(rules);
        if (all.Count == 0 || !all[0].IsAll)
            list.Add(("devices.deny", "a"));
        foreach (Rule rule in all)
        {
            string value = rule.IsAll ? "a" : $"{rule.Type} {Number(rule.Major)}:{Number(rule.Minor)} {rule.Access}";
            list.Add((rule.Allow ? "devices.allow" : "devices.deny", value));
        }
        return list;
    }

    /// <summary>Writes them, each file opened once for all that follow each other.</summary>
    /// <exception cref="RuncException">The kernel refused one.</exception>
    public static void WriteV1(string directory, List<DeviceRuleSpec>? rules)
    {
        SafeFileHandle? open = null;
        string path = "";
        try
        {
            foreach ((string file, string value) in V1(rules))
            {
                try
                {
                    if (open is null || !path.EndsWith(file, StringComparison.Ordinal))
                    {
                        open?.Dispose();
                        path = $"{directory}/{file}";
                        open = Sys.Open(path, OpenFlags.WriteOnly);
                    }
                    Sys.WriteControl(open, path, value);
                }
                catch (LinuxException e)
                {
                    throw new RuncException($"failed to write \"{value}\": {e.Call} {path}: {e.Errno.Text()}", e);
                }
            }
        }
        finally
        {
            open?.Dispose();
        }
    }

    private static string Number(long value) => value < 0 ? "*" : value.ToString(CultureInfo.InvariantCulture);
}
