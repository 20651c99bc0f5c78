using AotRuntime.Rpc;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Shim.Cgroups;

/// <summary>A container's figures, read straight from its cgroups.</summary>
internal static class CgroupStats
{
    /// <summary>The message of the cgroup version that is in use.</summary>
    public static Any Read(CgroupPaths paths) => paths.Unified is { } folder
        ? TypeUrls.Wrap(TypeUrls.Cgroup2Metrics, CgroupV2Stats.Read(folder))
        : TypeUrls.Wrap(TypeUrls.Cgroup1Metrics, CgroupV1Stats.Read(paths));
}
