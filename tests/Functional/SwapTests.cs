namespace AotRuntime.Tests.Functional;

/// <summary>containerd, shim, runtime and ctr, each ours or the real one, beside each other: the wires are the public protocols.</summary>
public sealed class SwapTests
{
    private const string Busybox = "127.0.0.1:5000/busybox:latest";

    [Theory]
    [InlineData("ours", "ours", "ours")]
    [InlineData("ours", "ours", "runc")]
    [InlineData("ours", "ours", "crun")]
    [InlineData("ours", "real", "ours")]
    [InlineData("ours", "real", "runc")]
    [InlineData("real", "ours", "ours")]
    [InlineData("real", "ours", "crun")]
    [InlineData("real", "real", "ours")]
    public void A_containers_life_under_any_containerd_shim_and_runtime(string containerd, string shim, string runtime)
    {
        using ContainerdStack stack = Stack(containerd, shim, runtime);
        PullAndRun(stack, Programs.Peer("ctr"));
        Assert.Contains("create", stack.RuntimeCalls, StringComparison.Ordinal);

        string log = stack.Dir.File("out.log");
        stack.Ctr("run", "-d", "--log-uri", $"file://{log}", Busybox, "b2", "sh", "-c",
            "trap 'echo bye; exit 5' TERM; i=0; while :; do echo line $i; i=$((i+1)); sleep 0.05; done").Succeeded();
        int pid = PidOf(stack, "b2");
        string program = new FileInfo($"/proc/{stack.Shims.Single()}/exe").ResolveLinkTarget(true)!.FullName;
        Assert.Equal(shim == "ours" ? "aotruntime" : "containerd-shim-runc-v2", Path.GetFileName(program));

        CommandResult exec = stack.Ctr("tasks", "exec", "--exec-id", "e1", "b2", "sh", "-c", "echo in; exit 3").Exited(3);
        Assert.Equal("in\n", exec.Output);
        stack.Ctr("tasks", "pause", "b2").Succeeded();
        Assert.Contains("PAUSED", stack.Ctr("tasks", "ls").Succeeded().Output);
        stack.Ctr("tasks", "resume", "b2").Succeeded();
        Assert.Contains("pids.current", stack.Ctr("tasks", "metrics", "b2").Succeeded().Output);
        Assert.Contains(pid.ToString(), stack.Ctr("tasks", "ps", "b2").Succeeded().Output);

        // The daemon goes, the container ends meanwhile, and a new daemon knows how.
        stack.Daemon.Kill();
        new Command("kill", "-TERM", pid.ToString()).Run().Succeeded();
        stack.StartAgain();
        stack.WaitFor(list => list.Contains("STOPPED", StringComparison.Ordinal), "tasks", "ls");
        Assert.Contains("exit code 5", stack.Ctr("tasks", "rm", "b2").Succeeded().Error);
        stack.Ctr("containers", "rm", "b2").Succeeded();
        string[] lines = File.ReadAllLines(log);
        Assert.Equal("bye", lines[^1]);
        Assert.Equal(Enumerable.Range(0, lines.Length - 1).Select(i => $"line {i}"), lines[..^1]);
        stack.AssertNothingLeft();
    }

    [Theory]
    [InlineData("ours", "ours")]
    [InlineData("ours", "real")]
    [InlineData("real", "ours")]
    public void A_shim_that_is_killed_takes_its_container_along(string containerd, string shim)
    {
        using ContainerdStack stack = Stack(containerd, shim, "ours");
        stack.Ctr("images", "pull", "--plain-http", Busybox).Succeeded();
        using Daemon events = new(new Command(Programs.Peer("ctr"), "--address", stack.Socket, "--namespace", stack.Namespace, "events") { NetworkOf = stack.NetworkOf });
        stack.Ctr("run", "-d", "--null-io", Busybox, "b3", "sleep", "1000").Succeeded();
        events.WaitUntil(() => events.Log.Contains("/tasks/start", StringComparison.Ordinal), "start event");
        int pid = PidOf(stack, "b3");
        new Command("kill", "-KILL", stack.Shims.Single().ToString()).Run().Succeeded();
        events.WaitUntil(() => events.Log.Contains("/tasks/delete", StringComparison.Ordinal), "events of the end");
        Assert.Matches("/tasks/exit .*\"exit_status\":137", events.Log);
        Assert.True(Leftovers.IsGone(pid), "the container outlived its shim's burial");
        Assert.DoesNotContain("b3", stack.Ctr("tasks", "ls").Succeeded().Output);
        stack.Ctr("containers", "rm", "b3").Succeeded();
        stack.AssertNothingLeft();
    }

    [Theory]
    [InlineData("ours")]
    [InlineData("real")]
    public void Our_ctr_drives_any_containerd(string containerd)
    {
        using ContainerdStack stack = Stack(containerd, containerd, containerd == "ours" ? "ours" : "runc");
        string ctr = Programs.Ours("ctr");
        PullAndRun(stack, ctr);
        stack.CtrOf(ctr, "run", "-d", "--null-io", Busybox, "b4", "sleep", "1000").Succeeded();
        // Both look at the same things, and print them alike.
        foreach (string[] list in (string[][])[
            ["namespaces", "ls"], ["ns", "ls", "-q"], ["images", "ls"], ["images", "ls", "-q"], ["containers", "ls"], ["c", "ls", "-q"],
            ["tasks", "ls"], ["t", "ls", "-q"], ["content", "ls", "-q"], ["snapshots", "ls"]])
        {
            Assert.Equal(stack.Ctr(list).Succeeded().Output, stack.CtrOf(ctr, list).Succeeded().Output);
        }
        Assert.Equal(
            BlobsOf(stack.Ctr("content", "ls").Succeeded().Output), BlobsOf(stack.CtrOf(ctr, "content", "ls").Succeeded().Output));
        stack.CtrOf(ctr, "tasks", "kill", "-s", "KILL", "b4").Succeeded();
        stack.WaitFor(list => list.Contains("STOPPED", StringComparison.Ordinal), "tasks", "ls");
        Assert.Contains("exit code 137", stack.CtrOf(ctr, "tasks", "rm", "b4").Succeeded().Error);
        stack.CtrOf(ctr, "containers", "rm", "b4").Succeeded();
        Assert.Equal($"{Busybox}\n", stack.CtrOf(ctr, "images", "rm", Busybox).Succeeded().Output);
        stack.AssertNothingLeft();
    }

    [Fact]
    public void The_layer_of_what_a_container_changed_is_the_real_containerds()
    {
        const string changes = "echo x >/tmp/f; rm /bin/wget; mkdir -p /new/dir; ln /tmp/f /new/hard; ln -s f /new/soft; chmod 700 /etc; mkfifo /new/fifo";
        string[] layers = [.. new[] { "ours", "real" }.Select(whose =>
        {
            using ContainerdStack stack = Stack(whose, whose, "ours");
            stack.Ctr("images", "pull", "--plain-http", Busybox).Succeeded();
            stack.Ctr("run", "--null-io", Busybox, "d1", "sh", "-c", changes).Succeeded();
            string plain = Layer(stack, "d1", "application/vnd.oci.image.layer.v1.tar", "tar");
            // The same layer comes out of gzip.
            Assert.Equal(plain, Layer(stack, "d1", "application/vnd.oci.image.layer.v1.tar+gzip", "gunzip | tar"));
            return plain;
        })];
        Assert.Contains("bin/.wh.wget", layers[0]);
        Assert.Equal(layers[1], layers[0]);
    }

    [Fact]
    public void A_directory_that_was_made_anew_is_opaque_in_its_layer()
    {
        using ContainerdStack stack = Stack("ours", "ours", "ours");
        stack.Ctr("images", "pull", "--plain-http", Busybox).Succeeded();
        stack.Ctr("run", "--null-io", Busybox, "d2", "sh", "-c", "rm -r /var/www; mkdir /var/www; echo y >/var/www/z").Succeeded();
        string[] names = [.. Layer(stack, "d2", "application/vnd.oci.image.layer.v1.tar", "tar").Split('\n').Select(l => l.Split(' ')[^1])];
        Assert.Equal(["var/", "var/www/", "var/www/.wh..wh..opq", "var/www/z"], names.Where(n => n.StartsWith("var/", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    /// <summary>The entries of a layer, sorted, without times, which the machines' clocks give.</summary>
    private static string Layer(ContainerdStack stack, string key, string mediaType, string tar)
    {
        CommandResult list = stack.Beside("bash", "-c",
            $"set -o pipefail; {Programs.Peer("ctr")} --address {stack.Socket} --namespace {stack.Namespace} snapshots diff --media-type {mediaType} {key} | {tar} --numeric-owner -tvf -").Run().Succeeded();
        // -rw-r--r-- 0/0 2 2026-01-01 00:00 tmp/f
        return string.Join('\n', list.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(l => l.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries)).Select(f => $"{f[0]} {f[1]} {f[2]} {f[5]}").Order(StringComparer.Ordinal));
    }

    private static ContainerdStack Stack(string containerd, string shim, string runtime) => new(
        Program("containerd", containerd), Program("containerd-shim-runc-v2", shim),
        runtime == "ours" ? Programs.Ours("runc") : Programs.Peer(runtime));

    private static string Program(string name, string whose) => whose == "ours" ? Programs.Ours(name) : Programs.Peer(name);

    private static int PidOf(ContainerdStack stack, string id) => int.Parse(
        stack.Ctr("tasks", "ls").Succeeded().Output.Split('\n').Single(l => l.StartsWith(id + " ", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);

    // Debian's ctr loses the output of a process that ends before ctr has come back from opening the FIFOs, which it does on the side.
    private static void PullAndRun(ContainerdStack stack, string ctr)
    {
        foreach (string image in (string[])["hello-world", "busybox"])
            stack.CtrOf(ctr, "images", "pull", "--plain-http", $"127.0.0.1:5000/{image}:latest").Succeeded();
        Assert.Contains("Server:", stack.CtrOf(ctr, "version").Succeeded().Output);
        Assert.Contains("Hello from AotRuntime!", stack.CtrOf(ctr, "run", "--rm", "127.0.0.1:5000/hello-world:latest", "h1").Succeeded().Output);
        CommandResult result = stack.CtrOf(ctr, "run", "--rm", Busybox, "b1", "sh", "-c", "echo out; echo err >&2; sleep 0.2; exit 7").Exited(7);
        Assert.Equal("out\n", result.Output);
        Assert.Contains("err\n", result.Error);
        Assert.DoesNotContain("b1", stack.CtrOf(ctr, "containers", "ls").Succeeded().Output);
    }

    /// <summary>The lines of <c>content ls</c>, without the age, which is told to the second, and the labels, whose order is Go's whim.</summary>
    private static IEnumerable<string> BlobsOf(string list) =>
        list.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(l => l.Split('\t', StringSplitOptions.RemoveEmptyEntries)).Select(f => $"{f[0]} {f[1]}");
}
