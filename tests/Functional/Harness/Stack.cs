namespace AotRuntime.Tests.Functional.Harness;

/// <summary>Our dockerd, on data, sockets, cgroups and a network namespace of its own, with a registry of the test images beside it.</summary>
internal sealed class Stack : IDisposable
{
    private readonly string[] _extra;
    private Daemon _dockerd;

    public Stack(string? images = null, params string[] dockerdFlags)
    {
        _extra = dockerdFlags;
        Network = new NetNamespace();
        Registry = new Daemon(new Command(Programs.Ours("aotruntime"), "registry", "serve", images ?? TestImages.Root, "--listen", "127.0.0.1:5000") { NetworkOf = Network.Pid });
        Registry.WaitUntil(() => Network.Run("curl", "-sf", "http://127.0.0.1:5000/v2/").ExitCode == 0, "registry");
        _dockerd = StartDockerd();
    }

    public TempDir Dir { get; } = new();

    public NetNamespace Network { get; }

    public Daemon Registry { get; }

    public Daemon Dockerd => _dockerd;

    /// <summary>The unix socket of the API.</summary>
    public string Socket => Dir.File("d.sock");

    /// <summary>The TCP port of the API, inside <see cref="Network"/>.</summary>
    public const int ApiPort = 2375;

    public string ContainerdSocket => Dir.File("exec/containerd/containerd.sock");

    /// <summary>A cgroup path that only this stack's containers use.</summary>
    public string CgroupParent => "/" + Path.GetFileName(Dir.Path);

    /// <summary>Our docker against this stack.</summary>
    public CommandResult Docker(params string[] arguments) => DockerCommand(arguments).Run();

    /// <summary>The real docker client against this stack.</summary>
    public CommandResult RealDocker(params string[] arguments) => ClientCommand(Programs.Peer("docker"), arguments).Run();

    public Command DockerCommand(params string[] arguments) => ClientCommand(Programs.Ours("docker"), arguments);

    public Command ClientCommand(string client, params string[] arguments) => new(client, arguments)
    {
        NetworkOf = Network.Pid,
        Environment = { ["DOCKER_HOST"] = $"unix://{Socket}", ["DOCKER_CONFIG"] = Dir.File("config") },
    };

    public CommandResult Curl(params string[] arguments) => Network.Run("curl", ["-s", .. arguments]);

    /// <summary>Removes every container.</summary>
    public void RemoveContainers()
    {
        string[] ids = Docker("ps", "-aq").Succeeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (ids.Length > 0)
            Docker(["rm", "-f", "-v", .. ids]).Succeeded();
    }

    /// <summary>Ends dockerd (and the containerd that it supervises) and starts it again on the same data.</summary>
    public void RestartDockerd(bool kill = false)
    {
        if (kill)
            _dockerd.Kill();
        else
            _dockerd.Stop();
        _dockerd = StartDockerd();
    }

    public void Dispose()
    {
        if (!_dockerd.HasExited)
        {
            string[] ids = Docker("ps", "-aq").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            if (ids.Length > 0)
                Docker(["rm", "-f", .. ids]);
        }
        _dockerd.Dispose();
        Leftovers.KillProcessesOf(Dir.Path);
        Registry.Dispose();
        Network.Dispose();
        Dir.Dispose();
        Leftovers.RemoveCgroups(CgroupParent);
    }

    private Daemon StartDockerd()
    {
        Daemon daemon = new(new Command(Programs.Ours("dockerd"),
        [
            "-H", $"unix://{Socket}", "-H", $"tcp://127.0.0.1:{ApiPort}",
            "--data-root", Dir.File("data"), "--exec-root", Dir.File("exec"), "--pidfile", Dir.File("d.pid"),
            "--registry-mirror", "http://127.0.0.1:5000", "--cgroup-parent", CgroupParent, .. _extra,
        ])
        { NetworkOf = Network.Pid });
        daemon.WaitUntil(() => new Command("curl", "-sf", "--unix-socket", Socket, "http://d/_ping").Run().ExitCode == 0, "API");
        return daemon;
    }
}

/// <summary>A stack for all tests of one class.</summary>
public sealed class StackFixture : IDisposable
{
    private readonly Lazy<Stack> _stack = new(() => new Stack());

    internal Stack Stack => _stack.Value;

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_stack.IsValueCreated)
            _stack.Value.Dispose();
    }
}
