using System.Diagnostics;
using System.Globalization;

namespace AotRuntime.Perf;

/// <summary>A gibibyte up by gRPC and down by HTTP/1.1 with its SHA-256, client and server ours (perf/transfer), each in a process of its own.</summary>
internal static class TransferComparison
{
    private const long Bytes = 1 << 30;

    private static readonly int s_runs = int.Parse(Environment.GetEnvironmentVariable("RUNS") ?? "5", CultureInfo.InvariantCulture);

    public static void Run(Report report)
    {
        string dir = Directory.CreateTempSubdirectory("aot-perf-").FullName;
        string program = Path.Combine(Lab.Root, "out/perf/transfer/AotRuntime.Transfer"), grpc = dir + "/grpc.sock", http = dir + "/http.sock";
        using Process server = Process.Start(program, ["serve", grpc, http])!;
        try
        {
            while (!File.Exists(http) && !server.HasExited)
                Thread.Sleep(20);
            string[][] commands = [["upload", grpc], ["download", http], ["hash"], ["reference"]];
            List<double[]>[] all = [[], [], [], []];
            for (int run = 0; run < s_runs; run++)
            {
                for (int i = 0; i < commands.Length; i++)
                    all[i].Add([.. Lab.Capture(program, [.. commands[i], $"{Bytes}"]).Split(' ').Select(t => double.Parse(t, CultureInfo.InvariantCulture))]);
            }
            double[] rates = [.. all.Select(runs => Middle(runs)[0])];
            // What a download is held against: the hash at its fastest, whoever computes it.
            double alone = Math.Max(rates[2], rates[3]);
            double[] up = Middle(all[0]), down = Middle(all[1]);
            report.AddTable("transfer", "1 GiB through the product's own client and server",
            [
                "| work | GiB/s | memory of the receiver after an eighth, at the end |", "|---|---|---|",
                Row("upload, gRPC client-streaming, unix socket, messages of 256 KiB", rates[0], up[3], up[4]),
                Row("download, HTTP/1.1, unix socket, with SHA-256", rates[1], down[1], down[2]),
                string.Create(CultureInfo.InvariantCulture, $"| SHA-256 alone | {rates[2]:0.00} | |"),
                string.Create(CultureInfo.InvariantCulture, $"| SHA-256 alone, the framework's | {rates[3]:0.00} | download ÷ the faster of both: {rates[1] / alone:0.00} |"),
            ], $"Medians of {s_runs} alternating runs; client and server may use every processor.");
            report.AddChart("transfer", "1 GiB through the product's own client and server", "GiB/s, more is better",
                [("upload by gRPC", rates[0], ""), ("download with SHA-256", rates[1], ""), ("SHA-256 alone", rates[2], ""), ("the framework's", rates[3], "")]);
        }
        finally
        {
            server.Kill();
            server.WaitForExit();
            Directory.Delete(dir, true);
        }

        static string Row(string work, double rate, double early, double late) =>
            string.Create(CultureInfo.InvariantCulture, $"| {work} | {rate:0.00} | {early / 1024:0.0} MiB, {late / 1024:0.0} MiB |");
    }

    private static double[] Middle(List<double[]> runs) => runs.OrderBy(r => r[0]).ElementAt(runs.Count / 2);
}
