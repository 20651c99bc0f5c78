using System.Text.Json.Nodes;
using AotRuntime.Tests.Functional.Security;

namespace AotRuntime.Tests.Functional.Runc;

/// <summary>Who can be seen by the container during an exec runs its file through a read-only mount (CVE-2019-5736), and no more than that is begun anew for it.</summary>
public class ExecTests
{
    /// <summary>The first process stays as it is: only its helper, which the container's new process is cloned from, is begun through the mount.</summary>
    [Fact]
    public void InItsOwnPidNamespaceItSeesAHelperOnly()
    {
        using Bundle bundle = new();
        bundle.Args("sleep", "100").Start();
        string[] calls = Calls(bundle, "true");
        Assert.Single(calls, call => call.Contains("execveat(") && call.Contains("\"runc-join\""));
        Assert.DoesNotContain(calls, call => call.Contains("execveat(") && call.Contains("\"exec\""));
        // Of the container's new process nothing is executed but its program.
        Assert.Contains(calls, call => call.Contains("execve(\"/bin/true\""));
    }

    [Fact]
    public void InASharedPidNamespaceItSeesTheRuntimeToo()
    {
        using Bundle bundle = new();
        JsonArray namespaces = (JsonArray)bundle.Linux["namespaces"]!;
        namespaces.Remove(namespaces.First(n => (string)n!["type"]! == "pid"));
        bundle.Args("sleep", "100").Start();
        string[] calls = Calls(bundle, "true");
        Assert.Single(calls, call => call.Contains("execveat(") && call.Contains("\"exec\""));
    }

    /// <summary>Descriptors and a terminal come to it over the helper, and so does an error; no helper outlives an exec that comes to nothing.</summary>
    [Fact]
    public void ADescriptorAnErrorAndAnEnd()
    {
        using Bundle bundle = new();
        bundle.Args("sleep", "100").Start();
        string[] shell = ["sh", "-c", "exec 3</etc/hostname; exec \"$@\"", "sh"];
        CommandResult kept = bundle.Under(shell, ["exec", "--preserve-fds", "1", "c", "cat", "/proc/self/fd/3"]).Run().Succeeded();
        Assert.Equal(File.ReadAllText("/etc/hostname"), kept.Output);
        CommandResult missing = bundle.Exec([], "/no/such/program");
        Assert.Equal(255, missing.ExitCode);
        Assert.Contains("exec: \"/no/such/program\": stat /no/such/program: no such file or directory", missing.Error.Replace("\\", ""));
        bundle.Runc(["kill", "c", "KILL"]).Run().Succeeded();
        for (int i = 0; i < 500 && !bundle.Runc(["state", "c"]).Run().Output.Contains("stopped"); i++)
            Thread.Sleep(10);
        // The shell waits for its child, and would adopt none.
        CommandResult stopped = bundle.Under(["strace", "-f", "-o", bundle.Dir.File("calls"), "-e", "trace=execveat"], ["exec", "c", "true"]).Run();
        Assert.Equal(255, stopped.ExitCode);
        Assert.Contains("cannot exec in a stopped container", stopped.Error);
        string[] ends = [.. File.ReadAllLines(bundle.Dir.File("calls")).Where(line => line.Contains("+++ exited"))];
        Assert.Equal(2, ends.Length);
        // The runtime's own is the last.
        Assert.Contains("exited with 255", ends[^1]);
    }

    /// <summary>It is in the cgroups of the container's first process, all of them, and what helps it into them does not count against their limit.</summary>
    [Fact]
    public void InTheContainersCgroupsAndNothingElseIs()
    {
        using Bundle bundle = new();
        bool ours = Bundle.Runtime == Programs.Ours("runc");
        // The real runc's own threads count for a while.
        bundle.Linux["resources"]!["pids"] = new JsonObject { ["limit"] = ours ? 2 : 40 };
        bundle.Args("sleep", "100").Start();
        string[] mine = bundle.Exec([], "cat", "/proc/self/cgroup").Succeeded().Output.Split('\n');
        Assert.Equal(bundle.Exec([], "cat", "/proc/1/cgroup").Succeeded().Output.Split('\n'), mine);
        string file = bundle.Dir.File("joins");
        bundle.Under(["strace", "-f", "-y", "-o", file, "-e", "trace=write,clone3"], ["exec", "c", "true"]).Run().Succeeded();
        string[] calls = File.ReadAllLines(file);
        string[] joins = [.. calls.Where(call => call.Contains("/tasks>, \"0\""))];
        if (!ours || !mine.Any(line => line.Contains(":pids:")))
            return;
        // v1: each hierarchy once, whoever of the two it is that joins.
        Assert.Equal(joins.Length, joins.Select(call => call[call.IndexOf('<')..call.IndexOf('>')]).Distinct().Count());
        Assert.Contains(joins, call => call.Contains("/pids/"));
    }

    /// <summary>The helper shares our memory until it has executed its file; whatever the runtime registers then takes the kernel milliseconds.</summary>
    [Fact]
    public void NothingIsRegisteredInMemoryThatTheHelperShares()
    {
        if (Bundle.Runtime != Programs.Ours("runc"))
            return;
        using Bundle bundle = new();
        bundle.Args("sleep", "100").Start();
        string file = bundle.Dir.File("calls");
        bundle.Under(["strace", "-o", file, "-e", "trace=membarrier,clone"], ["exec", "c", "true"]).Run().Succeeded();
        List<string> calls = [.. File.ReadAllLines(file)];
        int registered = calls.FindIndex(call => call.Contains("REGISTER_PRIVATE_EXPEDITED")), cloned = calls.FindIndex(call => call.StartsWith("clone(") && call.Contains("CLONE_VM"));
        Assert.InRange(registered, 0, cloned - 1);
    }

    private static string[] Calls(Bundle bundle, params string[] program)
    {
        string file = bundle.Dir.File("calls");
        bundle.Under(["strace", "-f", "-s", "200", "-o", file, "-e", "trace=execve,execveat"], ["exec", "c", .. program]).Run().Succeeded();
        return File.ReadAllLines(file);
    }
}
