using AotRuntime.Runc;
using AotRuntime.Runc.Containers;
using AotRuntime.Runc.Plan;
using AotRuntime.Runc.Spec;
using AotRuntime.Runc.State;

namespace AotRuntime.Tests.Unit.Runc;

public class InitPlanTests
{
    private static RuntimeSpec Spec(string linux, string process = "", string root = "\"path\":\"/r\"", string more = "")
    {
        string json = $$"""
            {"ociVersion":"1.2.1","root":{{{root}}},"process":{"cwd":"/","args":["true"],"env":["PATH=/bin"]{{process}}},
             "linux":{{{linux}}}{{more}}}
            """;
        return SpecFile.Parse(System.Text.Encoding.UTF8.GetBytes(json), SpecJson.RuntimeSpec, "config.json");
    }

    private static InitInputs Inputs(RuntimeSpec spec) => new()
    {
        Spec = spec,
        Id = "box",
        Rootfs = "/r",
        Mounts = [],
        Env = spec.Process!.Env ?? [],
        NoNewKeyring = true,
        HookState = status => Container.StateAround(new ContainerState { Id = "box", OciVersion = "1.2.1", Bundle = "/b" }, status),
    };

    private static string[] Plan(RuntimeSpec spec, Action<InitInputs>? change = null)
    {
        InitInputs inputs = Inputs(spec);
        change?.Invoke(inputs);
        return PlanText.Of(InitPlan.Build(inputs).Finish());
    }

    private static readonly string AllCpus = $"Affinity '' 0 [{string.Join(' ', Enumerable.Repeat("0xffffffffffffffff", 16))}]";

    [Fact]
    public void ThePlainestContainer() =>
        Assert.Equal(
            [
                "clone 0x0",
                AllCpus,
                "SetSid",
                "RootPrepare '/r' 0x0 0x0",
                "RootEnter 3",
                "Mkdir '/' 493",
                "Undumpable",
                "Sync 5 1",
                "Identity '/' 0 0 [] 2 0x0 0x0 0x0 0x0 0x0",
                "Resolve ['true'] ['PATH=/bin'] 0",
                "Exec 0",
            ],
            Plan(Spec("")));

    /// <summary>Cgroups that are made meanwhile are joined once the parent says so: before the mount that shows them, and before a namespace of theirs.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void LateCgroupsAreJoinedBeforeTheyAreSeen(bool mounted)
    {
        RuntimeSpec spec = Spec("\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"cgroup\"}]");
        string[] plan = Plan(spec, inputs =>
        {
            inputs.LateCgroups = true;
            inputs.Cgroups.Add(new JoinedCgroup(-1, "/c/tasks"));
            inputs.Mounts.Add(new PlannedMount { Target = "/a" });
            inputs.Mounts.Add(new PlannedMount { Target = "/sys/fs/cgroup", OfCgroups = mounted });
            inputs.Mounts.Add(new PlannedMount { Target = "/sys/fs/cgroup/pids" });
        });
        string[] order = Array.ConvertAll(plan, line => line.StartsWith("Mount", StringComparison.Ordinal) ? line.Split('\'')[3] : line);
        order = Array.FindAll(order, line => line[0] == '/' || line.StartsWith("CgroupJoin", StringComparison.Ordinal) || line.StartsWith("Unshare", StringComparison.Ordinal)
            || line == $"Sync {(int)SyncKind.Cgroups} 2");
        string[] join = [$"Sync {(int)SyncKind.Cgroups} 2", "CgroupJoin 4294967295 '/c/tasks'", "Unshare 0x2000000"];
        string[] cgroups = ["/sys/fs/cgroup", "/sys/fs/cgroup/pids"];
        Assert.Equal(mounted ? ["/a", .. join, .. cgroups] : ["/a", .. cgroups, .. join], order);
    }

    /// <summary>Devices are made while the cgroups are, if the order of the mounts lets nobody see a difference.</summary>
    [Theory]
    [InlineData(true, "/sys/fs/cgroup")]
    [InlineData(true, "/sys/fs/cgroup", "/dev/shm", "/devices", "/etc/hosts")]
    [InlineData(false, "/sys/fs/cgroup", "/dev")]
    [InlineData(false, "/sys/fs/cgroup", "/dev/null/")]
    [InlineData(false, "/sys/fs/cgroup", "/dev/stdin")]
    [InlineData(false, "/sys/fs/cgroup", "/dev/ptmx")]
    [InlineData(false, "/sys/fs/cgroup", "/dev/dri")]
    [InlineData(false, "/sys/fs/cgroup", "/")]
    public void DevicesAreMadeBeforeLateCgroups(bool before, params string[] late)
    {
        RuntimeSpec spec = Spec("\"namespaces\":[{\"type\":\"mount\"}],\"devices\":[{\"path\":\"/dev/dri/card0\",\"type\":\"c\",\"major\":226,\"minor\":0}]");
        foreach (bool fresh in new[] { true, false })
        {
            string[] plan = Plan(spec, inputs =>
            {
                inputs.LateCgroups = true;
                inputs.Mounts.Add(new PlannedMount { Target = fresh ? "/dev/" : "/proc", Type = "tmpfs" });
                foreach (string target in late)
                    inputs.Mounts.Add(new PlannedMount { Target = target, OfCgroups = target == late[0] });
            });
            int sync = Array.IndexOf(plan, $"Sync {(int)SyncKind.Cgroups} 2");
            int[] made = [.. Enumerable.Range(0, plan.Length).Where(i => plan[i].StartsWith("Mknod", StringComparison.Ordinal) || plan[i] == "Ptmx")];
            Assert.Equal(8, made.Length);
            Assert.All(made, at => Assert.Equal(before && fresh, at < sync));
        }
    }

    [Fact]
    public void LimitsAreSetWhenAllElseIsDone()
    {
        RuntimeSpec spec = Spec("", ""","rlimits":[{"type":"RLIMIT_NOFILE","soft":5,"hard":6},{"type":"RLIMIT_CPU","soft":18446744073709551615,"hard":18446744073709551615}]""");
        string[] plan = Plan(spec, inputs => inputs.OwnLimits = true);
        int ready = Array.IndexOf(plan, $"Sync {(int)SyncKind.Ready} 1");
        Assert.Equal("Rlimits [0x7 0x5 0x6 0x0 0xffffffffffffffff 0xffffffffffffffff]", plan[ready + 1]);
        Assert.DoesNotContain(Plan(spec), line => line.StartsWith("Rlimits", StringComparison.Ordinal));
    }

    [Fact]
    public void NamespacesMountsAndMasksInOrder()
    {
        RuntimeSpec spec = Spec(
            """
            "namespaces":[{"type":"pid"},{"type":"network"},{"type":"mount"},{"type":"uts"},{"type":"cgroup"}],
            "maskedPaths":["/proc/kcore","/proc/kcore"],"readonlyPaths":["/proc/sys"],"sysctl":{"net.ipv4.ip_forward":"1"}
            """,
            ""","noNewPrivileges":true,"user":{"uid":1,"gid":2,"additionalGids":[3,4],"umask":63},"capabilities":{"bounding":["CAP_CHOWN","CAP_KILL"]}""",
            "\"path\":\"/r\",\"readonly\":true",
            ",\"hostname\":\"h\"");
        string[] plan = Plan(spec, inputs =>
        {
            inputs.Mounts.Add(MountPlanner.One(new MountSpec { Destination = "/dev", Type = "tmpfs", Source = "tmpfs", Options = ["nosuid", "mode=755", "ro"] }, "/b"));
            inputs.FifoFd = 7;
            inputs.ExtraFds = 2;
            inputs.OwnStdio = true;
        });
        Assert.Equal("clone 0x64020000", plan[0]);
        string[] rest = Array.FindAll(plan, line => !line.StartsWith("Mknod", StringComparison.Ordinal) && !line.StartsWith("Symlink", StringComparison.Ordinal));
        Assert.Equal(
            [
                AllCpus,
                "Unshare 0x2000000",
                "SetSid",
                "LoopbackUp",
                "RootPrepare '/r' 0x84000 0x40000",
                "Mount 'tmpfs' '/dev' 'tmpfs' 0x3 0x0 'mode=755' 0 0x0 0x0 [] -1",
                "Ptmx",
                "Sysctl 'net/ipv4/ip_forward' '1'",
                "RootEnter 1",
                "DevNullReopen",
                "Mkdir '/' 493",
                "RemountReadOnly '/dev'",
                "RootReadOnly",
                "Umask 63",
                "Hostname 'h'",
                "ReadOnlyPath '/proc/sys'",
                "MaskPath '/proc/kcore'",
                "NoNewPrivileges",
                "Undumpable",
                "Sync 5 1",
                "Identity '/' 1 2 [3 4] 1 0x21 0x0 0x0 0x0 0x0",
                "Resolve ['true'] ['PATH=/bin'] 1",
                "Sync 6 0",
                "WaitFifo 7",
                "Exec 2",
            ],
            rest[1..]);
        Assert.Contains("Mknod '/dev/null' 8630 1 3 0 0", plan);
        Assert.Contains("Symlink '/proc/self/fd/2' '/dev/stderr'", plan);
    }

    [Fact]
    public void ANewUserNamespaceMakesTheOthersAfterItsMapsAreWritten()
    {
        string[] plan = Plan(Spec(
            """
            "namespaces":[{"type":"user"},{"type":"pid"},{"type":"mount"},{"type":"ipc"}],
            "uidMappings":[{"containerID":0,"hostID":1000,"size":1}]
            """));
        Assert.Equal("clone 0x30000000", plan[0]);
        Assert.Equal(["Sync 3 1", "RootIds", "Unshare 0x8020000"], plan[2..5]);
        Assert.Contains("BindDevice '/dev/null'", plan);
        Assert.DoesNotContain(plan, line => line.StartsWith("Mknod", StringComparison.Ordinal));
    }

    [Fact]
    public void AJoinedUserNamespaceComesFirstAndANewPidNamespaceInItNeedsASecondProcess()
    {
        string[] plan = Plan(
            Spec("""
                "namespaces":[{"type":"network","path":"/n"},{"type":"user","path":"/u"},{"type":"pid"},{"type":"uts"}]
                """),
            inputs =>
            {
                inputs.Joined.Add(new JoinedNamespace("network", 5, "/n"));
                inputs.Joined.Add(new JoinedNamespace("user", 6, "/u"));
            });
        Assert.Equal("clone 0x0", plan[0]);
        Assert.Equal(["SetNs 6 0x10000000 '/u'", "SetNs 5 0x40000000 '/n'", "RootIds", "Fork 0x20000000", "Unshare 0x4000000"], plan[2..7]);
        Assert.DoesNotContain("LoopbackUp", plan);
    }

    [Fact]
    public void TimeOffsetsAreWrittenBeforeAnyoneIsInTheNamespace()
    {
        string[] plan = Plan(Spec("""
            "namespaces":[{"type":"time"},{"type":"pid"}],"timeOffsets":{"boottime":{"secs":5},"monotonic":{"secs":-1,"nanosecs":7}}
            """));
        Assert.Equal(["clone 0x0", AllCpus, "Unshare 0x80", "TimeOffsets 'boottime 5 0\nmonotonic -1 7\n'", "Fork 0x20000000"], plan[..5]);
    }

    [Fact]
    public void HooksAtTheirMoments()
    {
        RuntimeSpec spec = Spec("\"namespaces\":[{\"type\":\"mount\"}]", more: """
            ,"hooks":{"createRuntime":[{"path":"/a"}],"createContainer":[{"path":"/b","args":["b","x"],"env":["E=1"],"timeout":3}],"startContainer":[{"path":"/c"}]}
            """);
        string[] plan = Plan(spec);
        int hooks = Array.IndexOf(plan, "Sync 4 1");
        int inside = Array.FindIndex(plan, line => line.StartsWith("Hook 'createContainer hook #0' '/b' ['b' 'x'] ['E=1'] 3", StringComparison.Ordinal));
        int enter = Array.IndexOf(plan, "RootEnter 1");
        int started = Array.FindIndex(plan, line => line.StartsWith("Hook 'startContainer hook #0' '/c' [] ['PATH=/bin'] 0", StringComparison.Ordinal));
        Assert.True(0 < hooks && hooks < inside && inside < enter && enter < started);
        Assert.Equal(plan.Length - 2, started);
        Assert.Contains("'{\"ociVersion\":\"1.2.1\",\"id\":\"box\",\"status\":\"created\",\"pid\":' ',\"bundle\":\"/b\"}'", plan[started]);
    }

    [Fact]
    public void ADevThatIsBoundIsLeftAsItIs()
    {
        string[] plan = Plan(Spec("\"namespaces\":[{\"type\":\"mount\"}]"), inputs =>
            inputs.Mounts.Add(MountPlanner.One(new MountSpec { Destination = "/dev/", Type = "bind", Source = "/dev", Options = ["rbind"] }, "/b")));
        Assert.DoesNotContain("Ptmx", plan);
        Assert.DoesNotContain("DevNullReopen", plan);
    }

    [Fact]
    public void ANulByteInAStringIsRefused() =>
        Assert.Throws<RuncException>(() => Plan(Spec("", ",\"user\":{\"uid\":0}"), inputs => inputs.Env.Add("A=\0")));

    [Theory]
    [InlineData("net.ipv4.conf.eth0/1.forwarding", "net/ipv4/conf/eth0.1/forwarding")]
    [InlineData("net/ipv4/conf/eth0.1/forwarding", "net/ipv4/conf/eth0.1/forwarding")]
    [InlineData("kernel.shmmax", "kernel/shmmax")]
    public void SysctlNamesAsSysctlReadsThem(string name, string file) => Assert.Equal(file, InitPlan.SysctlFile(name));
}
