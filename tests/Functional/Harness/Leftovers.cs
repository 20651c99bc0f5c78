namespace AotRuntime.Tests.Functional.Harness;

/// <summary>What containers may leave on a machine: seen as a set of lines, so that before and after can be compared.</summary>
internal static class Leftovers
{
    /// <summary>Mounts, cgroups, FIFOs, container processes, snapshots and network interfaces of <paramref name="stack"/>.</summary>
    public static IReadOnlyList<string> Of(Stack stack)
    {
        List<string> found = [];
        found.AddRange(stack.Dir.Mounts().Select(m => "mount " + m));
        found.AddRange(CgroupsOf(stack.CgroupParent).Select(c => "cgroup " + c));
        found.AddRange(Processes().Where(p => p.CommandLine.Contains(stack.Dir.Path, StringComparison.Ordinal) && p.CommandLine.Contains("shim", StringComparison.Ordinal))
            .Select(p => "shim " + p.CommandLine));
        found.AddRange(Files(stack.Dir.File("exec")).Where(IsFifo).Select(f => "fifo " + f));
        found.AddRange(Folders(stack.Dir.File("data/containers")).Select(f => "container " + f));
        found.AddRange(stack.Network.Run("ip", "-o", "link").Output.Split('\n').Where(l => l.Contains("veth", StringComparison.Ordinal)).Select(l => "link " + l));
        return found;
    }

    /// <summary>Fails unless nothing is left within a short time (teardown may trail the API's answer by a little).</summary>
    public static void AssertNone(Stack stack)
    {
        IReadOnlyList<string> left = [];
        for (int i = 0; i < 50; i++)
        {
            left = Of(stack);
            if (left.Count == 0)
                return;
            Thread.Sleep(100);
        }
        Assert.Fail("left behind:\n" + string.Join('\n', left));
    }

    public static IEnumerable<(int Pid, string CommandLine)> Processes()
    {
        foreach (string dir in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(dir), out int pid))
                continue;
            string line;
            try
            {
                line = File.ReadAllText(dir + "/cmdline").Replace('\0', ' ').TrimEnd();
            }
            catch (IOException)
            {
                continue; // it ended meanwhile
            }
            yield return (pid, line);
        }
    }

    /// <summary>Whether a process has ended; who reaps it may be somebody else, in his own time.</summary>
    public static bool IsGone(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/stat").Split(") ")[1][0] is 'Z' or 'X';
        }
        catch (IOException)
        {
            return true;
        }
    }

    /// <summary>Kills what still names the test's own folder on its command line (a shim, a containerd).</summary>
    public static void KillProcessesOf(string dir)
    {
        foreach ((int pid, string line) in Processes())
        {
            if (line.Contains(dir, StringComparison.Ordinal) && pid != Environment.ProcessId)
                new Command("kill", "-KILL", pid.ToString()).Run();
        }
    }

    public static void RemoveCgroups(string parent)
    {
        foreach (string dir in CgroupsOf(parent).Concat(Controllers().Select(c => c + parent).Where(Directory.Exists)).OrderByDescending(d => d.Length))
            new Command("rmdir", dir).Run();
    }

    /// <summary>Cgroups below the parent, in all hierarchies.</summary>
    public static IEnumerable<string> Cgroups(string parent) => CgroupsOf(parent).Order(StringComparer.Ordinal);

    private static IEnumerable<string> Controllers() => Directory.EnumerateDirectories("/sys/fs/cgroup").Append("/sys/fs/cgroup");

    /// <summary>Cgroups below (not including) the parent.</summary>
    public static IEnumerable<string> CgroupsOf(string parent) =>
        Controllers().Select(c => c + parent).Where(Directory.Exists).SelectMany(d => Directory.EnumerateDirectories(d, "*", SearchOption.AllDirectories)).ToList();

    private static IEnumerable<string> Files(string dir) =>
        Directory.Exists(dir) ? Directory.EnumerateFiles(dir, "*", new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true, AttributesToSkip = FileAttributes.ReparsePoint }) : [];

    private static IEnumerable<string> Folders(string dir) => Directory.Exists(dir) ? Directory.EnumerateDirectories(dir) : [];

    private static bool IsFifo(string file) => new Command("test", "-p", file).Run().ExitCode == 0;
}
