using System.Text.Json.Nodes;
using AotRuntime.Tests.Functional.Security;

namespace AotRuntime.Tests.Functional.Runc;

/// <summary>Interfaces that a container gets from where the runtime runs (config-linux.md, "Network Devices").</summary>
public sealed class NetDeviceTests : IDisposable
{
    private readonly NetNamespace _host = new();
    private readonly Bundle _bundle = new();

    public NetDeviceTests()
    {
        _host.Run("ip", "link", "add", "dev0", "type", "veth", "peer", "name", "peer0").Succeeded();
        _host.Run("ip", "link", "set", "peer0", "up").Succeeded();
        _host.Run("ip", "addr", "add", "192.0.2.7/24", "dev", "dev0").Succeeded();
        _host.Run("ip", "addr", "add", "198.51.100.1", "peer", "198.51.100.2/32", "dev", "dev0").Succeeded();
        _host.Run("ip", "addr", "add", "2001:db8::7/64", "dev", "dev0", "nodad").Succeeded();
        _host.Run("ip", "addr", "add", "169.254.3.3/16", "scope", "link", "dev", "dev0").Succeeded();
        _host.Run("ip", "link", "set", "dev0", "up").Succeeded();
    }

    [Theory]
    [InlineData(null, "dev0")]
    [InlineData("eth0", "eth0")]
    [InlineData("peer0", "peer0")]
    public void AnInterfaceIsMovedWithItsLastingAddresses(string? name, string inside)
    {
        Devices("dev0", name);
        _bundle.Shell("busybox ip -o addr; busybox ip -o link");
        string seen = Run().Succeeded().Output;
        Assert.Contains($" {inside} ", seen);
        Assert.Contains("192.0.2.7/24", seen);
        Assert.Contains("198.51.100.1", seen);
        Assert.Contains("2001:db8::7/64", seen);
        Assert.DoesNotContain("169.254", seen);
        Assert.Matches($@"{inside}@?\S*: <[^>]*\bUP\b", seen);
        Assert.NotEqual(0, _host.Run("ip", "link", "show", "dev0").ExitCode);
    }

    [Fact]
    public void AFirstProcessFindsItThereAndSoDoHooks()
    {
        Devices("dev0", "eth0");
        string pid = "pid=$(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/'); nsenter -t $pid -n ip link show eth0";
        _bundle.Spec["hooks"] = new JsonObject { ["createRuntime"] = new JsonArray(new JsonObject { ["path"] = "/bin/sh", ["args"] = new JsonArray("sh", "-c", pid), ["env"] = new JsonArray("PATH=/usr/sbin:/usr/bin:/sbin:/bin") }) };
        Run(args: "true").Succeeded();
    }

    [Fact]
    public void WhatCantBeMovedIsTold()
    {
        Devices("nosuch0", null);
        Assert.Contains("link not found for interface nosuch0 on runtime namespace: Link not found", Run(args: "true").Exited(1).Error);
        Devices("dev0", "a/b");
        Assert.Contains("invalid network device name \\\"a/b\\\"", Run(args: "true").Exited(1).Error);
        Devices("dev0", "lo");
        Assert.Contains("fail to move network device dev0 to network namespace", Run(args: "true").Exited(1).Error);
        Devices("dev0", null);
        NamespaceTests.Namespace(_bundle, "network", remove: true);
        _bundle.Without("/sys");
        Assert.Contains("unable to move network devices without a NET namespace", Run(args: "true").Exited(1).Error);
        _host.Run("ip", "link", "show", "dev0").Succeeded();
    }

    public void Dispose()
    {
        _bundle.Dispose();
        _host.Dispose();
    }

    private void Devices(string device, string? name)
    {
        JsonObject properties = [];
        if (name is not null)
            properties["name"] = name;
        _bundle.Linux["netDevices"] = new JsonObject { [device] = properties };
    }

    private CommandResult Run(params string[] args)
    {
        if (args.Length > 0)
            _bundle.Args(args);
        return _bundle.Under(["nsenter", $"--net=/proc/{_host.Pid}/ns/net"], ["run", "--bundle", _bundle.Dir.Path, "c"]).Run();
    }
}
