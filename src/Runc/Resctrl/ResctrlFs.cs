using AotRuntime.Linux;

namespace AotRuntime.Runc.Resctrl;

/// <summary>The kernel's interface to cache and memory bandwidth allocation (Intel RDT; Documentation/filesystems/resctrl.rst).</summary>
internal sealed class ResctrlFs
{
    private const string Usual = "/sys/fs/resctrl";

    /// <summary>A file system at another place, for tests.</summary>
    internal ResctrlFs(string root) => Root = root;

    /// <summary>Where it is mounted.</summary>
    public string Root { get; }

    /// <summary>Whether cache can be allocated.</summary>
    public bool HasCache => Directory.Exists(Root + "/info/L3");

    /// <summary>Whether memory bandwidth can be allocated.</summary>
    public bool HasBandwidth => Directory.Exists(Root + "/info/MB");

    /// <summary>What is counted: llc_occupancy, mbm_total_bytes, mbm_local_bytes.</summary>
    public IReadOnlyList<string> Counters => Read(Root + "/info/L3_MON/mon_features").Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>Null where the machine or its kernel has none, or nobody has mounted it.</summary>
    public static ResctrlFs? Find()
    {
        // The kernel makes this folder where it can do it; without it there is no need to read the table of mounts.
        if (!Directory.Exists(Usual))
            return null;
        if (File.Exists(Usual + "/schemata"))
            return new ResctrlFs(Usual);
        foreach (string line in Sys.ReadSmallText("/proc/self/mountinfo").Split('\n'))
        {
            int type = line.IndexOf(" - resctrl ", StringComparison.Ordinal);
            if (type > 0)
                return new ResctrlFs(line.Split(' ')[4]);
        }
        return null;
    }

    /// <summary>A file's text without white space around it; empty where it is not there.</summary>
    public static string Read(string path)
    {
        try
        {
            return Sys.ReadSmallText(path).Trim();
        }
        catch (LinuxException)
        {
            return "";
        }
    }

    /// <summary>What a refused request is told with: the kernel keeps the reason in a file.</summary>
    public RuncException Refused(string what, LinuxException e)
    {
        string status = Read(Root + "/info/last_cmd_status");
        return new RuncException($"{what}: {e.Errno.Text()}{(status.Length > 0 ? $", last_cmd_status: {status}" : "")}", e);
    }
}
