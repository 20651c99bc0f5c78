using System.Text.Json.Nodes;

namespace AotRuntime.Tests.Functional;

/// <summary>Containers as users run them, on one engine.</summary>
public class RunTests(StackFixture fixture) : IClassFixture<StackFixture>
{
    private readonly Stack _stack = fixture.Stack;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Streams_stay_apart_the_exit_code_comes_back_and_nothing_is_left(bool realClient)
    {
        string[] snapshotsBefore = Snapshots();
        CommandResult result = Client(realClient, "run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 7").Exited(7);
        Assert.Equal("out\n", result.Output);
        Assert.EndsWith("err\n", result.Error);
        Assert.Empty(_stack.Docker("ps", "-aq").Succeeded().Output);
        Leftovers.AssertNone(_stack);
        // The first run adds the image's own layer; containers add nothing.
        Assert.True(Snapshots().Except(snapshotsBefore).Count() <= 1, string.Join(' ', Snapshots()));
        Client(realClient, "run", "--rm", "busybox", "true").Succeeded();
        Assert.True(Snapshots().Except(snapshotsBefore).Count() <= 1, string.Join(' ', Snapshots()));
    }

    [Theory]
    [InlineData("no-such-program", 127, "executable file not found in $PATH")]
    [InlineData("/etc/passwd", 126, "permission denied")]
    public void A_program_that_cannot_start_has_dockers_exit_code(string program, int code, string text)
    {
        CommandResult result = _stack.Docker("run", "--rm", "busybox", program).Exited(code);
        Assert.Contains(text, result.Error);
        Assert.Contains("OCI runtime create failed: runc create failed: unable to start container process", result.Error);
        Leftovers.AssertNone(_stack);
    }

    [Fact]
    public void A_daemon_error_is_125() => _stack.Docker("run", "--rm", "--network", "no-such-network", "busybox", "true").Exited(125);

    [Fact]
    public void Process_tree_is_dockerd_containerd_shim_container()
    {
        string id = _stack.Docker("run", "-d", "busybox", "sleep", "1000").Succeeded().Output.Trim();
        try
        {
            int pid = int.Parse(_stack.Docker("inspect", "-f", "{{.State.Pid}}", id).Succeeded().Output);
            List<string> chain = [];
            for (; chain.Count < 4; pid = Parent(pid))
                chain.Add(Argv0(pid));
            Assert.Equal(["sleep", "containerd-shim-runc-v2", "containerd", "dockerd"], chain);
        }
        finally
        {
            _stack.Docker("rm", "-f", id).Succeeded();
        }
    }

    [Fact]
    public void Environment_user_directory_hostname_and_labels_arrive()
    {
        File.WriteAllText(_stack.Dir.File("env"), "# comment\nFROM_FILE=a b\nHOSTVAR\n");
        Command command = _stack.DockerCommand("run", "--rm", "-e", "X=1", "--env-file", _stack.Dir.File("env"), "-w", "/home/new", "-u", "nobody", "-h", "box", "-l", "k=v",
            "--entrypoint", "sh", "busybox", "-c", "echo $X $FROM_FILE $HOSTVAR $(id -u):$(id -g) $(pwd) $(hostname)");
        command.Environment["HOSTVAR"] = "host";
        Assert.Equal("1 a b host 65534:65534 /home/new box\n", command.Run().Succeeded().Output);
    }

    [Fact]
    public void Limits_reach_the_cgroup()
    {
        string id = _stack.Docker("run", "-d", "-m", "64m", "--cpus", "0.5", "--pids-limit", "50", "busybox", "sleep", "1000").Succeeded().Output.Trim();
        try
        {
            string cgroup = _stack.CgroupParent + "/" + id;
            Assert.Equal("67108864", Read("memory", cgroup, "memory.limit_in_bytes"));
            Assert.Equal("50000", Read("cpu", cgroup, "cpu.cfs_quota_us"));
            Assert.Equal("50", Read("pids", cgroup, "pids.max"));
        }
        finally
        {
            _stack.Docker("rm", "-f", id).Succeeded();
        }
        Leftovers.AssertNone(_stack);
    }

    [Fact]
    public void Read_only_privileged_and_bind_mounts()
    {
        Assert.Contains("Read-only file system", _stack.Docker("run", "--rm", "--read-only", "busybox", "touch", "/x").Exited(1).Error);
        string host = _stack.Dir.File("host").Made();
        _stack.Docker("run", "--rm", "-v", host + ":/m", "--mount", $"type=bind,source={host},target=/ro,readonly", "busybox", "sh", "-c", "echo hi >/m/f && ! touch /ro/g 2>/dev/null").Succeeded();
        Assert.Equal("hi\n", File.ReadAllText(host + "/f"));
        string normal = _stack.Docker("run", "--rm", "busybox", "grep", "CapEff", "/proc/self/status").Succeeded().Output;
        string privileged = _stack.Docker("run", "--rm", "--privileged", "busybox", "grep", "CapEff", "/proc/self/status").Succeeded().Output;
        Assert.Contains("00000000a80425fb", normal);
        Assert.True(Convert.ToUInt64(privileged.Split('\t')[1].Trim(), 16) > 0x3fffffff, privileged);
    }

    [Fact]
    public void Stdin_flows_in_and_its_end_too()
    {
        Command cat = new(Programs.Ours("docker"), "run", "--rm", "-i", "busybox", "sh", "-c", "cat; echo end")
        {
            NetworkOf = _stack.Network.Pid,
            Input = new string('x', 200_000) + "\n",
            Environment = { ["DOCKER_HOST"] = "unix://" + _stack.Socket },
        };
        Assert.Equal(new string('x', 200_000) + "\nend\n", cat.Run().Succeeded().Output);
    }

    [Fact]
    public void Life_of_a_container()
    {
        string id = _stack.Docker("create", "--name", "life", "busybox", "sh", "-c", "trap 'exit 3' TERM; echo up; while :; do sleep 0.1; done").Succeeded().Output.Trim();
        Assert.Matches("^[0-9a-f]{64}$", id);
        Assert.Contains("is already in use by container \"" + id, _stack.Docker("create", "--name", "life", "busybox").Exited(1).Error);
        Assert.Equal("created", State("life"));
        Assert.Equal("life\n", _stack.Docker("start", "life").Succeeded().Output);
        Assert.Equal("running", State("life"));
        WaitForLog("life", "up");
        Assert.Equal("in\n", _stack.Docker("exec", "life", "echo", "in").Succeeded().Output);
        _stack.Docker("exec", "life", "sh", "-c", "exit 9").Exited(9);
        Assert.Contains("executable file not found", _stack.Docker("exec", "life", "nothing-there").Exited(127).Error + _stack.Docker("exec", "life", "nothing-there").Output);
        _stack.Docker("stop", "life").Succeeded();
        Assert.Equal("exited", State("life"));
        Assert.Equal("3\n", _stack.Docker("inspect", "-f", "{{.State.ExitCode}}", "life").Succeeded().Output);
        Assert.Equal("3\n", _stack.Docker("wait", "life").Succeeded().Output);
        _stack.Docker("restart", "life").Succeeded();
        Assert.Equal("running", State("life"));
        _stack.Docker("kill", "life").Succeeded();
        Assert.Equal("137\n", _stack.Docker("wait", "life").Succeeded().Output);
        Assert.Contains("life", _stack.Docker("ps", "-a").Succeeded().Output);
        _stack.Docker("rm", "life").Succeeded();
        Assert.Contains("No such container: life", _stack.Docker("start", "life").Exited(1).Error);
        Leftovers.AssertNone(_stack);
    }

    [Fact]
    public void Images_list_inspect_tag_and_remove()
    {
        _stack.Docker("pull", "-q", "hello-world").Succeeded();
        string id = _stack.Docker("inspect", "-f", "{{.Id}}", "hello-world").Succeeded().Output.Trim();
        Assert.Matches("^sha256:[0-9a-f]{64}$", id);
        Assert.Equal(id[7..19], _stack.Docker("images", "-q", "hello-world").Succeeded().Output.Trim());
        _stack.Docker("tag", "hello-world", "other:1").Succeeded();
        Assert.Contains("Untagged: other:1", _stack.Docker("rmi", "other:1").Succeeded().Output);
        Assert.Contains("Status: Image is up to date for hello-world:latest", _stack.Docker("pull", "hello-world").Succeeded().Output);
        Assert.Contains("hello-world", _stack.RealDocker("images").Succeeded().Output);
        JsonNode version = JsonNode.Parse(_stack.Docker("version", "--format", "{{json .}}").Succeeded().Output)!;
        Assert.NotNull(version["Server"]);
        Assert.Contains("Server Version", _stack.RealDocker("info").Succeeded().Output);
    }

    private CommandResult Client(bool real, params string[] arguments) => real ? _stack.RealDocker(arguments) : _stack.Docker(arguments);

    private string State(string name) => _stack.Docker("inspect", "-f", "{{.State.Status}}", name).Succeeded().Output.Trim();

    private void WaitForLog(string name, string text) =>
        _stack.Dockerd.WaitUntil(() => _stack.Docker("logs", name).Output.Contains(text, StringComparison.Ordinal), $"\"{text}\" in the log of {name}");

    private string[] Snapshots()
    {
        string dir = _stack.Dir.File("data/containerd/daemon/io.containerd.snapshotter.v1.overlayfs/snapshots");
        return Directory.Exists(dir) ? [.. Directory.EnumerateDirectories(dir)] : [];
    }

    private static string Read(string controller, string cgroup, string file) =>
        File.ReadAllText($"/sys/fs/cgroup/{controller}{cgroup}/{file}").Trim();

    private static int Parent(int pid)
    {
        string stat = File.ReadAllText($"/proc/{pid}/stat");
        return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1]);
    }

    private static string Argv0(int pid) => Path.GetFileName(File.ReadAllText($"/proc/{pid}/cmdline").Split('\0')[0]);
}
