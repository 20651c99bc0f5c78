using AotRuntime.Runc;
using AotRuntime.Runc.Containers;
using AotRuntime.Runc.Plan;
using AotRuntime.Runc.Spec;
using AotRuntime.Runc.State;

namespace AotRuntime.Tests.Fuzz.Targets;

/// <summary>
/// config.json to launch plan: a plan or runc's own error. The plan's reader is C, and is fuzzed with the sanitizers on in native/tests/plan_test.c.
/// </summary>
internal sealed class RuncSpecTarget : Target
{
    public override string Name => "runc-spec";

    public override IReadOnlyList<string> Words =>
    [
        "process", "root", "linux", "mounts", "hooks", "args", "cwd", "user", "capabilities", "rlimits", "namespaces", "pid", "mount", "user", "cgroup", "time", "uidMappings", "sysctl", "seccomp", "devices", "resources", "maskedPaths", "readonlyPaths",
        "rootfsPropagation", "shared", "CAP_CHOWN", "RLIMIT_NOFILE", "/proc/self/fd/1", "../../../etc", "bind", "rbind", "ro", "mode=755", "idmap", "cgroup2", "tmpcopyup", "recattr", "personality", "scheduler", "ioPriority", "c", "b", "p",
    ];

    public override IEnumerable<byte[]> Seeds =>
    [
        Utf8("""
            {"ociVersion":"1.2.1","hostname":"h","root":{"path":"/r","readonly":true},
             "process":{"terminal":false,"cwd":"/","args":["sh","-c","x"],"env":["PATH=/bin"],"noNewPrivileges":true,"oomScoreAdj":5,"user":{"uid":1,"gid":2,"additionalGids":[3],"umask":18},
              "capabilities":{"bounding":["CAP_CHOWN"],"effective":["CAP_CHOWN"],"permitted":["CAP_CHOWN"],"inheritable":[],"ambient":[]},"rlimits":[{"type":"RLIMIT_NOFILE","soft":1,"hard":2}],
              "ioPriority":{"class":"IOPRIO_CLASS_BE","priority":4},"scheduler":{"policy":"SCHED_OTHER","nice":1,"flags":[]}},
             "mounts":[{"destination":"/proc","type":"proc","source":"proc","options":["nosuid"]},{"destination":"/b","type":"bind","source":"/a","options":["rbind","ro","private"]},{"destination":"/t","type":"tmpfs","source":"tmpfs","options":["mode=755","size=1"]}],
             "hooks":{"prestart":[{"path":"/h","args":["h"],"env":["A=b"],"timeout":3}],"startContainer":[{"path":"/s"}]},
             "linux":{"namespaces":[{"type":"pid"},{"type":"network"},{"type":"mount"},{"type":"uts"},{"type":"ipc"},{"type":"cgroup"},{"type":"user"}],"uidMappings":[{"containerID":0,"hostID":1000,"size":10}],"gidMappings":[{"containerID":0,"hostID":1000,"size":10}],
              "sysctl":{"net.ipv4.ip_forward":"1"},"devices":[{"path":"/dev/x","type":"c","major":1,"minor":3,"fileMode":438,"uid":0,"gid":0}],"cgroupsPath":"/x","maskedPaths":["/proc/kcore"],"readonlyPaths":["/proc/sys"],"rootfsPropagation":"slave",
              "resources":{"memory":{"limit":1,"swap":-1},"cpu":{"shares":2,"quota":3,"period":4,"cpus":"0-1"},"pids":{"limit":5},"devices":[{"allow":false,"access":"rwm"}],"blockIO":{"weight":10},"unified":{"a":"b"}},"personality":{"domain":"LINUX32"}}}
            """),
        Utf8("""{"ociVersion":"1.0.0","root":{"path":"rootfs"},"process":{"cwd":"/","args":["a"]},"linux":{"namespaces":[{"type":"mount"},{"type":"time"}],"timeOffsets":{"monotonic":{"secs":1,"nanosecs":2}}}}"""),
    ];

    public override byte[] Mutate(Mutator mutator, byte[] seed) => mutator.Json(seed, Words);

    public override Task RunAsync(byte[] input, Random random)
    {
        AotRuntime.Runc.Logging.RuncLog.Configure("/dev/null", json: false, debug: false);
        try
        {
            RuntimeSpec spec = SpecFile.Parse(input, SpecJson.RuntimeSpec, SpecFile.Config);
            SpecCheck.Require(spec);
            List<PlannedMount> mounts = [];
            foreach (MountSpec mount in spec.Mounts ?? [])
                mounts.Add(MountPlanner.One(mount, "/bundle"));
            InitInputs inputs = new()
            {
                Spec = spec,
                Id = "box",
                Rootfs = "/r",
                Mounts = mounts,
                Env = spec.Process!.Env ?? [],
                NoNewKeyring = true,
                HookState = status => Container.StateAround(new ContainerState { Id = "box", OciVersion = "1.2.1", Bundle = "/b" }, status),
            };
            InitPlan.Build(inputs).Finish();
        }
        catch (RuncException)
        {
            // What the user is told.
        }
        return Task.CompletedTask;
    }
}
