using AotRuntime.Dockerd.Api;
using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Containers;

/// <summary>Limits changed by <c>update</c>: what a request leaves zero stays as it is.</summary>
internal static class ResourceUpdate
{
    /// <summary>The limits as they will be; nothing is changed yet.</summary>
    public static HostConfig Apply(HostConfig current, ContainerResources request, List<string> warnings)
    {
        HostConfig result = new();
        Copy(current, result);
        if (request.NanoCpus > 0 && (current.CpuPeriod > 0 || current.CpuQuota > 0))
            throw ApiException.BadRequest("Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set");
        if (request.BlkioWeight != 0)
            result.BlkioWeight = request.BlkioWeight;
        if (request.CpuShares != 0)
            result.CpuShares = request.CpuShares;
        if (request.NanoCpus != 0)
            result.NanoCpus = request.NanoCpus;
        if (request.CpuPeriod != 0)
            result.CpuPeriod = request.CpuPeriod;
        if (request.CpuQuota != 0)
            result.CpuQuota = request.CpuQuota;
        if (request.CpusetCpus.Length > 0)
            result.CpusetCpus = request.CpusetCpus;
        if (request.CpusetMems.Length > 0)
            result.CpusetMems = request.CpusetMems;
        if (request.Memory != 0)
        {
            if (request.MemorySwap == 0 && current.MemorySwap > 0 && request.Memory > current.MemorySwap)
                throw ApiException.BadRequest("Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time");
            result.Memory = request.Memory;
        }
        if (request.MemorySwap != 0)
            result.MemorySwap = request.MemorySwap;
        if (request.MemoryReservation != 0)
            result.MemoryReservation = request.MemoryReservation;
        if (request.PidsLimit is { } pids)
            result.PidsLimit = pids <= 0 ? -1 : pids;
        ConfigMerge.CheckLimits(result, warnings);
        return result;
    }

    /// <summary>Copies what update can change.</summary>
    public static void Copy(ContainerResources from, ContainerResources to)
    {
        to.BlkioWeight = from.BlkioWeight;
        to.CpuShares = from.CpuShares;
        to.NanoCpus = from.NanoCpus;
        to.CpuPeriod = from.CpuPeriod;
        to.CpuQuota = from.CpuQuota;
        to.CpusetCpus = from.CpusetCpus;
        to.CpusetMems = from.CpusetMems;
        to.Memory = from.Memory;
        to.MemorySwap = from.MemorySwap;
        to.MemoryReservation = from.MemoryReservation;
        to.PidsLimit = from.PidsLimit;
    }
}
