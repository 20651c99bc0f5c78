namespace AotRuntime.Perf;

/// <summary>What a start costs that does nothing: paid by every role of every `docker run`.</summary>
internal static class StartComparison
{
    public static void Run(Report report)
    {
        List<(string Label, string[] Command)> commands = [("runc --version (ours)", [Lab.Ours("runc"), "--version"]), ("empty static C", [Path.Combine(Lab.Root, "out/perf/empty")])];
        foreach (string path in (string[])[.. Lab.Peers("runc"), .. Lab.Peers("crun")])
            commands.Add(($"{Lab.Named(path)} --version", [path, "--version"]));
        Sample[] samples = Lab.Time("/", [.. commands.Select(c => c.Command)]);
        report.Add("start", "exec to exit of --version", "ms",
            [.. commands.Zip(samples, (c, s) => (c.Label, s.Wall, $"90 %: {s.WallHigh:0.00} ms, CPU {s.Cpu:0.00} ms, peak {s.MemoryKiB:0} KiB, {s.Faults:0} page faults"))],
            $"Medians of {Lab.Rounds} alternating runs. Target: at most 4 × the empty program.");
    }
}
