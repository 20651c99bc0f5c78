using System.Globalization;
using AotRuntime.Linux;

namespace AotRuntime.Runc.Cgroups;

/// <summary>The directories that cgroups are.</summary>
internal static class CgroupDirectory
{
    /// <summary>The processes of a cgroup, and with <paramref name="recursive"/> of those below it.</summary>
    public static List<int> Processes(string directory, bool recursive)
    {
        var pids = new List<int>();
        Collect(directory, recursive, pids);
        return pids;
    }

    private static void Collect(string directory, bool recursive, List<int> pids)
    {
        string text;
        try
        {
            text = Sys.ReadSmallText(directory + "/cgroup.procs");
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENODEV or Errno.ENOTSUP)
        {
            return;
        }
        foreach (ReadOnlySpan<char> line in text.AsSpan().EnumerateLines())
        {
            if (int.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out int pid))
                pids.Add(pid);
        }
        if (!recursive)
            return;
        foreach (string child in Directory.EnumerateDirectories(directory))
            Collect(child, recursive, pids);
    }

    /// <summary>Removes one; the errno where it can't be, one that is not there is no error.</summary>
    public static Errno TryRemove(string directory)
    {
        try
        {
            Sys.Rmdir(directory);
            return Errno.None;
        }
        catch (LinuxException e)
        {
            return e.Errno == Errno.ENOENT ? Errno.None : e.Errno;
        }
    }

    /// <summary>Removes one and those below it.</summary>
    public static Errno RemoveTree(string directory)
    {
        Errno errno = TryRemove(directory);
        if (errno is Errno.None or not (Errno.EBUSY or Errno.ENOTEMPTY))
            return errno;
        try
        {
            foreach (string child in Directory.EnumerateDirectories(directory))
            {
                Errno inner = RemoveTree(child);
                if (inner != Errno.None)
                    return inner;
            }
        }
        catch (DirectoryNotFoundException)
        {
            return Errno.None;
        }
        return TryRemove(directory);
    }

    /// <summary>Makes a directory and its missing parents, each told to <paramref name="made"/>.</summary>
    public static void Make(string directory, List<string> made, Action<string>? afterEach)
    {
        for (int tries = 0; ; tries++)
        {
            try
            {
                MakeOne(directory, made, afterEach);
                return;
            }
            // A parent that was there a moment ago went with another container.
            catch (LinuxException e) when (e.Errno == Errno.ENOENT && tries < 5)
            {
                continue;
            }
        }
    }

    private static void MakeOne(string directory, List<string> made, Action<string>? afterEach)
    {
        try
        {
            Sys.Mkdir(directory, 0x1ed);
        }
        catch (LinuxException e) when (e.Errno == Errno.EEXIST)
        {
            return;
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            int slash = directory.LastIndexOf('/');
            if (slash <= 0)
                throw;
            MakeOne(directory[..slash], made, afterEach);
            Sys.Mkdir(directory, 0x1ed);
        }
        made.Add(directory);
        afterEach?.Invoke(directory);
    }

    /// <summary>"A cpuset without cpus or mems takes no process": a new one starts with its parent's.</summary>
    public static void InheritCpuset(string directory)
    {
        string parent = directory[..directory.LastIndexOf('/')];
        foreach (string file in (ReadOnlySpan<string>)["cpuset.cpus", "cpuset.mems"])
        {
            string value = Sys.ReadSmallText($"{parent}/{file}").TrimEnd();
            if (value.Length > 0)
                Sys.WriteSmallFile($"{directory}/{file}", value);
        }
    }
}
