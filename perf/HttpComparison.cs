using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace AotRuntime.Perf;

/// <summary>
/// dockerd's <c>_ping</c> and containerd's Version call against ASP.NET Core's server that gives the same answers (perf/kestrel). Servers
/// run on the first processor, the client on the second; each figure is a median of alternating runs.
/// </summary>
internal static class HttpComparison
{
    private static readonly int s_runs = int.Parse(Environment.GetEnvironmentVariable("RUNS") ?? "5", CultureInfo.InvariantCulture);
    private static readonly string s_seconds = Environment.GetEnvironmentVariable("SECONDS_EACH") ?? "2";

    /// <summary>HTTP/1.1.</summary>
    public static void RunHttp1(Report report)
    {
        using Servers servers = new(Directory.CreateTempSubdirectory("aot-perf-").FullName);
        List<string> table = ["| work | ours | Kestrel | ours ÷ Kestrel | p99 at half of Kestrel's load: ours | Kestrel |", "|---|---|---|---|---|---|"];
        List<(string, double, string)> rows = [];
        foreach (bool unix in (bool[])[false, true])
        {
            foreach ((int connections, int depth) in ((int, int)[])[(1, 1), (32, 1), (256, 1), (1, 16), (32, 16), (256, 16)])
            {
                string[] load = ["-c", $"{connections}", "-d", $"{depth}", "-s", s_seconds];
                Figures[] most = Alternate(servers.Http1(unix).Select(target => (string[])[.. target, .. load]).ToArray());
                string[] half = [.. load, "-r", (most[1].Rate / 2).ToString("0", CultureInfo.InvariantCulture)];
                Figures[] calm = Alternate(servers.Http1(unix).Select(target => (string[])[.. target, .. half]).ToArray());
                string work = $"HTTP/1.1, {(unix ? "unix" : "TCP")}, {connections} × {depth}";
                table.Add(string.Create(CultureInfo.InvariantCulture,
                    $"| {work} | {most[0].Rate:0}/s | {most[1].Rate:0}/s | {most[0].Rate / most[1].Rate:0.00} | {calm[0].P99:0} µs | {calm[1].P99:0} µs |"));
                rows.Add((work, most[0].Rate / most[1].Rate, ""));
            }
        }
        report.AddTable("http", "_ping over HTTP/1.1 against Kestrel", table,
            $"Medians of {s_runs} alternating runs of {s_seconds} s; connections × requests under way on each. Servers on one processor, the client (perf/http-load.c) on another.");
        report.AddChart("http", "requests a second, ours ÷ Kestrel", "more is better", rows);
    }

    /// <summary>HTTP/2 and gRPC.</summary>
    public static void RunHttp2(Report report)
    {
        using Servers servers = new(Directory.CreateTempSubdirectory("aot-perf-").FullName);
        List<string> table = ["| work | ours | Kestrel | ours ÷ Kestrel |", "|---|---|---|---|"];
        List<(string, double, string)> rows = [];
        // An empty message: one byte "not compressed", four of length.
        string[] call = ["-d", servers.EmptyMessage, "-H", "content-type: application/grpc", "-H", "te: trailers"];
        const string version = "http://localhost/containerd.services.version.v1.Version/Version";
        foreach ((int connections, int streams) in ((int, int)[])[(1, 32), (32, 32)])
        {
            Add($"HTTP/2 _ping, TCP, {connections} × {streams}", servers.Http2.Select(url => (string[])[url]));
            Add($"HTTP/2 _ping, unix, {connections} × {streams}", servers.Http2Unix.Select(path => (string[])["-B", "unix:" + path, "http://localhost/_ping"]));
            Add($"gRPC unary, unix, {connections} × {streams}", servers.Grpc.Select(path => (string[])[.. call, "-B", "unix:" + path, version]));

            void Add(string work, IEnumerable<string[]> targets)
            {
                double[] rates = AlternateH2([.. targets], connections, streams);
                table.Add(string.Create(CultureInfo.InvariantCulture, $"| {work} | {rates[0]:0}/s | {rates[1]:0}/s | {rates[0] / rates[1]:0.00} |"));
                rows.Add((work, rates[0] / rates[1], ""));
            }
        }
        report.AddTable("http2", "HTTP/2 and gRPC against Kestrel", table,
            $"Medians of {s_runs} alternating runs of {H2Seconds} s; connections × streams on each. gRPC's peer is Grpc.AspNetCore. Servers on one processor, the client (h2load) on another.");
        report.AddChart("http2", "requests a second, ours ÷ Kestrel", "more is better", rows);
    }

    private static Figures[] Alternate(string[][] commands)
    {
        List<Figures>[] all = [.. commands.Select(_ => new List<Figures>())];
        for (int run = 0; run < s_runs; run++)
        {
            for (int i = 0; i < commands.Length; i++)
            {
                double[] f = [.. Lab.Capture("taskset", ["-c", "1", Path.Combine(Lab.Root, "out/perf/http-load"), .. commands[i]]).Split(' ').Select(t => double.Parse(t, CultureInfo.InvariantCulture))];
                all[i].Add(new Figures(f[0], f[1], f[2]));
            }
        }
        return [.. all.Select(list => new Figures(Median(list.Select(f => f.Rate)), Median(list.Select(f => f.P50)), Median(list.Select(f => f.P99))))];
    }

    private static string H2Seconds => Math.Max(1, (int)double.Parse(s_seconds, CultureInfo.InvariantCulture)).ToString(CultureInfo.InvariantCulture);

    private static double[] AlternateH2(string[][] targets, int connections, int streams)
    {
        List<double>[] all = [.. targets.Select(_ => new List<double>())];
        for (int run = 0; run < s_runs; run++)
        {
            for (int i = 0; i < all.Length; i++)
            {
                string output = Lab.Capture("taskset", ["-c", "1", "h2load", "-c", $"{connections}", "-m", $"{streams}", "-D", H2Seconds, .. targets[i]]);
                string line = output.Split('\n').First(l => l.StartsWith("finished in", StringComparison.Ordinal));
                if (!output.Contains(" 0 failed, 0 errored", StringComparison.Ordinal))
                    throw new InvalidOperationException(output);
                all[i].Add(double.Parse(line.Split(',')[1].Trim().Split(' ')[0], CultureInfo.InvariantCulture));
            }
        }
        return [.. all.Select(Median)];
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }

    private sealed record Figures(double Rate, double P50, double P99);

    /// <summary>The daemon with its containerd, and the peer.</summary>
    private sealed class Servers : IDisposable
    {
        private const int OurPort = 47131, PeerPort = 47132, PeerPort2 = 47133;
        private readonly string _dir;
        private readonly Process _daemon, _peer;

        public Servers(string dir)
        {
            _dir = dir;
            EmptyMessage = Path.Combine(dir, "empty");
            File.WriteAllBytes(EmptyMessage, new byte[5]);
            _daemon = Pinned(Lab.Ours("dockerd"), "-H", "unix://" + dir + "/ours.sock", "-H", $"tcp://127.0.0.1:{OurPort}", "--data-root", dir + "/data", "--exec-root", dir + "/exec",
                "--pidfile", dir + "/pid", "--bridge", "none", "--log-level", "error");
            _peer = Pinned(Path.Combine(Lab.Root, "out/perf/kestrel/AotRuntime.Kestrel"), $"{PeerPort}", dir + "/peer.sock", $"{PeerPort2}", dir + "/peer2.sock");
            for (int i = 0; i < 100 && !(File.Exists(dir + "/ours.sock") && File.Exists(dir + "/peer2.sock")); i++)
                Thread.Sleep(100);
            Thread.Sleep(500);
            Http2 = [$"http://127.0.0.1:{OurPort}/_ping", $"http://127.0.0.1:{PeerPort2}/_ping"];
            Http2Unix = [dir + "/ours.sock", dir + "/peer2.sock"];
            Grpc = [dir + "/exec/containerd/containerd.sock", dir + "/peer2.sock"];
        }

        public string EmptyMessage { get; }

        /// <summary>Where the two answer HTTP/2, ours first.</summary>
        public string[] Http2 { get; }

        /// <summary>The same on unix sockets.</summary>
        public string[] Http2Unix { get; }

        /// <summary>The sockets of the two gRPC servers, ours first.</summary>
        public string[] Grpc { get; }

        /// <summary>http-load's words for the two servers, ours first.</summary>
        public string[][] Http1(bool unix) => unix ? [["-u", _dir + "/ours.sock"], ["-u", _dir + "/peer.sock"]] : [["-p", $"{OurPort}"], ["-p", $"{PeerPort}"]];

        public void Dispose()
        {
            foreach (Process process in (Process[])[_daemon, _peer])
            {
                Process.Start("kill", [process.Id.ToString(CultureInfo.InvariantCulture)]).WaitForExit();
                process.WaitForExit();
                process.Dispose();
            }
            Directory.Delete(_dir, true);
        }

        private static Process Pinned(string program, params string[] arguments) => Process.Start("taskset", ["-c", "0", program, .. arguments])!;
    }
}
