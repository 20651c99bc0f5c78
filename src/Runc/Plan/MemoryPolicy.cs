using System.Numerics;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Plan;

/// <summary>Where memory comes from on machines with several nodes (man 2 set_mempolicy; config-linux.md, "Memory Policy").</summary>
internal static class MemoryPolicy
{
    /// <summary>The modes, in the order of <c>features</c>.</summary>
    public static readonly string[] Modes =
    [
        "MPOL_BIND", "MPOL_DEFAULT", "MPOL_INTERLEAVE", "MPOL_LOCAL", "MPOL_PREFERRED", "MPOL_PREFERRED_MANY", "MPOL_WEIGHTED_INTERLEAVE",
    ];

    /// <summary>The flags, in the order of <c>features</c>.</summary>
    public static readonly string[] Flags = ["MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"];

    /// <summary>The system call's mode and node mask.</summary>
    /// <exception cref="RuncException">The policy is none.</exception>
    public static (uint Mode, ulong[] Nodes) Of(MemoryPolicySpec spec)
    {
        uint mode = spec.Mode switch
        {
            "MPOL_DEFAULT" => 0,
            "MPOL_PREFERRED" => 1,
            "MPOL_BIND" => 2,
            "MPOL_INTERLEAVE" => 3,
            "MPOL_LOCAL" => 4,
            "MPOL_PREFERRED_MANY" => 5,
            "MPOL_WEIGHTED_INTERLEAVE" => 6,
            _ => throw new RuncException($"invalid memory policy mode \"{spec.Mode}\""),
        };
        ulong[] nodes;
        try
        {
            nodes = CpuMask.Parse(spec.Nodes) ?? [];
        }
        catch (RuncException e)
        {
            throw new RuncException($"invalid memory policy nodes \"{spec.Nodes}\": {e.Message}", e);
        }
        if (spec.Mode is "MPOL_DEFAULT" or "MPOL_LOCAL" && nodes.Length > 0)
            throw new RuncException($"memory policy mode requires 0 nodes but got {nodes.Sum(BitOperations.PopCount)}");
        if (mode is 2 or 3 or 5 or 6 && nodes.Length == 0)
            throw new RuncException("memory policy mode requires at least one node but got 0");
        foreach (string flag in spec.Flags ?? [])
        {
            mode |= flag switch
            {
                "MPOL_F_STATIC_NODES" => 1u << 15,
                "MPOL_F_RELATIVE_NODES" => 1u << 14,
                "MPOL_F_NUMA_BALANCING" => 1u << 13,
                _ => throw new RuncException($"invalid memory policy flag \"{flag}\""),
            };
        }
        return (mode, nodes);
    }
}
