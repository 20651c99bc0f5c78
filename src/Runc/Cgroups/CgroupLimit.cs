using AotRuntime.Linux;

namespace AotRuntime.Runc.Cgroups;

/// <summary>How a limit's refusal is taken.</summary>
[Flags]
internal enum LimitFlags
{
    None = 0,
    /// <summary>The kernel checks it against another value that may change next: one that it calls invalid is written again after the others.</summary>
    Retry = 1,
    /// <summary>A kernel without the file has nothing to limit.</summary>
    Optional = 2,
    /// <summary>It is a key of the spec's <c>unified</c>, whose errors tell that.</summary>
    Unified = 4,
}

/// <summary>One write to one file of a cgroup.</summary>
/// <param name="Controller">The v1 hierarchy; "" on cgroup2.</param>
/// <param name="File">The file's name.</param>
/// <param name="Value">What is written.</param>
/// <param name="Flags">How a refusal is taken.</param>
internal readonly record struct CgroupLimit(string Controller, string File, string Value, LimitFlags Flags = LimitFlags.None);

/// <summary>Writes limits.</summary>
internal static class LimitWriter
{
    /// <summary>Writes them in order, those to be retried once more at the end.</summary>
    /// <param name="limits">What to write.</param>
    /// <param name="directories">Where the controllers' cgroups are.</param>
    /// <exception cref="RuncException">One is refused, or has no cgroup.</exception>
    public static void Write(List<CgroupLimit> limits, IReadOnlyDictionary<string, string> directories)
    {
        List<CgroupLimit>? again = null;
        foreach (CgroupLimit limit in limits)
        {
            if (!One(limit, directories, mayRetry: true))
                (again ??= []).Add(limit);
        }
        foreach (CgroupLimit limit in again ?? [])
            One(limit, directories, mayRetry: false);
    }

    // False where it is to be written again.
    private static bool One(CgroupLimit limit, IReadOnlyDictionary<string, string> directories, bool mayRetry)
    {
        if (!directories.TryGetValue(limit.Controller, out string? directory))
            throw new RuncException($"cannot set {limit.Controller} limit: container could not join or create cgroup");
        string path = $"{directory}/{FileOf(limit, directory)}";
        try
        {
            Sys.WriteSmallFile(path, limit.Value);
        }
        catch (LinuxException e)
        {
            if (e.Errno == Errno.EINVAL && mayRetry && (limit.Flags & LimitFlags.Retry) != 0)
                return false;
            if (e.Errno == Errno.ENOENT && (limit.Flags & LimitFlags.Optional) != 0)
                return true;
            throw Refused(limit, directory, path, e);
        }
        if (limit.File == "cpu.shares")
            RequireShares(path, limit.Value);
        return true;
    }

    // Proportional weight is named after the scheduler that offers it.
    private static string FileOf(CgroupLimit limit, string directory)
    {
        if (limit.File is not ("blkio.weight" or "blkio.weight_device") || File.Exists($"{directory}/{limit.File}"))
            return limit.File;
        string bfq = limit.File.Replace("blkio.", "blkio.bfq.", StringComparison.Ordinal);
        return File.Exists($"{directory}/{bfq}") ? bfq : limit.File;
    }

    private static RuncException Refused(CgroupLimit limit, string directory, string path, LinuxException e)
    {
        string failed = $"failed to write \"{limit.Value}\": {e.Call} {path}: {e.Errno.Text()}";
        if ((limit.Flags & LimitFlags.Unified) != 0)
            return new RuncException(Unified(limit, directory, e) ?? $"unable to set unified resource \"{limit.File}\": {failed}", e);
        if (limit.File == "memory.limit_in_bytes" && e.Errno == Errno.EBUSY)
        {
            string usage = Sys.ReadSmallText(directory + "/memory.usage_in_bytes").TrimEnd(), peak = Sys.ReadSmallText(directory + "/memory.max_usage_in_bytes").TrimEnd();
            return new RuncException($"unable to set memory limit to {limit.Value} (current usage: {usage}, peak usage: {peak})", e);
        }
        return new RuncException(failed, e);
    }

    private static string? Unified(CgroupLimit limit, string directory, LinuxException e)
    {
        if (e.Errno is not (Errno.EPERM or Errno.EACCES or Errno.ENOENT))
            return null;
        int dot = limit.File.IndexOf('.');
        if (dot < 0)
            return $"unified resource \"{limit.File}\" must be in the form CONTROLLER.PARAMETER";
        string controller = limit.File[..dot];
        if (controller == "cgroup" || Array.IndexOf(CgroupV2Setup.Controllers(directory), controller) >= 0)
            return null;
        return $"unified resource \"{limit.File}\" can't be set: controller \"{controller}\" not available";
    }

    // The kernel takes what it can of a number of shares that is out of its range.
    private static void RequireShares(string path, string asked)
    {
        if (!ulong.TryParse(asked, out ulong shares) || !ulong.TryParse(Sys.ReadSmallText(path).TrimEnd(), out ulong given) || shares == given)
            return;
        throw new RuncException(shares > given ? $"the maximum allowed cpu-shares is {given}" : $"the minimum allowed cpu-shares is {given}");
    }
}
