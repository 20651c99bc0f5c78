namespace AotRuntime.Tests.Functional.Harness;

/// <summary>
/// A containerd, ours or the real one, on data, cgroups and a network namespace of its own, with a registry of the test images beside it.
/// Which shim and which runtime it finds is said by a folder of links, that of its own link first on its PATH.
/// </summary>
internal sealed class ContainerdStack : IDisposable
{
    private readonly NetNamespace _network = new();
    private readonly Daemon _mounts;
    private readonly Daemon _registry;
    private readonly string _containerd;
    private readonly string _path;
    private Daemon _daemon;

    /// <param name="containerd">The daemon's program.</param>
    /// <param name="shim">The program under the name containerd-shim-runc-v2.</param>
    /// <param name="runtime">The program that is run as runc; each of its commands is noted in <see cref="RuntimeCalls"/>.</param>
    public ContainerdStack(string containerd, string shim, string runtime)
    {
        _registry = new Daemon(new Command(Programs.Ours("aotruntime"), "registry", "serve", TestImages.Root, "--listen", "127.0.0.1:5000") { NetworkOf = _network.Pid });
        _registry.WaitUntil(() => _network.Run("curl", "-sf", "http://127.0.0.1:5000/v2/").ExitCode == 0, "registry");
        // crun wants all controllers in one version; a hybrid mount may have some in either: all see the first half only.
        _mounts = new Daemon(new Command(
            "setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "sh", "-c",
            "if grep -qs . /sys/fs/cgroup/unified/cgroup.controllers; then umount /sys/fs/cgroup/unified; fi; echo ready; exec sleep infinity"));
        _mounts.WaitUntil(() => _mounts.Log.Contains("ready", StringComparison.Ordinal), "mount namespace");
        string bin = Dir.File("bin").Made();
        _containerd = Path.Combine(bin, "containerd");
        File.CreateSymbolicLink(_containerd, containerd);
        File.CreateSymbolicLink(Path.Combine(bin, "containerd-shim-runc-v2"), shim);
        Recorded("runc", runtime);
        _path = $"{bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        File.WriteAllText(Dir.File("config.toml"),
            $"""
            version = 2
            root = "{Dir.File("root")}"
            state = "{Dir.File("state")}"
            disabled_plugins = ["io.containerd.grpc.v1.cri"]
            [grpc]
              address = "{Socket}"
            """);
        _daemon = Start();
    }

    public TempDir Dir { get; } = new();

    public string Socket => Dir.File("c.sock");

    /// <summary>The process whose network namespace all is in.</summary>
    public int NetworkOf => _network.Pid;

    /// <summary>The containerd namespace of the tests, and so the cgroup that ctr puts its containers into.</summary>
    public string Namespace => Path.GetFileName(Dir.Path);

    public Daemon Daemon => _daemon;

    /// <summary>The command lines that the runtime was called with.</summary>
    public string RuntimeCalls => CallsOf("runc");

    /// <summary>Those of a program that <see cref="Recorded"/> gave a name.</summary>
    public string CallsOf(string name) => File.Exists(Dir.File(name + ".log")) ? File.ReadAllText(Dir.File(name + ".log")) : "";

    /// <summary>Puts a program under a name on the daemon's PATH, and notes each of its command lines; gives the path of that name.</summary>
    public string Recorded(string name, string program)
    {
        string file = Dir.File("bin/" + name);
        File.WriteAllText(file, $"#!/bin/sh\necho \"$@\" >>{Dir.File(name + ".log")}\nexec {program} \"$@\"\n");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return file;
    }

    /// <summary>The shims that serve.</summary>
    public IEnumerable<int> Shims => Leftovers.Processes()
        .Where(p => p.CommandLine.Contains(Socket, StringComparison.Ordinal) && p.CommandLine.Contains(" -id ", StringComparison.Ordinal))
        .Select(p => p.Pid);

    /// <summary>The real ctr.</summary>
    public CommandResult Ctr(params string[] arguments) => CtrOf(Programs.Peer("ctr"), arguments);

    public CommandResult CtrOf(string ctr, params string[] arguments) =>
        new Command(ctr, ["--address", Socket, "--namespace", Namespace, .. arguments]) { NetworkOf = _network.Pid }.Run();

    /// <summary>A program in the namespaces of the daemon, with the same PATH.</summary>
    public Command Beside(string program, params string[] arguments) => new("nsenter", [$"--mount=/proc/{_mounts.Pid}/ns/mnt", program, .. arguments])
    {
        NetworkOf = _network.Pid,
        Environment = { ["PATH"] = _path },
    };

    /// <summary>Waits until the real ctr's answer to <paramref name="arguments"/> satisfies <paramref name="condition"/>.</summary>
    public void WaitFor(Func<string, bool> condition, params string[] arguments) =>
        _daemon.WaitUntil(() => condition(Ctr(arguments).Output), string.Join(' ', arguments));

    /// <summary>Starts the daemon, or another one in its place, again on the same data, after it was killed or has ended.</summary>
    public void StartAgain(string? containerd = null)
    {
        _daemon.Dispose();
        if (containerd is not null)
        {
            File.Delete(_containerd);
            File.CreateSymbolicLink(_containerd, containerd);
        }
        _daemon = Start();
    }

    /// <summary>Fails where a container has left anything.</summary>
    public void AssertNothingLeft()
    {
        _daemon.WaitUntil(() => !Shims.Any(), "end of all shims");
        Assert.DoesNotContain(Dir.File("state"), File.ReadAllText($"/proc/{_mounts.Pid}/mountinfo"));
        Assert.Empty(Leftovers.CgroupsOf("/" + Namespace));
        Assert.DoesNotContain("rootfs", Directory.EnumerateDirectories(Dir.File("state"), "*", SearchOption.AllDirectories).Select(Path.GetFileName));
    }

    public void Dispose()
    {
        _daemon.Dispose();
        Leftovers.KillProcessesOf(Dir.Path);
        _registry.Dispose();
        _mounts.Dispose();
        _network.Dispose();
        Dir.Dispose();
        Leftovers.RemoveCgroups("/" + Namespace);
    }

    private Daemon Start()
    {
        Daemon daemon = new(Beside(_containerd, "--config", Dir.File("config.toml")));
        daemon.WaitUntil(() => Ctr("version").ExitCode == 0, "gRPC");
        return daemon;
    }
}
