using System.Text.Json.Nodes;
using AotRuntime.Tests.Functional.Security;

namespace AotRuntime.Tests.Functional.Runc;

/// <summary>Mounts with ids of their own, with options for whole trees, and tmpfs that start full; AOT_SECURITY_RUNC runs the same against another runtime.</summary>
public class MountTests
{
    [Theory]
    [InlineData("bind")]
    [InlineData("rbind", "ridmap")]
    [InlineData("rbind", "idmap")]
    public void AnIdMappedMountShowsOtherOwners(params string[] options)
    {
        using Bundle bundle = new();
        string tree = Tree(bundle);
        bundle.Mount(tree, "/tree", "bind", options);
        JsonNode mount = bundle.Mounts[^1]!;
        mount["uidMappings"] = NamespaceTests.Map(0, 5000, 1000);
        mount["gidMappings"] = NamespaceTests.Map(0, 6000, 1000);
        CommandResult run = bundle.Shell("stat -c %u:%g /tree/file; stat -c %u:%g /tree/below/file; true").Run().Succeeded();
        string[] seen = run.Output.Split('\n');
        Assert.Equal("5007:6008", seen[0]);
        if (options.Contains("ridmap"))
            Assert.Equal("5009:6009", seen[1]);
        else if (options.Contains("rbind"))
            Assert.Equal("9:9", seen[1]);
    }

    [Fact]
    public void WithIdmapAloneTheContainersMappingsCount()
    {
        using Bundle bundle = NamespaceTests.Mapped(new Bundle());
        string tree = Tree(bundle);
        new Command("umount", tree + "/below").Run().Succeeded();
        bundle.Mount(tree, "/tree", "bind", "bind", "idmap");
        CommandResult run = bundle.Shell("stat -c %u:%g /tree/file; touch /tree/made && stat -c %u:%g /tree/made").Run().Succeeded();
        Assert.Equal("7:8\n0:0\n", run.Output);
        Assert.Equal("0:0\n", new Command("stat", "-c", "%u:%g", tree + "/made").Run().Output);
    }

    [Fact]
    public void AnIdMappedMountIsRefusedWhereItCantBe()
    {
        using Bundle bundle = new();
        bundle.Mount("/proc", "/host-proc", "bind", "bind");
        JsonNode mount = bundle.Mounts[^1]!;
        mount["uidMappings"] = NamespaceTests.Map(0, 5000, 1000);
        mount["gidMappings"] = NamespaceTests.Map(0, 6000, 1000);
        Refused(bundle, "failed to set MOUNT_ATTR_IDMAP on /proc: invalid argument (maybe the filesystem used doesn't support idmap mounts on this kernel?)");
        mount["gidMappings"] = new JsonArray();
        Refused(bundle, "id-mapped mounts must have both uid and gid mappings specified");
        mount["type"] = "tmpfs";
        mount["options"] = new JsonArray("nosuid");
        Refused(bundle, "id-mapped mounts are only supported for bind-mounts");
    }

    /// <summary>What is bound is mounted nosuid, nodev and noatime.</summary>
    [Theory]
    [InlineData("rw,nosuid,nodev,noatime")]
    [InlineData("ro,noatime", "ro")]
    [InlineData("ro,nosuid,noexec,relatime", "ro", "nosuid", "noexec", "relatime")]
    [InlineData("rw,nodiratime,relatime", "nodiratime")]
    [InlineData("rw", "strictatime")]
    [InlineData("rw,noatime,nosymfollow", "nosymfollow")]
    [InlineData("rw,nodev,noatime,nodiratime", "nodev", "noatime", "nodiratime")]
    [InlineData("rw,noatime", "suid", "dev")]
    public void ABindMountHasTheOptionsThatItIsGiven(string expected, params string[] options)
    {
        using Bundle bundle = new();
        string source = bundle.Dir.File("marked");
        Directory.CreateDirectory(source);
        new Command("mount", "-t", "tmpfs", "-o", "nosuid,nodev,noatime", "tmpfs", source).Run().Succeeded();
        bundle.Mount(source, "/tree", "bind", ["bind", .. options]);
        Assert.Equal(expected + "\n", bundle.Shell("awk '$5 == \"/tree\" { print $6 }' /proc/self/mountinfo").Run().Succeeded().Output);
    }

    [Theory]
    [InlineData("rro", "ro", "touch /tree/below/x")]
    [InlineData("rnosuid", "nosuid", null)]
    [InlineData("rnodev", "nodev", null)]
    [InlineData("rnoexec", "noexec", "/tree/below/run")]
    [InlineData("rnodiratime", "nodiratime", null)]
    [InlineData("rnoatime", "noatime", null)]
    [InlineData("rnosymfollow", "nosymfollow", "cat /tree/below/link")]
    [InlineData("rrelatime", "relatime", null)]
    public void AnOptionForTheWholeTreeReachesTheMountsBelow(string option, string shown, string? fails)
    {
        using Bundle bundle = new();
        string tree = Tree(bundle);
        bundle.Mount(tree, "/tree", "bind", "rbind", option);
        CommandResult run = bundle.Shell($"grep -E ' /tree(/below)? ' /proc/self/mountinfo; {(fails is null ? "true" : $"{fails} 2>/dev/null && echo worked")}; true").Run().Succeeded();
        string[] mounts = [.. run.Output.Split('\n').Where(line => line.Contains(" - ", StringComparison.Ordinal))];
        Assert.Equal(2, mounts.Length);
        Assert.All(mounts, line => Assert.Contains(shown, line.Split(' ')[5].Split(',')));
        Assert.DoesNotContain("worked", run.Output);
    }

    [Fact]
    public void TheOppositeClearsItAgain()
    {
        using Bundle bundle = new();
        string tree = Tree(bundle);
        bundle.Mount(tree, "/tree", "bind", "rbind", "ro", "rrw", "rexec", "rsuid", "rdev");
        Assert.DoesNotContain("denied", bundle.Shell("touch /tree/x /tree/below/x && /tree/below/run && cat /tree/below/link").Run().Succeeded().Output);
    }

    [Fact]
    public void ATmpfsStartsWithWhatItCovers()
    {
        using Bundle bundle = new();
        Directory.CreateDirectory(bundle.Rootfs("data/deep"));
        File.WriteAllText(bundle.Rootfs("data/deep/file"), "content");
        File.CreateSymbolicLink(bundle.Rootfs("data/link"), "deep/file");
        new Command("chown", "-R", "3:4", bundle.Rootfs("data")).Run().Succeeded();
        new Command("chmod", "751", bundle.Rootfs("data/deep")).Run().Succeeded();
        bundle.Mount("tmpfs", "/data", "tmpfs", "tmpcopyup", "size=1m");
        CommandResult run = bundle.Shell("cat /data/link; echo; stat -c '%u:%g %a' /data/deep /data/deep/file; echo changed >/data/deep/file; grep -c ' /data ' /proc/self/mountinfo").Run().Succeeded();
        Assert.Equal("content\n3:4 751\n3:4 644\n1\n", run.Output);
        Assert.Equal("content", File.ReadAllText(bundle.Rootfs("data/deep/file")));
    }

    /// <summary>A folder of the host with a mount below it.</summary>
    private static string Tree(Bundle bundle)
    {
        string tree = bundle.Dir.File("tree");
        Directory.CreateDirectory(tree + "/below");
        File.WriteAllText(tree + "/file", "");
        new Command("chown", "7:8", tree + "/file").Run().Succeeded();
        new Command("chmod", "777", tree).Run().Succeeded();
        new Command("mount", "-t", "tmpfs", "tmpfs", tree + "/below").Run().Succeeded();
        File.WriteAllText(tree + "/below/file", "");
        new Command("chown", "9:9", tree + "/below/file").Run().Succeeded();
        File.WriteAllText(tree + "/below/run", "#!/bin/sh\n");
        new Command("chmod", "755", tree + "/below/run").Run().Succeeded();
        File.CreateSymbolicLink(tree + "/below/link", "file");
        return tree;
    }

    private static void Refused(Bundle bundle, string error)
    {
        CommandResult run = bundle.Args("true").Run();
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains(error, run.Error);
    }
}
