using AotRuntime.Dockerd.Api;

namespace AotRuntime.Dockerd.Oci;

/// <summary>Capability names and Docker's rules for <c>--cap-add</c> and <c>--cap-drop</c>.</summary>
internal static class Capabilities
{
    /// <summary>What a container has unless told otherwise.</summary>
    public static readonly IReadOnlyList<string> Default =
    [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
        "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
    ];

    /// <summary>By number, as in linux/capability.h.</summary>
    private static readonly string[] s_all =
    [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
        "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK",
        "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN",
        "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE",
        "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
        "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
    ];

    /// <summary>Every capability that this daemon itself can hand on: what its own bounding set lacks, no child of it can get.</summary>
    public static IReadOnlyList<string> All { get; } = Available(BoundingSet());

    /// <summary>Applies additions and removals; names come with or without <c>CAP_</c>, in any case, and <c>ALL</c>.</summary>
    /// <exception cref="ApiException">400: a name is none.</exception>
    public static List<string> Tweak(IReadOnlyList<string>? add, IReadOnlyList<string>? drop, bool privileged)
    {
        if (privileged)
            return [.. All];
        List<string> added = Normalize(add, "CapAdd"), dropped = Normalize(drop, "CapDrop");
        if (added.Contains("ALL"))
            return [.. All.Where(c => !dropped.Contains(c))];
        if (dropped.Contains("ALL"))
            return added;
        List<string> result = [.. Default.Where(c => !dropped.Contains(c))];
        foreach (string capability in added)
        {
            if (!result.Contains(capability))
                result.Add(capability);
        }
        return result;
    }

    /// <summary>Brings names into their full form, sorted and without doubles.</summary>
    /// <param name="names">The names.</param>
    /// <param name="member">The API's member that they stand in, for the error.</param>
    /// <exception cref="ApiException">400: a name is none.</exception>
    public static List<string> Normalize(IReadOnlyList<string>? names, string member)
    {
        SortedSet<string> result = new(StringComparer.Ordinal);
        foreach (string name in names ?? [])
        {
            string upper = name.ToUpperInvariant();
            if (upper != "ALL" && !upper.StartsWith("CAP_", StringComparison.Ordinal))
                upper = "CAP_" + upper;
            if (upper != "ALL" && Array.IndexOf(s_all, upper) < 0)
                throw ApiException.BadRequest($"invalid {member}: unknown capability: \"{upper}\"");
            result.Add(upper);
        }
        return [.. result];
    }

    private static List<string> Available(ulong bounding) => [.. s_all.Where((_, number) => (bounding >> number & 1) != 0)];

    private static ulong BoundingSet()
    {
        foreach (string line in File.ReadLines("/proc/self/status"))
        {
            if (line.StartsWith("CapBnd:", StringComparison.Ordinal))
                return ulong.Parse(line.AsSpan("CapBnd:".Length).Trim(), System.Globalization.NumberStyles.HexNumber, System.Globalization.CultureInfo.InvariantCulture);
        }
        return 0;
    }
}
