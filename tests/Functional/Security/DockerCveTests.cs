using System.Text.Json.Nodes;

namespace AotRuntime.Tests.Functional.Security;

/// <summary>Known attacks on the engine: its folders, its users' groups, its networks, its streams.</summary>
public class DockerCveTests(StackFixture fixture) : IClassFixture<StackFixture>
{
    private readonly Stack _stack = fixture.Stack;

    /// <summary>A data root that everybody could pass through let local users run the setuid programs of containers.</summary>
    [Fact]
    public void CVE_2021_41091_the_data_root_is_closed_to_others()
    {
        Assert.Equal("710 0:0", Mode("data"));
        Assert.Equal("700 0:0", Mode("exec"));
        Assert.Equal("710 0:0", Mode("data/containers"));
        // The folder of an older version is closed at the next start.
        new Command("chmod", "755", _stack.Dir.File("data")).Run().Succeeded();
        _stack.RestartDockerd();
        Assert.Equal("710 0:0", Mode("data"));
    }

    /// <summary>docker cp into a container changed the modes of host files, since it unpacked through a chroot's links; the files that the engine itself makes in a container's root stay in there too.</summary>
    [Fact]
    public void CVE_2021_41089_the_engines_own_files_stay_in_the_container()
    {
        // Links at the names that the engine writes or mounts: the host's must not be touched.
        using TempDir images = new();
        string victim = images.File("victim").Made();
        foreach (string name in (string[])["hosts", "hostname", "resolv.conf", "mtab"])
            File.WriteAllText(victim + "/" + name, "of the host");
        ImageLayout layout = new(images.File("evil"));
        layout.Layer(tar =>
        {
            tar.Add("bin/busybox", File.ReadAllBytes("/bin/busybox"), Convert.ToInt32("755", 8));
            tar.Link(System.Formats.Tar.TarEntryType.SymbolicLink, "bin/sh", "busybox");
            tar.Link(System.Formats.Tar.TarEntryType.SymbolicLink, "etc", victim);
            tar.Link(System.Formats.Tar.TarEntryType.SymbolicLink, "work", victim);
        });
        layout.Finish(TestImages.ShellConfig());
        using Stack stack = new(images.Path);
        string before = State(victim);
        stack.Docker("run", "--rm", "-w", "/work/made", "-v", $"{images.File("vol").Made()}:/work/mounted", "evil", "sh", "-c", "echo x >/etc/passwd");
        Assert.Equal(before, State(victim));
    }

    /// <summary>The primary group was missing from the supplementary ones, so that a program could drop it and evade a file's group permissions.</summary>
    [Fact]
    public void CVE_2022_36109_the_primary_group_is_among_the_groups()
    {
        Assert.Equal("Groups:\t65534 \n", Groups("-u", "nobody"));
        Assert.Equal("Groups:\t0 \n", Groups());
        Assert.Equal("Groups:\t7 1234 \n", Groups("-u", "1000:1234", "--group-add", "7"));
        _stack.Docker("run", "-d", "--name", "groups", "busybox", "sleep", "1000").Succeeded();
        Assert.Equal("Groups:\t1234 \n", _stack.Docker("exec", "-u", "1000:1234", "groups", "grep", "Groups", "/proc/self/status").Succeeded().Output);
        _stack.Docker("rm", "-f", "groups").Succeeded();
    }

    /// <summary>route_localnet, which publishing on 127.0.0.1 needs, let containers and neighbours on the bridge reach services on the host's loopback.</summary>
    [Fact]
    public void CVE_2020_8558_the_hosts_loopback_is_out_of_reach()
    {
        // The registry listens on 127.0.0.1:5000 of the "host", and a container's port is published on its loopback alone.
        string published = _stack.Docker("run", "-d", "--name", "web", "-p", "127.0.0.1:0:80", "busybox", "httpd", "-f", "-h", "/var/www").Succeeded().Output.Trim();
        string port = _stack.Docker("port", "web", "80").Succeeded().Output.Trim().Split(':')[1];
        _stack.Dockerd.WaitUntil(() => _stack.Curl("-f", "http://127.0.0.1:" + port).Output == "hello from busybox\n", "page on the host");
        string gateway = _stack.Docker("inspect", "-f", "{{.NetworkSettings.Networks.bridge.Gateway}}", "web").Succeeded().Output.Trim();
        // A container that may do anything to its own network sends what is meant for 127.0.0.1 to the host.
        string script = $"""
            ip addr del 127.0.0.1/8 dev lo; ip link set lo down
            ip route del local 127.0.0.0/8 table local 2>/dev/null
            ip route add 127.0.0.0/8 via {gateway} || echo no route
            timeout 3 wget -qO- http://127.0.0.1:5000/v2/_catalog && echo reached the registry
            timeout 3 wget -qO- http://127.0.0.1:{port}/ && echo reached the published port
            timeout 3 wget -qO- http://{gateway}:5000/v2/_catalog && echo reached the registry by the gateway
            timeout 3 wget -qO- http://{gateway}:{port}/ && echo reached the published port by the gateway
            timeout 3 wget -qO- http://$WEB/ >/dev/null && echo the network itself works
            """;
        string address = _stack.Docker("inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", "web").Succeeded().Output.Trim();
        CommandResult result = _stack.Docker("run", "--rm", "--cap-add", "NET_ADMIN", "--sysctl", "net.ipv4.conf.all.route_localnet=1", "-e", "WEB=" + address, "busybox", "sh", "-c", script);
        Assert.True(result.Output == "the network itself works\n", result.ToString());
        Assert.NotEmpty(published);
        _stack.Docker("rm", "-f", "web").Succeeded();
    }

    /// <summary>A host on another network of the machine reached ports that were published on 127.0.0.1, or not published at all, by sending to the container's address through the machine.</summary>
    [Fact]
    public void CVE_2025_54410_a_neighbour_of_the_host_reaches_no_unpublished_port()
    {
        _stack.Docker("run", "-d", "--name", "inner", "-p", "127.0.0.1:0:80", "busybox", "httpd", "-f", "-h", "/var/www").Succeeded();
        _stack.Docker("run", "-d", "--name", "outer", "-p", "8099:80", "busybox", "httpd", "-f", "-h", "/var/www").Succeeded();
        string port = _stack.Docker("port", "inner", "80").Succeeded().Output.Trim().Split(':')[1];
        string address = _stack.Docker("inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", "inner").Succeeded().Output.Trim();
        using NetNamespace neighbour = new();
        _stack.Network.Run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "host0", "netns", neighbour.Pid.ToString()).Succeeded();
        try
        {
            _stack.Network.Run("ip", "addr", "add", "10.77.0.1/24", "dev", "up0").Succeeded();
            _stack.Network.Run("ip", "link", "set", "up0", "up").Succeeded();
            neighbour.Run("ip", "addr", "add", "10.77.0.2/24", "dev", "host0").Succeeded();
            neighbour.Run("ip", "link", "set", "host0", "up").Succeeded();
            neighbour.Run("ip", "route", "add", "default", "via", "10.77.0.1").Succeeded();
            neighbour.Run("sysctl", "-w", "net.ipv4.conf.all.route_localnet=1").Succeeded();
            string Page(string url) => neighbour.Run("curl", "-s", "--max-time", "3", url).Output;
            neighbour.Run("sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do curl -sf --max-time 2 http://10.77.0.1:8099/ && exit; sleep 0.2; done");
            Assert.Equal("hello from busybox\n", Page("http://10.77.0.1:8099/"));
            Assert.Equal("", Page($"http://{address}/"));
            Assert.Equal("", Page($"http://10.77.0.1:{port}/"));
            neighbour.Run("ip", "addr", "del", "127.0.0.1/8", "dev", "lo").Succeeded();
            neighbour.Run("ip", "route", "add", "127.0.0.0/8", "via", "10.77.0.1", "dev", "host0").Succeeded();
            Assert.Equal("", Page($"http://127.0.0.1:{port}/"));
            Assert.Equal("", Page("http://127.0.0.1:5000/v2/"));
        }
        finally
        {
            _stack.Network.Run("ip", "link", "del", "up0");
            _stack.Docker("rm", "-f", "inner", "outer").Succeeded();
        }
    }

    /// <summary>Each attach that ended left a goroutine and its buffers behind, so that many of them took the daemon's memory.</summary>
    [Fact]
    public void CVE_2025_64329_attach_and_exec_leave_nothing_behind()
    {
        _stack.Docker("run", "-d", "-i", "--name", "attached", "busybox", "sh", "-c", "while read line; do echo $line; done").Succeeded();
        string id = _stack.Docker("inspect", "-f", "{{.Id}}", "attached").Succeeded().Output.Trim();
        int shim = Leftovers.Processes().First(p => p.CommandLine.Contains("shim", StringComparison.Ordinal) && p.CommandLine.Contains(id, StringComparison.Ordinal)).Pid;
        int containerd = Leftovers.Processes().First(p => p.CommandLine.Contains("containerd.toml", StringComparison.Ordinal) && p.CommandLine.Contains(_stack.Dir.Path, StringComparison.Ordinal)).Pid;
        int[] pids = [_stack.Dockerd.Pid, containerd, shim];
        Round(3);
        int[] descriptors = [.. pids.Select(Descriptors)];
        long[] memory = [.. pids.Select(Memory)];
        Round(20);
        // An attachment is let go with its client, at the latest when there is output for it.
        for (int i = 0; i < 2; i++)
            _stack.Docker("exec", "attached", "sh", "-c", "echo output >/proc/1/fd/1").Succeeded();
        for (int i = 0; i < pids.Length; i++)
        {
            int pid = pids[i];
            int before = descriptors[i];
            _stack.Dockerd.WaitUntil(() => Descriptors(pid) <= before + 2, $"closed descriptors of {pid} (before: {before})", 10);
            Assert.True(Memory(pid) - memory[i] < 24 << 10, $"{pid} grew from {memory[i]} to {Memory(pid)} KiB");
        }
        _stack.Docker("rm", "-f", "attached").Succeeded();

        void Round(int count)
        {
            for (int i = 0; i < count; i++)
            {
                // An attach whose client goes away in the middle, and an exec that ends by itself.
                using (Daemon attach = new(_stack.DockerCommand("attach", "--sig-proxy=false", "attached")))
                {
                    Thread.Sleep(100);
                    attach.Kill();
                }
                _stack.Docker("exec", "attached", "echo", "x").Succeeded();
            }
        }
    }

    /// <summary>A volume at /proc is refused at the engine's level too (CVE-2019-16884), wherever it comes from.</summary>
    [Fact]
    public void CVE_2019_16884_no_volume_over_proc()
    {
        using TempDir images = new();
        ImageLayout layout = new(images.File("evil"));
        layout.Layer(tar => tar.Add("bin/sh", File.ReadAllBytes("/bin/busybox"), Convert.ToInt32("755", 8)));
        JsonObject config = TestImages.ShellConfig();
        config["Volumes"] = new JsonObject { ["/proc"] = new JsonObject() };
        layout.Finish(config);
        using Stack stack = new(images.Path);
        CommandResult run = stack.Docker("run", "--rm", "evil", "sh", "-c", "echo started");
        Assert.NotEqual(0, run.ExitCode);
        Assert.DoesNotContain("started", run.Output);
    }

    private string Groups(params string[] flags) => _stack.Docker(["run", "--rm", .. flags, "busybox", "grep", "Groups", "/proc/self/status"]).Succeeded().Output;

    private string Mode(string path) => new Command("stat", "-c", "%a %u:%g", _stack.Dir.File(path)).Run().Succeeded().Output.Trim();

    private static string State(string dir) => new Command("find", dir, "-printf", "%P %m %U:%G %s %T@\n").Run().Succeeded().Output;

    private static int Descriptors(int pid) => Directory.EnumerateFileSystemEntries($"/proc/{pid}/fd").Count();

    private static long Memory(int pid) =>
        long.Parse(File.ReadLines($"/proc/{pid}/smaps_rollup").First(l => l.StartsWith("Pss:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);
}
