using System.Text.RegularExpressions;

namespace AotRuntime.Perf;

/// <summary>The life of a container under each OCI runtime: a static true with the runtimes' default spec, and with Docker's.</summary>
internal static class RunComparison
{
    // Their own rows: fewer rounds of many processes each.
    private const int Many = 200, ManyRounds = 5;

    private sealed record Runtime(string Name, string Path, string State)
    {
        // Containers of two runtimes are alive at once in some rows, and their cgroups are named after them.
        public string Id => "aot-perf-" + System.IO.Path.GetFileName(State);
    }

    public static void Run(Report report) => WithRuntimes((dir, plain, runtimes) =>
    {
        string docker = Bundle(dir, "docker", _ => File.ReadAllText(Path.Combine(Lab.Root, "perf/docker-spec.json")).Replace("files/", Path.Combine(dir, "docker/files/")));
        string waiting = Bundle(dir, "waiting", spec => NotInteractive(spec, "/bin/pause"));
        string[] floor = [Path.Combine(Lab.Root, "out/perf/floor"), Path.Combine(Lab.Root, "out/perf/empty")];
        Compare(report, "run", "run of a static true, default spec", runtimes, r => Command(r, plain), ("floor: clone, exec, wait in C", floor));
        Compare(report, "run-docker", "run of a static true, Docker's spec with its seccomp profile", runtimes, r => Command(r, docker));
        // runc has no such flag.
        List<Runtime> without = runtimes.FindAll(r => Lab.Works(plain, WithoutCgroups(r, plain)));
        Compare(report, "run-nocgroup", "run of a static true without cgroups of its own (--cgroup-manager disabled)", without, r => WithoutCgroups(r, plain));
        Compare(report, "life", "create, start, delete: three processes", runtimes,
            r => [r.Path, "--root", r.State, "create", "--bundle", plain, r.Id, "++", r.Path, "--root", r.State, "start", r.Id, "++", r.Path, "--root", r.State, "delete", "--force", r.Id]);
        Exec(report, runtimes, waiting);
        Memory(report, runtimes, plain);
    });

    /// <summary>Many containers at once.</summary>
    public static void RunMany(Report report) => WithRuntimes((dir, plain, runtimes) =>
        Compare(report, "many", $"{Many} containers at once: run of a static true", runtimes, r => [r.Path, "--root", r.State, "run", "--bundle", plain, r.Id + "-@"], jobs: Many));

    private static void WithRuntimes(Action<string, string, List<Runtime>> work)
    {
        string dir = Directory.CreateTempSubdirectory("aot-perf-").FullName;
        // Where runtimes keep their state is a tmpfs on most machines.
        string state = Directory.CreateDirectory(Path.Combine("/dev/shm", Path.GetFileName(dir))).FullName;
        try
        {
            string plain = Bundle(dir, "default", spec => NotInteractive(spec, "/bin/true"));
            List<Runtime> runtimes = [new("runc (ours)", Lab.Ours("runc"), Path.Combine(state, "ours"))];
            foreach (string path in (string[])[.. Lab.Peers("crun"), .. Lab.Peers("runc")])
            {
                Runtime peer = new(Lab.Named(path), path, Path.Combine(state, $"peer{runtimes.Count}"));
                if (Lab.Works(plain, Command(peer, plain)))
                    runtimes.Add(peer);
                else
                    Console.Error.WriteLine($"{path} cannot run a container on this machine; it is left out");
            }
            work(dir, plain, runtimes);
        }
        finally
        {
            Directory.Delete(dir, true);
            Directory.Delete(state, true);
        }
    }

    private static void Compare(Report report, string name, string title, List<Runtime> runtimes, Func<Runtime, string[]> command, (string Label, string[] Command)? more = null, int jobs = 0)
    {
        List<(string Label, string[] Command)> rows = [.. runtimes.Select(r => (r.Name, command(r)))];
        if (more is { } row)
            rows.Add(row);
        int rounds = jobs > 0 ? ManyRounds : Lab.Rounds;
        Sample[] samples = Lab.Time("/", rounds, jobs, [.. rows.Select(c => c.Command)]);
        report.Add(name, title, "ms",
            [.. rows.Zip(samples, (c, s) => (c.Label, s.Wall, $"90 %: {s.WallHigh:0.0} ms, CPU {s.Cpu:0.0} ms, peak {s.MemoryKiB:0} KiB, {s.Faults:0} page faults"))],
            $"Medians of {rounds} alternating runs. CPU, peak and faults are those of the processes that are waited for, not of the container's.");
    }

    private static void Exec(Report report, List<Runtime> runtimes, string bundle)
    {
        List<Runtime> started = [];
        try
        {
            foreach (Runtime r in runtimes)
            {
                // Its standard streams must not be ours: it lives on.
                if (!Lab.Works("/", ["/bin/sh", "-c", "exec \"$@\" </dev/null >/dev/null 2>&1", "sh", r.Path, "--root", r.State, "run", "--detach", "--bundle", bundle, r.Id]))
                    throw new InvalidOperationException($"{r.Name}: no container to exec in");
                started.Add(r);
            }
            Compare(report, "exec", "exec of a static true in a running container", runtimes, r => [r.Path, "--root", r.State, "exec", r.Id, "/bin/true"]);
        }
        finally
        {
            foreach (Runtime r in started)
                Lab.Works("/", [r.Path, "--root", r.State, "delete", "--force", r.Id]);
        }
    }

    /// <summary>The most memory that a memory cgroup around the whole of a run was ever charged: processes, page tables, kernel objects, tmpfs.</summary>
    private static void Memory(Report report, List<Runtime> runtimes, string bundle)
    {
        const string v1 = "/sys/fs/cgroup/memory/memory.max_usage_in_bytes", v2 = "/sys/fs/cgroup/cgroup.procs";
        string own = "";
        foreach (string line in File.ReadAllLines("/proc/self/cgroup"))
        {
            string[] f = line.Split(':', 3);
            if (f[1].Split(',').Contains("memory") || (f[1].Length == 0 && !File.Exists(v1) && File.Exists(v2)))
                own = (File.Exists(v1) ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup") + f[2].TrimEnd('/');
        }
        string around = own + "/aot-perf-memory";
        string peak = File.Exists(v1) ? "memory.max_usage_in_bytes" : "memory.peak";
        List<(string, double, string)> rows = [];
        foreach (Runtime r in runtimes)
        {
            List<double> peaks = [];
            for (int i = 0; i < 22; i++)
            {
                Directory.CreateDirectory(around);
                try
                {
                    // Below it, so that what the container itself is charged counts too.
                    if (!Lab.Works("/", ["/bin/sh", "-c", "echo 0 >\"$0\"/cgroup.procs && exec \"$@\"", around, .. Command(r, bundle)]))
                        throw new InvalidOperationException($"{r.Name}: run in a memory cgroup of its own");
                    peaks.Add(double.Parse(File.ReadAllText(Path.Combine(around, peak))) / 1024);
                }
                finally
                {
                    Directory.Delete(around);
                }
            }
            rows.Add((r.Name, peaks.Order().ElementAt(peaks.Count / 2), $"most {peaks.Max():0} KiB"));
        }
        report.Add("memory", "run of a static true: the most memory of the whole process tree", "KiB", rows,
            "Medians of 22 runs, each in a memory cgroup of its own with the container's below; the shell that starts it and all that the kernel charges are in it. Files are in the page cache already.");
    }

    private static string[] Command(Runtime r, string bundle) => [r.Path, "--root", r.State, "run", "--bundle", bundle, r.Id];

    private static string[] WithoutCgroups(Runtime r, string bundle) => [r.Path, "--root", r.State, "--cgroup-manager", "disabled", "run", "--bundle", bundle, r.Id];

    private static string NotInteractive(string spec, string program) => spec.Replace("\"sh\"", $"\"{program}\"").Replace("\"terminal\": true", "\"terminal\": false");

    private static string Bundle(string dir, string name, Func<string, string> spec)
    {
        string bundle = Path.Combine(dir, name), bin = Path.Combine(bundle, "rootfs/bin");
        Directory.CreateDirectory(bin);
        foreach (string d in (string[])["proc", "sys", "dev", "etc"])
            Directory.CreateDirectory(Path.Combine(bundle, "rootfs", d));
        File.Copy(Path.Combine(Lab.Root, "out/perf/empty"), Path.Combine(bin, "true"));
        File.Copy(Path.Combine(Lab.Root, "out/perf/pause"), Path.Combine(bin, "pause"));
        Directory.CreateDirectory(Path.Combine(bundle, "files"));
        foreach (string file in (string[])["hosts", "hostname", "resolv.conf"])
            File.WriteAllText(Path.Combine(bundle, "files", file), "");
        Lab.Capture(Lab.Peer("runc") ?? Lab.Ours("runc"), "spec", "--bundle", bundle);
        string config = Path.Combine(bundle, "config.json");
        // crun before 1.9 refuses a newer runtime-spec's version than its own, whatever the file asks for.
        File.WriteAllText(config, Regex.Replace(spec(File.ReadAllText(config)), "\"ociVersion\": \"[^\"]+\"", "\"ociVersion\": \"1.0.2\""));
        return bundle;
    }
}
