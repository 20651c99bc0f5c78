using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using AotRuntime.Tests.Functional.Security;

namespace AotRuntime.Tests.Functional.Runc;

/// <summary>
/// Nothing stays behind: after many containers, after a runtime that was killed at any moment, after specs that make no sense.
/// AOT_LEAK_RUNS, AOT_KILLS and AOT_HOSTILE say how many (100, 50, 60); AOT_SEED repeats a run.
/// </summary>
public class LeakTests(ITestOutputHelper output)
{
    private static int Count(string name, int usual) => int.TryParse(Environment.GetEnvironmentVariable(name), out int count) ? count : usual;

    [Fact]
    public void ManyRunsLeaveNothing()
    {
        using Bundle bundle = new();
        NamespaceTests.Namespace(bundle, "cgroup");
        bundle.Shell("exit 3");
        bundle.Run().Exited(3);
        List<string> before = Left(bundle);
        string script = $"i=0; while [ $i -lt {Count("AOT_LEAK_RUNS", 100)} ]; do \"$@\"; [ $? = 3 ] || exit 1; i=$((i+1)); done";
        new Command("sh", "-c", script, "sh", Bundle.Runtime, "--root", bundle.Dir.File("state"), "run", "--bundle", bundle.Dir.Path, "c") { Timeout = TimeSpan.FromMinutes(10) }.Run().Succeeded();
        Assert.Equal(before, Left(bundle));
    }

    [Fact]
    public void ARuntimeThatIsKilledAtAnyMomentLeavesNothingAfterDelete()
    {
        using Bundle bundle = new();
        bundle.Args("sleep", "1000");
        bundle.Run(["create", "--bundle", bundle.Dir.Path, "c"]);
        long whole = Time(() => bundle.Run(["delete", "--force", "c"])) + Time(() => bundle.Run(["create", "--bundle", bundle.Dir.Path, "c"]));
        bundle.Run(["delete", "--force", "c"]);
        List<string> before = Left(bundle);
        Random random = Seeded();
        for (int i = 0; i < Count("AOT_KILLS", 50); i++)
        {
            using (Process runtime = bundle.Quiet(i % 2 == 0 ? ["create", "--bundle", bundle.Dir.Path, "c"] : ["run", "--detach", "--bundle", bundle.Dir.Path, "c"]).Start())
            {
                Stopwatch clock = Stopwatch.StartNew();
                long moment = random.NextInt64(whole);
                while (clock.ElapsedTicks < moment && !runtime.HasExited)
                    Thread.Yield();
                runtime.Kill();
                runtime.WaitForExit();
            }
            bundle.Runc(["delete", "--force", "c"]).Run().Succeeded();
            AssertSame(before, bundle, $"kill {i}");
        }
    }

    /// <summary>The process that is cloned before config.json is read has ended when the error is told, not a moment later.</summary>
    [Fact]
    public void AnErrorBeforeTheStartLeavesNoProcessThatIsStillEnding()
    {
        using Bundle bundle = new();
        bundle.Spec["hostname"] = 5;
        CommandResult run = bundle.Under(["strace", "-f", "-o", bundle.Dir.File("calls"), "-e", "trace=clone3"], ["run", "--bundle", bundle.Dir.Path, "c"]).Run().Exited(1);
        Assert.Contains("hostname", run.Error);
        string[] lines = File.ReadAllLines(bundle.Dir.File("calls"));
        if (Bundle.Runtime == Programs.Ours("runc"))
            Assert.Contains(lines, line => line.Contains("clone3("));
        Assert.EndsWith("+++ exited with 1 +++", lines[^1]);
        Assert.StartsWith(lines[0].Split(' ')[0] + " ", lines[^1]);
    }

    /// <summary>Valid JSON with values that are none: an error or a container, but no crash, and nothing left. In namespaces of its own, where a spec that asks for the host's gets only those.</summary>
    [Fact]
    public void HostileSpecsLeaveNothing()
    {
        using Bundle bundle = new();
        Random random = Seeded();
        bundle.Args("true").Runc([]);
        string spec = bundle.Spec.ToJsonString(), cases = bundle.Dir.File("cases");
        Directory.CreateDirectory(cases);
        int count = Count("AOT_HOSTILE", 60);
        for (int i = 0; i < count; i++)
        {
            JsonNode root = JsonNode.Parse(spec)!;
            for (int changes = random.Next(1, 4); changes > 0; changes--)
                Change(root, random);
            File.WriteAllText($"{cases}/{i}", root.ToJsonString());
        }
        string driver = $$"""
            mount --make-rprivate / && mount -t proc proc /proc || exit 9
            state=$(mktemp -d /tmp/aot-hostile-XXXXXX)
            mounts=$(wc -l </proc/self/mountinfo)
            i=0
            while [ $i -lt {{count}} ]; do
              cp {{cases}}/$i {{bundle.Dir.Path}}/config.json
              timeout -k 1 20 {{Bundle.Runtime}} --root $state run --bundle {{bundle.Dir.Path}} h </dev/null >$state.out 2>$state.err
              code=$?
              timeout -k 1 20 {{Bundle.Runtime}} --root $state delete --force h >/dev/null 2>>$state.err || echo "$i: delete: $(tail -n 1 $state.err)"
              # 128 and more is a signal: 137 may be the container's own, by its limits.
              case $code in 12[489]|13[0-689]|14*) echo "$i: exit $code: $(head -c 300 $state.err)" ;; esac
              grep -q -e Unhandled -e '   at ' $state.err && echo "$i: $(head -c 600 $state.err)"
              [ $(wc -l </proc/self/mountinfo) = $mounts ] || { echo "$i: mounts"; mounts=$(wc -l </proc/self/mountinfo); }
              [ -d $state/h ] && { echo "$i: state"; rm -rf $state/h; }
              left=$(ps -e -o pid=,comm= | grep -v -e ' sh$' -e ' ps$' -e ' grep$' -e ' setpriv$') && echo "$i: processes: $left"
              i=$((i+1))
            done
            rm -rf $state $state.out $state.err
            echo done
            """;
        List<string> before = Left(bundle);
        CommandResult run = new Command("unshare", "--mount", "--pid", "--fork", "--kill-child", "--net", "--ipc", "--uts", "sh", "-c", driver) { Timeout = TimeSpan.FromMinutes(30) }.Run();
        Assert.True(run.Output == "done\n", run.ToString());
        AssertSame(before, bundle, "hostile specs");
    }

    private static readonly string[] Texts =
    [
        "", "\u0001", "/", "..", "../../../../etc", "/proc/self/fd/9", "/proc/self/exe", "a\nb", "%s%n", "-1", "none", "bind", "rbind", "ro", "rro", "idmap", "proc", "sysfs", "tmpfs", "cgroup", "overlay",
        "mount", "pid", "user", "network", "time", "/dev/null", "/proc/self/ns/net", "CAP_SYS_ADMIN", "RLIMIT_NPROC", "SCHED_DEADLINE", "L3:0=f", new('x', 5000), "\ud83d\ude00",
    ];

    /// <summary>Some value becomes another one of its kind, or of a different kind, or goes. Where cgroups are stays: they are the machine's.</summary>
    private static void Change(JsonNode root, Random random)
    {
        JsonNode node = root;
        while (true)
        {
            List<string> names = node is JsonObject o ? [.. o.Select(p => p.Key).Where(k => k is not ("cgroupsPath" or "args" or "hooks"))] : [];
            int size = node is JsonArray list ? list.Count : names.Count;
            if (size == 0)
                return;
            int pick = random.Next(size);
            JsonNode? child = node is JsonArray a ? a[pick] : node[names[pick]];
            if (child is JsonObject or JsonArray && random.Next(6) != 0)
            {
                node = child;
                continue;
            }
            JsonNode? value = random.Next(8) switch
            {
                0 => null,
                1 => random.NextInt64(),
                2 => -1,
                3 => uint.MaxValue,
                4 => child is JsonValue v && v.GetValueKind() == JsonValueKind.True ? false : true,
                5 => new JsonArray(),
                _ => Texts[random.Next(Texts.Length)],
            };
            if (node is JsonArray into)
                into[pick] = value;
            else if (random.Next(10) == 0)
                ((JsonObject)node).Remove(names[pick]);
            else
                node[names[pick]] = value;
            return;
        }
    }

    private Random Seeded()
    {
        int seed = Count("AOT_SEED", Environment.TickCount);
        output.WriteLine($"AOT_SEED={seed}");
        return new Random(seed);
    }

    private static long Time(Action action)
    {
        Stopwatch clock = Stopwatch.StartNew();
        action();
        return clock.ElapsedTicks;
    }

    /// <summary>What dies of a container that was just deleted may take a moment to go.</summary>
    private static void AssertSame(List<string> before, Bundle bundle, string when)
    {
        List<string> left = [];
        for (int i = 0; i < 100; i++)
        {
            left = Left(bundle);
            if (left.SequenceEqual(before))
                return;
            Thread.Sleep(50);
        }
        Assert.Fail($"{when}: {string.Join('\n', left.Except(before))}");
    }

    /// <summary>Mounts, cgroups, state and processes of this bundle alone: other tests run beside it.</summary>
    private static List<string> Left(Bundle bundle)
    {
        List<string> found = [.. bundle.Dir.Mounts()];
        found.AddRange(Leftovers.Cgroups(bundle.Parent));
        if (Directory.Exists(bundle.Dir.File("state")))
            found.AddRange(Directory.EnumerateDirectories(bundle.Dir.File("state")).Where(d => !Path.GetFileName(d).StartsWith('.')));
        foreach (string process in Directory.EnumerateDirectories("/proc").Where(d => int.TryParse(Path.GetFileName(d), out _)))
        {
            try
            {
                if (File.ReadAllText(process + "/cgroup").Contains(bundle.Parent + "/", StringComparison.Ordinal) && File.ReadAllText(process + "/stat").Split(") ")[^1][0] is not ('Z' or 'X'))
                    found.Add(process);
            }
            catch (IOException)
            {
                continue; // it ended meanwhile
            }
        }
        return found;
    }
}
