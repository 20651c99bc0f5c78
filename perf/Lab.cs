using System.Diagnostics;
using System.Reflection;

namespace AotRuntime.Perf;

/// <summary>Programs, folders and the timing of commands.</summary>
internal static class Lab
{
    public static string Root { get; } = typeof(Lab).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(a => a.Key == "RepoRoot").Value!;

    public static string Bin { get; } = Path.Combine(Root, "out/bin");

    public static int Rounds { get; } = int.Parse(Environment.GetEnvironmentVariable("ROUNDS") ?? "50");

    public static string Ours(string name) => Path.Combine(Bin, name);

    /// <summary>A peer's path, or null where it is not installed; one in PEER_BIN comes before PATH's.</summary>
    public static string? Peer(string name) => Peers(name).FirstOrDefault();

    /// <summary>Every copy of a peer: PEER_BIN's (a newer release, say) and PATH's.</summary>
    public static string[] Peers(string name)
    {
        string[] newer = (Environment.GetEnvironmentVariable("PEER_BIN") ?? "").Split(':'), own = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
        return [.. new[] { newer, own }.Select(folders => folders.Where(f => f.Length > 0).Select(f => Path.Combine(f, name)).FirstOrDefault(File.Exists)).OfType<string>()];
    }

    /// <summary>A peer's name with its version, the last word of the first line that `--version` prints.</summary>
    public static string Named(string path) => $"{Path.GetFileName(path)} {Capture(path, "--version").Split('\n')[0].Split(' ')[^1]}";

    /// <summary>Whether a program succeeds here at all: a peer may refuse this machine (crun 1.8 does where cgroups are hybrid).</summary>
    public static bool Works(string workingDirectory, string[] command)
    {
        using Process process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { WorkingDirectory = workingDirectory, RedirectStandardError = true, RedirectStandardOutput = true })!;
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0;
    }

    /// <summary>Runs a program to its end and gives its output; throws where it fails.</summary>
    public static string Capture(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: exit code {process.ExitCode}");
    }

    /// <summary>Wall times in milliseconds of each command, from alternating runs; a failing command throws.</summary>
    public static Sample[] Time(string workingDirectory, params string[][] commands) => Time(workingDirectory, Rounds, 0, commands);

    /// <summary>The same of <paramref name="jobs"/> processes at once, '@' in their arguments being the number of each; 0 for one process, or several joined by "++".</summary>
    public static Sample[] Time(string workingDirectory, int rounds, int jobs, params string[][] commands)
    {
        ProcessStartInfo start = new(Path.Combine(Root, "out/perf/spawn")) { RedirectStandardOutput = true, WorkingDirectory = workingDirectory };
        start.ArgumentList.Add((rounds + 2).ToString());
        if (jobs > 0)
        {
            start.ArgumentList.Add("-j");
            start.ArgumentList.Add(jobs.ToString());
        }
        foreach (string[] command in commands)
        {
            start.ArgumentList.Add("--");
            foreach (string part in command)
                start.ArgumentList.Add(part);
        }
        using Process process = Process.Start(start)!;
        Sample[] samples = [.. commands.Select(_ => new Sample())];
        int line = 0;
        while (process.StandardOutput.ReadLine() is { } text)
        {
            long[] f = [.. text.Split(' ').Select(long.Parse)];
            if (f[4] != 0)
                throw new InvalidOperationException($"{string.Join(' ', commands[f[0]])}: exit code {f[4]}");
            // The first two rounds fill caches.
            if (line++ / commands.Length >= 2)
                samples[f[0]].Add(f[1] / 1e6, (f[2] + f[3]) / 1e3, f[5], f[6]);
        }
        process.WaitForExit();
        return samples;
    }
}

/// <summary>Measurements of one command.</summary>
internal sealed class Sample
{
    private readonly List<double> _wall = [], _cpu = [], _memory = [], _faults = [];

    public double Wall => Median(_wall);

    public double WallHigh => Quantile(_wall, 0.9);

    public double Cpu => Median(_cpu);

    public double MemoryKiB => Median(_memory);

    public double Faults => Median(_faults);

    public void Add(double wallMs, double cpuMs, double memoryKiB, double faults)
    {
        _wall.Add(wallMs);
        _cpu.Add(cpuMs);
        _memory.Add(memoryKiB);
        _faults.Add(faults);
    }

    private static double Median(List<double> values) => Quantile(values, 0.5);

    private static double Quantile(List<double> values, double q) =>
        values.Count == 0 ? double.NaN : values.Order().ElementAt((int)(q * (values.Count - 1)));
}
