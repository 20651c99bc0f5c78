using System.Text.RegularExpressions;

namespace AotRuntime.Perf;

/// <summary>`run` of a static true with the runtime's default spec.</summary>
internal static class RunComparison
{
    public static void Run(Report report)
    {
        string dir = Directory.CreateTempSubdirectory("aot-perf-").FullName;
        try
        {
            string bundle = Path.Combine(dir, "bundle"), bin = Path.Combine(bundle, "rootfs/bin");
            Directory.CreateDirectory(bin);
            foreach (string d in (string[])["proc", "sys", "dev", "etc"])
                Directory.CreateDirectory(Path.Combine(bundle, "rootfs", d));
            File.Copy(Path.Combine(Lab.Root, "out/perf/empty"), Path.Combine(bin, "true"));
            string reference = Lab.Peer("runc") ?? Lab.Ours("runc");
            Lab.Capture(reference, "spec", "--bundle", bundle);
            string config = Path.Combine(bundle, "config.json");
            // crun before 1.9 refuses a newer runtime-spec's version than its own, whatever the file asks for.
            File.WriteAllText(config, Regex.Replace(File.ReadAllText(config), "\"ociVersion\": \"[^\"]+\"", "\"ociVersion\": \"1.0.2\"").Replace("\"terminal\": true", "\"terminal\": false").Replace("\"sh\"", "\"/bin/true\""));

            List<(string Label, string[] Command)> commands = [("runc run (ours)", Command(Lab.Ours("runc"), dir, bundle, "a"))];
            foreach (string path in (string[])[.. Lab.Peers("crun"), .. Lab.Peers("runc")])
            {
                string[] command = Command(path, dir, bundle, $"peer{commands.Count}");
                if (Lab.Works(bundle, command))
                    commands.Add(($"{Lab.Named(path)} run", command));
                else
                    Console.Error.WriteLine($"{path} cannot run a container on this machine; it is left out");
            }
            Sample[] samples = Lab.Time(bundle, [.. commands.Select(c => c.Command)]);
            report.Add("run", "run of a static true, default spec", "ms",
                [.. commands.Zip(samples, (c, s) => (c.Label, s.Wall, $"90 %: {s.WallHigh:0.0} ms, CPU {s.Cpu:0.0} ms, peak {s.MemoryKiB:0} KiB, {s.Faults:0} page faults"))],
                $"Medians of {Lab.Rounds} alternating runs.");
        }
        finally
        {
            Directory.Delete(dir, true);
        }
    }

    private static string[] Command(string runtime, string dir, string bundle, string id) =>
        [runtime, "--root", Path.Combine(dir, "state-" + id), "run", "--bundle", bundle, "aot-perf-" + id];
}
