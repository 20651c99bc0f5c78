using System.Diagnostics;
using System.Net;
using System.Net.Http;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace AotRuntime.Perf;

/// <summary>create + start + wait + remove of a container through the Engine API, network none.</summary>
internal static class ApiComparison
{
    public static async Task RunAsync(Report report)
    {
        List<Engine> engines = [];
        try
        {
            engines.Add(new Engine("dockerd (ours)", Lab.Ours("dockerd")));
            if (Lab.Peer("dockerd") is { } peer)
                engines.Add(new Engine("dockerd (peer)", peer));
            foreach (Engine engine in engines)
                await engine.LoadImageAsync();
            Sample[] samples = [.. engines.Select(_ => new Sample())];
            for (int round = 0; round < Lab.Rounds + 2; round++)
            {
                for (int e = 0; e < engines.Count; e++)
                {
                    double ms = await engines[e].CycleAsync();
                    if (round >= 2)
                        samples[e].Add(ms, 0, 0, 0);
                }
            }
            report.Add("api", "Engine API: create + start + wait + remove, network none", "ms",
                [.. engines.Zip(samples, (e, s) => (e.Label, s.Wall, $"90 %: {s.WallHigh:0.0} ms; {e.Version}"))],
                $"Medians of {Lab.Rounds} alternating runs of the bundled hello image.");
        }
        finally
        {
            foreach (Engine engine in engines)
                engine.Dispose();
        }
    }

    /// <summary>A dockerd on data and sockets of its own, in a network namespace of its own.</summary>
    private sealed class Engine : IDisposable
    {
        private readonly string _dir = Directory.CreateTempSubdirectory("aot-perf-").FullName;
        private readonly Process _holder, _daemon, _registry;
        private readonly HttpClient _http;

        public Engine(string label, string dockerd)
        {
            Label = label;
            _holder = Process.Start("setpriv", ["--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"]);
            Thread.Sleep(300);
            Inside("ip", "link", "set", "lo", "up").WaitForExit();
            _registry = Inside(Lab.Ours("aotruntime"), "registry", "serve", Path.Combine(Lab.Root, "out/images"), "--listen", "127.0.0.1:5000");
            string socket = Path.Combine(_dir, "d.sock");
            _daemon = Inside(dockerd, "-H", "unix://" + socket, "--data-root", _dir + "/data", "--exec-root", _dir + "/exec", "--pidfile", _dir + "/pid",
                "--registry-mirror", "http://127.0.0.1:5000", "--cgroup-parent", "/" + Path.GetFileName(_dir), "--log-level", "error");
            _http = new HttpClient(new SocketsHttpHandler
            {
                ConnectCallback = async (_, cancel) =>
                {
                    Socket s = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                    await s.ConnectAsync(new UnixDomainSocketEndPoint(socket), cancel);
                    return new NetworkStream(s, ownsSocket: true);
                },
            }) { BaseAddress = new Uri("http://docker/v1.41/") };
        }

        public string Label { get; }

        public string Version { get; private set; } = "";

        public async Task LoadImageAsync()
        {
            for (int i = 0; ; i++)
            {
                try
                {
                    JsonNode version = JsonNode.Parse(await _http.GetStringAsync("version"))!;
                    Version = $"version {version["Version"]}";
                    break;
                }
                catch (HttpRequestException) when (i < 300)
                {
                    await Task.Delay(100);
                }
            }
            using HttpResponseMessage pull = await _http.PostAsync("images/create?fromImage=hello-world&tag=latest", null);
            string progress = await pull.Content.ReadAsStringAsync();
            if (progress.Contains("\"error\"", StringComparison.Ordinal))
                throw new InvalidOperationException(progress);
        }

        public async Task<double> CycleAsync()
        {
            Stopwatch clock = Stopwatch.StartNew();
            using HttpResponseMessage created = await _http.PostAsync("containers/create", new StringContent("""{"Image":"hello-world","HostConfig":{"NetworkMode":"none"}}""", Encoding.UTF8, "application/json"));
            string id = (string)JsonNode.Parse(await created.Content.ReadAsStringAsync())!["Id"]!;
            using HttpResponseMessage started = await _http.PostAsync($"containers/{id}/start", null);
            if (started.StatusCode != HttpStatusCode.NoContent)
                throw new InvalidOperationException(await started.Content.ReadAsStringAsync());
            using HttpResponseMessage waited = await _http.PostAsync($"containers/{id}/wait", null);
            JsonNode status = JsonNode.Parse(await waited.Content.ReadAsStringAsync())!;
            if ((int)status["StatusCode"]! != 0)
                throw new InvalidOperationException(status.ToJsonString());
            using HttpResponseMessage removed = await _http.DeleteAsync($"containers/{id}");
            return clock.Elapsed.TotalMilliseconds;
        }

        public void Dispose()
        {
            _http.Dispose();
            foreach (Process process in (Process[])[_daemon, _registry, _holder])
            {
                Process.Start("kill", [process.Id.ToString()]).WaitForExit();
                if (!process.WaitForExit(TimeSpan.FromSeconds(20)))
                    process.Kill();
                process.Dispose();
            }
            foreach (string mount in File.ReadLines("/proc/self/mountinfo").Select(l => l.Split(' ')[4]).Where(m => m.StartsWith(_dir + "/", StringComparison.Ordinal)).OrderDescending().ToList())
                Process.Start("umount", ["-l", mount]).WaitForExit();
            Process.Start("rm", ["-rf", "--one-file-system", _dir]).WaitForExit();
        }

        private Process Inside(string program, params string[] arguments) =>
            Process.Start(new ProcessStartInfo("nsenter", [$"--net=/proc/{_holder.Id}/ns/net", program, .. arguments]) { RedirectStandardError = false })!;
    }
}
