using System.Text.Json.Nodes;
using AotRuntime.Tests.Functional.Security;

namespace AotRuntime.Tests.Functional.Runc;

/// <summary>What a process is given: CPUs, memory, rights, labels; and what one of exec takes over from the first.</summary>
public class ProcessTests
{
    [Fact]
    public void AProcessRunsOnAllCpusWhoeverStartedTheRuntime()
    {
        using Bundle bundle = new();
        bundle.Args("grep", "Cpus_allowed:", "/proc/self/status");
        string all = bundle.Runc(["run", "--bundle", bundle.Dir.Path, "c"]).Run().Succeeded().Output;
        Assert.Equal(all, bundle.Under(["taskset", "1"], ["run", "--bundle", bundle.Dir.Path, "c"]).Run().Succeeded().Output);
        bundle.Args("sleep", "100").Start();
        Assert.Equal(all, bundle.Under(["taskset", "1"], ["exec", "c", "grep", "Cpus_allowed:", "/proc/self/status"]).Run().Succeeded().Output);
    }

    [Fact]
    public void AnExecHasTheCpusThatTheSpecGivesIt()
    {
        using Bundle bundle = new();
        bundle.Process["execCPUAffinity"] = new JsonObject { ["initial"] = "0", ["final"] = "0" };
        bundle.Args("sleep", "100").Start();
        Assert.Equal("Cpus_allowed_list:\t0\n", bundle.Exec([], "grep", "Cpus_allowed_list", "/proc/self/status").Succeeded().Output);
        bundle.Process["execCPUAffinity"]!["final"] = "4000";
        CommandResult none = bundle.Exec([], "true").Exited(255);
        Assert.Contains("exec failed: ", none.Error);
        Assert.Contains("CPU", none.Error);
    }

    [Fact]
    public void AMemoryPolicyHolds()
    {
        using Bundle bundle = new();
        bundle.Linux["memoryPolicy"] = JsonNode.Parse("""{"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]}""");
        Assert.Contains("bind", bundle.Shell("head -n 1 /proc/self/numa_maps").Run().Succeeded().Output);
        bundle.Args("sleep", "100").Start();
        Assert.Contains("bind", bundle.Exec([], "sh", "-c", "head -n 1 /proc/self/numa_maps").Succeeded().Output);
    }

    [Fact]
    public void WithoutCapabilitiesInTheSpecRootKeepsAll()
    {
        using Bundle bundle = new();
        bundle.Process.Remove("capabilities");
        string own = File.ReadLines("/proc/self/status").First(l => l.StartsWith("CapEff", StringComparison.Ordinal));
        string status = bundle.Args("cat", "/proc/self/status").Run().Succeeded().Output;
        Assert.Contains(own, status);
        bundle.Process["user"]!["uid"] = 1000;
        Assert.Contains("CapEff:\t0000000000000000", bundle.Run().Succeeded().Output);
    }

    [Fact]
    public void AnAmbientCapabilityNeedsTheOtherTwo()
    {
        using Bundle bundle = new();
        bundle.Capabilities("CAP_KILL").Args("true");
        bundle.Process["capabilities"]!["ambient"] = new JsonArray("CAP_KILL");
        Assert.Contains("can't raise ambient capability CAP_KILL: operation not permitted", bundle.Run().Succeeded().Error);
    }

    /// <summary>An exec's own description counts; where it says nothing, the container's does.</summary>
    [Fact]
    public void AnExecTakesOverFromTheFirstProcess()
    {
        using Bundle bundle = new();
        bundle.Process["oomScoreAdj"] = 55;
        bundle.Process["user"]!["umask"] = 63;
        bundle.Linux["personality"] = new JsonObject { ["domain"] = "LINUX32" };
        bundle.Capabilities("CAP_KILL").Args("sleep", "100").Start();
        JsonObject process = new() { ["cwd"] = "/", ["user"] = new JsonObject { ["uid"] = 0, ["gid"] = 0 }, ["env"] = new JsonArray("PATH=/bin") };
        process["args"] = new JsonArray("sh", "-c", "umask; cat /proc/self/oom_score_adj; grep CapEff /proc/self/status; busybox uname -m");
        Assert.Equal("0077\n55\nCapEff:\t0000000000000020\ni686\n", Exec(bundle, process).Succeeded().Output);
        process["oomScoreAdj"] = 66;
        process["capabilities"] = new JsonObject { ["bounding"] = new JsonArray("CAP_CHOWN"), ["effective"] = new JsonArray("CAP_CHOWN"), ["permitted"] = new JsonArray("CAP_CHOWN") };
        Assert.Equal("0077\n66\nCapEff:\t0000000000000001\ni686\n", Exec(bundle, process).Succeeded().Output);
    }

    [Fact]
    public void SchedulingIsTakenOverToo()
    {
        using Bundle bundle = new();
        bundle.Process["scheduler"] = new JsonObject { ["policy"] = "SCHED_BATCH", ["nice"] = 5 };
        bundle.Process["ioPriority"] = new JsonObject { ["class"] = "IOPRIO_CLASS_IDLE", ["priority"] = 0 };
        bundle.Args("sleep", "100").Start();
        int pid = bundle.Pid();
        Assert.Contains("SCHED_BATCH", new Command("chrt", "-p", pid.ToString()).Run().Succeeded().Output);
        Assert.Contains("idle", new Command("ionice", "-p", pid.ToString()).Run().Succeeded().Output);
        Assert.Equal("5\n", bundle.Exec([], "busybox", "cut", "-d ", "-f19", "/proc/self/stat").Succeeded().Output);

    }

    /// <summary>Of two values of a name the last counts, at its place.</summary>
    [Fact]
    public void TheLastOfTwoValuesCounts()
    {
        using Bundle bundle = new();
        bundle.Process["env"] = new JsonArray("A=1", "PATH=/bin", "A=2");
        Assert.Equal("PATH=/bin\nA=2\nHOME=/\n", bundle.Args("busybox", "env").Run().Succeeded().Output);
    }

    [Theory]
    [InlineData(1000, "/home/user")]
    [InlineData(7, "")]
    [InlineData(5, "")]
    [InlineData(4242, "/")]
    public void TheHomeIsPasswds(int uid, string home)
    {
        using Bundle bundle = new();
        Directory.CreateDirectory(bundle.Rootfs("etc"));
        File.WriteAllText(bundle.Rootfs("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\nshort:x:5\nempty:x:7:7:::\n");
        bundle.Process["user"]!["uid"] = uid;
        Assert.Equal(home + "\n", bundle.Shell("echo $HOME").Run().Succeeded().Output);
    }

    [Fact]
    public void DescriptorsOfSocketActivationArePassedOn()
    {
        using Bundle bundle = new();
        bundle.Shell("echo $LISTEN_FDS $LISTEN_PID; cat <&3");
        File.WriteAllText(bundle.Dir.File("three"), "three");
        string[] starter = ["sh", "-c", $"exec 3<{bundle.Dir.File("three")}; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"", "sh"];
        Assert.Equal("1 1\nthree", bundle.Under(starter, ["run", "--bundle", bundle.Dir.Path, "c"]).Run().Succeeded().Output);
    }

    [Theory]
    [InlineData("apparmorProfile", "apparmor")]
    [InlineData("selinuxLabel", "selinux label is specified in config, but selinux is disabled or not supported")]
    public void ALabelThatTheKernelDoesNotKnowIsRefused(string member, string error)
    {
        if (Directory.Exists(member == "selinuxLabel" ? "/sys/fs/selinux/class" : "/sys/kernel/security/apparmor"))
            return; // this kernel knows them: the refusal is not to be had
        using Bundle bundle = new();
        bundle.Process[member] = "label";
        CommandResult run = bundle.Args("true").Run();
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains(error, run.Error);
    }

    [Fact]
    public void AHooksWordsAreTold()
    {
        using Bundle bundle = new();
        foreach (string kind in (string[])["createRuntime", "createContainer"])
        {
            bundle.Spec["hooks"] = new JsonObject { [kind] = JsonNode.Parse("""[{"path": "/bin/true"}, {"path": "/bin/sh", "args": ["sh", "-c", "echo out; echo err >&2; exit 3"]}]""") };
            Assert.Contains($"error running {kind} hook #1: exit status 3, stdout: out\\n, stderr: err\\n", bundle.Args("true").Run().Exited(1).Error);
            bundle.Spec["hooks"] = new JsonObject { [kind] = JsonNode.Parse("""[{"path": "/nosuch"}]""") };
            Assert.Contains($"error running {kind} hook #0: fork/exec /nosuch: no such file or directory", bundle.Args("true").Run().Exited(1).Error);
        }
    }

    /// <summary>Without an environment of their own hooks of the runtime's namespaces have the runtime's, those in the container none.</summary>
    [Fact]
    public void AHooksEnvironment()
    {
        using Bundle bundle = new();
        JsonNode Hook(string file) => new JsonArray(new JsonObject { ["path"] = "/bin/sh", ["args"] = new JsonArray("sh", "-c", $"echo \"$MARK\" >{bundle.Dir.File(file)}") });
        bundle.Spec["hooks"] = new JsonObject { ["createRuntime"] = Hook("runtime"), ["createContainer"] = Hook("container") };
        Command run = bundle.Args("true").Runc(["run", "--bundle", bundle.Dir.Path, "c"]);
        run.Environment["MARK"] = "marked";
        run.Run().Succeeded();
        Assert.Equal("marked\n", File.ReadAllText(bundle.Dir.File("runtime")));
        Assert.Equal("\n", File.ReadAllText(bundle.Dir.File("container")));
    }

    private static CommandResult Exec(Bundle bundle, JsonObject process)
    {
        File.WriteAllText(bundle.Dir.File("process.json"), process.ToJsonString());
        return bundle.Runc(["exec", "--process", bundle.Dir.File("process.json"), "c"]).Run();
    }
}
