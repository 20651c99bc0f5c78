using System.Globalization;
using AotRuntime.Runc.Cgroups;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Systemd;

/// <summary>Device rules as systemd knows them: a list of what is allowed.</summary>
internal static class DeviceProperties
{
    /// <summary>DevicePolicy and DeviceAllow. Rules that forbid what others allow can't be told; what systemd then allows too much the files take back.</summary>
    public static List<UnitProperty> Of(List<DeviceRuleSpec>? rules)
    {
        List<DeviceRules.Rule> all = DeviceRules.All(rules);
        var allowed = new List<DBusValue>();
        bool everything = false;
        foreach (DeviceRules.Rule rule in all)
        {
            if (rule.IsAll)
            {
                everything = rule.Allow;
                allowed.Clear();
            }
            else if (rule.Allow && Path(rule) is { } path)
            {
                allowed.Add(DBusValue.Struct(DBusValue.String(path), DBusValue.String(rule.Access)));
            }
        }
        return
        [
            new("DevicePolicy", DBusValue.String(everything ? "auto" : "strict")),
            new("DeviceAllow", DBusValue.Array("(ss)", everything ? [] : allowed)),
        ];
    }

    // man 5 systemd.resource-control, "DeviceAllow=": a node's path, or "char-" or "block-" with the name in /proc/devices, the number, or "*".
    private static string? Path(DeviceRules.Rule rule)
    {
        string kind = rule.Type == 'b' ? "block" : "char";
        return rule switch
        {
            { Major: < 0, Minor: < 0 } => kind + "-*",
            { Major: < 0 } => null,
            { Minor: < 0 } => string.Create(CultureInfo.InvariantCulture, $"{kind}-{rule.Major}"),
            _ => string.Create(CultureInfo.InvariantCulture, $"/dev/{kind}/{rule.Major}:{rule.Minor}"),
        };
    }
}
