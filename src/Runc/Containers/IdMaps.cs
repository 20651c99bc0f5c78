using System.Globalization;
using System.Text;
using AotRuntime.Linux;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Containers;

/// <summary>The ids of user namespaces (man 7 user_namespaces).</summary>
internal static class IdMaps
{
    /// <summary>Writes uid_map and gid_map of a new user namespace.</summary>
    public static void Write(int pid, List<IdMapSpec>? uids, List<IdMapSpec>? gids)
    {
        Write(pid, "uid_map", uids);
        Write(pid, "gid_map", gids);
    }

    /// <summary>The mapping of a namespace that exists, by any process in it.</summary>
    internal static List<IdMapSpec> Parse(string text)
    {
        var maps = new List<IdMapSpec>();
        foreach (string line in text.Split('\n'))
        {
            string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length == 3)
                maps.Add(new IdMapSpec { ContainerId = Number(fields[0]), HostId = Number(fields[1]), Size = Number(fields[2]) });
        }
        return maps;
    }

    /// <summary>The id outside of one inside; null where it has none.</summary>
    public static uint? HostId(List<IdMapSpec>? maps, uint id)
    {
        foreach (IdMapSpec map in maps ?? [])
        {
            if (id >= map.ContainerId && id - map.ContainerId < map.Size)
                return map.HostId + (id - map.ContainerId);
        }
        return null;
    }

    private static uint Number(string text) => uint.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);

    private static void Write(int pid, string name, List<IdMapSpec>? maps)
    {
        if (maps is not { Count: > 0 })
            return;
        var text = new StringBuilder();
        foreach (IdMapSpec map in maps)
            text.Append(CultureInfo.InvariantCulture, $"{map.ContainerId} {map.HostId} {map.Size}\n");
        string file = string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/{name}");
        try
        {
            Sys.WriteSmallFile(file, text.ToString());
        }
        catch (LinuxException e)
        {
            throw new RuncException($"failed to update {file}: {e.Errno.Text()}", e);
        }
    }
}
