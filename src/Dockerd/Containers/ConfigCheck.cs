using System.Globalization;
using AotRuntime.Dockerd.Api;
using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Containers;

/// <summary>What is wrong with a container's configuration is said when it is made, not when it is started.</summary>
internal static class ConfigCheck
{
    private const int MostOomScoreAdj = 1000;
    private const long ShortestProbeTime = 1_000_000; // 1 ms, in nanoseconds

    /// <summary>Checks what stands by itself.</summary>
    /// <exception cref="ApiException">400, in Docker's words.</exception>
    public static void Check(ContainerConfig config, HostConfig host, IReadOnlyDictionary<string, EndpointSettings?> endpoints, List<string> warnings)
    {
        if (!string.IsNullOrEmpty(config.StopSignal) && !Signals.TryParse(config.StopSignal, out _))
            throw ApiException.BadRequest($"invalid signal: {config.StopSignal}");
        foreach (string variable in config.Env ?? [])
        {
            if (variable.Length == 0 || variable[0] == '=')
                throw ApiException.BadRequest($"invalid environment variable: {variable}");
        }
        if (host.OomScoreAdj is < -MostOomScoreAdj or > MostOomScoreAdj)
            throw ApiException.BadRequest($"Invalid value {host.OomScoreAdj}, range for oom score adj is [-1000, 1000]");
        CheckHealth(config.Healthcheck);
        CheckCpuset(host.CpusetCpus, "cpuset.cpus", "cpuset cpus", "CPUs");
        CheckCpuset(host.CpusetMems, "cpuset.mems", "cpuset mems", "memory nodes");
        foreach ((string name, EndpointSettings? endpoint) in endpoints)
            CheckEndpoint(name is "default" ? "bridge" : name, endpoint);
        foreach (string option in host.StorageOpt?.Keys ?? Enumerable.Empty<string>())
            throw ApiException.Internal(option == "size" ? "--storage-opt is supported only for overlay over xfs with 'pquota' mount option" : $"Unknown option {option}");

        if (host.NetworkMode == "host" && host.PortBindings is { Count: > 0 })
            warnings.Add("Published ports are discarded when using host network mode");
        if (!string.IsNullOrEmpty(config.MacAddress))
            warnings.Add("The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.");
    }

    private static void CheckHealth(HealthConfig? health)
    {
        if (health is null)
            return;
        foreach ((string name, long value) in (ReadOnlySpan<(string, long)>)
            [("Interval", health.Interval), ("Timeout", health.Timeout), ("StartPeriod", health.StartPeriod), ("StartInterval", health.StartInterval)])
        {
            // Zero inherits.
            if (value != 0 && value < ShortestProbeTime)
                throw ApiException.BadRequest($"{name} in Healthcheck cannot be less than 1ms");
        }
        if (health.Retries < 0)
            throw ApiException.BadRequest("Retries in Healthcheck cannot be negative");
    }

    private static void CheckEndpoint(string network, EndpointSettings? endpoint)
    {
        if (endpoint is null)
            return;
        if (!string.IsNullOrEmpty(endpoint.MacAddress) && !IsMac(endpoint.MacAddress))
            throw ApiException.BadRequest($"invalid config for network {network}: invalid MAC address {endpoint.MacAddress}");
        if (network is "bridge" or "host" or "none" && endpoint.IpamConfig is { IPv4Address.Length: > 0 } or { IPv6Address.Length: > 0 })
        {
            throw ApiException.BadRequest(
                $"invalid config for network {network}: invalid endpoint settings:\n* user specified IP address is supported on user defined networks only");
        }
    }

    /// <summary>Six bytes with colons or dashes between them.</summary>
    private static bool IsMac(string text) =>
        text.Split(':', '-') is { Length: 6 } parts && Array.TrueForAll(parts, p => p.Length is 1 or 2 && byte.TryParse(p, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out _));

    /// <summary>Reads a list like <c>0-3,7</c> (man 7 cpuset) and looks whether the machine has all of it.</summary>
    private static void CheckCpuset(string wanted, string file, string what, string things)
    {
        if (wanted.Length == 0)
            return;
        if (ParseList(wanted) is not { } list)
            throw ApiException.BadRequest($"Invalid value {wanted} for {what}: invalid format: {wanted}");
        string path = DaemonServices.CgroupV2 ? $"/sys/fs/cgroup/{file}.effective" : $"/sys/fs/cgroup/cpuset/{file}";
        if (!File.Exists(path))
            return;
        string available = File.ReadAllText(path).Trim();
        if (ParseList(available) is { } there && !list.IsSubsetOf(there))
            throw ApiException.BadRequest($"Requested {things} are not available - requested {wanted}, available: {available}");
    }

    /// <summary>The numbers of a list; null where it is none.</summary>
    internal static HashSet<int>? ParseList(string text)
    {
        const int Most = 8192;
        HashSet<int> result = [];
        foreach (string part in text.Split(','))
        {
            int dash = part.IndexOf('-');
            string first = dash < 0 ? part : part[..dash], last = dash < 0 ? part : part[(dash + 1)..];
            if (!int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out int from)
                || !int.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out int to) || to < from || to > Most)
            {
                return null;
            }
            for (int i = from; i <= to; i++)
                result.Add(i);
        }
        return result;
    }
}
