using System.Globalization;
using AotRuntime.Linux;

namespace AotRuntime.Shim.Cgroups;

/// <summary>Where a process's cgroups are in the file system: one folder for all controllers (version 2) or one for each.</summary>
internal sealed class CgroupPaths
{
    private readonly Dictionary<string, string> _controllers = [];

    private CgroupPaths(string? unified) => Unified = unified;

    /// <summary>The folder where all controllers are those of version 2; null where they are of version 1, or mixed.</summary>
    public string? Unified { get; }

    /// <summary>The folder of a version 1 controller; null where there is none.</summary>
    public string? this[string controller] => _controllers.GetValueOrDefault(controller);

    /// <summary>The cgroups of a process; null where it is gone, or there are none.</summary>
    public static CgroupPaths? OfProcess(int pid)
    {
        try
        {
            string cgroups = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/cgroup"));
            return Resolve(cgroups, File.ReadAllText("/proc/self/mountinfo"));
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>Matches the lines of /proc/PID/cgroup with the cgroup mounts of mountinfo.</summary>
    internal static CgroupPaths? Resolve(string cgroups, string mountInfo)
    {
        var mounts = new Dictionary<string, string>();
        string? unifiedMount = null;
        foreach (string line in mountInfo.Split('\n'))
        {
            // 31 23 0:27 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
            int separator = line.IndexOf(" - ", StringComparison.Ordinal);
            if (separator < 0)
                continue;
            string[] left = line[..separator].Split(' ');
            string[] right = line[(separator + 3)..].Split(' ');
            if (left.Length < 5 || right.Length < 3)
                continue;
            string point = MountTable.Unescape(left[4]);
            if (right[0] == "cgroup2")
            {
                unifiedMount ??= point;
            }
            else if (right[0] == "cgroup")
            {
                foreach (string option in right[2].Split(','))
                    mounts.TryAdd(option, point);
            }
        }

        string? unified = null;
        var controllers = new Dictionary<string, string>();
        foreach (string line in cgroups.Split('\n'))
        {
            string[] fields = line.Split(':', 3);
            if (fields.Length < 3)
                continue;
            if (fields[1].Length == 0)
            {
                if (unifiedMount is not null)
                    unified = unifiedMount + fields[2].TrimEnd('/');
                continue;
            }
            foreach (string controller in fields[1].Split(','))
            {
                if (mounts.TryGetValue(controller, out string? mount))
                    controllers[controller] = mount + fields[2].TrimEnd('/');
            }
        }
        // A hybrid mount has a version 2 tree as well, but no controllers in it.
        bool hybrid = controllers.ContainsKey("memory") || controllers.ContainsKey("cpu") || controllers.ContainsKey("pids");
        if (!hybrid && unified is null)
            return null;
        var paths = new CgroupPaths(hybrid ? null : unified);
        foreach ((string controller, string folder) in controllers)
            paths._controllers[controller] = folder;
        return paths;
    }

    /// <summary>Moves a process into the cgroup of that name, in all hierarchies that have it.</summary>
    /// <exception cref="ShimException">No hierarchy has it.</exception>
    public static void Join(string cgroup, int pid)
    {
        string name = "/" + cgroup.Trim('/');
        bool joined = false;
        var folders = new HashSet<string>();
        string own = string.Join('\n', Array.ConvertAll(File.ReadAllText("/proc/self/cgroup").Split('\n'), l => l.Split(':', 3) is [var n, var c, _] ? $"{n}:{c}:{name}" : ""));
        if (Resolve(own, File.ReadAllText("/proc/self/mountinfo")) is { } paths)
        {
            folders.UnionWith(paths._controllers.Values);
            if (paths.Unified is not null)
                folders.Add(paths.Unified);
        }
        foreach (string folder in folders)
        {
            string file = Path.Combine(folder, "cgroup.procs");
            if (!File.Exists(file))
                continue;
            File.WriteAllText(file, pid.ToString(CultureInfo.InvariantCulture));
            joined = true;
        }
        if (!joined)
            throw new ShimException($"failed to load cgroup {cgroup}: cgroup deleted");
    }
}
