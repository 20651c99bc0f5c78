namespace AotRuntime.Tests.Functional.Harness;

/// <summary>The distribution's dockerd on a containerd that stands already, without a network of its own.</summary>
internal sealed class RealDockerd : IDisposable
{
    /// <summary>An image that is there.</summary>
    public const string Image = "127.0.0.1:5000/busybox:latest";

    private readonly ContainerdStack _under;
    private readonly string[] _flags;
    private Daemon _daemon;

    /// <param name="under">Where it runs.</param>
    /// <param name="flags">Flags beside those that keep it to itself.</param>
    public RealDockerd(ContainerdStack under, params string[] flags)
    {
        _under = under;
        _flags = flags;
        _daemon = Start();
        Docker("pull", "-q", Image).Succeeded();
    }

    public Daemon Daemon => _daemon;

    private string Socket => _under.Dir.File("d.sock");

    /// <summary>The real client against this daemon.</summary>
    public CommandResult Docker(params string[] arguments) =>
        new Command(Programs.Peer("docker"), ["-H", $"unix://{Socket}", .. arguments]) { NetworkOf = _under.NetworkOf }.Run();

    /// <summary>The same, typed at a terminal.</summary>
    public Daemon DockerAt(Pty pty, params string[] arguments) =>
        pty.Start(Programs.Peer("docker"), ["-H", $"unix://{Socket}", .. arguments], new Dictionary<string, string?>(), _under.NetworkOf);

    public string State(string name) => Inspect(name, "{{.State.Status}}");

    /// <summary>A value of <c>docker inspect</c>, with its line's end.</summary>
    public string Inspect(string name, string format) => Docker("inspect", "-f", format, name).Succeeded().Output;

    /// <summary>Ends it suddenly, and starts it again on the same data.</summary>
    public void Restart()
    {
        _daemon.Kill();
        _daemon.Dispose();
        _daemon = Start();
    }

    public void Dispose()
    {
        if (!_daemon.HasExited)
        {
            string[] ids = Docker("ps", "-aq").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            if (ids.Length > 0)
                Docker(["rm", "-f", .. ids]);
        }
        _daemon.Dispose();
    }

    private Daemon Start()
    {
        // In the mount namespace of the containerd, whose shims look for the root file systems that this daemon mounts.
        Daemon daemon = new(_under.Beside(Programs.Peer("dockerd"),
        [
            "-H", $"unix://{Socket}", "--containerd", _under.Socket, "--data-root", _under.Dir.File("docker"), "--exec-root", _under.Dir.File("docker-exec"),
            "--pidfile", _under.Dir.File("d.pid"), "--bridge", "none", "--iptables=false", "--storage-driver", "overlay2", "--live-restore",
            "--cgroup-parent", "/" + _under.Namespace, .. _flags,
        ]));
        daemon.WaitUntil(() => new Command("curl", "-sf", "--unix-socket", Socket, "http://d/_ping").Run().ExitCode == 0, "API");
        return daemon;
    }
}
