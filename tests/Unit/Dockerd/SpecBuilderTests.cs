using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Containers;
using AotRuntime.Dockerd.Oci;
using AotRuntime.EngineApi;

namespace AotRuntime.Tests.Unit.Dockerd;

public class SpecBuilderTests
{
    private static SpecInput Input(Action<ContainerRecord>? change = null, OciUser? user = null)
    {
        ContainerRecord record = new()
        {
            Id = new string('a', 64),
            Path = "sh",
            Args = ["-c", "true"],
            Config = new ContainerConfig { Hostname = "box", Env = ["A=1", "PATH=/x"] },
            HostConfig = new HostConfig { NetworkMode = "none", IpcMode = "private", CgroupnsMode = "host" },
        };
        change?.Invoke(record);
        return new SpecInput { Container = record, User = user ?? new OciUser() };
    }

    [Fact]
    public void A_plain_container_gets_dockers_defaults()
    {
        OciSpec spec = SpecBuilder.Build(Input());
        Assert.Equal(["sh", "-c", "true"], spec.Process!.Args);
        Assert.Equal(["PATH=/x", "HOSTNAME=box", "A=1"], spec.Process.Env);
        Assert.Equal("/", spec.Process.Cwd);
        Assert.Equal("/docker/" + new string('a', 64), spec.Linux.CgroupsPath);
        Assert.Equal(["mount", "network", "uts", "pid", "ipc"], spec.Linux.Namespaces.Select(n => n.Type));
        Assert.Equal(14, spec.Process.Capabilities!.Effective!.Count);
        Assert.Contains("/proc/kcore", spec.Linux.MaskedPaths!);
        Assert.Contains("size=67108864", spec.Mounts.Single(m => m.Destination == "/dev/shm").Options!);
        Assert.False(spec.Linux.Resources!.Devices![0].Allow);
        Assert.Null(spec.Linux.Seccomp);
    }

    [Fact]
    public void Privileged_lifts_masks_and_rules()
    {
        OciSpec spec = SpecBuilder.Build(Input(r => r.HostConfig.Privileged = true));
        Assert.Null(spec.Linux.MaskedPaths);
        Assert.Null(spec.Linux.ReadonlyPaths);
        Assert.Equal(Capabilities.All.Count, spec.Process!.Capabilities!.Bounding!.Count);
        Assert.True(Assert.Single(spec.Linux.Resources!.Devices!).Allow);
        Assert.Contains("rw", spec.Mounts.Single(m => m.Destination == "/sys").Options!);
    }

    [Fact]
    public void A_user_that_is_not_root_keeps_only_the_bounding_set()
    {
        OciCapabilities capabilities = SpecBuilder.Build(Input(user: new OciUser { Uid = 1000 })).Process!.Capabilities!;
        Assert.Equal(14, capabilities.Bounding!.Count);
        Assert.Null(capabilities.Effective);
        Assert.Null(capabilities.Permitted);
    }

    [Fact]
    public void Host_network_has_no_namespace_and_no_sysctls()
    {
        OciSpec spec = SpecBuilder.Build(Input(r => r.HostConfig.NetworkMode = "host"));
        Assert.DoesNotContain(spec.Linux.Namespaces, n => n.Type == "network");
        Assert.Null(spec.Linux.Sysctl);
    }

    [Fact]
    public void Limits_become_the_runtimes()
    {
        OciResources resources = ResourceLimits.Build(new HostConfig { Memory = 64 << 20, MemorySwap = 128 << 20, NanoCpus = 1_500_000_000, PidsLimit = 7, CpuShares = 512 });
        Assert.Equal(64 << 20, resources.Memory!.Limit);
        Assert.Equal(128 << 20, resources.Memory.Swap);
        Assert.Equal(150_000, resources.Cpu!.Quota);
        Assert.Equal(100_000UL, resources.Cpu.Period);
        Assert.Equal(7, resources.Pids!.Limit);
    }

    [Fact]
    public void Mounts_stand_in_order_of_depth_and_over_the_defaults()
    {
        SpecInput input = Input() with
        {
            Mounts =
            [
                new MountRecord { Source = "/b", Destination = "/data/deep/er" },
                new MountRecord { Source = "/a", Destination = "/data", Writable = false },
                new MountRecord { Source = "/s", Destination = "/dev/shm" },
            ],
        };
        List<OciMount> mounts = MountTable.Build(input, out _);
        Assert.True(mounts.FindIndex(m => m.Destination == "/data") < mounts.FindIndex(m => m.Destination == "/data/deep/er"));
        Assert.Equal("/s", Assert.Single(mounts, m => m.Destination == "/dev/shm").Source);
        Assert.Equal(["rbind", "ro", "rprivate"], mounts.Single(m => m.Destination == "/data").Options);
    }

    [Theory]
    [InlineData("exec,size=1m", "nosuid,nodev,rprivate,exec,size=1m")]
    [InlineData("", "noexec,nosuid,nodev,rprivate")]
    public void Of_two_tmpfs_options_the_later_one_holds(string given, string expected) =>
        Assert.Equal(expected, string.Join(',', MountTable.TmpfsOptions(given)));

    [Fact]
    public void Capabilities_are_added_and_dropped_by_any_spelling()
    {
        List<string> result = Capabilities.Tweak(["net_admin"], ["CAP_MKNOD", "chown"], privileged: false);
        Assert.Contains("CAP_NET_ADMIN", result);
        Assert.DoesNotContain("CAP_MKNOD", result);
        Assert.DoesNotContain("CAP_CHOWN", result);
        Assert.Equal(["CAP_KILL"], Capabilities.Tweak(["KILL"], ["ALL"], privileged: false));
        Assert.Throws<ApiException>(() => Capabilities.Normalize(["bogus"], "CapAdd"));
    }

    [Theory]
    [InlineData("", 0u, 0u, "0,10")]
    [InlineData("app", 1000u, 1000u, "27,1000")]
    [InlineData("1000", 1000u, 1000u, "27,1000")]
    [InlineData("app:10", 1000u, 10u, "10")]
    [InlineData("4242", 4242u, 0u, "0")]
    [InlineData("4242:wheel", 4242u, 10u, "10")]
    public void Users_are_looked_up_in_the_image(string spec, uint uid, uint gid, string groups)
    {
        OciUser user = UserLookup.Resolve(spec, "root:x:0:0::/root:/bin/sh\n#c\nbad\napp:x:1000:1000::/:/bin/sh\n", "root:x:0:\nwheel:x:10:root\nsudo:x:27:app\n");
        Assert.Equal(uid, user.Uid);
        Assert.Equal(gid, user.Gid);
        Assert.Equal(groups, string.Join(',', user.AdditionalGids!));
    }

    [Fact]
    public void An_unknown_user_is_dockers_error()
    {
        ApiException error = Assert.Throws<ApiException>(() => UserLookup.Resolve("nobody", null, null));
        Assert.Equal("unable to find user nobody: no matching entries in passwd file", error.Message);
    }
}
