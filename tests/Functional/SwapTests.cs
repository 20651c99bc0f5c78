namespace AotRuntime.Tests.Functional;

/// <summary>Each role beside the real programs: the wires are the public protocols.</summary>
public sealed class SwapTests : IDisposable
{
    private readonly TempDir _dir = new();
    private readonly NetNamespace _network = new();
    private readonly List<Daemon> _daemons = [];

    public void Dispose()
    {
        foreach (Daemon daemon in Enumerable.Reverse(_daemons))
            daemon.Dispose();
        Leftovers.KillProcessesOf(_dir.Path);
        _network.Dispose();
        _dir.Dispose();
    }

    [Fact]
    public void Our_containerd_serves_the_real_ctr()
    {
        StartContainerd(Programs.Ours("containerd"), PathOf(("containerd-shim-runc-v2", true), ("runc", true)));
        string ctr = Programs.Peer("ctr");
        Assert.Contains("Server:", Ctr(ctr, "version").Succeeded().Output);
        Assert.StartsWith("NAME", Ctr(ctr, "namespaces", "ls").Succeeded().Output);
        PullAndRun(ctr);
        Assert.Contains("127.0.0.1:5000/hello-world:latest", Ctr(ctr, "images", "ls").Succeeded().Output);
        Assert.Contains("sha256:", Ctr(ctr, "content", "ls").Succeeded().Output);
    }

    [Fact]
    public void Our_ctr_drives_our_containerd()
    {
        StartContainerd(Programs.Ours("containerd"), PathOf(("containerd-shim-runc-v2", true), ("runc", true)));
        PullAndRun(Programs.Ours("ctr"));
    }

    [Fact]
    public void Our_ctr_drives_the_real_containerd()
    {
        StartContainerd(Programs.Peer("containerd"), PathOf(("containerd-shim-runc-v2", false), ("runc", false)));
        PullAndRun(Programs.Ours("ctr"));
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void The_real_containerd_runs_our_shim_and_our_runc(bool ourShim, bool ourRunc)
    {
        StartContainerd(Programs.Peer("containerd"), PathOf(("containerd-shim-runc-v2", ourShim), ("runc", ourRunc)));
        PullAndRun(Programs.Peer("ctr"));
        Assert.Empty(_dir.Mounts());
    }

    [Fact]
    public void Our_containerd_and_shim_run_the_real_runc()
    {
        StartContainerd(Programs.Ours("containerd"), PathOf(("containerd-shim-runc-v2", true), ("runc", false)));
        PullAndRun(Programs.Peer("ctr"));
    }

    [Fact]
    public void Our_dockerd_stands_on_the_real_containerd()
    {
        StartContainerd(Programs.Peer("containerd"), PathOf(("containerd-shim-runc-v2", false), ("runc", false)));
        using Stack stack = new(null, "--containerd", _dir.File("c.sock"));
        Assert.Contains("Hello from AotRuntime!", stack.Docker("run", "--rm", "hello-world").Succeeded().Output);
        stack.Docker("run", "--rm", "busybox", "sh", "-c", "exit 4").Exited(4);
    }

    private void StartContainerd(string containerd, string path)
    {
        _daemons.Add(new Daemon(new Command(Programs.Ours("aotruntime"), "registry", "serve", TestImages.Root, "--listen", "127.0.0.1:5000") { NetworkOf = _network.Pid }));
        File.WriteAllText(_dir.File("config.toml"),
            $"""
            version = 2
            root = "{_dir.File("root")}"
            state = "{_dir.File("state")}"
            disabled_plugins = ["io.containerd.grpc.v1.cri"]
            [grpc]
              address = "{_dir.File("c.sock")}"
            """);
        Command command = new(containerd, "--config", _dir.File("config.toml")) { NetworkOf = _network.Pid };
        command.Environment["PATH"] = path;
        Daemon daemon = new(command);
        _daemons.Add(daemon);
        daemon.WaitUntil(() => Ctr(Programs.Peer("ctr"), "version").ExitCode == 0, "gRPC");
    }

    /// <summary>A PATH whose first folder has ours or the real program under each name.</summary>
    private string PathOf(params (string Name, bool Ours)[] programs)
    {
        string bin = _dir.File("bin").Made();
        foreach ((string name, bool ours) in programs)
            File.CreateSymbolicLink(Path.Combine(bin, name), ours ? Programs.Ours(name) : Programs.Peer(name));
        return $"{bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    }

    private CommandResult Ctr(string ctr, params string[] arguments) =>
        new Command(ctr, ["--address", _dir.File("c.sock"), .. arguments]) { NetworkOf = _network.Pid }.Run();

    private void Pull(string ctr)
    {
        foreach (string image in (string[])["hello-world", "busybox"])
            Ctr(ctr, "images", "pull", "--plain-http", $"127.0.0.1:5000/{image}:latest").Succeeded();
    }

    private void PullAndRun(string ctr)
    {
        Pull(ctr);
        Assert.Contains("Hello from AotRuntime!", Ctr(ctr, "run", "--rm", "127.0.0.1:5000/hello-world:latest", "h1").Succeeded().Output);
        CommandResult result = Ctr(ctr, "run", "--rm", "127.0.0.1:5000/busybox:latest", "b1", "sh", "-c", "echo out; echo err >&2; exit 7").Exited(7);
        Assert.Equal("out\n", result.Output);
        Assert.Contains("err\n", result.Error);
        Assert.DoesNotContain("b1", Ctr(ctr, "containers", "ls").Succeeded().Output);
    }
}
