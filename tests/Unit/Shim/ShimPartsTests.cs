using System.Text;
using AotRuntime.Linux;
using AotRuntime.Shim;
using AotRuntime.Shim.Bootstrap;
using AotRuntime.Shim.Cgroups;
using AotRuntime.Shim.Processes;
using AotRuntime.Shim.Stdio;

namespace AotRuntime.Tests.Unit.Shim;

public class ShimPartsTests
{
    [Fact]
    public void The_command_line_of_containerd_is_understood()
    {
        ShimOptions o = ShimOptions.Parse(["-namespace", "moby", "--id=c1", "-address", "/run/c.sock", "-publish-binary", "/bin/containerd", "-debug", "start"]);
        Assert.Equal(("moby", "c1", "/run/c.sock", true, "start"), (o.Namespace, o.Id, o.Address, o.Debug, o.Action));
        Assert.Equal("flag provided but not defined: -nope", Assert.Throws<FormatException>(() => ShimOptions.Parse(["-nope"])).Message);
        Assert.Equal("flag needs an argument: -id", Assert.Throws<FormatException>(() => ShimOptions.Parse(["-id"])).Message);
    }

    [Fact]
    public void A_socket_is_named_by_the_hash_of_address_namespace_and_group()
    {
        // printf %s /run/containerd/containerd.sock/default/c1 | sha256sum
        string expected = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("/run/containerd/containerd.sock/default/c1"u8));
        Assert.Equal($"/run/containerd/s/{expected}", ShimSocket.PathFor(ShimSocket.DefaultFolder, "/run/containerd/containerd.sock", "default", "c1"));
    }

    [Fact]
    public void The_last_error_of_the_runtimes_log_counts_whatever_else_is_there()
    {
        byte[] log = Encoding.UTF8.GetBytes(
            """
            {"level":"error","msg":"first","time":"x"}
            panic: not json
            {"level":"warning","msg":"no"}
            {"level":"error","msg":" last one \n"}
            {"level":"err
            """);
        Assert.Equal("last one", RuntimeLog.LastError(log));
        Assert.Equal("", RuntimeLog.LastError("[]\n3\n{}\n"u8));
        Assert.Equal("spread", RuntimeLog.LastError("{\"level\":\"error\",\"msg\":\"a\"}\n{\n  \"msg\": \"spread\",\n  \"level\": \"error\"\n}\n"u8));
        Assert.Equal("", RuntimeLog.LastError("{\"level\":1,\"msg\":\"a\"}\n{\"level\":\"error\",\"msg\":2}"u8));
    }

    [Fact]
    public void Lower_directories_are_named_from_the_folder_that_they_share()
    {
        (string? folder, List<string> options) = Rootfs.ShortenLowerDirs(["index=off", "lowerdir=/var/lib/s/12/fs:/var/lib/s/1/fs"]);
        Assert.Equal("/var/lib/s", folder);
        Assert.Equal(["index=off", "lowerdir=12/fs:1/fs"], options);
        Assert.Null(Rootfs.ShortenLowerDirs(["lowerdir=/a/fs:/b/fs"]).Folder);
    }

    [Fact]
    public void Cgroups_of_a_hybrid_mount_are_those_of_version_1()
    {
        const string mounts =
            """
            30 23 0:26 / /sys/fs/cgroup/unified rw shared:1 - cgroup2 cgroup2 rw
            31 23 0:27 / /sys/fs/cgroup/memory rw shared:2 - cgroup cgroup rw,memory
            32 23 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:3 - cgroup cgroup rw,cpu,cpuacct
            """;
        CgroupPaths? hybrid = CgroupPaths.Resolve("5:memory:/default/c1\n4:cpu,cpuacct:/default/c1\n0::/default/c1\n", mounts);
        Assert.NotNull(hybrid);
        Assert.Null(hybrid.Unified);
        Assert.Equal("/sys/fs/cgroup/memory/default/c1", hybrid["memory"]);
        Assert.Equal("/sys/fs/cgroup/cpu,cpuacct/default/c1", hybrid["cpuacct"]);
        Assert.Equal("/sys/fs/cgroup/x", CgroupPaths.Resolve("0::/x\n", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")?.Unified);
        Assert.Null(CgroupPaths.Resolve("", ""));
    }

    [Fact]
    public void Output_may_be_a_path_or_a_uri()
    {
        Assert.Equal("fifo", new StdioPaths("", "/run/f/out", "", false).Scheme);
        Assert.Equal("binary", new StdioPaths("", "binary:///bin/log?a=b%20c&d", "", false).Scheme);
        Assert.Equal("/bin/log", StdioPaths.PathOf("binary:///bin/log?a=b%20c&d"));
        Assert.Equal([("a", "b c"), ("d", "")], StdioPaths.QueryOf("binary:///bin/log?a=b%20c&d"));
    }

    [Fact]
    public void Mount_options_are_flags_or_the_file_systems_own()
    {
        MountOptions parsed = MountOptions.Parse(["ro", "nosuid", "rbind", "rprivate", "lowerdir=/a", "rw", "size=64k"]);
        Assert.Equal(MountOptions.MS_NOSUID | MountOptions.MS_BIND | MountOptions.MS_REC | MountOptions.MS_PRIVATE, parsed.Flags);
        Assert.Equal("lowerdir=/a,size=64k", parsed.Data);
    }
}
