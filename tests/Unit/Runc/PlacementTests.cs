using AotRuntime.Runc;
using AotRuntime.Runc.Plan;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Tests.Unit.Runc;

public class PlacementTests
{
    [Theory]
    [InlineData("0", "1")]
    [InlineData("0-3,7", "8f")]
    [InlineData(" 1 , 2 ,", "6")]
    [InlineData("64", "0 1")]
    [InlineData("63-64", "8000000000000000 1")]
    [InlineData("", null)]
    [InlineData(null, null)]
    public void ListsAreMasks(string? text, string? words) =>
        Assert.Equal(words, CpuMask.Parse(text) is { } mask ? string.Join(' ', mask.Select(w => w.ToString("x"))) : null);

    [Theory]
    [InlineData("x", "strconv.ParseUint: parsing \"x\": invalid syntax")]
    [InlineData("-1", "strconv.ParseUint: parsing \"\": invalid syntax")]
    [InlineData("99999999999", "strconv.ParseUint: parsing \"99999999999\": value out of range")]
    [InlineData("3-1", "invalid range: 3-1")]
    [InlineData("0-8192", "values larger than 8191 are not supported")]
    [InlineData(",", "no members found in set \",\"")]
    public void WhatIsNoListIsTold(string text, string message) =>
        Assert.Equal(message, Assert.Throws<RuncException>(() => CpuMask.Parse(text)).Message);

    [Fact]
    public void AMemoryPolicyIsSetMempolicysModeAndMask()
    {
        (uint mode, ulong[] nodes) = MemoryPolicy.Of(new MemoryPolicySpec { Mode = "MPOL_BIND", Nodes = "0,2", Flags = ["MPOL_F_STATIC_NODES"] });
        Assert.Equal((0x8002u, 5UL), (mode, nodes[0]));
        Assert.Empty(MemoryPolicy.Of(new MemoryPolicySpec { Mode = "MPOL_LOCAL" }).Nodes);
    }

    [Theory]
    [InlineData("MPOL_X", "0", null, "invalid memory policy mode \"MPOL_X\"")]
    [InlineData("MPOL_DEFAULT", "0-1", null, "memory policy mode requires 0 nodes but got 2")]
    [InlineData("MPOL_INTERLEAVE", "", null, "memory policy mode requires at least one node but got 0")]
    [InlineData("MPOL_BIND", "x", null, "invalid memory policy nodes \"x\": strconv.ParseUint: parsing \"x\": invalid syntax")]
    [InlineData("MPOL_BIND", "0", "MPOL_F_X", "invalid memory policy flag \"MPOL_F_X\"")]
    public void WhatIsNoPolicyIsTold(string mode, string nodes, string? flag, string message) =>
        Assert.Equal(message, Assert.Throws<RuncException>(() => MemoryPolicy.Of(new MemoryPolicySpec { Mode = mode, Nodes = nodes, Flags = flag is null ? null : [flag] })).Message);

    [Fact]
    public void AnExecChangesItsCpusAroundItsCgroup()
    {
        string[] plan = Exec(new ProcessSpec { ExecCpuAffinity = new CpuAffinitySpec { Initial = "0", Final = "1" } });
        Assert.Equal(["Undumpable", "Affinity 'initial' 1 [0x1]", "CgroupJoin 7 '/c'", "Affinity 'final' 1 [0x2]"], plan[1..5]);
        plan = Exec(new ProcessSpec { ExecCpuAffinity = new CpuAffinitySpec { Initial = "0" } });
        Assert.Equal(["Undumpable", "Affinity 'initial' 1 [0x1]", "CgroupJoin 7 '/c'", "SetNs 5 0x20000 'the container's namespaces'"], plan[1..5]);
        plan = Exec(new ProcessSpec());
        Assert.StartsWith("Affinity 'final' 0 [0xffffffffffffffff ", plan[3]);
    }

    [Fact]
    public void AnExecTakesPersonalityMemoryPolicyAndLabelsOn()
    {
        string[] plan = Exec(
            new ProcessSpec { ApparmorProfile = "docker-default", SelinuxLabel = "a:b:c" },
            inputs =>
            {
                inputs.Personality = new PersonalitySpec { Domain = "LINUX32" };
                inputs.MemoryPolicy = new MemoryPolicySpec { Mode = "MPOL_PREFERRED", Nodes = "1" };
                inputs.NoNewKeyring = false;
            });
        int setNs = Array.FindIndex(plan, line => line.StartsWith("SetNs", StringComparison.Ordinal)), ready = Array.IndexOf(plan, "Sync 5 1");
        string[] labels = Array.FindAll(plan, line => line.StartsWith("Label", StringComparison.Ordinal));
        Assert.Equal(
            [
                "LabelOpen 0 '/proc/thread-self/attr/exec'",
                "LabelOpen 1 '/proc/thread-self/attr/keycreate'",
                "LabelWrite 1 'a:b:c' 'can't set keyring label'",
                "LabelOpen 1 '/proc/thread-self/attr/exec'",
                "LabelWrite 0 'exec docker-default' 'unable to apply apparmor profile'",
                "LabelWrite 1 'a:b:c' 'can't set process label'",
            ],
            labels);
        Assert.True(Array.IndexOf(plan, labels[3]) < setNs && setNs < Array.IndexOf(plan, labels[4]) && Array.IndexOf(plan, labels[5]) < ready);
        Assert.Contains("Personality 8", plan);
        Assert.Contains("MemoryPolicy 1 [0x2]", plan);
    }

    private static string[] Exec(ProcessSpec process, Action<ExecInputs>? change = null)
    {
        process.Cwd = "/";
        process.Args = ["true"];
        var inputs = new ExecInputs { Process = process, Id = "box", InitPidFd = 5, Namespaces = NamespaceNames.CLONE_NEWNS, NoNewKeyring = true, Cgroups = [new JoinedCgroup(7, "/c")] };
        change?.Invoke(inputs);
        return PlanText.Of(ExecPlan.Build(inputs).Finish());
    }
}
