using AotRuntime.Runc;
using AotRuntime.Runc.Plan;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Tests.Unit.Runc;

public class MountOptionTableTests
{
    [Fact]
    public void FlagsAndDataAreSorted()
    {
        MountFlags m = MountOptionTable.Parse(["nosuid", "strictatime", "mode=755", "size=65536k", "rslave"]);
        Assert.Equal(0x1000002UL, m.Flags);
        Assert.Equal("mode=755,size=65536k", m.Data);
        Assert.Equal([0x84000UL], m.Propagation);
        Assert.Equal(0UL, m.Cleared);
    }

    [Fact]
    public void TheLaterOfTwoContradictingOptionsCounts()
    {
        MountFlags m = MountOptionTable.Parse(["ro", "rw", "nodev", "exec"]);
        Assert.Equal(MountOptionTable.MS_NODEV, m.Flags);
        Assert.Equal(MountOptionTable.MS_RDONLY | MountOptionTable.MS_NOEXEC, m.Cleared);
        Assert.Equal(MountOptionTable.MS_RDONLY, MountOptionTable.Parse(["rw", "ro"]).Flags);
        Assert.Equal(0UL, MountOptionTable.Parse(["rw", "ro"]).Cleared);
    }

    [Fact]
    public void RecursiveOptionsClearTheWholeAtimeEnum()
    {
        MountFlags m = MountOptionTable.Parse(["rbind", "rro", "rnoatime"]);
        Assert.Equal(0x11UL, m.RecursiveSet);
        Assert.Equal(0x70UL, m.RecursiveClear);
        Assert.Equal(0x70UL, MountOptionTable.Parse(["rrelatime"]).RecursiveClear);
    }

    [Fact]
    public void EveryNameOfFeaturesIsUnderstood()
    {
        foreach (string name in MountOptionTable.Known)
            Assert.Equal("", MountOptionTable.Parse([name]).Data);
        string[] sorted = [.. MountOptionTable.Known];
        Array.Sort(sorted, StringComparer.Ordinal);
        Assert.Equal(sorted, MountOptionTable.Known);
    }

    [Fact]
    public void BindTakesNoFileSystemOptions()
    {
        var mount = new MountSpec { Destination = "/x", Type = "bind", Source = "a", Options = ["size=1"] };
        Assert.Throws<RuncException>(() => MountPlanner.One(mount, "/b"));
        mount.Options = ["ro"];
        PlannedMount planned = MountPlanner.One(mount, "/b");
        Assert.Equal("/b/a", planned.Source);
        Assert.Equal(MountOptionTable.MS_BIND | MountOptionTable.MS_RDONLY, planned.Flags.Flags);
    }

    [Fact]
    public void ARelativeDestinationCountsFromTheRoot() =>
        Assert.Equal("/data", MountPlanner.One(new MountSpec { Destination = "data", Type = "tmpfs" }, "/b").Target);
}
