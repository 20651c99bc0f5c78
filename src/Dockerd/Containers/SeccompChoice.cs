using System.Text;
using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Config;
using AotRuntime.Dockerd.Oci;
using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Containers;

/// <summary>Which seccomp profile a container gets.</summary>
internal static class SeccompChoice
{
    /// <summary>No profile at all.</summary>
    public const string Unconfined = "unconfined";

    /// <summary>Docker's default profile.</summary>
    public const string Builtin = "builtin";

    /// <summary>The daemon's own, for containers that name none; null for none.</summary>
    /// <exception cref="ConfigException">The file is no profile.</exception>
    public static SeccompProfile? OfDaemon(DaemonOptions options)
    {
        if (options.SeccompProfile is "" or Builtin)
            return DefaultSeccompProfile.Profile;
        if (options.SeccompProfile == Unconfined)
            return null;
        try
        {
            return SeccompProfileReader.Read(File.ReadAllBytes(options.SeccompProfile));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            throw new ConfigException($"opening seccomp profile ({options.SeccompProfile}) failed: {e.Message}");
        }
    }

    /// <summary>The profile; null for none.</summary>
    /// <param name="host">The container's.</param>
    /// <param name="daemon">The daemon's own.</param>
    /// <param name="supported">Whether kernel and runtime can apply one.</param>
    /// <exception cref="ApiException">It can't be applied, or is none.</exception>
    public static SeccompProfile? Of(HostConfig host, SeccompProfile? daemon, bool supported)
    {
        string asked = Asked(host);
        if (asked == Unconfined || (asked.Length == 0 && host.Privileged))
            return null;
        bool own = asked.Length > 0 && asked != Builtin;
        if (!supported)
        {
            return own
                ? throw ApiException.Internal("seccomp is not enabled in your kernel, cannot run a custom seccomp profile")
                : null;
        }
        if (!own)
            return asked == Builtin ? DefaultSeccompProfile.Profile : daemon;
        try
        {
            return SeccompProfileReader.Read(Encoding.UTF8.GetBytes(asked));
        }
        catch (FormatException e)
        {
            throw ApiException.Internal(e.Message, e);
        }
    }

    private static string Asked(HostConfig host)
    {
        string asked = "";
        foreach (string option in host.SecurityOpt ?? [])
        {
            // With a colon too, as of old.
            if (option.StartsWith("seccomp=", StringComparison.Ordinal) || option.StartsWith("seccomp:", StringComparison.Ordinal))
                asked = option["seccomp=".Length..];
        }
        return asked;
    }
}
