namespace AotRuntime.Tests.Functional.Harness;

/// <summary>The distribution's podman on a runtime, with data, cgroups and mounts of its own.</summary>
internal sealed class Podman : IDisposable
{
    /// <summary>An image that is there.</summary>
    public const string Image = "localhost/busybox:latest";

    private readonly Daemon _mounts;
    private readonly string[] _flags;

    public Podman(string runtime)
    {
        // Its locks and its caches are where all podmans of a machine have them; and another --root for the runtime it forgets when a container ends.
        _mounts = new Daemon(new Command(
            "setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "sh", "-c",
            "for d in /dev/shm /var/lib/containers /run/runc; do mkdir -p $d; mount -t tmpfs tmpfs $d || exit 1; done; echo ready; exec sleep infinity"));
        _flags =
        [
            "--root", Dir.File("root"), "--runroot", Dir.File("run"), "--tmpdir", Dir.File("tmp"), "--storage-driver", "overlay", "--events-backend", "file",
            "--cgroup-manager", "cgroupfs", "--runtime", runtime,
        ];
        try
        {
            _mounts.WaitUntil(() => _mounts.Log.Contains("ready", StringComparison.Ordinal), "mount namespace");
            // The only layer of the test image; podman takes no path with capitals for an image's name.
            FileInfo layer = new DirectoryInfo(Path.Combine(TestImages.Root, "busybox/blobs/sha256")).GetFiles().MaxBy(f => f.Length)!;
            Run("import", "-q", layer.FullName, Image).Succeeded();
        }
        catch (Exception)
        {
            Dispose();
            throw;
        }
    }

    public TempDir Dir { get; } = new();

    private string CgroupParent => "/" + Path.GetFileName(Dir.Path);

    /// <summary>A command of podman's.</summary>
    public CommandResult Run(params string[] arguments) => new Command("nsenter", Arguments(arguments)).Run();

    /// <summary>The same, typed at a terminal.</summary>
    public Daemon At(Pty pty, params string[] arguments) => pty.Start("nsenter", Arguments(arguments), new Dictionary<string, string?>(), null);

    /// <summary><c>podman run</c> without a network, and with limits that a small machine has: podman asks for the most that a kernel knows.</summary>
    public CommandResult RunContainer(params string[] arguments) =>
        Run(["run", "--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--cgroup-parent", CgroupParent, .. arguments]);

    /// <summary>Fails where a container has left anything.</summary>
    public void AssertNothingLeft()
    {
        Assert.DoesNotContain(Leftovers.CgroupsOf(CgroupParent), c => Path.GetFileName(c) is var name && name.StartsWith("libpod-", StringComparison.Ordinal) && !name.Contains("conmon", StringComparison.Ordinal));
        Assert.DoesNotContain(Directory.EnumerateDirectories($"/proc/{_mounts.Pid}/root/run/runc"), d => File.Exists(Path.Combine(d, "state.json")));
    }

    public void Dispose()
    {
        Run("rm", "-f", "-a", "-t", "0");
        Leftovers.KillProcessesOf(Dir.Path);
        _mounts.Dispose();
        Dir.Dispose();
        Leftovers.RemoveCgroups(CgroupParent);
    }

    private string[] Arguments(string[] arguments) => [$"--mount=/proc/{_mounts.Pid}/ns/mnt", Programs.Peer("podman"), .. _flags, .. arguments];
}
