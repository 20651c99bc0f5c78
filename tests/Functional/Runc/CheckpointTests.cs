using System.Text.Json.Nodes;
using AotRuntime.Tests.Functional.Security;

namespace AotRuntime.Tests.Functional.Runc;

/// <summary>
/// <c>checkpoint</c> and <c>restore</c>: how criu is asked, by a program that only pretends to be it; and a container that is really saved and
/// brought back, where there is a criu that can do it on this kernel.
/// </summary>
public sealed class CheckpointTests : IDisposable
{
    private readonly Bundle _bundle = new();
    private readonly FakeCriu _criu;
    private readonly string _images;

    public CheckpointTests()
    {
        _criu = new FakeCriu(_bundle.Dir);
        _images = _bundle.Dir.File("images");
        _bundle.Args("sleep", "1000");
    }

    public void Dispose() => _bundle.Dispose();

    [Fact]
    public void ADumpIsAskedForAsRuncDoes()
    {
        Directory.CreateDirectory(_bundle.Dir.File("data"));
        Directory.CreateDirectory(_bundle.Rootfs("real"));
        File.CreateSymbolicLink(_bundle.Rootfs("link"), "/real");
        _bundle.Mount(_bundle.Dir.File("data"), "/link/data", "bind", "bind");
        // Without a cgroup namespace those of v1 are bound one by one.
        _bundle.Without("/sys/fs/cgroup").Mount("cgroup", "/sys/fs/cgroup", "cgroup", "ro");
        JsonArray namespaces = (JsonArray)_bundle.Linux["namespaces"]!;
        foreach (JsonNode ns in namespaces.Where(n => (string)n!["type"]! == "cgroup").ToList()!)
            namespaces.Remove(ns);
        _bundle.Start();
        int pid = _bundle.Pid();
        Checkpoint("--work-path", _bundle.Dir.File("work"), "c").Succeeded();

        List<JsonObject> requests = _criu.Requests();
        Assert.Equal([10, 1], requests.Select(r => (int)r["type"]!));
        JsonObject opts = (JsonObject)requests[1]["opts"]!;
        Assert.Equal(_images, (string)opts["images_dir_fd"]!);
        Assert.Equal(_bundle.Dir.File("work"), (string)opts["work_dir_fd"]!);
        Assert.Equal(_bundle.Dir.File("rootfs"), (string)opts["root"]!);
        AssertNumbers(opts, $"""
            pid {pid}, leave_running 0, ext_unix_sk 0, tcp_established 0, shell_job 0, file_locks 0, log_level 4, notify_scripts 1, auto_dedup 0,
            link_remap 0, manage_cgroups 1, manage_cgroups_mode 6, empty_ns {0x40000000}, tcp_skip_in_flight 0, lazy_pages 0, orphan_pts_master 1
            """);
        Assert.Equal("dump.log", (string)opts["log_file"]!);
        Assert.Equal("/etc/criu/runc.conf", (string)opts["config_file"]!);
        Assert.EndsWith(_bundle.Parent + "/c", (string)opts["freeze_cgroup"]!);
        List<string> mounts = Texts(opts, "ext_mnt");
        Assert.Contains("/real/data /real/data", mounts);
        Assert.Contains("/dev/null /dev/null", mounts);
        foreach (string path in ((JsonArray)_bundle.Linux["maskedPaths"]!).Select(p => (string)p!).Where(File.Exists))
            Assert.Contains($"{path} /dev/null", mounts);
        if (!File.Exists("/sys/fs/cgroup/cgroup.controllers"))
            Assert.Contains("/sys/fs/cgroup/memory /sys/fs/cgroup/memory", mounts);
        Assert.Matches("^\\[(\"[^\"]*\",?){3}\\]$", File.ReadAllText(Path.Combine(_images, "descriptors.json")));

        // Nothing is left of it.
        _bundle.Runc(["state", "c"]).Run().Exited(1);
        Assert.Empty(Leftovers.CgroupsOf(_bundle.Parent));
    }

    [Fact]
    public void EveryFlagReachesCriu()
    {
        _bundle.Start();
        Checkpoint("--leave-running", "--tcp-established", "--tcp-skip-in-flight", "--link-remap", "--ext-unix-sk", "--shell-job", "--file-locks", "--auto-dedup",
            "--manage-cgroups-mode", "strict", "--empty-ns", "network", "--page-server", "[::1]:4711", "c").Succeeded();
        JsonObject opts = (JsonObject)_criu.Requests()[^1]["opts"]!;
        AssertNumbers(opts, "leave_running 1, ext_unix_sk 1, tcp_established 1, shell_job 1, file_locks 1, auto_dedup 1, link_remap 1, manage_cgroups_mode 5, tcp_skip_in_flight 1");
        Assert.Equal("::1 4711", (string)opts["ps"]!);
        Assert.Equal("running", State());
        foreach ((string mode, int number) in new[] { ("ignore", 0), ("soft", 3), ("full", 4) })
        {
            Checkpoint("--leave-running", "--manage-cgroups-mode", mode, "c").Succeeded();
            AssertNumbers((JsonObject)_criu.Requests()[^1]["opts"]!, $"manage_cgroups_mode {number}");
        }
    }

    [Fact]
    public void APreDumpIsOfMemoryAlone()
    {
        _bundle.Start();
        Checkpoint("--pre-dump", "c").Succeeded();
        List<JsonObject> requests = _criu.Requests();
        Assert.Equal([10, 9, 4], requests.Select(r => (int)r["type"]!));
        Assert.Equal("""{"1":1}""", requests[1]["features"]!.ToJsonString());
        Assert.Null(requests[2]["opts"]!["ext_mnt"]);
        Assert.Equal("running", State());

        string second = _bundle.Dir.File("second");
        Runc("checkpoint", "--image-path", second, "--parent-path", "../images", "c").Succeeded();
        JsonObject opts = (JsonObject)_criu.Requests()[^1]["opts"]!;
        Assert.Equal("../images", (string)opts["parent_img"]!);
        AssertNumbers(opts, "track_mem 1");
    }

    [Fact]
    public void APageServersReadinessIsTold()
    {
        _bundle.Start();
        string status = _bundle.Dir.File("status");
        Command run = new("sh", "-c", "exec \"$@\" 7>\"$0\"", status, Bundle.Runtime, "--root", _bundle.Dir.File("state"), "checkpoint", "--image-path", _images,
            "--lazy-pages", "--page-server", "127.0.0.1:4711", "--status-fd", "7", "c")
        { WorkingDirectory = _bundle.Dir.Path, Environment = { ["PATH"] = _criu.SearchPath } };
        run.Run().Succeeded();
        Assert.Equal([0], File.ReadAllBytes(status));
        List<JsonObject> requests = _criu.Requests();
        Assert.Equal([10, 9, 1], requests.Select(r => (int)r["type"]!));
        Assert.Equal("""{"2":1}""", requests[1]["features"]!.ToJsonString());
        AssertNumbers((JsonObject)requests[2]["opts"]!, "lazy_pages 1");
    }

    [Fact]
    public void ARestoreIsAskedForAsRuncDoes()
    {
        _bundle.Mount(_bundle.Dir.File("data").Made(), "/made/by/runc", "bind", "rbind");
        _bundle.Start();
        Checkpoint("c").Succeeded();
        _criu.Requests();
        // A mountpoint that has gone meanwhile is made again.
        Directory.Delete(_bundle.Rootfs("made"), recursive: true);
        string pidFile = _bundle.Dir.File("pid");
        Restore("--detach", "--pid-file", pidFile, "--work-path", _bundle.Dir.File("work"), "--lsm-profile", "apparmor:x", "--lsm-mount-context", "y", "c").Succeeded();
        List<JsonObject> requests = _criu.Requests();
        JsonObject opts = (JsonObject)requests[^1]["opts"]!;
        Assert.Equal(2, (int)requests[^1]["type"]!);
        AssertNumbers(opts, $"""
            ext_unix_sk 0, tcp_established 0, evasive_devices 1, shell_job 0, file_locks 0, log_level 4, notify_scripts 1, auto_dedup 0, manage_cgroups 1,
            rst_sibling 1, manage_cgroups_mode 6, empty_ns {0x40000000}, lazy_pages 0, orphan_pts_master 1
            """);
        Assert.Equal((_images, _bundle.Dir.File("work")), ((string)opts["images_dir_fd"]!, (string)opts["work_dir_fd"]!));
        Assert.Equal(("restore.log", "/etc/criu/runc.conf"), ((string)opts["log_file"]!, (string)opts["config_file"]!));
        Assert.Equal(("apparmor:x", "y"), ((string)opts["lsm_profile"]!, (string)opts["lsm_mount_context"]!));
        Assert.Equal(_bundle.Dir.File("state/c/criu-root"), (string)opts["root"]!);
        Assert.Contains($"/made/by/runc {_bundle.Dir.File("data")}", Texts(opts, "ext_mnt"));
        Assert.Contains("/dev/null /dev/null", Texts(opts, "ext_mnt"));
        Assert.All(Texts(opts, "cg_root").Where(c => c.Contains("memory") || c.StartsWith(' ')), c => Assert.EndsWith(_bundle.Parent + "/c", c));
        Assert.True(Directory.Exists(_bundle.Rootfs("made/by/runc")));

        int pid = int.Parse(File.ReadAllText(pidFile));
        Assert.Equal("running", State());
        Assert.Equal(pid, _bundle.Pid());
        Assert.Contains(_bundle.Parent + "/c", File.ReadAllText($"/proc/{pid}/cgroup"));
        Assert.DoesNotContain("criu-root", File.ReadAllText("/proc/self/mountinfo"));
        Assert.False(Directory.Exists(_bundle.Dir.File("state/c/criu-root")));
        _bundle.Runc(["kill", "c", "KILL"]).Run().Succeeded();
    }

    [Fact]
    public void InTheForegroundARestoreHasTheContainersExitCode()
    {
        _bundle.Start();
        Checkpoint("c").Succeeded();
        using Daemon restore = new(RuncCommand("restore", "--image-path", _images, "c"));
        restore.WaitUntil(() => restore.Log.Contains("restored", StringComparison.Ordinal), "restored container");
        restore.WaitUntil(() => State() == "running", "state");
        restore.Signal("TERM");
        Assert.Equal(9, restore.WaitUntilExited());
        _bundle.Runc(["state", "c"]).Run().Exited(1);
    }

    [Fact]
    public void ATerminalIsSentToTheConsoleSocket()
    {
        _bundle.Start();
        Checkpoint("c").Succeeded();
        _bundle.Process["terminal"] = true;
        _criu.Behave("terminal");
        string socket = _bundle.Dir.File("tty");
        using Daemon receiver = new(new Command("/usr/bin/python3", "-c",
            $"""
            import os, socket
            s = socket.socket(socket.AF_UNIX)
            s.bind('{socket}')
            s.listen()
            print('listens', flush=True)
            _, fds, _, _ = socket.recv_fds(s.accept()[0], 100, 1)
            print('got', os.readlink('/proc/self/fd/%d' % fds[0]), flush=True)
            """));
        receiver.WaitUntil(() => receiver.Log.Contains("listens", StringComparison.Ordinal), "socket");
        Restore("--detach", "--console-socket", socket, "c").Succeeded();
        Assert.Equal(0, receiver.WaitUntilExited());
        Assert.Contains("got /dev/null", receiver.Log);
        Assert.Contains("cannot allocate tty if runc will detach without setting console socket", Restore("--detach", "d").Exited(1).Error);
        _bundle.Runc(["kill", "c", "KILL"]).Run().Succeeded();
    }

    [Fact]
    public void HooksRunBeforeARestoredContainerHasItsNamespacesFilled()
    {
        string file = _bundle.Dir.File("hook");
        _bundle.Spec["hooks"] = new JsonObject
        {
            ["createRuntime"] = new JsonArray(new JsonObject { ["path"] = "/bin/sh", ["args"] = new JsonArray("sh", "-c", $"cat >>{file}; echo >>{file}") }),
        };
        _bundle.Start();
        Checkpoint("c").Succeeded();
        Restore("--detach", "c").Succeeded();
        string[] states = File.ReadAllLines(file);
        Assert.Equal(2, states.Length);
        Assert.Equal(_bundle.Pid(), (int)JsonNode.Parse(states[1])!["pid"]!);
        _bundle.Runc(["kill", "c", "KILL"]).Run().Succeeded();
    }

    [Fact]
    public void WhatCriuLogsOfItsFailureIsShown()
    {
        _bundle.Start();
        _criu.Behave("fail");
        CommandResult result = Checkpoint("c").Exited(1);
        Assert.Contains("criu failed: type DUMP errno 22", result.Error);
        Assert.Contains("9:(00.008) line 8", result.Error);
        Assert.Contains("10:(00.009) Error (criu/fake.c:1): no luck", result.Error);
        Assert.DoesNotContain("line 2", result.Error);
        Assert.Equal("running", State());

        _criu.Behave("");
        Checkpoint("c").Succeeded();
        _criu.Behave("fail");
        Assert.Contains("criu failed: type RESTORE errno 22", Restore("--detach", "c").Exited(1).Error);
        _bundle.Runc(["state", "c"]).Run().Exited(1);
        Assert.Empty(Leftovers.CgroupsOf(_bundle.Parent));
        Assert.DoesNotContain("criu-root", File.ReadAllText("/proc/self/mountinfo"));
        Assert.True(File.Exists(_bundle.Rootfs("bin/busybox")));
    }

    [Fact]
    public void ARestoreThatIsKilledLeavesNothingAfterDelete()
    {
        _bundle.Start();
        Checkpoint("c").Succeeded();
        _criu.Behave("hang");
        using Daemon restore = new(RuncCommand("restore", "--image-path", _images, "c"));
        restore.WaitUntil(() => _criu.Requests().Any(r => (int)r["type"]! == 2), "request");
        string root = _bundle.Dir.File("state/c/criu-root");
        Assert.Contains(root, File.ReadAllText("/proc/self/mountinfo"));
        restore.Kill();
        Eventually(() => !Leftovers.CgroupsOf(_bundle.Parent).Any(c => File.ReadAllText(Path.Combine(c, "cgroup.procs")).Length > 0), "end of criu");
        _bundle.Runc(["delete", "--force", "c"]).Run().Succeeded();
        Assert.DoesNotContain(root, File.ReadAllText("/proc/self/mountinfo"));
        Assert.False(Directory.Exists(_bundle.Dir.File("state/c")));
        Assert.Empty(Leftovers.CgroupsOf(_bundle.Parent));
        // The root file system was mounted in what is removed.
        Assert.True(File.Exists(_bundle.Rootfs("bin/busybox")));
    }

    [Fact]
    public void WhatCantBeIsRefused()
    {
        _bundle.Start();
        Refused("Use --page-server ADDRESS:PORT to specify page server", "checkpoint", "--page-server", "nowhere", "c");
        Refused("Invalid port number", "checkpoint", "--page-server", "a:b", "c");
        Refused("namespace \"pid\" is not supported", "checkpoint", "--empty-ns", "pid", "c");
        Refused("--parent-path must be relative", "checkpoint", "--parent-path", "/p", "c");
        Refused("invalid --parent-path: stat ", "checkpoint", "--parent-path", "p", "c");
        Refused("invalid manage-cgroups-mode value", "checkpoint", "--manage-cgroups-mode", "none", "c");
        Refused("container with given ID already exists", "restore", "--detach", "c");
        Refused("container does not exist", "checkpoint", "d");
        _criu.Behave("no-features");
        Refused("criu is missing features: [MemTrack]", "checkpoint", "--pre-dump", "c");
        Command without = RuncCommand("checkpoint", "c");
        without.Environment["PATH"] = "/nowhere";
        Assert.Contains("CRIU version check failed: exec: \\\"criu\\\": executable file not found in $PATH", without.Run().Exited(1).Error);
        Assert.Equal("running", State());
        _bundle.Runc(["kill", "c", "KILL"]).Run().Succeeded();
        for (int i = 0; i < 100 && State() != "stopped"; i++)
            Thread.Sleep(20);
        Refused("Container cannot be checkpointed in stopped state", "checkpoint", "c");
    }

    /// <summary>The real thing; on a kernel that the machine's criu does not know, only the pretended one.</summary>
    [Fact]
    public void AContainerIsSavedAndBroughtBack()
    {
        string? whyNot = NoRealCriu();
        Console.WriteLine(whyNot is null
            ? "CheckpointTests: by the machine's criu"
            : $"CheckpointTests: by a pretended criu, since the machine's can't: {whyNot}");
        _bundle.Shell("i=0; while :; do echo $i >/count; i=$((i+1)); sleep 0.02; done");
        string[] path = whyNot is null ? [] : ["env", "PATH=" + _criu.SearchPath];
        _bundle.Start();
        Eventually(() => Count() > 5, "count");
        _bundle.Under(path, ["checkpoint", "--image-path", _images, "--work-path", _bundle.Dir.File("work"), "c"]).Run().Succeeded();
        _bundle.Runc(["state", "c"]).Run().Exited(1);
        int before = Count();
        if (whyNot is null)
            Assert.True(File.Exists(Path.Combine(_images, "inventory.img")));
        CommandResult restore = _bundle.Under([.. path, "sh", "-c", "exec \"$@\" </dev/null >/dev/null 2>\"$0\"", _bundle.Dir.File("err")],
            ["restore", "--detach", "--image-path", _images, "--work-path", _bundle.Dir.File("work"), "c"]).Run();
        Assert.True(restore.ExitCode == 0, File.ReadAllText(_bundle.Dir.File("err")));
        Assert.Equal("running", State());
        if (whyNot is null)
        {
            Eventually(() => Count() > before, "count after the restore");
            Assert.Equal("in\n", _bundle.Exec([], "echo", "in").Succeeded().Output);
        }
        _bundle.Runc(["kill", "c", "KILL"]).Run().Succeeded();
        Eventually(() => State() == "stopped", "end");
        _bundle.Runc(["delete", "c"]).Run().Succeeded();
        Assert.Empty(Leftovers.CgroupsOf(_bundle.Parent));
    }

    private static string? NoRealCriu()
    {
        try
        {
            CommandResult check = new Command(Programs.Peer("criu"), "check").Run();
            return check.ExitCode == 0 ? null : check.Error.Split('\n').FirstOrDefault(l => l.Contains("Error", StringComparison.Ordinal)) ?? check.Error;
        }
        catch (FileNotFoundException e)
        {
            return e.Message;
        }
    }

    private int Count() => File.Exists(_bundle.Rootfs("count")) && int.TryParse(File.ReadAllText(_bundle.Rootfs("count")), out int n) ? n : 0;

    private static void Eventually(Func<bool> condition, string what)
    {
        for (int i = 0; i < 500; i++)
        {
            if (condition())
                return;
            Thread.Sleep(20);
        }
        Assert.Fail($"no {what} after 10 s");
    }

    private string State() => (string)JsonNode.Parse(_bundle.Runc(["state", "c"]).Run().Succeeded().Output)!["status"]!;

    private void Refused(string why, params string[] arguments) => Assert.Contains(why.Replace("\"", "\\\""), Runc(arguments).Exited(1).Error);

    private CommandResult Checkpoint(params string[] arguments) => Runc(["checkpoint", "--image-path", _images, .. arguments]);

    /// <summary>Its streams go nowhere: a pipe of ours would stay open as long as the container lives.</summary>
    private CommandResult Restore(params string[] arguments)
    {
        Command command = _bundle.Under(["sh", "-c", "\"$@\" </dev/null >/dev/null 2>\"$0\"; code=$?; cat \"$0\" >&2; exit $code", _bundle.Dir.File("err")],
            ["restore", "--image-path", _images, .. arguments]);
        command.Environment["PATH"] = _criu.SearchPath;
        return command.Run();
    }

    private CommandResult Runc(params string[] arguments) => RuncCommand(arguments).Run();

    private Command RuncCommand(params string[] arguments)
    {
        Command command = _bundle.Runc(arguments);
        command.Environment["PATH"] = _criu.SearchPath;
        return command;
    }

    private static List<string> Texts(JsonObject opts, string name) => [.. ((JsonArray)opts[name]!).Select(v => (string)v!)];

    /// <summary>"name number, name number".</summary>
    private static void AssertNumbers(JsonObject opts, string expected)
    {
        foreach (string[] pair in expected.Split([',', '\n'], StringSplitOptions.RemoveEmptyEntries).Select(p => p.Trim().Split(' ')).Where(p => p.Length == 2))
            Assert.True((int?)opts[pair[0]] == int.Parse(pair[1]), $"{pair[0]} is {opts[pair[0]]}, not {pair[1]}");
    }
}
