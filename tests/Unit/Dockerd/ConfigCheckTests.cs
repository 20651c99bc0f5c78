using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Containers;
using AotRuntime.Dockerd.Host;
using AotRuntime.EngineApi;

namespace AotRuntime.Tests.Unit.Dockerd;

public class ConfigCheckTests
{
    private static string Refusal(ContainerConfig config, HostConfig? host = null, Dictionary<string, EndpointSettings?>? endpoints = null)
    {
        ApiException error = Assert.Throws<ApiException>(() => ConfigCheck.Check(config, host ?? new HostConfig(), endpoints ?? [], []));
        Assert.Equal(400, error.StatusCode);
        return error.Message;
    }

    [Fact]
    public void What_is_wrong_is_said_in_dockers_words()
    {
        Assert.Equal("invalid signal: BOGUS", Refusal(new ContainerConfig { StopSignal = "BOGUS" }));
        Assert.Equal("invalid environment variable: =x", Refusal(new ContainerConfig { Env = ["A=1", "=x"] }));
        Assert.Equal("Interval in Healthcheck cannot be less than 1ms", Refusal(new ContainerConfig { Healthcheck = new HealthConfig { Interval = 1 } }));
        Assert.Equal("Invalid value 5000, range for oom score adj is [-1000, 1000]", Refusal(new ContainerConfig(), new HostConfig { OomScoreAdj = 5000 }));
        Assert.Equal("Invalid value x for cpuset cpus: invalid format: x", Refusal(new ContainerConfig(), new HostConfig { CpusetCpus = "x" }));
        Assert.Equal(
            "invalid config for network bridge: invalid MAC address bogus",
            Refusal(new ContainerConfig(), null, new() { ["bridge"] = new EndpointSettings { MacAddress = "bogus" } }));
        Assert.StartsWith(
            "invalid config for network bridge: invalid endpoint settings:\n* user specified IP address is supported on user defined networks only",
            Refusal(new ContainerConfig(), null, new() { ["default"] = new EndpointSettings { IpamConfig = new EndpointIpamConfig { IPv4Address = "1.2.3.4" } } }));
    }

    [Fact]
    public void What_is_allowed_passes_and_may_be_warned_of()
    {
        List<string> warnings = [];
        HostConfig host = new() { CpusetCpus = "0", CpusetMems = "0", NetworkMode = "host", PortBindings = new() { ["80/tcp"] = [new PortBinding()] } };
        ConfigCheck.Check(
            new ContainerConfig { StopSignal = "SIGUSR1", Env = ["A", "B="], Healthcheck = new HealthConfig { Interval = 1_000_000 }, MacAddress = "02:42:ac:11:00:02" },
            host, new Dictionary<string, EndpointSettings?> { ["bridge"] = new EndpointSettings { MacAddress = "02:42:ac:11:00:02" } }, warnings);
        Assert.Equal(2, warnings.Count);
        Assert.Equal("Published ports are discarded when using host network mode", warnings[0]);
    }

    [Theory]
    [InlineData("0", "0")]
    [InlineData("0-2,7", "0 1 2 7")]
    [InlineData("3-1", null)]
    [InlineData("1,", null)]
    [InlineData("-1", null)]
    [InlineData("0-99999999", null)]
    public void Lists_of_processors(string text, string? expected) =>
        Assert.Equal(expected, ConfigCheck.ParseList(text) is { } list ? string.Join(' ', list.Order()) : null);

    [Fact]
    public void Versions_are_read_as_runc_and_tini_print_them()
    {
        ComponentVersion runc = ProgramVersions.Runtime("runc version 1.3.6\ncommit: v1.3.6-0-g1234\nspec: 1.2.1\ngo: go1.24\n")!;
        Assert.Equal(("runc", "1.3.6", "v1.3.6-0-g1234"), (runc.Name, runc.Version, runc.Details!["GitCommit"]));
        Assert.Equal("crun", ProgramVersions.Runtime("crun version 1.28\ncommit: abc\n")!.Name);
        ComponentVersion init = ProgramVersions.Init("tini version 0.19.0 - git.de40ad0\n")!;
        Assert.Equal(("docker-init", "0.19.0", "de40ad0"), (init.Name, init.Version, init.Details!["GitCommit"]));
        Assert.Null(ProgramVersions.Runtime("something else\n"));
        Assert.Null(ProgramVersions.Init(""));
    }
}
