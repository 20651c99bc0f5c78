using System.Text;
using AotRuntime.Linux;

namespace AotRuntime.Runc.Cgroups;

/// <summary>One mounted cgroup hierarchy.</summary>
/// <param name="Controllers">Its controllers ("cpu", "cpuacct"), "name=systemd", or "" alone for cgroup2.</param>
/// <param name="MountPoint">Where it is mounted.</param>
/// <param name="Root">The cgroup that the mount shows as its root.</param>
/// <param name="Own">The cgroup of this process in it.</param>
internal sealed record CgroupHierarchy(string[] Controllers, string MountPoint, string Root, string Own)
{
    public bool IsUnified => Controllers[0].Length == 0;

    public bool Has(string controller) => Array.IndexOf(Controllers, controller) >= 0;
}

/// <summary>The cgroup hierarchies of this machine: v1, v2, or v1 with a v2 beside it ("hybrid").</summary>
internal sealed class CgroupMounts
{
    private const string Default = "/sys/fs/cgroup";

    private CgroupMounts(List<CgroupHierarchy> hierarchies, bool unified)
    {
        Hierarchies = hierarchies;
        Unified = unified;
    }

    /// <summary>All of them.</summary>
    public List<CgroupHierarchy> Hierarchies { get; }

    /// <summary>Whether cgroup2 is all there is.</summary>
    public bool Unified { get; }

    public static CgroupMounts Read() =>
        Parse(Sys.ReadSmallText("/proc/self/mountinfo"), Sys.ReadSmallText("/proc/self/cgroup"));

    /// <summary>Reads the two files' texts.</summary>
    internal static CgroupMounts Parse(string mountInfo, string cgroup)
    {
        var own = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (ReadOnlySpan<char> line in cgroup.AsSpan().EnumerateLines())
        {
            // "4:memory:/path", "0::/path"
            int first = line.IndexOf(':');
            if (first < 0)
                continue;
            ReadOnlySpan<char> rest = line[(first + 1)..];
            int second = rest.IndexOf(':');
            if (second < 0)
                continue;
            string path = rest[(second + 1)..].ToString();
            foreach (string controller in rest[..second].ToString().Split(','))
                own[controller] = path;
        }

        var hierarchies = new List<CgroupHierarchy>();
        bool v1 = false;
        foreach (ReadOnlySpan<char> line in mountInfo.AsSpan().EnumerateLines())
        {
            // 36 35 98:0 ROOT POINT options - TYPE source SUPEROPTIONS
            int dash = line.IndexOf(" - cgroup", StringComparison.Ordinal);
            if (dash < 0)
                continue;
            string[] tail = line[(dash + 3)..].ToString().Split(' ');
            string[] head = line[..dash].ToString().Split(' ');
            if (head.Length < 5 || tail.Length < 3)
                continue;
            string root = Unescape(head[3]), point = Unescape(head[4]);
            if (tail[0] == "cgroup2")
            {
                if (!Known(hierarchies, ""))
                    hierarchies.Add(new CgroupHierarchy([""], point, root, own.GetValueOrDefault("", "/")));
                continue;
            }
            if (tail[0] != "cgroup")
                continue;
            var controllers = new List<string>();
            foreach (string option in tail[2].Split(','))
            {
                if (own.ContainsKey(option) && option.Length > 0)
                    controllers.Add(option);
            }
            // A hierarchy may be mounted twice; the first is the usual place.
            if (controllers.Count == 0 || Known(hierarchies, controllers[0]))
                continue;
            v1 = true;
            hierarchies.Add(new CgroupHierarchy([.. controllers], point, root, own[controllers[0]]));
        }
        return new CgroupMounts(hierarchies, unified: !v1 && hierarchies.Count > 0);
    }

    /// <summary>The directory of a cgroup: an absolute path counts from the hierarchy's root, a relative one from this process's own cgroup.</summary>
    internal static string PathOf(CgroupHierarchy hierarchy, string path)
    {
        if (path.StartsWith('/'))
            return Join(hierarchy.MountPoint, Clean(path));
        string own = hierarchy.Own;
        string root = hierarchy.Root;
        if (root != "/" && own.StartsWith(root, StringComparison.Ordinal))
            own = own[root.Length..];
        // "No internal processes" (cgroup-v2.rst): our own cgroup has some and can't hand controllers to children, so theirs is beside it.
        if (hierarchy.IsUnified)
            own += "/..";
        return Join(Join(hierarchy.MountPoint, Clean(own)), Clean("/" + path));
    }

    /// <summary>An absolute path without "." and "..": it can't leave what it is joined to.</summary>
    internal static string Clean(string path)
    {
        var parts = new List<string>();
        foreach (string part in path.Split('/'))
        {
            if (part.Length == 0 || part == ".")
                continue;
            if (part != "..")
                parts.Add(part);
            else if (parts.Count > 0)
                parts.RemoveAt(parts.Count - 1);
        }
        return "/" + string.Join('/', parts);
    }

    private static string Join(string mount, string clean) =>
        clean == "/" ? mount : (mount.Length == 0 ? Default : mount) + clean;

    /// <summary>Whether a hierarchy is mounted there, so that it need not be looked for.</summary>
    public bool IsMountPoint(string directory)
    {
        foreach (CgroupHierarchy hierarchy in Hierarchies)
        {
            if (hierarchy.MountPoint == directory)
                return true;
        }
        return false;
    }

    private static bool Known(List<CgroupHierarchy> hierarchies, string controller)
    {
        foreach (CgroupHierarchy hierarchy in hierarchies)
        {
            if (hierarchy.Has(controller))
                return true;
        }
        return false;
    }

    // mountinfo writes a space as \040, and so on.
    private static string Unescape(string text)
    {
        if (!text.Contains('\\'))
            return text;
        var plain = new StringBuilder();
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 3 < text.Length)
            {
                plain.Append((char)((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0')));
                i += 3;
            }
            else
            {
                plain.Append(text[i]);
            }
        }
        return plain.ToString();
    }
}
