using System.Buffers.Binary;
using AotRuntime.Runc;
using AotRuntime.Runc.Cgroups;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Tests.Unit.Runc;

public class CgroupTests
{
    private const string Hybrid = """
        31 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
        34 30 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
        35 30 0:31 / /elsewhere/memory rw,relatime - cgroup cgroup rw,memory
        39 30 0:36 /pod /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
        40 30 0:37 / /sys/fs/cgroup/unified rw,relatime shared:1 - cgroup2 cgroup2 rw
        41 30 0:38 / /tmp rw - ext4 /dev/a rw
        """;

    private const string Own = "4:memory:/outer/inner\n3:cpu,cpuacct:/\n1:name=systemd:/pod/x\n0::/\n";

    [Fact]
    public void AHybridMachineIsRead()
    {
        CgroupMounts mounts = CgroupMounts.Parse(Hybrid, Own);
        Assert.False(mounts.Unified);
        Assert.Equal(4, mounts.Hierarchies.Count);
        Assert.Equal(["cpu", "cpuacct"], mounts.Hierarchies[0].Controllers);
        Assert.Equal("/outer/inner", mounts.Hierarchies[1].Own);
        Assert.True(mounts.Hierarchies[3].IsUnified);
    }

    [Fact]
    public void AUnifiedMachineIsRead() =>
        Assert.True(CgroupMounts.Parse("40 30 0:37 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/user.slice\n").Unified);

    [Theory]
    [InlineData(1, "/docker/a", "/sys/fs/cgroup/memory/docker/a")]
    [InlineData(1, "a", "/sys/fs/cgroup/memory/outer/inner/a")]
    [InlineData(1, "../../../a", "/sys/fs/cgroup/memory/outer/inner/a")]
    [InlineData(1, "/../../etc", "/sys/fs/cgroup/memory/etc")]
    [InlineData(2, "a", "/sys/fs/cgroup/systemd/x/a")]
    public void PathsStayInsideTheHierarchy(int hierarchy, string path, string directory) =>
        Assert.Equal(directory, CgroupMounts.PathOf(CgroupMounts.Parse(Hybrid, Own).Hierarchies[hierarchy], path));

    [Theory]
    [InlineData(0, 0)]
    [InlineData(2, 1)]
    [InlineData(1024, 100)]
    [InlineData(262144, 10000)]
    [InlineData(999999, 10000)]
    public void SharesBecomeWeight(ulong shares, long weight) => Assert.Equal(weight, CgroupV2Limits.CpuWeight(shares));

    [Theory]
    [InlineData(10, 1)]
    [InlineData(500, 4950)]
    [InlineData(1000, 10000)]
    public void BlockWeightBecomesIoWeight(ushort block, long io) => Assert.Equal(io, CgroupV2Limits.IoWeight(block));

    [Theory]
    [InlineData(0, 100, null)]
    [InlineData(300, 100, "200")]
    [InlineData(100, 100, "0")]
    [InlineData(-1, 100, "max")]
    [InlineData(0, -1, "max")]
    public void SwapAloneIsTheSumWithoutMemory(long swap, long memory, string? value) => Assert.Equal(value, CgroupV2Limits.Swap(swap, memory));

    [Theory]
    [InlineData(100, 200)]
    [InlineData(100, 0)]
    public void ASumThatMakesNoSenseIsRefused(long swap, long memory) => Assert.Throws<RuncException>(() => CgroupV2Limits.Swap(swap, memory));

    [Theory]
    [InlineData(50000, 100000, "50000 100000")]
    [InlineData(50000, 0, "50000 100000")]
    [InlineData(-1, 20000, "max 20000")]
    public void QuotaAndPeriodAreOneFile(long quota, ulong period, string value) => Assert.Equal(value, CgroupV2Limits.CpuMax(quota, period));

    [Fact]
    public void V1LimitsInOrder()
    {
        var resources = new ResourcesSpec
        {
            Memory = new MemorySpec { Limit = 100, Swap = 200, Reservation = 50 },
            Cpu = new CpuSpec { Shares = 512, Quota = 5, Period = 10, Cpus = "0-1" },
            Pids = new PidsSpec { Limit = -1 },
        };
        Assert.Equal(
            [
                ("memory", "memory.limit_in_bytes", "100"), ("memory", "memory.memsw.limit_in_bytes", "200"), ("memory", "memory.soft_limit_in_bytes", "50"),
                ("cpu", "cpu.shares", "512"), ("cpu", "cpu.cfs_period_us", "10"), ("cpu", "cpu.cfs_quota_us", "5"), ("cpuset", "cpuset.cpus", "0-1"),
                ("pids", "pids.max", "max"),
            ],
            CgroupV1Limits.Of(resources).Select(l => (l.Controller, l.File, l.Value)));
        Assert.Empty(CgroupV1Limits.Of(new ResourcesSpec()));
    }

    [Fact]
    public void NoDeviceIsAllowedBeforeTheRules()
    {
        List<(string File, string Value)> rules = DeviceRules.V1([new DeviceRuleSpec { Allow = true, Type = "c", Major = 10, Minor = 229, Access = "rw" }]);
        Assert.Equal(("devices.deny", "a"), rules[0]);
        Assert.Equal(("devices.allow", "c 10:229 rw"), rules[1]);
        Assert.Equal(("devices.allow", "c *:* m"), rules[2]);
    }

    [Fact]
    public void AllowAllIsTheWholeList() =>
        Assert.Equal([("devices.allow", "a")], DeviceRules.V1([new DeviceRuleSpec { Allow = false, Access = "rwm" }, new DeviceRuleSpec { Allow = true, Access = "rwm" }]));

    [Theory]
    [InlineData('c', 1, 3, 2, true)]     // default: null, read
    [InlineData('c', 10, 229, 2, true)]  // allowed, read
    [InlineData('c', 10, 229, 6, false)] // read and write, where only reading is allowed
    [InlineData('b', 7, 0, 2, false)]    // not mentioned
    [InlineData('b', 7, 0, 1, true)]     // default: making a node
    [InlineData('b', 8, 1, 2, false)]    // allowed by a wildcard, denied later
    [InlineData('b', 8, 2, 2, true)]
    public void TheDeviceProgramDecidesAsTheRules(char type, uint major, uint minor, uint access, bool allowed)
    {
        byte[] program = DeviceProgram.Build(DeviceRules.All(
        [
            new DeviceRuleSpec { Allow = false, Access = "rwm" },
            new DeviceRuleSpec { Allow = true, Type = "c", Major = 10, Minor = 229, Access = "r" },
            new DeviceRuleSpec { Allow = true, Type = "b", Major = 8, Access = "rw" },
            new DeviceRuleSpec { Allow = false, Type = "b", Major = 8, Minor = 1, Access = "r" },
        ]));
        Assert.Equal(allowed ? 1UL : 0, Run(program, access << 16 | (type == 'b' ? 1u : 2u), major, minor));
    }

    /// <summary>The kernel's verifier refuses a program with an instruction that nothing leads to.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void NothingFollowsARuleForAll(bool allow)
    {
        byte[] program = DeviceProgram.Build([new DeviceRules.Rule(true, 'c', 1, 3, "rwm"), new DeviceRules.Rule(allow, 'a', -1, -1, "rwm")]);
        Assert.Equal((6 + 2) * 8, program.Length);
        Assert.Equal(allow ? 1UL : 0, Run(program, 2 << 16 | 2, 1, 3));
    }

    // The few instructions that the program is made of.
    private static ulong Run(byte[] program, uint accessType, uint major, uint minor)
    {
        var r = new ulong[11];
        for (int pc = 0; ; pc++)
        {
            ReadOnlySpan<byte> i = program.AsSpan(pc * 8, 8);
            int dst = i[1] & 15, src = i[1] >> 4;
            short off = BinaryPrimitives.ReadInt16LittleEndian(i[2..]);
            int imm = BinaryPrimitives.ReadInt32LittleEndian(i[4..]);
            switch (i[0])
            {
                case 0x61:
                    Assert.Equal(1, src);
                    r[dst] = off switch { 0 => accessType, 4 => major, 8 => minor, _ => throw new InvalidOperationException("load") };
                    break;
                case 0x54:
                    r[dst] = (uint)r[dst] & (uint)imm;
                    break;
                case 0x74:
                    r[dst] = (uint)r[dst] >> imm;
                    break;
                case 0xbc:
                    r[dst] = (uint)r[src];
                    break;
                case 0xb7:
                    r[dst] = (ulong)imm;
                    break;
                case 0x55:
                    pc += r[dst] != (ulong)imm ? off : 0;
                    break;
                case 0x15:
                    pc += r[dst] == (ulong)imm ? off : 0;
                    break;
                case 0x5d:
                    pc += r[dst] != r[src] ? off : 0;
                    break;
                case 0x95:
                    return r[0];
                default:
                    throw new InvalidOperationException($"opcode {i[0]:x}");
            }
        }
    }
}
