using System.Formats.Tar;
using System.Text.Json.Nodes;

namespace AotRuntime.Tests.Functional.Security;

/// <summary>Known attacks on containerd: its sockets and folders, and images that aim at the host.</summary>
public sealed class ContainerdCveTests : IDisposable
{
    private readonly TempDir _images = new();
    private readonly Lazy<Stack> _stack;

    public ContainerdCveTests() => _stack = new(() => new Stack(_images.Path));

    private Stack Stack => _stack.Value;

    public void Dispose()
    {
        if (_stack.IsValueCreated)
            _stack.Value.Dispose();
        _images.Dispose();
    }

    /// <summary>A shim's API listened on an abstract socket, which any root process in the host's network namespace, also a container's, could connect to.</summary>
    [Fact]
    public void CVE_2020_15257_the_shims_socket_is_a_file_of_roots_alone()
    {
        TestImages.Busybox(_images.File("busybox"));
        string id = Stack.Docker("run", "-d", "--network", "host", "busybox", "sleep", "1000").Succeeded().Output.Trim();
        int shim = Leftovers.Processes().First(p => p.CommandLine.Contains("shim", StringComparison.Ordinal) && p.CommandLine.Contains(id, StringComparison.Ordinal)).Pid;
        HashSet<string> inodes = [.. Directory.EnumerateFiles($"/proc/{shim}/fd").Select(f => new FileInfo(f).LinkTarget ?? "").Where(l => l.StartsWith("socket:[", StringComparison.Ordinal)).Select(l => l[8..^1])];
        // Num RefCount Protocol Flags Type St Inode Path; the flag 00010000 is "listening" (__SO_ACCEPTCON).
        string[][] listening = [.. File.ReadAllLines($"/proc/{shim}/net/unix").Skip(1).Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(f => inodes.Contains(f[6]) && f[3] == "00010000")];
        Assert.NotEmpty(listening);
        foreach (string[] socket in listening)
        {
            string path = socket.ElementAtOrDefault(7) ?? "";
            Assert.StartsWith("/", path);
            Assert.Equal("600 0:0", Mode(path));
            // The folder is shared with the shims of any other containerd, whose older ones make it 0600.
            Assert.Matches("^[67]00 0:0$|^711 0:0$", Mode(Path.GetDirectoryName(path)!));
        }
        Assert.DoesNotContain(File.ReadLines($"/proc/{Stack.Network.Pid}/net/unix"), l => l.Contains("@", StringComparison.Ordinal) && l.Contains("shim", StringComparison.Ordinal));
    }

    /// <summary>Folders that everybody could enter and list gave local users the containers' files, with setuid programs among them (CVE-2021-41103), or content and state (CVE-2024-25621).</summary>
    [Fact]
    public void CVE_2021_41103_and_CVE_2024_25621_folders_are_closed_to_others()
    {
        TestImages.Busybox(_images.File("busybox"));
        string id = Stack.Docker("run", "-d", "busybox", "sleep", "1000").Succeeded().Output.Trim();
        string root = Stack.Dir.File("data/containerd/daemon"), state = Stack.Dir.File("exec/containerd/daemon");
        Assert.Equal("700 0:0", Mode(root));
        Assert.Matches("^71?[01] 0:0|^700 0:0", Mode(state));
        Assert.Equal("700 0:0", Mode(root + "/io.containerd.snapshotter.v1.overlayfs"));
        string bundle = Directory.EnumerateDirectories(state, id, new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint }).First(d => !d.Contains("/rootfs", StringComparison.Ordinal));
        Assert.Matches("^7[01]0 0:0$", Mode(bundle));
        // From outside nobody but root gets to the files of a container, and a file in the bundle is of no use either.
        foreach (string path in (string[])[root + "/io.containerd.content.v1.content", root + "/io.containerd.snapshotter.v1.overlayfs/snapshots", bundle + "/config.json", bundle + "/rootfs/bin"])
        {
            Assert.True(Path.Exists(path), path);
            new Command("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "test", "-r", path).Run().Exited(1);
        }
    }

    /// <summary>An image's volume path with ".." or through a link copied the host's files into the new volume.</summary>
    [Theory]
    [InlineData("climbing")]
    [InlineData("link")]
    [InlineData("climbing link")]
    public void CVE_2022_23648_a_volume_gets_no_files_of_the_host(string kind)
    {
        string secrets = _images.File("secrets").Made();
        File.WriteAllText(secrets + "/secret", "of the host");
        string up = string.Concat(Enumerable.Repeat("../", 20)) + secrets[1..];
        ImageLayout layout = new(_images.File("evil"));
        layout.Layer(tar =>
        {
            tar.Add("bin/sh", File.ReadAllBytes("/bin/busybox"), Convert.ToInt32("755", 8));
            if (kind != "climbing")
                tar.Link(TarEntryType.SymbolicLink, "vol", kind == "link" ? secrets : up);
        });
        JsonObject config = TestImages.ShellConfig();
        config["Volumes"] = new JsonObject { [kind == "climbing" ? "/" + up : "/vol"] = new JsonObject() };
        layout.Finish(config);

        Stack.Docker("run", "evil", "sh", "-c", "exec 2>/dev/null; cd / && busybox find / -name secret -type f || sh -c 'for f in /vol/* /vol/secret; do echo $f; done'");
        string volumes = Stack.Dir.File("data/volumes");
        Assert.DoesNotContain(Directory.Exists(volumes) ? Directory.EnumerateFiles(volumes, "secret", SearchOption.AllDirectories) : [], _ => true);
        Assert.Equal(["secret"], Directory.EnumerateFileSystemEntries(secrets).Select(Path.GetFileName));
    }

    /// <summary>A layer's entry whose path goes through a link, or through "..", changed modes, owners or content of the host's files.</summary>
    [Theory]
    [InlineData("directory over link")]
    [InlineData("file over link")]
    [InlineData("below link")]
    [InlineData("climbing")]
    [InlineData("hard link")]
    [InlineData("whiteout")]
    public void CVE_2021_32760_a_layer_does_not_touch_the_host(string kind)
    {
        string victim = _images.File("victim").Made();
        File.WriteAllText(victim + "/file", "of the host");
        new Command("chmod", "700", victim).Run().Succeeded();
        new Command("chmod", "600", victim + "/file").Run().Succeeded();
        string before = State(victim);
        ImageLayout layout = new(_images.File("evil"));
        layout.Layer(tar =>
        {
            tar.Add("bin/sh", File.ReadAllBytes("/bin/busybox"), Convert.ToInt32("755", 8));
            tar.Link(TarEntryType.SymbolicLink, "link", victim);
            tar.Link(TarEntryType.SymbolicLink, "filelink", victim + "/file");
            string up = string.Concat(Enumerable.Repeat("../", 20)) + victim[1..];
            switch (kind)
            {
                case "directory over link":
                    tar.Directory("link/", Convert.ToInt32("777", 8), 1000, 1000);
                    break;
                case "file over link":
                    tar.Add("filelink", "overwritten", Convert.ToInt32("4777", 8), 1000, 1000);
                    break;
                case "below link":
                    tar.Add("link/file", "overwritten", Convert.ToInt32("777", 8), 1000, 1000);
                    tar.Add("link/new", "made");
                    break;
                case "climbing":
                    tar.Add(up + "/file", "overwritten", Convert.ToInt32("777", 8));
                    tar.Add("../../" + up + "/new", "made");
                    break;
                case "hard link":
                    tar.Link(TarEntryType.HardLink, "hard", up + "/file");
                    tar.Add("hard", "overwritten", Convert.ToInt32("777", 8));
                    break;
                default:
                    tar.Add("link/.wh.file", "");
                    tar.Add("link/.wh..wh..opq", "");
                    break;
            }
        });
        // A second layer meets the first one's links in another directory of the host.
        layout.Layer(tar =>
        {
            tar.Add("link/file", "overwritten by the second", Convert.ToInt32("777", 8));
            tar.Directory("link/", Convert.ToInt32("777", 8), 1000, 1000);
        });
        layout.Finish(TestImages.ShellConfig());
        CommandResult run = Stack.Docker("run", "--rm", "evil", "sh", "-c", "echo ran");
        Assert.True(run.ExitCode == 0 ? run.Output == "ran\n" : run.Error.Length > 0, run.ToString());
        Assert.Equal(before, State(victim));
    }

    /// <summary>A user id beyond 2^31 overflowed to 0, so that an image that asked for an ordinary user ran as root.</summary>
    [Theory]
    [InlineData("2147483648")]
    [InlineData("4294967295")]
    [InlineData("4294967296")]
    [InlineData("18446744073709551616")]
    [InlineData("-1")]
    [InlineData("1000:4294967296")]
    [InlineData("1000:4294967295")]
    public void CVE_2024_40635_a_too_large_id_is_refused(string user)
    {
        TestImages.Busybox(_images.File("busybox"));
        ImageLayout layout = new(_images.File("evil"));
        layout.Layer(tar => tar.Add("bin/sh", File.ReadAllBytes("/bin/busybox"), Convert.ToInt32("755", 8)));
        JsonObject config = TestImages.ShellConfig();
        config["User"] = user;
        layout.Finish(config);

        string[] script = ["sh", "-c", "echo started"];
        Refused(Stack.Docker(["run", "--rm", "evil", .. script]));
        Refused(Stack.Docker(["run", "--rm", "-u", user, "busybox", .. script]));
        Stack.Docker("run", "-d", "--name", "up", "busybox", "sleep", "1000").Succeeded();
        Refused(Stack.Docker(["exec", "-u", user, "up", .. script]));

        // Pulled by the reference's client, run by ours: it is the client that reads the image's user.
        Ctr(Programs.Peer("ctr"), "images", "pull", "--plain-http", "127.0.0.1:5000/evil:latest").Succeeded();
        Refused(Ctr(Programs.Ours("ctr"), ["run", "--rm", "127.0.0.1:5000/evil:latest", "c", .. script]));
    }

    private CommandResult Ctr(string ctr, params string[] arguments) =>
        Stack.Network.Run(ctr, ["--address", Stack.ContainerdSocket, .. arguments]);

    private static void Refused(CommandResult result)
    {
        Assert.NotEqual(0, result.ExitCode);
        Assert.DoesNotContain("started", result.Output);
    }

    private static string Mode(string path) => new Command("stat", "-c", "%a %u:%g", path).Run().Succeeded().Output.Trim();

    private static string State(string dir) =>
        new Command("find", dir, "-printf", "%P %m %U:%G %s %T@\n").Run().Succeeded().Output + File.ReadAllText(dir + "/file");
}
