using AotRuntime.Runc;
using AotRuntime.Runc.Spec;
using AotRuntime.Runc.Systemd;

namespace AotRuntime.Tests.Unit.Runc;

/// <summary>What systemd is told of a container.</summary>
public class SystemdTests
{
    [Theory]
    [InlineData(null, "", "runc-c.scope", "/system.slice/runc-c.scope")]
    [InlineData("machine.slice:libpod:1a2b", "machine.slice", "libpod-1a2b.scope", "/machine.slice/libpod-1a2b.scope")]
    [InlineData("a-b-c.slice:x:y", "a-b-c.slice", "x-y.scope", "/a.slice/a-b.slice/a-b-c.slice/x-y.scope")]
    [InlineData(":docker:c", "", "docker-c.scope", "/system.slice/docker-c.scope")]
    [InlineData("-.slice:x:y", "-.slice", "x-y.scope", "/x-y.scope")]
    [InlineData("a.slice:x:b.slice", "a.slice", "b.slice", "/a.slice/b.slice")]
    public void ACgroupsPathNamesSliceAndUnit(string? cgroupsPath, string slice, string name, string path)
    {
        UnitName unit = UnitName.Of(cgroupsPath, "c");
        Assert.Equal((slice, name, path), (unit.Slice, unit.Name, unit.Path(user: false)));
    }

    [Fact]
    public void AUsersUnitsAreInTheUsersSlice() => Assert.Equal("/user.slice/runc-c.scope", UnitName.Of(null, "c").Path(user: true));

    [Theory]
    [InlineData("/a/b")]
    [InlineData("a.slice:b")]
    [InlineData("a.slice:b:c:d")]
    [InlineData("a.slice:b:../../c")]
    public void WhatIsNoUnitIsRefused(string cgroupsPath) => Assert.Throws<RuncException>(() => UnitName.Of(cgroupsPath, "c"));

    [Theory]
    [InlineData("a")]
    [InlineData(".slice")]
    [InlineData("-a.slice")]
    [InlineData("a--b.slice")]
    [InlineData("a-.slice")]
    [InlineData("a/b.slice")]
    public void WhatIsNoSliceIsRefused(string slice) => Assert.Throws<RuncException>(() => UnitName.ExpandSlice(slice));

    [Fact]
    public void AScopeBeginsWithAProcess()
    {
        RuntimeSpec spec = Spec("""{"annotations": {"org.systemd.property.CollectMode": "'inactive-or-failed'", "x": "y"}, "linux": {"resources": {"unified": {"memory.oom.group": "1"}}}}""");
        Assert.Equal(
            """
            Description=s libcontainer container y
            Slice=s a.slice
            Delegate=b true
            PIDs=au [7]
            MemoryAccounting=b true
            CPUAccounting=b true
            IOAccounting=b true
            TasksAccounting=b true
            DefaultDependencies=b false
            CollectMode=s inactive-or-failed
            OOMPolicy=s kill
            """,
            string.Join('\n', UnitProperties.Start(UnitName.Of("a.slice:x:y", "c"), user: false, unified: true, 7, spec)));
    }

    [Theory]
    [InlineData("""{"memory": {"limit": 100, "reservation": 50, "swap": 150}}""", "MemoryMax=t 100 MemoryLow=t 50 MemorySwapMax=t 50")]
    [InlineData("""{"memory": {"limit": -1}}""", "MemoryMax=t 18446744073709551615 MemorySwapMax=t 18446744073709551615")]
    [InlineData("""{"memory": {"limit": 100, "swap": 100}}""", "MemoryMax=t 100 MemorySwapMax=t 0")]
    [InlineData("""{"cpu": {"shares": 1024}}""", "CPUWeight=t 100")]
    [InlineData("""{"cpu": {"shares": 1024, "idle": 1}}""", "CPUWeight=t 0")]
    // 62.5 % of a CPU is 63 for systemd; the file has it exactly.
    [InlineData("""{"cpu": {"quota": 50000, "period": 80000}}""", "CPUQuotaPeriodUSec=t 80000 CPUQuotaPerSecUSec=t 630000")]
    [InlineData("""{"cpu": {"quota": -1}}""", "CPUQuotaPerSecUSec=t 18446744073709551615")]
    [InlineData("""{"cpu": {"quota": 9223372036854775807, "period": 1000000}}""", "CPUQuotaPeriodUSec=t 1000000 CPUQuotaPerSecUSec=t 9223372036854780000")]
    [InlineData("""{"cpu": {"cpus": "0-3,9", "mems": "1"}}""", "AllowedCPUs=ay [15 2] AllowedMemoryNodes=ay [2]")]
    [InlineData("""{"pids": {"limit": 5}}""", "TasksMax=t 5")]
    [InlineData("""{"pids": {"limit": -1}}""", "TasksMax=t 18446744073709551615")]
    [InlineData("""{"blockIO": {"weight": 500}}""", "IOWeight=t 4950")]
    [InlineData("""{"unified": {"cpu.max": "max 20000", "memory.high": " 7\n", "memory.swap.max": "max", "io.max": "8:0 rbps=1", "cpuset.cpus": "1", "pids.max": "3"}}""",
        "CPUQuotaPeriodUSec=t 20000 CPUQuotaPerSecUSec=t 18446744073709551615 AllowedCPUs=ay [2] MemoryHigh=t 7 MemorySwapMax=t 18446744073709551615 TasksMax=t 3")]
    [InlineData("""{"unified": {"cpu.idle": "1", "cpu.weight": "5"}}""", "CPUWeight=t 0")]
    [InlineData("""{"unified": {"cpu.weight": "5"}}""", "CPUWeight=t 5")]
    public void LimitsAreProperties(string resources, string properties) =>
        Assert.Equal(properties, string.Join(' ', UnitProperties.Unified(Resources(resources), () => 252)));

    [Fact]
    public void AnOldSystemdIsToldWhatItKnows() =>
        Assert.Equal("CPUQuotaPerSecUSec=t 500000",
            string.Join(' ', UnitProperties.Unified(Resources("""{"cpu": {"quota": 50000, "period": 100000, "cpus": "0", "idle": 1}}"""), () => 239)));

    [Fact]
    public void OnV1TheOldNamesAreTold() => Assert.Equal(
        "DevicePolicy=s strict DeviceAllow=a(ss) [[/dev/block/8:0 r] [char-4 rw] [block-* m] "
        + "[char-* m] [block-* m] [/dev/char/1:3 rwm] [/dev/char/1:8 rwm] [/dev/char/1:7 rwm] [/dev/char/5:0 rwm] [/dev/char/1:5 rwm] [/dev/char/1:9 rwm] [char-136 rwm] [/dev/char/5:2 rwm] [/dev/char/10:200 rwm]] "
        + "MemoryLimit=t 100 CPUShares=t 512 BlockIOWeight=t 10 TasksMax=t 5",
        string.Join(' ', UnitProperties.V1(Resources("""
            {"memory": {"limit": 100}, "cpu": {"shares": 512}, "blockIO": {"weight": 10}, "pids": {"limit": 5},
             "devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "b", "major": 8, "minor": 0, "access": "r"}, {"allow": true, "type": "c", "major": 4, "access": "rw"}, {"allow": true, "type": "b", "access": "m"}]}
            """), devices: true, () => 252)));

    [Fact]
    public void AllDevicesAreNoPolicy() => Assert.Equal("DevicePolicy=s auto DeviceAllow=a(ss) []",
        string.Join(' ', DeviceProperties.Of(Resources("""{"devices": [{"allow": true, "access": "rwm"}]}""").Devices)));

    [Theory]
    [InlineData("'a b'", "s a b")]
    [InlineData("\"it's\\n\"", "s it's\n")]
    [InlineData(" true ", "b true")]
    [InlineData("5", "i 5")]
    [InlineData("-0x10", "i -16")]
    [InlineData("uint64 18446744073709551615", "t 18446744073709551615")]
    [InlineData("@t 5", "t 5")]
    [InlineData("1e3", "d 1000")]
    [InlineData("objectpath '/a'", "o /a")]
    [InlineData("['a','b']", "as [a b]")]
    [InlineData("[[1], [2, 3]]", "aai [[1] [2 3]]")]
    [InlineData("@as []", "as []")]
    public void AnAnnotationsValueIsGVariantText(string text, string value) => Assert.Equal(value, PropertyText.Parse(text).ToString());

    [Theory]
    [InlineData("")]
    [InlineData("'a")]
    [InlineData("a")]
    [InlineData("[]")]
    [InlineData("['a', 1]")]
    [InlineData("['a',]")]
    [InlineData("['a'")]
    [InlineData("uint32 -1")]
    [InlineData("byte 256")]
    [InlineData("2147483648")]
    [InlineData("@ 5")]
    [InlineData("@(i 5")]
    [InlineData("@s 5")]
    [InlineData("5 5")]
    [InlineData("uint32 true")]
    [InlineData("[[[[[[1]]]]]]")]
    public void WhatIsNoValueIsRefused(string text) => Assert.Throws<FormatException>(() => PropertyText.Parse(text));

    [Theory]
    [InlineData("org.systemd.property.TimeoutStopSec", "30", "TimeoutStopUSec=t 30000000")]
    [InlineData("org.systemd.property.TimeoutStopSec", "0.5", "TimeoutStopUSec=t 500000")]
    [InlineData("org.systemd.property.TimeoutStopUSec", "uint64 30", "TimeoutStopUSec=t 30")]
    public void SecondsBecomeMicroseconds(string annotation, string text, string property) => Assert.Equal(property, PropertyText.Property(annotation, text).ToString());

    [Theory]
    [InlineData("org.systemd.property.", "1")]
    [InlineData("org.systemd.property.ab", "1")]
    [InlineData("org.systemd.property.a.b", "1")]
    [InlineData("org.systemd.property.TimeoutStopSec", "'x'")]
    [InlineData("org.systemd.property.TimeoutStopSec", "-1")]
    [InlineData("org.systemd.property.TimeoutStopSec", "1e300")]
    public void WhatIsNoPropertyIsRefused(string annotation, string text) => Assert.Throws<RuncException>(() => PropertyText.Property(annotation, text));

    [Theory]
    [InlineData("252.39-1~deb12u2", 252)]
    [InlineData("v245.4-1.fc32", 245)]
    [InlineData("257", 257)]
    [InlineData("x", 0)]
    public void AVersionIsItsFirstNumber(string version, int number) => Assert.Equal(number, SystemdManager.Number(version));

    private static RuntimeSpec Spec(string json) => SpecFile.Parse(System.Text.Encoding.UTF8.GetBytes(json), SpecJson.RuntimeSpec, "config.json");

    private static ResourcesSpec Resources(string json) => SpecFile.Parse(System.Text.Encoding.UTF8.GetBytes(json), SpecJson.ResourcesSpec, "resources");
}
