using System.Globalization;
using System.Text;
using AotRuntime.Linux;
using AotRuntime.Runc.Spec;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Containers;

/// <summary>The ids of user namespaces (man 7 user_namespaces).</summary>
internal static class IdMaps
{
    /// <summary>
    /// Writes uid_map and gid_map of a new user namespace. A user without rights may map itself alone, and its group once setgroups is
    /// denied (man 7 user_namespaces, "Defining user and group ID mappings"); all else newuidmap and newgidmap do, as /etc/subuid allows it.
    /// </summary>
    /// <exception cref="RuncException">The kernel and the tools refuse.</exception>
    public static void Write(int pid, List<IdMapSpec>? uids, List<IdMapSpec>? gids)
    {
        bool rootless = Sys.EffectiveUser() != 0;
        if (rootless && gids is [{ ContainerId: 0, Size: 1 } only] && only.HostId == Sys.EffectiveGroup())
            WriteFile(pid, "setgroups", "deny");
        Write(pid, "uid_map", uids, rootless ? "newuidmap" : null);
        Write(pid, "gid_map", gids, rootless ? "newgidmap" : null);
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

    private static void Write(int pid, string name, List<IdMapSpec>? maps, string? tool)
    {
        if (maps is not { Count: > 0 })
            return;
        var text = new StringBuilder();
        foreach (IdMapSpec map in maps)
            text.Append(CultureInfo.InvariantCulture, $"{map.ContainerId} {map.HostId} {map.Size}\n");
        if (tool is null)
            WriteFile(pid, name, text.ToString());
        else if (TryWrite(pid, name, text.ToString()) is { } refusal)
            WithTool(tool, pid, name, maps, refusal);
    }

    // Null once it is written; the kernel's EPERM for the tool to overcome.
    private static LinuxException? TryWrite(int pid, string name, string text)
    {
        try
        {
            Sys.WriteSmallFile(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/{name}"), text);
            return null;
        }
        catch (LinuxException e) when (e.Errno == Errno.EPERM)
        {
            return e;
        }
        catch (LinuxException e)
        {
            throw Failed(pid, name, e);
        }
    }

    private static void WriteFile(int pid, string name, string text)
    {
        if (TryWrite(pid, name, text) is { } refusal)
            throw Failed(pid, name, refusal);
    }

    private static RuncException Failed(int pid, string name, LinuxException e) =>
        new(string.Create(CultureInfo.InvariantCulture, $"failed to update /proc/{pid}/{name}: {e.Errno.Text()}"), e);

    private static void WithTool(string tool, int pid, string name, List<IdMapSpec> maps, LinuxException refusal)
    {
        List<string> arguments = [tool, pid.ToString(CultureInfo.InvariantCulture)];
        foreach (IdMapSpec map in maps)
            arguments.AddRange([Text(map.ContainerId), Text(map.HostId), Text(map.Size)]);
        try
        {
            using SafeFileHandle nothing = Sys.Open("/dev/null", OpenFlags.ReadWrite), error = new(2, ownsHandle: false);
            using SpawnedProcess process = ProcessSpawn.Start(new SpawnPlan { Path = tool, Arguments = arguments, Descriptors = [nothing, nothing, error] });
            if (process.Wait().Code == 0)
                return;
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            // Without the tool it is the kernel's answer that counts.
            throw Failed(pid, name, refusal);
        }
        throw new RuncException(string.Create(CultureInfo.InvariantCulture, $"failed to use {tool} on {pid}"), refusal);
    }

    private static string Text(uint number) => number.ToString(CultureInfo.InvariantCulture);
}
