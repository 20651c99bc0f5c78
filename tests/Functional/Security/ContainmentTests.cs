namespace AotRuntime.Tests.Functional.Security;

/// <summary>What every container is kept from, seen from inside one that Docker would have set up the same way.</summary>
public class ContainmentTests(StackFixture fixture) : IClassFixture<StackFixture>
{
    private readonly Stack _stack = fixture.Stack;

    /// <summary>The capabilities that Docker gives by default: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, MKNOD, AUDIT_WRITE, SETFCAP.</summary>
    private const string DefaultCapabilities = "00000000a80425fb";

    [Fact]
    public void Capabilities_are_dockers()
    {
        string status = Inside("cat /proc/self/status");
        Assert.Contains("CapInh:\t0000000000000000\n", status);
        Assert.Contains($"CapPrm:\t{DefaultCapabilities}\n", status);
        Assert.Contains($"CapEff:\t{DefaultCapabilities}\n", status);
        Assert.Contains($"CapBnd:\t{DefaultCapabilities}\n", status);
        Assert.Contains("CapAmb:\t0000000000000000\n", status);
        // A user that is not root has none, and can't have more than the bounding set.
        status = Inside("cat /proc/self/status", "-u", "nobody");
        Assert.Contains("CapInh:\t0000000000000000\n", status);
        Assert.Contains("CapPrm:\t0000000000000000\n", status);
        Assert.Contains("CapEff:\t0000000000000000\n", status);
        Assert.Contains($"CapBnd:\t{DefaultCapabilities}\n", status);
        Assert.Contains("CapEff:\t0000000000000000\n", Inside("cat /proc/self/status", "--cap-drop", "all"));
        Assert.Contains("CapBnd:\t0000000000000400\n", Inside("cat /proc/self/status", "--cap-drop", "all", "--cap-add", "net_bind_service"));
    }

    /// <summary>CVE-2022-29162 at the engine's level: no inheritable ones for run or exec, privileged or not.</summary>
    [Fact]
    public void CVE_2022_29162_no_inheritable_capabilities()
    {
        _stack.Docker("run", "-d", "--name", "inh", "--privileged", "busybox", "sleep", "1000").Succeeded();
        Assert.Equal("CapInh:\t0000000000000000\n", _stack.Docker("exec", "inh", "grep", "CapInh", "/proc/1/status").Succeeded().Output);
        Assert.Equal("CapInh:\t0000000000000000\n", _stack.Docker("exec", "--privileged", "inh", "grep", "CapInh", "/proc/self/status").Succeeded().Output);
        _stack.Docker("rm", "-f", "inh").Succeeded();
    }

    [Fact]
    public void No_new_privileges_holds()
    {
        Assert.Contains("NoNewPrivs:\t0", Inside("cat /proc/self/status"));
        Assert.Contains("NoNewPrivs:\t1", Inside("cat /proc/self/status", "--security-opt", "no-new-privileges"));
        // A setuid program (one that stays what it is made: busybox drops such rights itself) is root without it, and is not with it.
        string[] program = ["-v", Programs.Ours("docker-init") + ":/init:ro"];
        const string Script = """cp /init /tmp/setuid && chmod 4755 /tmp/setuid && exec su -s /bin/sh nobody -c '/tmp/setuid -s -- sh -c "grep Uid /proc/\$PPID/status"'""";
        Assert.Equal("Uid:\t65534\t0\t0\t0\n", Inside(Script, program));
        Assert.Equal("Uid:\t65534\t65534\t65534\t65534\n", Inside(Script, [.. program, "--security-opt", "no-new-privileges"]));
    }

    [Fact]
    public void No_descriptor_of_the_runtime_leaks()
    {
        // 0, 1, 2, and the one by which ls reads the directory.
        Assert.Equal("0\n1\n2\n3\n", Inside("exec ls /proc/self/fd"));
        _stack.Docker("run", "-d", "--name", "fds", "busybox", "sleep", "1000").Succeeded();
        Assert.Equal("0\n1\n2\n", _stack.Docker("exec", "fds", "ls", "/proc/1/fd").Succeeded().Output);
        Assert.Equal("0\n1\n2\n3\n", _stack.Docker("exec", "fds", "ls", "/proc/self/fd").Succeeded().Output);
        _stack.Docker("rm", "-f", "fds").Succeeded();
    }

    [Fact]
    public void Masked_and_read_only_paths_are_so()
    {
        string report = Inside("""
            for f in /proc/kcore /proc/keys /proc/timer_list /proc/latency_stats /proc/interrupts; do
              [ -e $f ] && [ -n "$(head -c 1 $f 2>/dev/null | od -An -c)" ] && echo "readable: $f"
            done
            for d in /proc/acpi /proc/scsi /sys/firmware /sys/devices/virtual/powercap; do
              [ -d $d ] && [ -n "$(ls -A $d)" ] && echo "not empty: $d"
            done
            for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/hostname /proc/sysrq-trigger /proc/irq/default_smp_affinity /proc/bus/x /proc/fs/x /sys/kernel/x /sys/fs/cgroup/x; do
              (echo x >$f) 2>/dev/null && echo "writable: $f"
            done
            for f in /proc/sys/kernel/modprobe /proc/sys/vm/panic_on_oom; do (: >>$f) 2>/dev/null && echo "writable: $f"; done
            mount -o remount,rw /proc/sys 2>/dev/null && echo "remounted"
            umount /proc/kcore 2>/dev/null && echo "unmounted"
            mount -t proc proc /tmp 2>/dev/null && echo "mounted"
            echo checked
            """);
        Assert.Equal("checked\n", report);
    }

    /// <summary>The device cgroup, not the missing node, is what keeps a container from the host's disks: MKNOD is among its capabilities.</summary>
    [Fact]
    public void Devices_made_inside_cannot_be_opened()
    {
        string[] disk = File.ReadLines("/proc/partitions").Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)).First(f => f.Length == 4 && f[0] != "major");
        string report = Inside($$"""
            mknod /tmp/disk b {{disk[0]}} {{disk[1]}} && head -c 1 /tmp/disk >/dev/null && echo "the disk opened"
            mknod /tmp/mem c 1 1 && head -c 1 /tmp/mem >/dev/null && echo "/dev/mem opened"
            mknod /tmp/kmsg c 1 11 && head -c 1 /tmp/kmsg >/dev/null && echo "/dev/kmsg opened"
            mknod /tmp/null c 1 3 && echo >/tmp/null && echo "null opened"
            for f in /dev/*; do [ -b $f ] && echo "$f is a block device"; done
            :
            """);
        Assert.Equal("null opened\n", report);
    }

    [Fact]
    public void Processes_of_the_host_are_out_of_sight()
    {
        Assert.Equal("1\n", Inside("ls /proc | grep '^[0-9]*$' | head -n 1"));
        Assert.True(Inside("ls /proc | grep -c '^[0-9]'").Trim() is "2" or "3" or "4");
        string host = new FileInfo("/proc/self/ns/pid").LinkTarget!;
        Assert.DoesNotContain(host, Inside("readlink /proc/self/ns/pid"));
        foreach (string ns in (string[])["mnt", "uts", "ipc", "net"])
            Assert.DoesNotContain(new FileInfo($"/proc/{_stack.Dockerd.Pid}/ns/{ns}").LinkTarget!, Inside($"readlink /proc/self/ns/{ns}"));
        Assert.Contains("kill: can't kill", _stack.Docker("run", "--rm", "busybox", "kill", "-9", _stack.Dockerd.Pid.ToString()).Error);
    }

    [Fact]
    public void The_session_keyring_is_its_own()
    {
        // /proc/keys is masked; the container's session keyring is told by its name, which holds the container's id, in the host's list of it.
        string id = _stack.Docker("run", "-d", "busybox", "sleep", "1000").Succeeded().Output.Trim();
        string pid = _stack.Docker("inspect", "-f", "{{.State.Pid}}", id).Succeeded().Output.Trim();
        string keys = new Command("nsenter", "-t", pid, "-p", "cat", "/proc/keys").Run().Succeeded().Output;
        Assert.Contains("_ses." + id[..8], keys + File.ReadAllText("/proc/keys"));
        _stack.Docker("rm", "-f", id).Succeeded();
    }

    [Fact]
    public void The_oom_killer_prefers_containers_to_their_keepers()
    {
        Assert.Equal("0\n", Inside("cat /proc/self/oom_score_adj"));
        Assert.Equal("123\n", Inside("cat /proc/self/oom_score_adj", "--oom-score-adj", "123"));
        // A container can't make itself safer than it was started.
        Assert.Equal("0\n", Inside("(echo -999 >/proc/self/oom_score_adj) 2>/dev/null; cat /proc/self/oom_score_adj"));
        string id = _stack.Docker("run", "-d", "busybox", "sleep", "1000").Succeeded().Output.Trim();
        int shim = Leftovers.Processes().First(p => p.CommandLine.Contains("shim", StringComparison.Ordinal) && p.CommandLine.Contains(id, StringComparison.Ordinal)).Pid;
        // containerd's rule: as safe as containerd itself, less one.
        int containerd = Leftovers.Processes().First(p => p.CommandLine.Contains("containerd.toml", StringComparison.Ordinal) && p.CommandLine.Contains(_stack.Dir.Path, StringComparison.Ordinal)).Pid;
        Assert.Equal(OomScore(containerd) + 1, OomScore(shim));
        _stack.Docker("rm", "-f", id).Succeeded();
    }

    [Fact]
    public void Sockets_and_logs_are_closed_to_others()
    {
        Assert.Matches("^660 0:[0-9]+$", Mode(_stack.Socket));
        Assert.Equal("660 0:0", Mode(_stack.ContainerdSocket));
        string id = _stack.Docker("run", "-d", "busybox", "sh", "-c", "echo logged; sleep 1000").Succeeded().Output.Trim();
        string log = _stack.Dir.File($"data/containers/{id}/{id}-json.log");
        _stack.Dockerd.WaitUntil(() => File.Exists(log) && new FileInfo(log).Length > 0, "log");
        Assert.Equal("640 0:0", Mode(log));
        Assert.Equal("710 0:0", Mode(_stack.Dir.File("data/containers/" + id)));
        foreach (string file in Directory.EnumerateFiles(_stack.Dir.File("data"), "*.db*", SearchOption.AllDirectories))
            Assert.Matches("^6[04][04] 0:0$", Mode(file));
        _stack.Docker("rm", "-f", id).Succeeded();
    }

    private string Inside(string script, params string[] flags) => _stack.Docker(["run", "--rm", .. flags, "busybox", "sh", "-c", script]).Succeeded().Output;

    private static int OomScore(int pid) => int.Parse(File.ReadAllText($"/proc/{pid}/oom_score_adj"));

    private static string Mode(string path) => new Command("stat", "-c", "%a %u:%g", path).Run().Succeeded().Output.Trim();
}
