using System.Text.Json.Nodes;

namespace AotRuntime.Tests.Functional.Security;

/// <summary>Known attacks on a runtime through what the root file system or a volume has in place of a mount's target.</summary>
public class RuncMountCveTests
{
    /// <summary>A volume's directory that another container keeps swapping with a symbolic link let a mount land on a path of the host; so it made files and directories there (CVE-2024-45310).</summary>
    [Fact]
    public void CVE_2021_30465_and_CVE_2024_45310_a_mount_target_swapped_for_a_link()
    {
        using Bundle bundle = new();
        string volume = bundle.Dir.File("volume"), outside = bundle.Dir.File("outside");
        foreach (string dir in (string[])[volume + "/target", outside, bundle.Dir.File("source")])
            Directory.CreateDirectory(dir);
        File.WriteAllText(bundle.Dir.File("file"), "mounted");
        File.WriteAllText(bundle.Dir.File("source/marker"), "mounted");
        File.CreateSymbolicLink(volume + "/link", outside);
        bundle.Mount(volume, "/v", "bind", "rbind");
        bundle.Mount(bundle.Dir.File("source"), "/v/target/dir", "bind", "rbind");
        bundle.Mount(bundle.Dir.File("file"), "/v/target/new/file", "bind", "bind");
        bundle.Mount("tmpfs", "/v/target/tmp", "tmpfs");
        bundle.Shell("cat /proc/self/mountinfo");

        int ran = 0;
        using (new RenameExchange(volume + "/target", volume + "/link"))
        {
            for (int i = 0; i < 25; i++)
            {
                CommandResult run = bundle.Run();
                // A lost race may end in an error; a run that succeeds has all three mounts where it can see them.
                if (run.ExitCode == 0)
                {
                    ran++;
                    string[] ends = ["/dir ", "/new/file ", "/tmp "];
                    Assert.All(ends, end => Assert.Contains(run.Output.Split('\n'), line => line.Contains(end, StringComparison.Ordinal)));
                }
                Assert.Empty(Directory.EnumerateFileSystemEntries(outside));
            }
        }
        Assert.DoesNotContain(bundle.Dir.Mounts(), m => m.StartsWith(outside, StringComparison.Ordinal));
        TestContext.Current.TestOutputHelper?.WriteLine($"{ran} of 25 ran");
    }

    /// <summary>An absolute or climbing link in the root file system as a mount's target made empty files and directories on the host.</summary>
    [Theory]
    [InlineData("absolute")]
    [InlineData("climbing")]
    public void CVE_2024_45310_nothing_is_made_outside(string kind)
    {
        using Bundle bundle = new();
        string outside = bundle.Dir.File("outside");
        Directory.CreateDirectory(outside);
        File.WriteAllText(bundle.Dir.File("file"), "mounted");
        File.CreateSymbolicLink(bundle.Rootfs("link"), kind == "absolute" ? outside : string.Concat(Enumerable.Repeat("../", 12)) + outside[1..]);
        bundle.Mount(bundle.Dir.File("file"), "/link/a/file", "bind", "bind").Mount("tmpfs", "/link/b", "tmpfs");
        CommandResult run = bundle.Args("cat", "/link/a/file").Run();
        Assert.Empty(Directory.EnumerateFileSystemEntries(outside));
        Assert.True(run.ExitCode != 0 || run.Output == "mounted", run.ToString());
    }

    /// <summary>A volume over /proc, or over a part of it, feigns to the runtime what it reads and swallows what it writes there (labels, sysctls).</summary>
    [Theory]
    [InlineData("/proc", "")]
    [InlineData("/proc/self/attr", "")]
    [InlineData("/proc/sys", "")]
    [InlineData("/link", "/proc")]
    [InlineData("/link/self", "/proc")]
    [InlineData("/sub/../proc", "")]
    public void CVE_2019_16884_and_CVE_2019_19921_no_volume_over_proc(string target, string link)
    {
        using Bundle bundle = new();
        string volume = bundle.Dir.File("volume");
        Directory.CreateDirectory(volume + "/sys");
        Directory.CreateDirectory(bundle.Rootfs("sub"));
        if (link.Length > 0)
            File.CreateSymbolicLink(bundle.Rootfs("link"), link);
        foreach (string type in (string[])["bind", "tmpfs"])
        {
            using Bundle one = new();
            if (link.Length > 0)
                File.CreateSymbolicLink(one.Rootfs("link"), link);
            Directory.CreateDirectory(one.Rootfs("sub"));
            CommandResult run = one.Mount(type == "bind" ? volume : "tmpfs", target, type, type == "bind" ? ["rbind"] : []).Args("echo", "started").Run();
            Assert.NotEqual(0, run.ExitCode);
            Assert.DoesNotContain("started", run.Output);
            Assert.Contains("proc", run.Error);
        }
    }

    /// <summary>A link at /proc or /sys of the root file system moves the kernel's file system elsewhere, and the masks miss it.</summary>
    [Theory]
    [InlineData("proc")]
    [InlineData("sys")]
    public void CVE_2023_27561_and_CVE_2023_28642_proc_and_sys_are_no_links(string name)
    {
        using Bundle bundle = new();
        Directory.CreateDirectory(bundle.Rootfs("evil"));
        File.CreateSymbolicLink(bundle.Rootfs(name), "/evil");
        CommandResult run = bundle.Args("echo", "started").Run();
        Assert.NotEqual(0, run.ExitCode);
        Assert.DoesNotContain("started", run.Output);
        Assert.Contains("must be mounted on ordinary directory", run.Error);
    }

    /// <summary>/sys/fs/cgroup was writable, so that a container could change the limits of its host's cgroups.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void CVE_2023_25809_cgroups_are_read_only(bool cgroupNamespace)
    {
        using Bundle bundle = new();
        var namespaces = (JsonArray)bundle.Linux["namespaces"]!;
        foreach (JsonNode? ns in namespaces.Where(n => (string)n!["type"]! == "cgroup").ToList())
            namespaces.Remove(ns);
        if (cgroupNamespace)
            namespaces.Add((JsonNode)new JsonObject { ["type"] = "cgroup" });
        CommandResult run = bundle.Shell("""
            n=0
            for d in /sys/fs/cgroup /sys/fs/cgroup/*; do
              [ -d $d ] || continue
              n=$((n+1))
              mkdir $d/made 2>/dev/null && echo "$d is writable"
              for f in $d/cgroup.procs $d/tasks; do [ -e $f ] && (echo 0 >$f) 2>/dev/null && echo "$f is writable"; done
            done
            echo $n directories
            """).Run();
        Assert.DoesNotContain("writable", run.Output);
        Assert.DoesNotMatch("^[01] directories", run.Output);
    }

    /// <summary>A link in place of /dev/null, which masks files by being bound over them, bound what it pointed to: a writable /proc file in place of the mask.</summary>
    [Fact]
    public void CVE_2025_31133_only_the_null_device_masks()
    {
        using Bundle bundle = new();
        Directory.CreateDirectory(bundle.Rootfs("dev"));
        File.WriteAllText(bundle.Rootfs("secret"), "masked");
        File.WriteAllText(bundle.Rootfs("other"), "attack");
        File.CreateSymbolicLink(bundle.Rootfs("dev/null"), "/other");
        bundle.Without("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue");
        bundle.Linux["maskedPaths"] = new JsonArray("/secret");
        CommandResult run = bundle.Args("cat", "/secret").Run();
        Assert.NotEqual(0, run.ExitCode);
        Assert.DoesNotContain("attack", run.Output);
        Assert.DoesNotContain("masked", run.Output);

        // With a /dev of its own the mask works.
        using Bundle good = new();
        File.WriteAllText(good.Rootfs("secret"), "masked");
        good.Linux["maskedPaths"] = new JsonArray("/secret", "/proc/acpi", "/sys/firmware");
        Assert.Equal("", good.Args("cat", "/secret").Run().Succeeded().Output);
    }

    /// <summary>The terminal was bound over what a link at /dev/console names, before the masks: a way to a host file under /proc.</summary>
    [Theory]
    [InlineData("/etc/victim")]
    [InlineData("/proc/sys/kernel/hostname")]
    public void CVE_2025_52565_the_console_is_not_bound_through_a_link(string target)
    {
        using Bundle bundle = new();
        Directory.CreateDirectory(bundle.Rootfs("dev/pts"));
        Directory.CreateDirectory(bundle.Rootfs("etc"));
        File.WriteAllText(bundle.Rootfs("etc/victim"), "untouched");
        File.CreateSymbolicLink(bundle.Rootfs("dev/console"), target);
        bundle.Without("/dev", "/dev/shm", "/dev/mqueue");
        bundle.Process["terminal"] = true;
        bundle.Shell("grep -v ' /dev' /proc/self/mountinfo; cat /etc/victim");
        bundle.Runc([]);
        using Pty pty = new(24, 200);
        using Daemon run = pty.Start(Bundle.Runtime, ["--root", bundle.Dir.File("state"), "run", "--bundle", bundle.Dir.Path, "c"], new Dictionary<string, string?>(), null);
        // The screen fills by itself, after the run's end, too.
        if (run.WaitUntilExited() == 0)
            Assert.True(SpinWait.SpinUntil(() => pty.Screen.Contains("untouched", StringComparison.Ordinal), TimeSpan.FromSeconds(30)), pty.Screen);
        Assert.DoesNotContain(target + " ", pty.Screen);
        Assert.Equal("untouched", File.ReadAllText(bundle.Rootfs("etc/victim")));
    }

    /// <summary>What the runtime writes to /proc (sysctls) was redirected by mounts over it to a file of the attacker's choice, and so its checks to a harmless one.</summary>
    [Fact]
    public void CVE_2025_52881_sysctls_are_written_to_procfs()
    {
        using Bundle bundle = new();
        // A root file system that brings a /proc along: neither it nor a mount over it may receive the write.
        Directory.CreateDirectory(bundle.Rootfs("proc/sys/kernel"));
        File.WriteAllText(bundle.Rootfs("proc/sys/kernel/shm_rmid_forced"), "decoy");
        bundle.Linux["sysctl"] = new JsonObject { ["kernel.shm_rmid_forced"] = "1" };
        string host = File.ReadAllText("/proc/sys/kernel/shm_rmid_forced");
        Assert.Equal("1\n", bundle.Args("cat", "/proc/sys/kernel/shm_rmid_forced").Run().Succeeded().Output);
        Assert.Equal("decoy", File.ReadAllText(bundle.Rootfs("proc/sys/kernel/shm_rmid_forced")));
        Assert.Equal(host, File.ReadAllText("/proc/sys/kernel/shm_rmid_forced"));

        // Without a procfs mount the decoy is all that the container sees; the write still must not reach it.
        bundle.Without("/proc");
        bundle.Linux["maskedPaths"] = new JsonArray();
        bundle.Linux["readonlyPaths"] = new JsonArray();
        bundle.Args("true").Run();
        Assert.Equal("decoy", File.ReadAllText(bundle.Rootfs("proc/sys/kernel/shm_rmid_forced")));

        // A name that climbs out of /proc/sys is no sysctl.
        foreach (string name in (string[])["net/../kernel/core_pattern", "net.ipv4./../../kernel.core_pattern", "kernel.core_pattern"])
        {
            bundle.Linux["sysctl"] = new JsonObject { [name] = "|/evil" };
            Assert.NotEqual(0, bundle.Run().ExitCode);
        }
        Assert.DoesNotContain("evil", File.ReadAllText("/proc/sys/kernel/core_pattern"));
    }
}
