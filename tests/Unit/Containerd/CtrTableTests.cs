using AotRuntime.Containerd.Ctr;

namespace AotRuntime.Tests.Unit.Containerd;

public sealed class CtrTableTests
{
    // As Go's tabwriter sets them: content ls with tabs, all else with spaces.

    [Fact]
    public void Tabs_AlignOnStopsOfEight()
    {
        CtrTable table = new(1, 0, "DIGEST", "SIZE", "AGE", "LABELS");
        string digest = $"sha256:{new string('a', 64)}";
        table.Add(digest, "110B", "13 seconds", "-");
        Assert.Equal($"DIGEST{new string('\t', 9)}SIZE\tAGE\t\tLABELS\n{digest}\t110B\t13 seconds\t-\n", table.FormatWithTabs());
    }

    [Fact]
    public void Spaces_FillEachColumnButTheLast()
    {
        CtrTable table = new(4, 4, "TASK", "PID", "STATUS");
        table.Add("b2", "7", "RUNNING");
        Assert.Equal("TASK    PID    STATUS\nb2      7      RUNNING\n", table.Format(padLast: false));
    }
}
